"""`compare`: two checkpoints or branches, side by side."""

from __future__ import annotations

import asyncio
import shutil
import sys
import textwrap
from collections.abc import Iterable
from typing import Any

import click

from zwarm_tui.cli import words
from zwarm_tui.cli.call import Call, verb
from zwarm_tui.cli.plain import fit, one_line, plain
from zwarm_tui.cli.table import Cell, Column, table
from zwarm_tui.core.errors import UsageError
from zwarm_tui.core.model import Cost

Json = dict[str, Any]

_WIDTH = 80
"""Columns where standard output is no terminal."""
_LINES = 3
"""Lines of each message that people get to see."""
_NAME = 12
"""Columns for the name of a side before what was said there."""
_STATUS = {"A": "green", "D": "red", "M": "yellow", "R": "cyan", "T": "magenta"}


@verb
@click.argument("a")
@click.argument("b")
@click.option("--patch", is_flag=True, help="With the difference of the files, line by line.")
def compare(call: Call, a: str, b: str, patch: bool) -> None:
    """What two checkpoints or branches did, and took.

    A and B are like T3, a checkpoint's name, "root", or a branch's name. It reads only,
    and starts nothing: what was said since they parted, what came of it, files, gates,
    time, tokens and money.
    """
    reader = call.reader()
    if reader is None:
        raise UsageError("there is nothing to compare yet")
    from zwarm_tui.timeline.compare import compare as look  # slow to import

    async def work() -> tuple[Json, str]:
        found = await look(reader, call.project, a, b)
        return found, await _patch(call, found) if patch else ""

    found, text = asyncio.run(work())
    value = {**found, "patch": text} if patch else found
    call.answer(value, lambda: _people(found, text))


async def _patch(call: Call, found: Json) -> str:
    files = found["files"]
    if files["problem"] or files["from"] == files["to"]:
        return ""
    from zwarm_tui.git.diff import patch
    from zwarm_tui.git.repo import find

    repo = await find(call.project)
    return await patch(repo, files["from"], files["to"]) if repo else ""


def _people(found: Json, patch: str) -> Iterable[str]:
    a, b = found["a"], found["b"]
    yield from side_by_side(found)
    for side in (a, b):
        yield from _said(side)
    yield from _finals(a, b)
    yield ""
    yield from _files(found["files"], a, b)
    if patch:
        yield ""
        yield from coloured(patch)


def side_by_side(found: Json) -> Iterable[str]:
    """Where they part, and a table of facts."""
    a, b = found["a"], found["b"]
    parted = f"they part at {found['common']}" if a["label"] != b["label"] else "one and the same"
    yield f"{_place(a)} and {_place(b)}: {one_line(parted)}"
    yield ""
    yield from table(
        (Column("since they parted"), Column(a["label"], right=True), Column(b["label"], right=True)),
        _facts(a, b, found["tests"]),
    )


def _place(side: Json) -> str:
    where = "" if side["label"] == side["branch"] else f" on {one_line(side['branch'])}"
    return click.style(one_line(side["label"]), bold=True) + where


def _facts(a: Json, b: Json, tests: list[Json]) -> Iterable[tuple[str | Cell, ...]]:
    yield "turns", f"{a['turns']}", f"{b['turns']}"
    yield "agents' time", words.duration(a["seconds"]), words.duration(b["seconds"])
    yield "tokens in", *(f"{s['usage']['input'] + s['usage']['cached']:,}" for s in (a, b))
    yield "tokens out", *(f"{s['usage']['output']:,}" for s in (a, b))
    yield "cost", _money(a), _money(b)
    yield "cost from the root on", _money(a["total"]), _money(b["total"])
    for test in tests:
        yield f"gate {test['gate']}", _outcome(test["a"]), _outcome(test["b"])


def _money(figures: Json) -> str:
    if not figures["cost_usd"] and figures["cost_known"]:
        return "$0"
    return words.money(Cost(figures["cost_usd"], figures["cost_known"], figures["simulated"]))


def _outcome(passed: bool | None) -> Cell:
    if passed is None:
        return Cell("not run", dim=True)
    return Cell("passed", "green") if passed else Cell("failed", "red")


