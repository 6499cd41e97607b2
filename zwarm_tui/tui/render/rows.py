"""Building rows: text with a lead in front, headers with something at the right,
and `Part`, the piece of a block that is drawn at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from zwarm_tui.tui.render.palette import Palette
from zwarm_tui.tui.render.wrap import fit, wrap

Draw = Callable[[int, Palette], list[Strip]]
Piece = tuple[str, Style | None]
"""Literal text of one line, and its style."""
Lead = Piece

GUTTER = 2
"""Cells at the left of every row; the first is the cursor's."""
PROSE = 110
"""Prose is read in rows of at most so many cells, however wide the screen."""
SLICE = 8_192
"""A part draws about so many characters at most, so that drawing one never stalls."""
FOLD = Style.from_meta({"fold": True})
"""Marks the cells on which a click folds or unfolds."""
INDENT: Lead = (" " * GUTTER, None)


class Part:
    """Rows that are drawn together. `height` is an estimate until `exact`; `strips`
    may be dropped and drawn again, and come out the same."""

    __slots__ = ("_source", "chars", "draw", "exact", "height", "lines", "strips")

    def __init__(
        self,
        draw: Draw,
        *,
        lines: int = 1,
        chars: int = 0,
        source: str | Callable[[], str] | None = None,
    ) -> None:
        self.draw = draw
        self._source = source
        self.lines = lines
        self.chars = chars
        self.height = lines
        self.exact = False
        self.strips: list[Strip] | None = None

    def guess(self, width: int) -> None:
        """Estimate the height for a width that it was not drawn in yet."""
        self.height = max(self.lines, self.chars // max(width, 1))
        self.exact = False
        self.strips = None

    def may_hold(self, search: str) -> bool:
        """Whether the casefolded `search` can be in its rows: a look at the text that
        they are made from, where that is long, instead of drawing them."""
        text = self._source() if callable(self._source) else self._source
        return text is None or search in text.casefold()

    def paint(self, width: int, palette: Palette) -> list[Strip]:
        """Draw, and know the height from now on."""
        if self.strips is None:
            self.strips = self.draw(width, palette)
            self.height = len(self.strips)
            self.exact = True
        return self.strips


def row(*pieces: Piece) -> Strip:
    """One strip of (text, style) pieces; the text is literal already."""
    return Strip([Segment(text, style) for text, style in pieces if text])


BLANK = Strip([], 0)


def space_part(rows: int) -> Part:
    """The space above a block: a part even of no rows, so that numbers of parts stay."""
    part = Part(lambda width, palette: [BLANK] * rows, lines=rows)
    part.exact = True
    return part


def prose(
    text: str, width: int, style: Style | None, *, first: Lead = INDENT, rest: Lead | None = None
) -> list[Strip]:
    """Literal text wrapped, with a lead on its first row and another on the rest."""
    lead, after = first, rest or first
    body = max(width - cell_len(lead[0]), 4)
    strips: list[Strip] = []
    for line in text.split("\n"):
        for cut in wrap(line, body):
            strips.append(row(lead, (cut, style)))
            lead = after
    return strips


def header(left: Sequence[Piece], right: Sequence[Piece], width: int) -> Strip:
    """One row: the left part cut where it must be, the right part at the right edge,
    or left off where there is no room for both."""
    tail = sum(cell_len(text) for text, _ in right)
    if width - tail < 8:
        right, tail = (), 0
    room = width - tail - (1 if tail else 0)
    pieces: list[Piece] = []
    for text, style in left:
        shown = fit(text, room)
        pieces.append((shown, style))
        room -= cell_len(shown)
        if room <= 0 or shown != text:
            break
    if not tail:
        return row(*pieces)
    return row(*pieces, (" " * (room + 1), None), *right)


def fold_row(text: str, width: int, palette: Palette, *, indent: int = GUTTER) -> Strip:
    """A dim row that says what is folded away; a click on it unfolds."""
    return row((" " * indent, None), (fit(text, width - indent), palette.dim + FOLD))


def slices(text: str, size: int = SLICE) -> Iterator[tuple[int, int]]:
    """(start, end) of pieces of about `size` characters, cut after newlines where
    there are any near; a newline at a cut belongs to neither piece."""
    start, length = 0, len(text)
    while length - start > size:
        cut = text.find("\n", start + size, start + 2 * size)
        if cut < 0:
            yield start, start + size
            start += size
        else:
            yield start, cut
            start = cut + 1
    yield start, length


def ends(text: str, head: int, tail: int) -> tuple[list[str], int, list[str]]:
    """The first and the last lines of a text, and how many lie between; all of them
    in the first list where there are few. Splits only what it returns."""
    text = text.rstrip("\n")
    count = text.count("\n") + 1
    if count <= head + tail + 1:  # one hidden line would cost the row that says so
        return text.split("\n") if text else [], 0, []
    first = text.split("\n", head)[:head]
    last = text.rsplit("\n", tail)[-tail:] if tail else []
    return first, count - head - tail, last


def long_part(text: str, draw: Callable[[str, int, Palette], list[Strip]]) -> list[Part]:
    """Parts for a text of any length, each drawing its own slice of it."""

    def part(start: int, end: int) -> Part:
        return Part(
            lambda width, palette: draw(text[start:end], width, palette),
            lines=text.count("\n", start, end) + 1,
            chars=end - start,
            source=lambda: text[start:end],
        )

    return [part(start, end) for start, end in slices(text)]


def count_of(number: int, noun: str) -> str:
    """ "1 line", "1,204 lines"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
