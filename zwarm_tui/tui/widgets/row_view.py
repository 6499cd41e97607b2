"""A list that draws only the rows that are seen, with a cursor: for keys and the mouse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.strip import Strip

from zwarm_tui.tui.widgets.ink import Ink
from zwarm_tui.tui.widgets.virtual import set_virtual_size

Look = tuple[Strip, Style]
"""A line as it is drawn, and what lies under it."""


class RowView(ScrollView, can_focus=True):
    """Rows of `row_height` lines each. A subclass says how a row is drawn (`draw`)
    and calls `rows_changed` when there are others."""

    DEFAULT_CSS = """
    RowView {
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Row up", show=False, id="list.up"),
        Binding("down,j", "move(1)", "Row down", show=False, id="list.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="list.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="list.page_down"),
        Binding("home,g", "to(0)", "First row", show=False, id="list.first"),
        Binding("end,G", "to(-1)", "Last row", show=False, id="list.last"),
    ]

    @dataclass
    class Clicked(Message):
        """A row was clicked; the cursor is on it already."""

        view: RowView
        index: int

        @property
        def control(self) -> RowView:
            return self.view

    @dataclass
    class Moved(Message):
        """The person moved the cursor."""

        view: RowView

        @property
        def control(self) -> RowView:
            return self.view

    row_height = 1
    cursor: var[int] = var(0, init=False)

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._count = 0
        self._ink: Ink | None = None
        self._painting: Style | None = None
        self._looks: dict[int, Look | None] = {}
        """Line of the content -> how it was last painted."""

    # -- for subclasses -----------------------------------------------------------------

    def draw(self, index: int, line: int, width: int) -> Strip:
        """One line of a row, at most `width` cells."""
        raise NotImplementedError

    def rows_changed(self, count: int, cursor: int | None = None) -> None:
        """There are `count` rows now, and the cursor belongs on `cursor`."""
        self._count = count
        wanted = self.cursor if cursor is None else cursor
        moved, self.cursor = wanted != self.cursor, max(0, min(wanted, count - 1))
        set_virtual_size(self, Size(1, count * self.row_height))  # it never scrolls sideways
        if moved:
            self.show_cursor()
        self.refresh_changed()

    def refresh_changed(self) -> None:
        """Paint those lines in view that look different by now: painting is what costs
        most while agents stream, and most of a list stays as it is."""
        top = round(self.scroll_y)
        for y in range(top, top + self.size.height):
            if self._looks.get(y) != self._look(y):
                self.refresh_line(y)

    @property
    def ink(self) -> Ink:
        if self._ink is None:
            self._ink = Ink(self.app.theme_variables)
        return self._ink

    # -- the cursor ---------------------------------------------------------------------

    def move_to(self, index: int) -> None:
        """Put the cursor on a row, and show it."""
        before, self.cursor = self.cursor, max(0, min(index, self._count - 1))
        self.show_cursor()
        for row in {before, self.cursor}:  # the others look as they did
            self.refresh_lines(row * self.row_height, self.row_height)
        self.post_message(self.Moved(self))

    def show_cursor(self) -> None:
        """Scroll as far as the row with the cursor needs."""
        region = Region(0, self.cursor * self.row_height, self._width, self.row_height)
        self.scroll_to_region(region, animate=False, force=True)

    def action_move(self, by: int) -> None:
        self.move_to(self.cursor + by)

    def action_page(self, by: int) -> None:
        self.move_to(self.cursor + by * max(self.size.height // self.row_height - 1, 1))

    def action_to(self, index: int) -> None:
        self.move_to(self._count - 1 if index < 0 else index)

    def on_click(self, event: events.Click) -> None:
        index = (event.y + round(self.scroll_y)) // self.row_height
        if 0 <= index < self._count:
            self.move_to(index)
            self.post_message(self.Clicked(self, index))

    # -- painting -----------------------------------------------------------------------

    @property
    def _width(self) -> int:
        return max(self.scrollable_content_region.width, 1)

    def on_resize(self) -> None:
        self.show_cursor()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._ink = None
        self._looks.clear()

    def render_lines(self, crop: Region) -> list[Strip]:
        # Asked for once a paint, not once a row: it takes longer than drawing one.
        self._painting = self.rich_style
        try:
            return super().render_lines(crop)
        finally:
            self._painting = None

    def render_line(self, y: int) -> Strip:
        width, style = self.size.width, self._painting or self.rich_style
        content_y = y + round(self.scroll_y)
        look = self._looks[content_y] = self._look(content_y)
        if look is None:
            return Strip.blank(width, style)
        return look[0].adjust_cell_length(width).apply_style(style + look[1])

    def _look(self, content_y: int) -> Look | None:
        index, line = divmod(content_y, self.row_height)
        return (self.draw(index, line, self._width), self.ground(index)) if index < self._count else None

    def ground(self, index: int) -> Style:
        """What lies under a row: a bar under the cursor, as far as the list has it."""
        if index != self.cursor or not self.has_focus:
            return Style.null()
        return self.ink("foreground", on="panel")


def strip_of(*pieces: tuple[str, Style | None]) -> Strip:
    """One strip of (text, style) pieces; the text is literal already."""
    return Strip([Segment(text, style) for text, style in pieces if text])