def _said(side: Json) -> Iterable[str]:
    if not side["instructions"]:
        return
    yield ""
    yield click.style(f"said on {one_line(side['label'])}", bold=True)
    for one in side["instructions"]:
        to = f"to {one['session']}: " if one["session"] else ""
        yield from _text(f"{to}{one['text']}", first=f"  {one['label'] or '…':<5} ")


def _finals(a: Json, b: Json) -> Iterable[str]:
    """What each session said last, where it did something on a side."""
    wide = min(max(len(side["label"]) for side in (a, b)), _NAME)
    by_id = [{one["session"]: one for one in side["final"]} for side in (a, b)]
    for id in dict.fromkeys([*by_id[0], *by_id[1]]):
        sides = [(side, known.get(id)) for side, known in zip((a, b), by_id, strict=True)]
        if not any(one and one["turns"] for _, one in sides):
            continue
        task = next(one["task"] for _, one in sides if one)
        yield ""
        yield f"{click.style(one_line(id), fg='blue')}  {fit(one_line(task), _width() - 12)}"
        for side, one in sides:
            name = f"{fit(one_line(side['label']), wide)}:"
            label = f"  {name:<{wide + 1}} "
            if one is None:
                yield f"{label}(not there)"
            elif one["text"].strip():
                yield from _text(one["text"], first=label)
            else:
                yield f"{label}(no text yet)"


def _files(files: Json, a: Json, b: Json) -> Iterable[str]:
    if files["problem"]:
        yield click.style(f"files can't be compared: {one_line(files['problem'])}", fg="yellow")
        return
    changed = files["changed"]
    if changed:
        added = sum(f["added"] or 0 for f in changed)
        deleted = sum(f["deleted"] or 0 for f in changed)
        count = f"{len(changed)} file{'' if len(changed) == 1 else 's'}"
        head = f"from {one_line(a['label'])} to {one_line(b['label'])}: {count}, +{added} -{deleted}"
        yield click.style(head, bold=True)
        yield from listing(changed)
    else:
        yield click.style("the files are the same", bold=True)
    for session, trees in files["sessions"].items():
        yield f"in the worktree of {session}:"
        yield from listing(trees["changed"])
    for side, paths in ((a, files["unrecorded"]["a"]), (b, files["unrecorded"]["b"])):
        if paths:
            shown = ", ".join(one_line(p) for p in paths[:3]) + (" …" if len(paths) > 3 else "")
            text = (
                f"changed on {one_line(side['label'])} since its last checkpoint, and not compared: {shown}"
            )
            yield click.style(text, fg="yellow")


def listing(changed: list[Json]) -> Iterable[str]:
    """A line a file."""
    width = _width()
    for file in changed:
        lines = "binary" if file["added"] is None else f"+{file['added']} -{file['deleted']}"
        path = one_line(file["path"])
        if file["old_path"]:
            path = f"{one_line(file['old_path'])} → {path}"
        status = click.style(file["status"], fg=_STATUS[file["status"]])
        yield f"  {status}  {fit(path, max(width - 7 - len(lines), 10))}  {click.style(lines, dim=True)}"


def coloured(patch: str) -> Iterable[str]:
    """A unified diff for a terminal, line by line."""
    hunk = False
    for line in patch.rstrip("\n").split("\n"):
        text = plain(line)
        if line.startswith("diff --git "):
            hunk = False
            yield click.style(text, bold=True)
        elif line.startswith("@@ "):
            hunk = True
            yield click.style(text, fg="cyan")
        elif not hunk:
            yield click.style(text, dim=True)
        elif line[:1] in ("+", "-"):
            yield click.style(text, fg="green" if line[0] == "+" else "red")
        else:
            yield text


def _text(text: str, *, first: str) -> Iterable[str]:
    """The beginning of a message, after a label; wrapped to the screen."""
    width = _width() - len(first)
    lines = textwrap.wrap(one_line(text), max(width, 20), max_lines=_LINES, placeholder=" …") or [""]
    for number, line in enumerate(lines):
        yield f"{first if number == 0 else ' ' * len(first)}{line}"


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH
