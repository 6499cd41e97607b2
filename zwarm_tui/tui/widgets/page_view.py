"""A page of rows that are drawn for the width there is, and scroll."""

from __future__ import annotations

from collections.abc import Callable

from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from zwarm_tui.tui.widgets.ink import Ink

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

    def show(self, paint: Paint, *, top: bool = True) -> None:
        """Show another page, from its top."""
        self._paint = paint
        self._draw()
        if top:
            self.scroll_to(y=0, animate=False)

    @property
    def ink(self) -> Ink:
        return Ink(self.app.theme_variables)

    def _draw(self) -> None:
        width = max(self.scrollable_content_region.width, 1)
        self._rows = self._paint(width, self.ink)
        self.virtual_size = Size(width, len(self._rows))
        self.refresh()

    def on_resize(self) -> None:
        self._draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self.is_mounted:
            self._draw()

    def render_line(self, y: int) -> Strip:
        at, width, style = y + round(self.scroll_y), self.size.width, self.rich_style
        if at >= len(self._rows):
            return Strip.blank(width, style)
        return self._rows[at].adjust_cell_length(width).apply_style(style)
