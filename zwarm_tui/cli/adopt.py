"""`adopt`: a branch's work, onto the person's checkout."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from zwarm_tui.cli.call import Call, verb
from zwarm_tui.cli.compare import listing
from zwarm_tui.cli.engine import ask
from zwarm_tui.cli.plain import one_line


@verb
@click.argument("branch")
@click.option(
    "--as",
    "mode",
    type=click.Choice(["apply", "commit", "branch"]),
    default="apply",
    show_default=True,
    help="As uncommitted changes, as one commit of yours, or as a git branch beside it.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--confirm", is_flag=True, help="Yes, also while turns run in the checkout.")
def adopt(call: Call, branch: str, mode: str, dry_run: bool, confirm: bool) -> None:
    """Put a branch's files onto your checkout.

    All that the branch changed since it began, merged with what you have there. A
    checkpoint is taken first. Where it does not apply nothing is changed, and the files
    in question are named.
    """
    ask(
        call,
        lambda engine: engine.adopt(branch, mode=mode, dry_run=dry_run, confirm=confirm),
        lambda value: call.answer(value, lambda: _said(value, branch)),
    )


def _said(value: dict[str, Any], branch: str) -> Iterable[str]:
    count = len(value["files"])
    files = f"{count} file{'' if count == 1 else 's'}"
    if not value["adopted"]:
        yield f"{one_line(branch)} applies: {files} would change"
    elif value["mode"] == "branch":
        yield f"git branch {one_line(value['git_branch'])} is at {value['commit'][:12]}: {files} changed since it began"
    elif value["mode"] == "commit":
        yield f"adopted {one_line(branch)} as commit {value['commit'][:12]}: {files} changed"
    else:
        yield f"adopted {one_line(branch)} as uncommitted changes: {files} changed"
    yield from listing(value["files"])
    if value["safety"]:
        yield f"{value['safety']} holds your files from before"
