"""What is said: the person's messages, the agent's texts, its thoughts."""

from __future__ import annotations

from datetime import datetime

from rich.style import Style
from textual.strip import Strip

from zwarm_tui.core import events as e
from zwarm_tui.core.model import Block
from zwarm_tui.tui.render.growing import Growing
from zwarm_tui.tui.render.literal import line_of, literal
from zwarm_tui.tui.render.markdown import markdown_parts
from zwarm_tui.tui.render.palette import Palette
from zwarm_tui.tui.render.rows import (
    FOLD,
    GUTTER,
    PROSE,
    Lead,
    Part,
    Piece,
    count_of,
    ends,
    header,
    long_part,
    prose,
    row,
)
from zwarm_tui.tui.render.wrap import fit

_USER_LINES, _USER_TAIL, _USER_CHARS = 24, 4, 3000
_THOUGHT_TAIL = 2


def clock(time: float) -> str:
    """ "14:05", local; "" for a time that is not known."""
    return datetime.fromtimestamp(time).strftime("%H:%M") if time else ""


def user_parts(block: Block, open: bool) -> list[Part]:
    """A message to the agent, behind a bar; a very long one folded in its middle."""
    event = block.event
    assert isinstance(event, e.UserMessage)
    pilot = event.origin == "pilot"

    def style(palette: Palette) -> Style:
        return palette.pilot if pilot else palette.user

    def top(width: int, palette: Palette) -> list[Strip]:
        who = "pilot" if pilot else "you" if event.origin == "person" else line_of(event.origin[:20])
        steer = " · into the running turn" if event.steer else ""
        left: list[Piece] = [("▌ ", style(palette)), (who, style(palette)), (steer, palette.dim)]
        return [header(left, [(clock(block.time), palette.dim)], width)]

    def body(text: str, width: int, palette: Palette) -> list[Strip]:
        bar: Lead = ("▌ ", style(palette))
        return prose(literal(text), min(width, PROSE + GUTTER), palette.text, first=bar)

    parts = [Part(top)]
    text = event.text.strip("\n")
    if not text:
        return parts
    first, hidden, last = ends(text, _USER_LINES, _USER_TAIL)
    head, tail = "\n".join(first), "\n".join(last)
    more = count_of(hidden, "more line")
    if len(head) + len(tail) > 2 * _USER_CHARS:  # few lines, and long ones
        more = count_of(len(text) - 2 * _USER_CHARS, "more character")
        head, tail = text[:_USER_CHARS], text[-_USER_CHARS:]
    elif not hidden:
        open = True

    def between(width: int, palette: Palette) -> list[Strip]:
        return [row(("▌ ", style(palette)), (f"… {more}", palette.dim + FOLD))]

    if open:
        return parts + long_part(text, body)
    return [*parts, *long_part(head, body), Part(between), *long_part(tail, body)]


def text_parts(block: Block, live: Growing | None) -> list[Part]:
    """The agent's own words: Markdown when complete, plain and growing before, and plain
    for good where a terminal showed them. A sub-agent's are indented and dim; they are no answer of the turn's own."""
    event = block.event
    if not isinstance(event, e.Text):
        return [live.part()] if live is not None else []
    if not event.text.strip():
        return []
    if event.plain:
        return long_part(
            event.text.strip("\n"),
            lambda text, width, palette: prose(
                literal(text), width, palette.text, first=(" " * GUTTER, None)
            ),
        )
    if event.parent is None:
        return markdown_parts(event.text)

    def body(text: str, width: int, palette: Palette) -> list[Strip]:
        lead: Lead = (" " * (GUTTER + 2) + "┆ ", palette.dim)
        return prose(literal(text), min(width, PROSE), palette.dim, first=lead)

    return long_part(event.text.strip("\n"), body)


def thought_parts(block: Block, open: bool) -> list[Part]:
    """Reasoning: one dim line when done, the newest lines while it goes on, or whole."""
    text = block.event.text if isinstance(block.event, e.Reasoning) else block.text
    text = text.strip("\n")
    if not text.strip():
        return []
    first: Lead = (" " * GUTTER + "∴ ", None)
    rest: Lead = (" " * (GUTTER + 2), None)

    def whole(piece: str, width: int, palette: Palette) -> list[Strip]:
        return prose(literal(piece), min(width, PROSE), palette.thought, first=rest)

    if open:
        return [Part(lambda width, palette: [_thought_head("thought", palette)]), *long_part(text, whole)]
    if block.streaming:
        _, hidden, last = ends(text, 0, _THOUGHT_TAIL)
        shown = [line for line in (last or text.split("\n")) if line.strip()]
    else:
        shown, hidden = [text.partition("\n")[0]], text.count("\n")

    def brief(width: int, palette: Palette) -> list[Strip]:
        more = [(f"… {count_of(hidden, 'more line')}", palette.dim + FOLD)] if hidden else []
        strips = []
        for at, line in enumerate(shown):
            lead = first if at == 0 else rest
            cut = fit(literal(line[:2048]).strip("*# "), max(width - 24, 16))
            left: list[Piece] = [(lead[0], palette.thought + FOLD), (cut, palette.thought + FOLD)]
            strips.append(header(left, list(more) if at == len(shown) - 1 else [], width))
        return strips

    return [Part(brief, lines=len(shown))]


def _thought_head(word: str, palette: Palette) -> Strip:
    return row((" " * GUTTER, None), (f"∴ {word}", palette.thought + FOLD))
