"""Commands and their output."""

from __future__ import annotations

from textual.strip import Strip

from zwarm_tui.core import events as e
from zwarm_tui.core.model import Block
from zwarm_tui.tui.render.literal import literal, output_of
from zwarm_tui.tui.render.palette import Palette
from zwarm_tui.tui.render.rows import (
    FOLD,
    GUTTER,
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
from zwarm_tui.tui.render.wrap import fit, wrap

_HEAD, _TAIL, _TAIL_FAILED = 2, 4, 10
_COMMAND_ROWS = 3
BODY = GUTTER + 2
"""Where what belongs to a header is indented to."""


def command_parts(block: Block, open: bool) -> list[Part]:
    """`$ command`, how it ended, and its output: folded to its first and last lines,
    or, `open`, whole."""
    event = block.event
    if isinstance(event, e.CommandDone):
        command, output, failed = event.command, event.output, event.status != "completed"
        failed = failed or bool(event.exit_code)
    else:  # still running; where the log was cut, its first piece of output may be all we have
        command = event.command if isinstance(event, e.CommandStarted) else "…"
        output, failed = block.text, False
    parts = [Part(lambda width, palette: _draw_command(command, event, open, width, palette))]
    if open:
        return parts + output_parts(output) if output.strip("\n") else parts
    tail = _TAIL_FAILED if failed else _TAIL
    # While it runs, the newest lines are the ones to watch.
    head = _HEAD if isinstance(event, e.CommandDone) else 0
    return parts + folded(output, head, tail)


def output_parts(text: str) -> list[Part]:
    """All of an output, in slices."""
    return long_part(
        text.rstrip("\n"),
        lambda piece, width, palette: prose(output_of(piece), width, palette.dim, first=(" " * BODY, None)),
    )


def folded(text: str, head: int, tail: int) -> list[Part]:
    """The first and last lines of an output, one row each, and what is between."""
    first, hidden, last = ends(text, head, tail)
    if not first and not last:
        return []

    def draw(width: int, palette: Palette) -> list[Strip]:
        strips = [_one_row(line, width, palette) for line in first]
        if hidden:
            strips.append(fold_row(f"… {count_of(hidden, 'more line')}", width, palette, indent=BODY))
        return strips + [_one_row(line, width, palette) for line in last]

    return [Part(draw, lines=len(first) + len(last) + bool(hidden))]


def _one_row(line: str, width: int, palette: Palette) -> Strip:
    # Of a line of megabytes only as much is looked at as can be seen.
    text = fit(output_of(line[-4096:] if "\r" in line else line[:4096]), width - BODY)
    return row((" " * BODY, None), (text, palette.dim))


def outcome(event: e.Event, palette: Palette) -> list[Piece]:
    """How a command or a tool call stands, for the right edge."""
    if isinstance(event, e.CommandDone):
        if event.status == "declined":
            return [("⊘ declined", palette.interrupted)]
        if event.exit_code:
            sign = f"✗ exit {event.exit_code}"
        elif event.status == "failed":
            sign = "✗ failed"
        else:
            return [("✓", palette.done), *_seconds(event.seconds, palette)]
        return [(sign, palette.failed), *_seconds(event.seconds, palette)]
    if isinstance(event, e.ToolDone):
        sign, style = ("✓", palette.done) if event.ok else ("✗ failed", palette.failed)
        return [(sign, style), *_seconds(event.seconds, palette)]
    return [("● running", palette.running)]


def _seconds(seconds: float | None, palette: Palette) -> list[Piece]:
    return [] if seconds is None else [(f" {duration(seconds)}", palette.dim)]


def duration(seconds: float) -> str:
    """ "0.3s", "12s", "3m 05s", "2h 04m"."""
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02}m"


def _draw_command(command: str, event: e.Event, open: bool, width: int, palette: Palette) -> list[Strip]:
    right = outcome(event, palette)
    room = max(width - GUTTER - 2 - sum(len(text) for text, _ in right) - 1, 8)
    limit = None if open else _COMMAND_ROWS
    rows: list[str] = []
    shown = command if open else command[: room * (_COMMAND_ROWS + 1)]
    for line in literal(shown.strip("\n")).split("\n"):
        rows += wrap(line, room)
        if limit and len(rows) > limit:
            rows = [*rows[: limit - 1], fit(rows[limit - 1], room - 2) + " …"]
            break
    style = palette.strong
    prompt = ("$ ", palette.code + FOLD)
    strips = [header([(" " * GUTTER, None), prompt, (rows[0], style + FOLD)], right, width)]
    return strips + [row((" " * BODY, None), (text, style)) for text in rows[1:]]
