"""One virtual view of blocks, drawn row by row as they are seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rich.style import Style
from textual.geometry import Offset, Region, Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.timer import Timer

from zwarm_tui.core.events import Record
from zwarm_tui.core.model import Block
from zwarm_tui.tui.render import markdown
from zwarm_tui.tui.render.column import Column, Key, Place
from zwarm_tui.tui.render.palette import Palette
from zwarm_tui.tui.render.rows import GUTTER
from zwarm_tui.tui.widgets.marks import found_spans, mark_cursor, restyle
from zwarm_tui.tui.widgets.virtual import set_virtual_size

MARGIN = 20
"""Rows above and below the screen that are drawn with it."""
SLICE_SECONDS = 0.006
"""For so long at a time the rest is measured."""


@dataclass(slots=True)
class Reading:
    """Where somebody was in one transcript: kept while another is shown."""

    opened: set[Key] = field(default_factory=set)
    key: Key | None = None
    """The block at the top of the screen; None: at the end, following."""
    first_seq: int = 0
    part: int = 0
    row: int = 0


class BlockView(ScrollView, can_focus=True):
    """Paints blocks, follows what is added, and keeps the reader's place otherwise."""

    DEFAULT_CSS = """
    BlockView {
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._key = ""
        self._readings: dict[str, Reading] = {"": Reading()}
        self._column = Column([], width=80, palette=Palette(()), opened=set())
        self._older = False
        self._asked = False  # for older blocks, without an answer so far
        self._wanted: Reading | None = None  # a place in blocks that are not loaded yet
        self._following = True
        self._unseen = 0
        self._top = Place(0, 0, 0)
        self._cursor: int | None = None
        self._search = ""
        self._base = 0  # row numbers of a selection count from here: rows in front shift it
        self._placing = False
        self._painting: tuple[Style, Selection | None] | None = None
        self._slices: Timer | None = None

    # -- content -----------------------------------------------------------------------

    def show(self, key: str, blocks: list[Block], *, older: bool) -> None:
        """Show another transcript, at the place where it was left, or at its end."""
        self._leave()
        self._key = key
        reading = self._readings.setdefault(key, Reading())
        self._column = Column(blocks, width=self._width, palette=self._palette, opened=reading.opened)
        self._older, self._asked = older, False
        self._cursor, self._unseen, self._base = None, 0, 0
        self._wanted, self._following = None, True
        if self.is_attached:
            self.screen.clear_selection()
        if reading.key is not None:
            self._return_to(reading)
        self._place()
        self.refresh()
        self._announce()

    def extend(self, records: Sequence[Record]) -> None:
        """Fold new records in: at the end of the screen when following, else unseen."""
        count = len(self._column.items)
        first = self._column.extend(records)
        if first is None:
            return
        new = len(self._column.items) - count
        self._place()
        self._refresh_from(first)
        if not self._following and new:
            self._unseen += new
            self._announce()

    def prepend(self, blocks: list[Block], *, older: bool) -> None:
        """Older blocks, as `OlderWanted` asked for. The screen stays where it is."""
        self._older, self._asked = older, False
        before = self._column.height
        count = self._column.prepend(blocks)
        self._top = self._top._replace(at=self._top.at + count)
        if self._cursor is not None:
            self._cursor += count
        self._base -= self._column.height - before
        if self._wanted is not None:
            self._return_to(self._wanted)
        self._place()
        self.refresh()

    def jump_to(self, first_seq: int) -> bool:
        """Scroll to the block that begins at `first_seq`, and mark it. False where it
        is not loaded. Unfolds it where it holds what is searched for out of sight."""
        starts = (i for i, block in enumerate(self._column.blocks) if block.first_seq == first_seq)
        index = next(starts, None)
        if index is None:
            return False
        self._cursor = index
        place = self._column.find(index, self._search)
        if place is None and self._search and self._column.toggle(index, True):
            place = self._column.find(index, self._search)
        self._scroll_to_place(place or Place(index, 0, 0), above=min(3, self.size.height // 4))
        self.refresh()
        return True

    def set_search(self, text: str) -> None:
        """Highlight each occurrence of `text`, whatever its case; "" for none."""
        self._search = text.casefold()
        self.refresh()

    @property
    def following(self) -> bool:
        """New content scrolls the view along."""
        return self._following

    @property
    def blocks(self) -> list[Block]:
        """The blocks that are loaded, oldest first."""
        return self._column.blocks

    # -- where the reader is -----------------------------------------------------------

    def _leave(self) -> None:
        reading = self._readings[self._key]
        reading.key = None
        if not self._following and self._top.at < len(self._column.blocks):
            block = self._column.blocks[self._top.at]
            reading.key, reading.first_seq = block.key, block.first_seq
            reading.part, reading.row = self._top.part, self._top.row

    def _return_to(self, reading: Reading) -> None:
        blocks = self._column.blocks
        index = next((i for i, block in enumerate(blocks) if block.key == reading.key), None)
        if index is not None:
            self._wanted, self._following = None, False
            self._top = Place(index, reading.part, reading.row)
        else:  # further up than what is loaded: ask until it is
            self._wanted = reading if self._older and blocks else None

    @property
    def _width(self) -> int:
        return max(self.scrollable_content_region.width - 1, 16)

    @property
    def _palette(self) -> Palette:
        palette = Palette.of(self.app.theme_variables if self.is_attached else {})
        return palette if markdown.is_loaded() else replace(palette, plain=True)

    def on_mount(self) -> None:
        if not markdown.is_loaded():
            self.call_after_refresh(self._format)
        self.notify_style_update()

    def _format(self) -> None:
        # The first screen has been painted, with Markdown as it was written.
        markdown.load()
        self._restyle()

    def _restyle(self) -> None:
        column, palette = self._column, self._palette
        if palette == column.palette:
            return
        rewrap = palette.plain != column.palette.plain
        column.restyle(palette)
        if rewrap:
            column.resize(self._width)
            self._place()
        self.refresh()

    def _place(self) -> None:
        """Draw what the screen needs, and put the scroll position where it belongs."""
        rows = self.size.height
        if not rows:
            return
        column = self._column
        if self._following:
            self._top = column.place_of(round(self.scroll_y))
        before = column.row_of(self._top)
        end = Place(len(column.items), 0, 0)
        if not self._following:
            column.settle_down(self._top, rows + MARGIN)
            column.settle_up(self._top, MARGIN)
        if self._following or column.row_of(self._top) + rows > column.height:
            column.settle_up(end, rows + MARGIN)
        y = min(column.row_of(self._top), max(column.height - rows, 0))
        self._base -= column.row_of(self._top) - before
        if self._following:
            y = max(column.height - rows, 0)
        self._set_scroll(y)
        self._top = column.place_of(y)
        self._want_older(y)
        if not column.settled and self._slices is None:
            self._slices = self.set_interval(0.02, self._settle_slice)

    def _set_scroll(self, y: int) -> None:
        self._placing = True
        try:
            set_virtual_size(self, Size(self._width, self._column.height))
            self.scroll_target_y = self.scroll_y = y
        finally:
            self._placing = False

    def _settle_slice(self) -> None:
        before = self._column.row_of(self._top)
        more = self._column.settle_some(SLICE_SECONDS)
        moved = self._column.row_of(self._top) - before
        if moved:
            self._base -= moved
            self._set_scroll(round(self.scroll_y) + moved)
        self._place()
        if not more and self._slices is not None:
            self._slices.stop()
            self._slices = None

    def _want_older(self, y: int) -> None:
        near = y < self.size.height or self._wanted is not None
        if self._older and not self._asked and near and self._column.blocks:
            self._asked = True
            self._ask_older(self._column.blocks[0].first_seq)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if self._placing or round(old_value) == round(new_value):
            return
        y = round(new_value)
        following = y >= self.max_scroll_y
        self._wanted = None
        self._following, before = False, self._following
        self._top = self._column.place_of(y)
        self._place()  # where estimates were off, this stays on the same rows
        self._following = before
        self._follow(following)

    def _follow(self, following: bool) -> None:
        if following:
            self._unseen = 0
        if following != self._following:
            self._following = following
            self._announce()

    def _announce(self) -> None:
        """`following` or the number of unseen blocks may have changed."""

    def _ask_older(self, before: int) -> None:
        """The reader is near the top: blocks with a first_seq below `before`, please."""

    def _scroll_to_place(self, place: Place, *, above: int = 0) -> None:
        self._column.settle_up(place, above)
        y = max(self._column.row_of(place) - above, 0)
        self._following = False
        self._top = self._column.place_of(y)
        self._place()
        self._following = round(self.scroll_y) >= self.max_scroll_y
        self._unseen = 0 if self._following else self._unseen
        self._announce()

    def on_resize(self) -> None:
        if self._column.width != self._width:
            self._column.resize(self._width)
        self._place()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._restyle()

    # -- painting ----------------------------------------------------------------------

    def render_lines(self, crop: Region) -> list[Strip]:
        # What is painted needs no offsets for the mouse (the screen asks `render_line`
        # itself for those), and the widget's style is the same for all rows of a paint:
        # making either for each row would cost more than the rest of it.
        self._painting = (self.rich_style, self.text_selection)
        try:
            return super().render_lines(crop)
        finally:
            self._painting = None

    def render_line(self, y: int) -> Strip:
        content_y = round(self.scroll_y) + y
        strip, index = self._column.line(content_y)
        ground, selection = self._painting or (self.rich_style, self.text_selection)
        if index == self._cursor and index >= 0:
            strip = mark_cursor(strip, self._column.palette, focused=self.has_focus)
        if self._search:
            strip = restyle(strip, found_spans(strip.text, self._search), self._column.palette.found)
        number = content_y + self._base
        if selection is not None and (span := selection.get_span(number)) is not None:
            start, end = span
            style = self.screen.get_component_rich_style("screen--selection")
            strip = restyle(strip, [(start, len(strip.text) if end == -1 else end)], style)
        if self._painting is None:
            strip = strip.apply_offsets(0, number)
        return strip.apply_style(ground)

    def _refresh_from(self, index: int) -> None:
        y = self._column.top(index)
        bottom = round(self.scroll_y) + self.size.height
        if y < bottom:
            self.refresh_lines(max(y, round(self.scroll_y)), bottom - y)

    # -- selection ---------------------------------------------------------------------

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected rows without their gutter, as they are shown."""
        column = self._column
        if selection.start is None or selection.end is None:
            while not column.settled:
                self._settle_slice()
        first = 0 if selection.start is None else selection.start.y - self._base
        last = column.height - 1 if selection.end is None else selection.end.y - self._base
        lines = []
        for y in range(max(first, 0), min(last, column.height - 1) + 1):
            text = column.line(y)[0].text
            begin = selection.start.x if selection.start is not None and y == first else 0
            end = selection.end.x if selection.end is not None and y == last else len(text)
            lines.append(text[max(begin, GUTTER) : end].rstrip())
        return "\n".join(lines), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()

    def _select_block(self, index: int) -> None:
        if index < len(self._column.blocks):
            top, bottom = (self._column.top(at) + self._base for at in (index, index + 1))
            self.screen.selections = {self: Selection(Offset(0, top), Offset(self._width, bottom - 1))}
