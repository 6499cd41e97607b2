"""Blocks stacked to a column of rows: heights, and which of them are drawn.

Heights start as estimates. Whoever shows a stretch of the column first settles it
(`settle_down`, `settle_up` from a fixed place), which draws what is needed there and
nothing else; the rest follows in small slices (`settle_some`), so that the total
becomes true. Drawn rows are kept up to a limit and drawn again when needed.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import NamedTuple

from textual.strip import Strip

from zwarm_tui.core import events as e
from zwarm_tui.core.model import Block
from zwarm_tui.core.transcript import Transcript, block_key
from zwarm_tui.tui.render.blocks import block_parts, gap, is_live
from zwarm_tui.tui.render.growing import Growing
from zwarm_tui.tui.render.palette import Palette
from zwarm_tui.tui.render.rows import BLANK, Part, space_part

KEPT_ROWS = 20_000
"""Rows kept drawn; about 1 kB each."""
Key = tuple[int, int, str]


class Place(NamedTuple):
    """A row of the column that stays the same row when heights change: the number of
    its block, of the part in that, of the row in that."""

    at: int
    part: int
    row: int


@dataclass(slots=True, eq=False)
class Item:
    """A block with its parts, the space above it first; none where it shows nothing."""

    block: Block
    parts: list[Part]
    live: Growing | None = None
    tall: bool = False
    """More than a header and a line: set apart from its neighbours."""

    @property
    def height(self) -> int:
        return sum(part.height for part in self.parts)


class Column:
    """The rows of one transcript at one width."""

    def __init__(self, blocks: list[Block], *, width: int, palette: Palette, opened: set[Key]) -> None:
        self.transcript = Transcript(list(blocks))
        self.width = width
        self.palette = palette
        self.opened = opened
        """Keys of the blocks that are unfolded."""
        self.items: list[Item] = []
        self._tops: list[int] = [0]  # of items, valid up to its length; the last one is the end so far
        self._drawn: dict[Part, None] = {}
        self._drawn_rows = 0
        self._estimates = 0  # parts whose height is only guessed
        self._next = 0  # below this item `settle_some` found no more of them
        for index in range(len(self.blocks)):
            self._build(index)

    @property
    def blocks(self) -> list[Block]:
        return self.transcript.blocks

    # -- content ---------------------------------------------------------------------

    def extend(self, records: Sequence[e.Record]) -> int | None:
        """Fold records in. Returns the index of the first block that changed."""
        touched = {i for i in map(self.transcript.apply, self._joined(records)) if i is not None}
        for index in sorted(touched):
            self._build(index)
        return min(touched, default=None)

    def _joined(self, records: Sequence[e.Record]) -> Iterator[e.Record]:
        """Runs of deltas of one item as one delta: a long text is appended to once."""
        run: list[e.Record] = []
        for record in records:
            if run and not (record.event.kind in e.DELTAS and block_key(record) == block_key(run[0])):
                yield from _one(run)
                run = []
            if record.event.kind in e.DELTAS:
                run.append(record)
            else:
                yield record
        yield from _one(run)

    def prepend(self, blocks: list[Block]) -> int:
        """Put older blocks in front. Returns how many are new."""
        known = {block.key for block in self.blocks[: len(blocks) + 1]}
        older = [block for block in blocks if block.key not in known]
        if not older:
            return 0
        self.transcript.prepend(older)
        self.items[:0] = [Item(block, []) for block in older]
        self._next += len(older)
        for index in range(len(older) + 1):
            if index < len(self.items):
                self._build(index)
        return len(older)

    def _build(self, index: int) -> None:
        block = self.blocks[index]
        if index == len(self.items):
            self.items.append(Item(block, []))
        item = self.items[index]
        item.live = (item.live or Growing(block)) if is_live(block) else None
        for part in item.parts:
            self._forget(part)
            self._estimates -= not part.exact
        parts = block_parts(block, open=block.key in self.opened, live=item.live)
        for part in parts:
            part.guess(self.width)
        tall = sum(part.lines for part in parts) > 2
        above = next((self.items[i] for i in range(index - 1, -1, -1) if self.items[i].parts), None)
        spaced = above is not None and (tall or above.tall or gap(above.block, block))
        item.parts = [space_part(int(spaced)), *parts] if parts else []
        self._estimates += len(parts)
        self._next = max(self._next, index + 1)
        self._moved(index)
        if tall != item.tall:
            item.tall = tall
            if index + 1 < len(self.items):
                self._build(index + 1)

    def toggle(self, index: int, open: bool) -> bool:
        """Fold or unfold one block; False where that changes nothing."""
        key = self.blocks[index].key
        if (key in self.opened) == open:
            return False
        (self.opened.add if open else self.opened.discard)(key)
        self._build(index)
        return True

    def restyle(self, palette: Palette) -> None:
        """Another theme: the same rows in other colours."""
        self.palette = palette
        self._clear()

    def resize(self, width: int) -> None:
        """Another width: all heights are estimates again."""
        self.width = width
        self._clear()
        self._estimates = 0
        for item in self.items:
            for part in item.parts:
                part.guess(width)
                self._estimates += 1
        self._next = len(self.items)
        self._moved(0)

    def _clear(self) -> None:
        for part in self._drawn:
            part.strips = None
        self._drawn.clear()
        self._drawn_rows = 0

    # -- heights ---------------------------------------------------------------------

    @property
    def height(self) -> int:
        return self.top(len(self.items))

    def top(self, index: int) -> int:
        """The first row of a block (of the end, for the number of blocks)."""
        if index >= len(self._tops):
            known = len(self._tops) - 1
            heights = (item.height for item in self.items[known:])
            self._tops[known:] = accumulate(heights, initial=self._tops[known])
        return self._tops[index]

    def _moved(self, index: int) -> None:
        del self._tops[index + 1 :]

    def row_of(self, place: Place) -> int:
        """Where a place is now."""
        if place.at >= len(self.items):
            return self.height
        parts = self.items[place.at].parts
        above = sum(part.height for part in parts[: place.part])
        inside = min(place.row, max(parts[place.part].height - 1, 0)) if place.part < len(parts) else 0
        return self.top(place.at) + above + inside

    def place_of(self, y: int) -> Place:
        """The place of a row; the end for a row below all."""
        height = self.height
        if y >= height:
            return Place(len(self.items), 0, 0)
        index = max(bisect_right(self._tops, y, hi=len(self.items)) - 1, 0)
        rest = y - self._tops[index]
        for at, part in enumerate(self.items[index].parts):
            if rest < part.height:
                return Place(index, at, rest)
            rest -= part.height
        return Place(index, 0, 0)

    def line(self, y: int) -> tuple[Strip, int]:
        """The strip of a settled row, and the index of its block (-1 below all)."""
        place = self.place_of(y)
        if place.at >= len(self.items):
            return BLANK, -1
        strips = self._paint(place.at, self.items[place.at].parts[place.part])
        return (strips[place.row] if place.row < len(strips) else BLANK), place.at

    def settle_down(self, place: Place, rows: int) -> None:
        """Draw `rows` rows from a place on."""
        rows += place.row
        for index in range(place.at, len(self.items)):
            parts = self.items[index].parts
            for at in range(place.part if index == place.at else 0, len(parts)):
                rows -= len(self._paint(index, parts[at]))
                if rows <= 0:
                    return

    def settle_up(self, place: Place, rows: int) -> None:
        """Draw `rows` rows above a place."""
        rows -= place.row
        for index in range(min(place.at, len(self.items) - 1), -1, -1):
            parts = self.items[index].parts
            for at in range((place.part if index == place.at else len(parts)) - 1, -1, -1):
                if rows <= 0:
                    return
                rows -= len(self._paint(index, parts[at]))

    def settle_some(self, seconds: float) -> bool:
        """Draw parts that are still estimates, from the end up, for about so long.
        Returns whether any are left."""
        until = time.perf_counter() + seconds
        while self._next > 0 and not self.settled:
            for part in self.items[self._next - 1].parts:
                if not part.exact:
                    self._paint(self._next - 1, part)
                    if time.perf_counter() >= until:
                        return not self.settled
            self._next -= 1
        return False

    @property
    def settled(self) -> bool:
        """All heights are true."""
        return self._estimates == 0

    def find(self, index: int, search: str) -> Place | None:
        """The first row of a block in which the casefolded `search` is to be seen."""
        if not search:
            return None
        for at, part in enumerate(self.items[index].parts):
            if not part.may_hold(search):
                continue
            for row, strip in enumerate(self._paint(index, part)):
                if search in strip.text.casefold():
                    return Place(index, at, row)
        return None

    def _paint(self, index: int, part: Part) -> list[Strip]:
        if part.strips is not None:
            return part.strips
        before = part.height
        self._estimates -= not part.exact
        strips = part.paint(self.width, self.palette)
        self._drawn[part] = None
        self._drawn_rows += part.height
        if part.height != before:
            self._moved(index)
        while self._drawn_rows > KEPT_ROWS and len(self._drawn) > 1:
            self._forget(next(iter(self._drawn)))
        return strips

    def _forget(self, part: Part) -> None:
        if part in self._drawn:
            del self._drawn[part]
            self._drawn_rows -= part.height
            part.strips = None


def _one(run: list[e.Record]) -> Iterator[e.Record]:
    if len(run) < 3:
        yield from run
        return
    yield run[0]  # its seq is where the block begins, if it begins here
    text = "".join(getattr(record.event, "text", "") for record in run[1:])
    yield replace(run[-1], event=replace(run[-1].event, text=text))  # type: ignore[call-arg]
