"""Marks put on a drawn row when it is painted: cursor, search hits, selection."""

from __future__ import annotations

from itertools import pairwise

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from zwarm_tui.tui.render.palette import Palette

Span = tuple[int, int]


def found_spans(text: str, search: str) -> list[Span]:
    """(start, end) of each occurrence of the casefolded `search`."""
    folded = text.casefold()
    if search not in folded or len(folded) != len(text):  # "ß" grows: no telling where it was
        return []
    spans: list[Span] = []
    at = folded.find(search)
    while at >= 0:
        spans.append((at, at + len(search)))
        at = folded.find(search, at + len(search))
    return spans


def restyle(strip: Strip, spans: list[Span], style: Style) -> Strip:
    """`strip` with `style` over the characters of each (start, end); spans are in order."""
    if not spans:
        return strip
    segments: list[Segment] = []
    at = 0
    for text, own, _ in strip:
        cuts = {0, len(text)}
        cuts |= {edge - at for span in spans for edge in span if at < edge < at + len(text)}
        edges = sorted(cuts)
        for start, end in pairwise(edges):
            marked = any(a <= at + start < b for a, b in spans)
            segments.append(Segment(text[start:end], (own + style if own else style) if marked else own))
        at += len(text)
    return Strip(segments, strip.cell_length)


def mark_cursor(strip: Strip, palette: Palette, *, focused: bool) -> Strip:
    """A bar in the first cell of a row: its block is the one that keys act on."""
    bar = Segment("┃" if focused else "│", palette.mark if focused else palette.dim)
    if not strip.cell_length:
        return strip
    return Strip([bar, *strip.crop(1)], strip.cell_length)
