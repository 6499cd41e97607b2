"""Keys of the graph, by which a settings file may give other ones to it."""

from __future__ import annotations

from textual.binding import Binding

GRAPH = (
    Binding("up,k", "go(0, -1)", "Stage above", show=False, id="graph.up"),
    Binding("down,j", "go(0, 1)", "Stage below", show=False, id="graph.down"),
    Binding("left,h", "go(-1, 0)", "Stage before", show=False, id="graph.left"),
    Binding("right,l", "go(1, 0)", "Stage after", show=False, id="graph.right"),
    Binding("pageup", "page(-1)", "Page up", show=False, id="graph.page_up"),
    Binding("pagedown", "page(1)", "Page down", show=False, id="graph.page_down"),
    Binding("home,g", "first", "First stage", show=False, id="graph.first"),
    Binding("end,G", "last", "Last stage", show=False, id="graph.last"),
)
