"""`checkpoint`, `goto`, `branch`, `label`, `note`: moves on the timeline, and its marks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from zwarm_tui.cli import words
from zwarm_tui.cli.call import Call, verb
from zwarm_tui.cli.engine import answer, ask
from zwarm_tui.cli.plain import one_line

_FILES = 30
"""Files of a preview that people get to see."""


@verb
@click.argument("description", default="")
def checkpoint(call: Call, description: str) -> None:
    """Take a checkpoint now."""
    ask(call, lambda engine: engine.checkpoint(description), answer(call, _taken))


def _taken(value: dict[str, Any]) -> str:
    problem = value["files"]["problem"]
    return one_line(f"{value['label']}{f'; it does not hold all files: {problem}' if problem else ''}")


@verb
@click.argument("label")
@click.option("--dry-run", is_flag=True, help="Only say what would be.")
@click.option(
    "--running",
    type=click.Choice(["wait", "interrupt", "leave"]),
    default="leave",
    show_default=True,
    help="What becomes of the turns that run here.",
)
@click.option("--in-place", is_flag=True, help="Put its files into your own checkout, after a checkpoint.")
def goto(call: Call, label: str, dry_run: bool, running: str, in_place: bool) -> None:
    """Jump to a checkpoint or a branch.

    LABEL is like T3, "root", or a branch's name. Nothing is lost by it: what lies ahead stays, and can be gone back to.
    """
    ask(
        call,
        lambda engine: engine.goto(label, running=running, dry_run=dry_run, in_place=in_place),
        lambda value: call.answer(value, lambda: _preview(value) if dry_run else [_here(value)]),
    )


def _here(value: dict[str, Any]) -> str:
    kept = f"; your files of before are in {value['safety']}" if value.get("safety") else ""
    return one_line(f"at {value['label']}, on {value['branch']}{kept}")


def _preview(value: dict[str, Any]) -> Iterable[str]:
    yield one_line(f"{value['label']}, on {value['branch']}")
    for one in value["sessions_back"]:
        yield "  " + one_line(f"{one['id']}  back by {words.count(one['turns'], 'turn')}: {one['task']}")
    for one in value["sessions_absent"]:
        yield "  " + one_line(f"{one}  is not there yet")
    for one in value["running"]:
        yield "  " + one_line(f"{one['id']}  runs now: {one['task']}")
    yield from _files(value["files"])
    for one in value["threads"]:
        if one["how"] != "fork":
            how = (
                "a new thread, with the transcript as its brief" if one["how"] == "brief" else "from its task"
            )
            yield "  " + one_line(f"{one['id']}  begins again: {how}")
    for one in value["effects"]:
        yield "  " + one_line(f"can't be undone: {one['session']} turn {one['turn']} {one['what']}")


def _files(files: dict[str, Any]) -> Iterable[str]:
    if files["problem"]:
        yield one_line(f"files stay as they are: {files['problem']}")
    elif files["changed"]:
        where = "your checkout" if files["in_place"] else f"the next message works in {files['worktree']}"
        yield one_line(f"{len(files['changed'])} files differ ({where})")
    else:
        yield "no file differs"
    for one in files["changed"][:_FILES]:
        lines = "" if one["added"] is None else f"  +{one['added']} -{one['deleted']}"
        yield "  " + one_line(f"{one['status']} {one['path']}{lines}")
    if (more := len(files["changed"]) - _FILES) > 0:
        yield f"  … {more} more (--json has them all)"
    for path in files["kept"]:
        yield "  " + one_line(f"kept in the safety checkpoint only: {path}")
    for one in files["uncovered"]:
        yield "  " + one_line(f"not covered: {one['path']} ({one['why']})")


@verb
@click.argument("name")
@click.option("--from", "start", metavar="LABEL", help="The checkpoint where it begins (default: here).")
def branch(call: Call, name: str, start: str | None) -> None:
    """Begin a branch of everything.

    The project goes there at once.
    """
    ask(
        call,
        lambda engine: engine.branch(name, start=start),
        answer(call, lambda v: one_line(f"on {v['branch']}, from {v['from']}")),
    )


@verb
@click.argument("label")
@click.argument("name", default="")
def label(call: Call, label: str, name: str) -> None:
    """Give a checkpoint a name beside its label.

    LABEL is like T3 and never changes; `goto NAME` works too. Without a NAME it has none any more.
    """
    ask(
        call,
        lambda engine: engine.label_checkpoint(label, name),
        answer(call, lambda v: one_line(f"{v['label']}  {v['name'] or 'has no name'}")),
    )


@verb
@click.argument("label")
@click.argument("text", default="")
def note(call: Call, label: str, text: str) -> None:
    """Note something at a checkpoint.

    LABEL is like T3, or a checkpoint's name. Without a TEXT the note goes.
    """
    ask(
        call,
        lambda engine: engine.note(label, text),
        answer(call, lambda v: one_line(f"{v['label']}  {v['note'] or 'has no note'}")),
    )
