"""Listings: code in the theme's colours, on a ground of its own."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from zwarm_tui.tui.render.palette import Palette
from zwarm_tui.tui.render.wrap import spans

_COLOURED = 65_536
"""Longer listings are left in one colour: reading them is searching them."""


def draw_listing(code: str, language: str, width: int, palette: Palette) -> list[list[Segment]]:
    """Rows of exactly `width` cells. `code` is literal and without tabs."""
    ground = palette.ground
    pad = Segment(" ", ground)
    body = max(width - 2, 4)
    rows: list[list[Segment]] = []
    for line in _lines(code.rstrip("\n"), language, palette):
        plain = "".join(segment.text for segment in line)
        cuts = [(0, len(plain))] if len(plain) * 2 <= body else spans(plain, body)
        for start, end in cuts:
            cut = line if len(cuts) == 1 else _between(line, start, end)
            room = body - cell_len(plain[start:end])
            rows.append([pad, *cut, Segment(" " * room, ground), pad] if room else [pad, *cut, pad])
    return rows


def _lines(code: str, language: str, palette: Palette) -> list[list[Segment]]:
    ground = palette.ground
    lexer = _lexer(language) if language and len(code) <= _COLOURED else None
    if lexer is None:
        style = palette.text + ground
        return [[Segment(line, style)] if line else [] for line in code.split("\n")]
    lines: list[list[Segment]] = [[]]
    for kind, text in lexer.get_tokens(code):
        style = _style(kind, palette)
        first, *rest = text.split("\n")
        if first:
            lines[-1].append(Segment(first, style))
        lines.extend([Segment(piece, style)] if piece else [] for piece in rest)
    if not lines[-1]:
        lines.pop()  # Pygments ends what it reads with a newline
    return lines


def _between(line: list[Segment], start: int, end: int) -> list[Segment]:
    cut: list[Segment] = []
    at = 0
    for segment in line:
        text = segment.text[max(start - at, 0) : max(end - at, 0)]
        if text:
            cut.append(Segment(text, segment.style))
        at += len(segment.text)
    return cut


@lru_cache(32)
def _lexer(language: str) -> Any:
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
    from pygments.util import ClassNotFound  # type: ignore[import-untyped]

    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=True)
    except ClassNotFound:
        return None


@lru_cache(1024)
def _style(kind: tuple[str, ...], palette: Palette) -> Style:
    parts = tuple(kind)
    for length in range(len(parts), 0, -1):
        if style := palette.syntax.get(".".join(parts[:length])):
            return palette.text + style + palette.ground
    return palette.text + palette.ground
