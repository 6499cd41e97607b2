"""Facts about a turn: how it ended, on which thread it ran, plans, diffs, files, notices."""

from __future__ import annotations

import signal

from textual.strip import Strip

from zwarm_tui.core import events as e
from zwarm_tui.core.model import Block
from zwarm_tui.tui.render.commands import BODY
from zwarm_tui.tui.render.diff import as_hunks, counts, diff_parts, split_files
from zwarm_tui.tui.render.literal import line_of, literal
from zwarm_tui.tui.render.messages import clock
from zwarm_tui.tui.render.palette import Palette
from zwarm_tui.tui.render.rows import (
    FOLD,
    GUTTER,
    PROSE,
    Part,
    Piece,
    count_of,
    ends,
    fold_row,
    header,
    long_part,
    prose,
    row,
)
from zwarm_tui.tui.render.wrap import fit

_DIFF_ROWS = 16
"""Files whose diffs have more lines together are folded."""
_STDERR_TAIL = 5
_CHANGED = {"add": "new", "update": "changed", "delete": "deleted", "move": "moved"}
_MARGIN = " " * GUTTER


def files_parts(block: Block, open: bool) -> list[Part]:
    """Changed files: a line each, and their diffs, folded when they are long."""
    event = block.event
    assert isinstance(event, e.FilesChanged)
    diffs = [as_hunks(change.diff, change.change) for change in event.changes]
    long = sum(diff.count("\n") + 1 for diff in diffs if diff) > _DIFF_ROWS
    parts: list[Part] = []
    for change, diff in zip(event.changes, diffs, strict=True):
        parts.append(_file_part(change, diff, event.status, folded=long and not open))
        if diff and (open or not long):
            parts += diff_parts(diff, indent=GUTTER)
    return parts


def _file_part(change: e.FileChange, diff: str, status: str, *, folded: bool) -> Part:
    added, removed = counts(diff)

    def draw(width: int, palette: Palette) -> list[Strip]:
        left: list[Piece] = [
            (_MARGIN, None),
            ("± ", palette.code + FOLD),
            (line_of(change.path[-400:]), palette.strong + FOLD),
            (f"  {_CHANGED.get(change.change, line_of(change.change[:20]))}", palette.dim),
        ]
        if diff:
            left += [(f"  +{added}", palette.added), (f" −{removed}", palette.removed)]
        if diff and folded:
            left.append((f"  … {count_of(diff.count(chr(10)) + 1, 'line')}", palette.dim + FOLD))
        right = {
            "in_progress": [("● writing", palette.running)],
            "failed": [("✗ failed", palette.failed)],
            "declined": [("⊘ declined", palette.interrupted)],
        }.get(status, [])
        return [header(left, list(right), width)]

    return Part(draw)


def turn_diff_parts(block: Block, open: bool) -> list[Part]:
    """All that the turn changed: one line, its files' diffs when `open`."""
    event = block.event
    assert isinstance(event, e.TurnDiff)
    files = split_files(event.text)
    sums = [file.counts for file in files]
    added, removed = sum(a for a, _ in sums), sum(r for _, r in sums)

    def line(width: int, palette: Palette) -> list[Strip]:
        left = [(_MARGIN, None), (f"± this turn changed {count_of(len(files), 'file')}", palette.dim + FOLD)]
        return [header([*left, (f"  +{added}", palette.added), (f" −{removed}", palette.removed)], [], width)]

    if not files:
        return []
    parts = [Part(line)]
    for file in files if open else ():
        parts += [_file_part(e.FileChange(file.path, file.change), "", "completed", folded=False)]
        parts += diff_parts(file.body, indent=GUTTER)
    return parts


def turn_end_parts(block: Block, open: bool) -> list[Part]:
    """A quiet rule after a turn that completed; what went wrong otherwise."""
    event = block.event
    assert isinstance(event, e.TurnEnded)
    name = f"turn {block.turn}" if block.turn else "turn"

    def line(width: int, palette: Palette) -> list[Strip]:
        if event.status == "completed":
            text = f"── {name} ✓ {clock(block.time)} "
            rule = fit(text + "─" * max(24 - len(text), 2), width - GUTTER)
            return [row((_MARGIN, None), (rule, palette.dim))]
        bad = event.status in ("failed", "killed")
        sign, style = ("✗", palette.failed) if bad else ("◼", palette.interrupted)
        left = [(_MARGIN, None), (f"{sign} {name} {line_of(event.status)}{_exit(event.exit_code)}", style)]
        return [header(left, [(clock(block.time), palette.dim)], width)]

    def error(piece: str, width: int, palette: Palette) -> list[Strip]:
        return prose(literal(piece), width, palette.text, first=(" " * BODY, None))

    parts = [Part(line)]
    if event.error and event.status != "completed":
        parts += long_part(event.error, error)
    if event.stderr and event.stderr.strip() and event.status != "completed":
        parts += _stderr(event.stderr, open)
    return parts


