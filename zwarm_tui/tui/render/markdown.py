"""Finished Markdown, drawn once by Rich in the theme's colours.

Rich's Markdown and Pygments cost tens of milliseconds to import, so both wait for
the first finished message. HTML is shown as it was written, links with their address.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rich.segment import Segment
from textual.strip import Strip

from zwarm_tui.tui.render.listing import draw_listing
from zwarm_tui.tui.render.literal import literal
from zwarm_tui.tui.render.palette import Palette
from zwarm_tui.tui.render.rows import BLANK, GUTTER, PROSE, SLICE, Part, long_part, prose
from zwarm_tui.tui.render.wrap import tabs

if TYPE_CHECKING:
    from rich.console import Console

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_FLOWS_ON = re.compile(r"\s|[-*+>|]|\d+[.)]")
_PART = 4_096
_LONG = 262_144


def markdown_parts(text: str) -> list[Part]:
    """Parts for one finished message: cut between top-level blocks, so that a long
    one is drawn as it is scrolled to. What no person would have written is not taken
    for Markdown: hundreds of kilobytes, or as much without any paragraph."""
    if len(text) > _LONG:
        return long_part(text, _plain)
    parts: list[Part] = []
    for piece in _pieces(text):
        parts += long_part(piece, _plain) if len(piece) > 4 * SLICE else [_part(piece)]
    return parts


def _plain(text: str, width: int, palette: Palette) -> list[Strip]:
    return prose(literal(text), min(width, PROSE + GUTTER), palette.text)


def _part(piece: str) -> Part:
    return Part(
        lambda width, palette: draw_markdown(piece, width, palette),
        lines=piece.count("\n") + 1,
        chars=len(piece),
        source=piece,
    )


def _pieces(text: str) -> list[str]:
    if len(text) <= _PART:
        return [text]
    pieces: list[str] = []
    lines: list[str] = []
    size = 0
    fence = opening = ""
    after_blank = False
    for line in text.split("\n"):
        long_enough = size >= (SLICE if fence else _PART)
        if long_enough and fence:  # a very long listing goes on in a fence of its own
            pieces.append("\n".join([*lines, fence]))
            lines, size = [opening], 0
        elif long_enough and after_blank and not _FLOWS_ON.match(line):
            pieces.append("\n".join(lines))
            lines, size = [], 0
        lines.append(line)
        size += len(line) + 1
        after_blank = not line.strip()
        if match := _FENCE.match(line):
            if not fence:
                fence, opening = match[1], line
            elif match[1].startswith(fence) and not match[2].strip():
                fence = ""
    pieces.append("\n".join(lines))
    return pieces


def draw_markdown(text: str, width: int, palette: Palette) -> list[Strip]:
    """Rows of one piece of Markdown, behind the gutter."""
    if palette.plain:
        return _plain(text, width, palette)
    text = "\n".join(map(tabs, literal(text).split("\n")))
    body = min(width - GUTTER, PROSE)
    from rich.errors import MarkupError
    from rich.markdown import Markdown

    console = _console(palette, body)
    document = Markdown("", hyperlinks=False)
    document.elements = _elements(palette)  # type: ignore[misc]
    try:
        document.parsed = _parser().parse(text)
        lines = console.render_lines(document, pad=False)
    except (MarkupError, RecursionError, RuntimeError, ValueError, IndexError):
        return _plain(text, width, palette)  # readable beats pretty
    lead = Segment(" " * GUTTER)
    base = palette.text
    strips = [
        Strip([lead, *(Segment(s.text, base + s.style if s.style else base) for s in line if s.text)])
        for line in _without_double_blanks(lines)
    ]
    return strips or [BLANK]


def _without_double_blanks(lines: list[list[Segment]]) -> Iterator[list[Segment]]:
    """Tables and listings bring blank rows of their own: one between blocks is enough,
    and none at the ends. A blank row inside of a listing has a ground."""
    blank = True
    held: list[Segment] | None = None
    for line in lines:
        if any(s.text.strip() or (s.style and s.style.bgcolor) for s in line):
            if held is not None:
                yield held
                held = None
            yield line
            blank = False
        elif not blank:
            held, blank = line, True


def is_loaded() -> bool:
    """Whether drawing Markdown needs no more imports."""
    return "rich.markdown" in sys.modules


def load() -> None:
    """Import what drawing Markdown needs."""
    import rich.markdown
    import rich.theme  # noqa: F401


@lru_cache(1)
def _parser() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("strikethrough").enable("table")


@lru_cache(8)
def _console(palette: Palette, width: int) -> Console:
    from rich.console import Console
    from rich.style import Style
    from rich.theme import Theme

    heading = palette.mark
    styles = {
        "markdown.h1": heading + Style(underline=True),
        "markdown.h2": heading,
        **{f"markdown.h{level}": palette.strong for level in (3, 4, 5, 6)},
        "markdown.code": palette.code,
        "markdown.code_block": palette.code,
        "markdown.block_quote": palette.thought,
        "markdown.em": Style(italic=True),
        "markdown.strong": Style(bold=True),
        "markdown.s": Style(strike=True),
        "markdown.item.bullet": palette.mark,
        "markdown.item.number": palette.mark,
        "markdown.list": Style(),
        "markdown.hr": palette.dim,
        "markdown.link": palette.text + Style(underline=True),
        "markdown.link_url": palette.dim,
        "markdown.table.header": palette.strong,
        "markdown.table.border": palette.dim,
        "markdown.kbd": palette.strong,
    }
    return Console(
        file=io.StringIO(),
        width=width,
        theme=Theme(styles, inherit=True),
        color_system="truecolor",
        force_terminal=True,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
    )


@lru_cache(8)
def _elements(palette: Palette) -> dict[str, Any]:
    """Rich's elements, with listings in the theme's colours and headings at the left."""
    from rich.console import ConsoleOptions, RenderResult
    from rich.markdown import CodeBlock, Heading, Markdown

    class Listing(CodeBlock):
        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            code = str(self.text)
            for line in draw_listing(code, self.lexer_name, options.max_width, palette):
                yield from line
                yield Segment.line()

    class LeftHeading(Heading):
        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            self.text.justify = "left"
            yield self.text

    return {
        **Markdown.elements,
        "fence": Listing,
        "code_block": Listing,
        "heading_open": LeftHeading,
    }
