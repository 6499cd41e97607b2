"""Text that still arrives: only what its last row may yet change is wrapped again."""

from __future__ import annotations

from rich.style import Style
from textual.strip import Strip

from zwarm_tui.core.model import Block
from zwarm_tui.tui.render.literal import literal
from zwarm_tui.tui.render.palette import Palette
from zwarm_tui.tui.render.rows import GUTTER, PROSE, Part, row
from zwarm_tui.tui.render.wrap import spans, tabs


class Growing:
    """The rows of a streaming block's text. One is kept as long as the block streams."""

    def __init__(self, block: Block) -> None:
        self._block = block
        self._drawn_for: tuple[int, Palette] | None = None
        self._rows: list[Strip] = []
        self._settled = 0  # rows that no further text can change
        self._from = 0  # where in the text the first unsettled row begins
        self._line = (0, 0)  # both, at the beginning of the last line

    def part(self) -> Part:
        return Part(self._draw, lines=max(len(self._rows), 1), chars=len(self._block.text))

    def _draw(self, width: int, palette: Palette) -> list[Strip]:
        if self._drawn_for != (width, palette):
            self._drawn_for = (width, palette)
            self._rows, self._settled, self._from, self._line = [], 0, 0, (0, 0)
        text, body = self._block.text, max(min(width - GUTTER, PROSE), 4)
        style = palette.text
        if text.find("\t", self._from) >= 0:  # how wide it is depends on the whole line
            self._settled, self._from = self._line
        del self._rows[self._settled :]
        begin = self._from
        while (end := text.find("\n", begin)) >= 0:
            self._add(text[begin:end], body, style)
            begin = end + 1
        if begin != self._from:
            self._line = self._settled, self._from = len(self._rows), begin
        self._add_open(text[begin:], body, style)
        return self._rows

    def _add(self, line: str, body: int, style: Style) -> None:
        line = tabs(literal(line.removesuffix("\r")))
        self._rows += [row(("  ", None), (line[a:b], style)) for a, b in spans(line, body)]

    def _add_open(self, line: str, body: int, style: Style) -> None:
        if "\t" in line:
            self._add(line, body, style)
            return
        line = literal(line)
        cuts = spans(line, body)
        self._rows += [row(("  ", None), (line[a:b], style)) for a, b in cuts]
        if len(cuts) > 1:
            self._settled += len(cuts) - 1
            self._from += cuts[-1][0]