def _exit(code: int | None) -> str:
    if not code:
        return ""
    if code > 0:
        return f" · exit {code}"
    try:
        return f" · {signal.Signals(-code).name}"
    except ValueError:
        return f" · signal {-code}"


def _stderr(text: str, open: bool) -> list[Part]:
    _, hidden, last = ends(text, 0, _STDERR_TAIL)

    def head(width: int, palette: Palette) -> list[Strip]:
        more = f" (the last {_STDERR_TAIL} of {hidden + _STDERR_TAIL:,} lines)" if hidden and not open else ""
        return [fold_row(f"what it wrote to stderr{more}:", width, palette, indent=BODY)]

    def body(piece: str, width: int, palette: Palette) -> list[Strip]:
        return prose(literal(piece), width, palette.dim, first=(" " * BODY + "│ ", palette.dim))

    shown = "\n".join(last) if hidden and not open else text.strip("\n")
    return [Part(head), *long_part(shown, body)]


_HOW = {
    "fresh": "○ a fresh thread",
    "resumed": "↻ resumed its thread",
    "forked": "⑂ forked: the thread goes on from exactly that turn",
    "briefed": "✎ briefed: a new thread, with the transcript as its brief",
}


def thread_parts(block: Block, open: bool) -> list[Part]:
    """How the turn's thread came to be, where it is not simply the last turn's."""
    event = block.event
    assert isinstance(event, e.ThreadBound)
    if event.how == "continued":
        return []
    return [_line(_HOW.get(event.how, f"{line_of(event.how[:40])} thread"))]


def _line(text: str) -> Part:
    return Part(lambda width, palette: [header([(_MARGIN, None), (text, palette.dim)], [], width)])


def ended_parts(block: Block, open: bool) -> list[Part]:
    event = block.event
    assert isinstance(event, e.SessionEnded)
    return [_line("◼ the session was ended" + (f": {line_of(event.reason[:400])}" if event.reason else ""))]


def usage_parts(block: Block, open: bool) -> list[Part]:
    """That some of what the turn used is reported nowhere."""
    event = block.event
    assert isinstance(event, e.UsageUnknown)
    return [_line(f"≥ tokens unknown: {line_of(event.why[:400])}")]


_LEVEL = {"info": "ℹ", "warning": "⚠ warning:", "error": "✗ error:"}


def notice_parts(block: Block, open: bool) -> list[Part]:
    event = block.event
    assert isinstance(event, e.Notice)

    def draw(width: int, palette: Palette) -> list[Strip]:
        style = {"warning": palette.waiting, "error": palette.failed}.get(event.level, palette.dim)
        sign = _LEVEL.get(event.level, "ℹ")
        text = literal(event.text if open else event.text[:4000])
        rest = (_MARGIN + "  ", None)
        plain = palette.dim if event.level == "info" else palette.text
        strips = prose(text, width, plain, first=(f"{_MARGIN}{sign} ", style), rest=rest)
        return strips if open or len(event.text) <= 4000 else [*strips, fold_row("… more", width, palette)]

    return [Part(draw, chars=len(event.text[:4000]))]


_STEP = {"completed": ("☑", "done"), "in_progress": ("▸", "running"), "pending": ("☐", "text")}


def plan_parts(block: Block, open: bool) -> list[Part]:
    """The agent's to-do list."""
    event = block.event
    assert isinstance(event, e.Plan)
    done = sum(status == "completed" for _, status in event.steps)

    def draw(width: int, palette: Palette) -> list[Strip]:
        strips = [
            header([(_MARGIN, None), (f"plan  {done} of {len(event.steps)} done", palette.dim)], [], width)
        ]
        for step, status in event.steps[:200]:
            sign, name = _STEP.get(status, ("☐", "text"))
            style = {"done": palette.dim, "running": palette.strong}.get(name, palette.text)
            lead = (f"{_MARGIN}{sign} ", palette.done if name == "done" else style)
            strips += prose(
                line_of(step[:2000]), min(width, PROSE), style, first=lead, rest=(_MARGIN + "  ", None)
            )
        return strips

    return [Part(draw, lines=1 + len(event.steps))]


def unknown_parts(block: Block, open: bool) -> list[Part]:
    """A line that no adapter understood: counted here, shown whole when `open`."""
    event = block.event
    kind, raw = (event.type, event.raw) if isinstance(event, e.Unknown) else (event.kind, repr(event))

    def line(width: int, palette: Palette) -> list[Strip]:
        text = f"? unrecognised: {line_of(kind[:200])}"
        return [header([(_MARGIN, None), (text, palette.dim + FOLD)], [], width)]

    def body(piece: str, width: int, palette: Palette) -> list[Strip]:
        return prose(literal(piece), width, palette.dim, first=(" " * BODY, None))

    return [Part(line), *(long_part(raw, body) if open and raw else [])]
