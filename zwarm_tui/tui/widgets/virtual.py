"""The size of a virtual view, changed without a new layout of the screen."""

from __future__ import annotations

from textual.geometry import Size
from textual.scroll_view import ScrollView


def set_virtual_size(view: ScrollView, size: Size) -> None:
    """Set `virtual_size`. A transcript grows with every line that is streamed, and a
    plain assignment arranges all of the screen anew; that is needed only where the
    scrollbar comes or goes."""
    old = view.virtual_size
    if size == old:
        return
    laid_out = view.container_size.height > 0
    wanted = view.styles.overflow_y == "scroll" or size.height > view.container_size.height
    if not laid_out or view.show_vertical_scrollbar != wanted or size.width != old.width:
        view.virtual_size = size
        if laid_out:  # now, not with the next layout: what is drawn and scrolled till then needs it
            view.show_vertical_scrollbar = wanted
        return
    view.set_reactive(ScrollView.virtual_size, size)
    if wanted:
        view.vertical_scrollbar.window_virtual_size = size.height
