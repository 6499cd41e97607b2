"""`worktrees`: those that branches and sessions were given, and commands made."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import click

from zwarm_tui.cli.call import SETTINGS, Call, json_option, project_option
from zwarm_tui.cli.engine import ask
from zwarm_tui.cli.plain import one_line

_SHOWN = 20


@click.group(invoke_without_command=True, context_settings=SETTINGS)
@project_option
@json_option
@click.pass_context
def worktrees(context: click.Context) -> None:
    """The worktrees of branches and sessions; remove one.

    Without a verb it lists them, and what each holds; those of commands, too.
    """
    call = context.ensure_object(Call)
    if context.invoked_subcommand is None:
        found = _listing(call)
        call.answer(found, lambda: [line for one in found for line in _lines(one)])


def _listing(call: Call) -> list[dict[str, Any]]:
    from zwarm_tui.config.settings import load
    from zwarm_tui.timeline.worktrees import listing

    reader = call.reader()
    if reader is None:
        return []
    limit = int(load(call.project).settings.checkpoints.max_untracked_mb * 2**20)
    return asyncio.run(listing(reader, call.project, limit))


def _lines(one: dict[str, Any]) -> Iterable[str]:
    yield click.style(one_line(one["path"]), fg="blue")
    whose = f"session {one['session']} on {one['branch']}" if one["session"] else f"branch {one['branch']}"
    if one["branch"] is None:
        whose = f"made by a command, on git branch {one['git_branch'] or '(none)'}"
    facts = [whose]
    facts += ["a turn runs there"] if one["running"] else []
    facts += ["its folder is gone"] if one["missing"] else []
    facts += ["not used any more"] if one["used"] is False else []
    facts += [one["holds"] or ("" if one["also"] else "holds nothing of its own")]
    facts += [f"all its files are in {one['also']}, too"] if one["also"] else []
    facts += [one["setup"]] if one["setup"] else []
    yield "  " + one_line("; ".join(filter(None, facts)))


@worktrees.command(context_settings=SETTINGS)
@click.argument("which", metavar="PATH|BRANCH|SESSION")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--force", is_flag=True, help="Also where it holds something: a snapshot of that is kept.")
@project_option
@json_option
@click.pass_obj
def remove(call: Call, which: str, dry_run: bool, force: bool) -> None:
    """Remove a worktree, and say what went with it.

    Never one in which a turn runs, or where the current branch works. Ignored files in it
    go as well.
    """
    ask(
        call,
        lambda engine: engine.remove_worktree(which, force=force, dry_run=dry_run),
        lambda value: call.answer(value, lambda: _removed(value)),
    )


def _removed(value: dict[str, Any]) -> Iterable[str]:
    goes = value["goes"]
    if value["stays"] and not value["removed"]:
        yield one_line(f"{value['path']} would stay; --force removes it, and keeps a snapshot")
    else:
        yield one_line(f"{'removed' if value['removed'] else 'would remove'} {value['path']}")
    for what, found in (
        ("changed", goes["files"]),
        ("in no snapshot", [u["path"] for u in goes["uncovered"]]),
        ("commit", goes["commits"]),
    ):
        for name in found[:_SHOWN]:
            yield "  " + one_line(f"{what}: {name}")
        if len(found) > _SHOWN:
            yield f"  {what}: {len(found) - _SHOWN} more"
    if value["also"]:
        yield one_line(f"all its files are in {value['also']}, too")
    if value["kept"]:
        yield f"its files are kept as {value['kept']}"
