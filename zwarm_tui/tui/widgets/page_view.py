"""A page of rows that are drawn for the width there is, and scroll."""

from __future__ import annotations

from collections.abc import Callable

from rich.style import Style
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from zwarm_tui.tui.widgets.ink import Ink
from zwarm_tui.tui.widgets.virtual import set_virtual_size

Paint = Callable[[int, Ink], list[Strip]]


class PageView(ScrollView, can_focus=True):
    """Shows what `show` gives it; the keys of a scroll view move it."""

    DEFAULT_CSS = """
    PageView {
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._paint: Paint = lambda width, ink: []
        self._rows: list[Strip] = []
        self._ink: Ink | None = None
        self._painting: Style | None = None

    def show(self, paint: Paint) -> None:
        """Show another page, from its top."""
        self._paint = paint
        self._draw()
        self.scroll_to(y=0, animate=False)

    @property
    def ink(self) -> Ink:
        if self._ink is None:
            self._ink = Ink(self.app.theme_variables)
        return self._ink

    def _draw(self) -> None:
        """Draw the rows; those in view that look different by now are painted."""
        if not self.size:  # not laid out yet: it is told its size then
            return
        before = self._rows
        for _ in range(2):  # the scrollbar of a long page takes a cell of its width
            width = self.scrollable_content_region.width
            self._rows = self._paint(width, self.ink)
            set_virtual_size(self, Size(1, len(self._rows)))  # it never scrolls sideways
            if width == self.scrollable_content_region.width:
                break
        top = round(self.scroll_y)
        for y in range(top, top + self.size.height):
            if before[y : y + 1] != self._rows[y : y + 1]:
                self.refresh_line(y)

    def on_resize(self) -> None:
        self._draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._ink = None
        if self.is_mounted:
            self._draw()

    def render_lines(self, crop: Region) -> list[Strip]:
        self._painting = self.rich_style  # asked for once a paint, not once a row
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        at, width, style = y + round(self.scroll_y), self.size.width, self._painting or self.rich_style
        if at >= len(self._rows):
            return Strip.blank(width, style)
        return self._rows[at].adjust_cell_length(width).apply_style(style)
