"""A run as a live graph: cards in layers where there is room, else a list with rails.

Only what is in view is drawn, and of that only what looks different is painted again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from zwarm_tui.tui.runs.book import Run
from zwarm_tui.tui.runs.keys import GRAPH
from zwarm_tui.tui.runs.layers import Card, LayeredGraph, layers
from zwarm_tui.tui.runs.rails import RailRow, rails
from zwarm_tui.tui.widgets.ink import Ink
from zwarm_tui.tui.widgets.stage_pen import StagePen
from zwarm_tui.workflow.runs import StageView

Mode = Literal["rails", "layers"]
ROOMY = 100
"""From so many cells on, stages are cards in layers, if all layers are seen at once."""


class RunGraphView(ScrollView, can_focus=True):
    """The graph of the run that is shown, with a cursor on one of its stages."""

    DEFAULT_CSS = """
    RunGraphView {
        overflow: auto;
        scrollbar-size: 1 1;
    }
    """
    BINDING_GROUP_TITLE = "Graph"
    HELP = "A run's stages. The arrows go from one to the next; Enter opens one."
    BINDINGS: ClassVar[list[BindingType]] = [*GRAPH]

    class Moved(Message):
        """The cursor is on another stage."""

    @dataclass
    class Opened(Message):
        """A stage was clicked while the cursor was on it."""

        stage: str

    def __init__(self, clock: Callable[[], float], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._clock = clock
        self.run: Run | None = None
        self.chosen: str | None = None
        """The stage under the cursor."""
        self.wanted: Mode | None = None
        """How the person wants it drawn; None: as there is room."""
        self._asking: Collection[str] = ()
        self._drawn: tuple[object, ...] = ()
        self._rows: list[RailRow] = []
        self._row_of: dict[str, int] = {}
        self._graph = LayeredGraph()
        self._fits = True
        """All layers are seen at once."""
        self._painted: dict[str, tuple[object, ...]] = {}
        """Stage -> what of it was last painted."""
        self._lines: dict[tuple[str, int], tuple[tuple[object, ...], Strip]] = {}
        """Lines of cards, as they were last drawn."""
        self._brush: StagePen | None = None
        """The pen of the paint that goes on."""
        self._seen: dict[str, tuple[object, ...]] = {}
        """Stage -> what it has seen in this paint: many lines ask for it."""
        self._ink: Ink | None = None
        self._ground: Style | None = None
        self._newest = True
        """The cursor goes along with what begins, until the person moves it."""

    # -- what is shown --------------------------------------------------------------

    def show(self, run: Run | None, asking: Collection[str] = ()) -> None:
        """Show a run as it stands now; `asking` are its stages that wait for somebody."""
        if run is not self.run:
            self.run, self.chosen, self._newest = run, None, True
            self.scroll_to(0, 0, animate=False, force=True)
        self._asking = asking
        self._lay_out()
        self.refresh_changed()

    @property
    def mode(self) -> Mode:
        return self.wanted or ("layers" if self.size.width >= ROOMY and self._fits else "rails")

    @property
    def stage(self) -> StageView | None:
        """The stage under the cursor."""
        if self.run is None or self.chosen is None:
            return None
        return self.run.view.stages.get(self.chosen)

    def choose(self, stage: str, *, keep: bool = True) -> None:
        """Put the cursor on a stage; with `keep` it stays there."""
        if keep:
            self._newest = False
        if stage != self.chosen:
            self.chosen = stage
            self.post_message(self.Moved())
        region = self._region(stage)
        if region is not None:
            self._bring(region)
        self.refresh_changed()

    def _bring(self, region: Region) -> None:
        """Scroll to where a stage is, if it is out of view; a third of the view further
        than is needed, so that not each step of the cursor paints the whole view."""
        top, height = round(self.scroll_y), self.size.height
        spare = max(min(height // 3, height - region.height), 0)
        if region.y < top:
            region = Region(region.x, max(region.y - spare, 0), region.width, region.height + spare)
        elif region.bottom > top + height:
            spare = min(spare, max(self.virtual_size.height - region.bottom, 0))
            region = region.grow((0, 0, spare, 0))
        self.scroll_to_region(region, animate=False, force=True, immediate=True)

    def _lay_out(self) -> None:
        run = self.run
        marked = frozenset(name for name, checks in run.checks.items() if checks) if run else frozenset()
        drawn = (id(run), run.shape if run else 0, self.wanted, self.size.width, marked)
        if drawn == self._drawn:
            return
        self._drawn, before = drawn, self.mode
        self._lines.clear()
        stages = list(run.view.stages.values()) if run else []
        room = self.size.width - 1  # a scrollbar may come
        if self.wanted == "layers" or (self.wanted is None and self.size.width >= ROOMY):
            self._graph = layers(stages, marked, room)
            self._fits = self._graph.width <= room
        if self.mode == "rails":
            self._rows = rails(stages)
            self._row_of = {row.stage: at for at, row in enumerate(self._rows)}
            self.virtual_size = Size(max(self._width, 1), 2 * len(self._rows))
        else:
            self.virtual_size = Size(self._graph.width, self._graph.height)
        if stages and (self._newest or run is None or self.chosen not in run.view.stages):
            live = [s for s in stages if s.status == "running" and s.within is None]
            bad = [s for s in stages if s.status in ("failed", "interrupted")]
            self.choose((live or bad[:1] or stages)[-1].name, keep=False)
        elif self.chosen is not None and self.mode != before:
            self.choose(self.chosen)
        self.refresh()

    def refresh_changed(self) -> None:
        """Paint those stages in view that look different by now."""
        if self.run is None:
            return
        top = round(self.scroll_y)
        bottom = top + self.size.height
        pen = self._pen(self.run)
        for name, start, height in self._in_view(top, bottom):
            seen = pen.seen(name)
            if self._painted.get(name) != seen:
                self._painted[name] = seen
                for y in range(max(start, top), min(start + height, bottom)):
                    self.refresh_line(y)

    def _in_view(self, top: int, bottom: int) -> Iterator[tuple[str, int, int]]:
        """(stage, first line, lines) of what is drawn between two lines."""
        if self.mode == "rails":
            for at in range(top // 2, min((bottom + 1) // 2, len(self._rows))):
                yield self._rows[at].stage, 2 * at, 2
            return
        cards = {card.stage: card for y in range(top, bottom) for card in self._graph.on_row.get(y, ())}
        left = round(self.scroll_x)
        for card in cards.values():
            if left - self._graph.card < card.x < left + self.size.width:
                yield card.stage, card.y, card.height
                for at, (name, _) in enumerate(card.nested):
                    yield name, card.y + 3 + at, 1

    # -- the cursor ---------------------------------------------------------------------

    def action_go(self, across: int, down: int) -> None:
        if self.run is None or self.chosen is None:
            return
        found = self._beside(across, down)
        if found is not None:
            self.choose(found)

    def action_page(self, by: int) -> None:
        if self.mode == "rails" and self._rows:
            at = self._row_of.get(self.chosen or "", 0) + by * max(self.size.height // 2 - 1, 1)
            self.choose(self._rows[max(0, min(at, len(self._rows) - 1))].stage)
        else:
            for _ in range(max(self.size.height // 4, 1)):
                self.action_go(0, by)

    def action_first(self) -> None:
        self._to(0)

    def action_last(self) -> None:
        self._to(-1)

    def _to(self, index: int) -> None:
        order = [r.stage for r in self._rows] if self.mode == "rails" else list(self._graph.cards)
        if order:
            self.choose(order[index])

    def _beside(self, across: int, down: int) -> str | None:
        assert self.chosen is not None
        if self.mode == "rails":
            at = self._row_of.get(self.chosen, 0) + down
            if across:  # to the stage that it follows, or to the first that follows it
                return self._related(across)
            return self._rows[at].stage if 0 <= at < len(self._rows) else None
        here = self._region(self.chosen)
        if here is None:
            return None
        card = self._graph.inside.get(self.chosen, self.chosen)
        column = next((i for i, layer in enumerate(self._graph.layers) if card in layer), 0)
        if down:
            order = [n for name in self._graph.layers[column] for n in self._in_card(name)]
            at = order.index(self.chosen) + down
            return order[at] if 0 <= at < len(order) else None
        column += across
        if not 0 <= column < len(self._graph.layers) or not self._graph.layers[column]:
            return None
        near = self._related(across)
        if near in self._graph.layers[column]:
            return near
        return min(self._graph.layers[column], key=lambda n: abs(self._graph.cards[n].y - here.y))

    def _in_card(self, stage: str) -> list[str]:
        return [stage, *(name for name, _ in self._graph.cards[stage].nested)]

    def _related(self, across: int) -> str | None:
        assert self.run is not None
        stages = self.run.view.stages
        if across < 0:
            return next((p for p in stages[self.chosen or ""].parents if p in stages), None)
        return next((s.name for s in stages.values() if self.chosen in s.parents), None)

    def _region(self, stage: str) -> Region | None:
        if self.mode == "rails":
            at = self._row_of.get(stage)
            return None if at is None else Region(0, 2 * at, self._width, 2)
        card = self._graph.cards.get(self._graph.inside.get(stage, stage))
        if card is None:
            return None
        for at, (name, _) in enumerate(card.nested):
            if name == stage:
                return Region(card.x, card.y + 3 + at, self._graph.card, 1)
        return Region(card.x, card.y, self._graph.card, card.height)

    def on_click(self, event: events.Click) -> None:
        x, y = event.x + round(self.scroll_x), event.y + round(self.scroll_y)
        found = self._at(x, y)
        if found is None:
            return
        if found == self.chosen:
            self.post_message(self.Opened(found))
        self.choose(found)

    def _at(self, x: int, y: int) -> str | None:
        if self.mode == "rails":
            return self._rows[y // 2].stage if 0 <= y // 2 < len(self._rows) else None
        card = next((c for c in self._graph.on_row.get(y, ()) if c.x <= x < c.x + self._graph.card), None)
        if card is None:
            return None
        inner = y - card.y - 3
        return card.nested[inner][0] if 0 <= inner < len(card.nested) else card.stage

    # -- painting -----------------------------------------------------------------------

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width

    @property
    def ink(self) -> Ink:
        if self._ink is None:
            self._ink = Ink(self.app.theme_variables)
        return self._ink

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._ink = None
        self._lines.clear()

    def on_resize(self) -> None:
        self._drawn = ()
        self._lay_out()
        if self.chosen is not None:
            self.choose(self.chosen, keep=not self._newest)

    def on_focus(self) -> None:
        self.refresh_changed()

    def on_blur(self) -> None:
        self.refresh_changed()

    def render_lines(self, crop: Region) -> list[Strip]:
        self._ground = self.rich_style  # asked for once a paint, not once a row
        self._brush = self._pen(self.run) if self.run is not None else None
        try:
            return super().render_lines(crop)
        finally:
            self._ground = self._brush = None
            self._seen.clear()

    def render_line(self, y: int) -> Strip:
        strip = self._line(y + round(self.scroll_y))
        return strip.adjust_cell_length(self.size.width).apply_style(self._ground or self.rich_style)

    def _pen(self, run: Run) -> StagePen:
        return StagePen(run, self.ink, self._clock(), self._asking, self.chosen, self.has_focus)

    def _line(self, y: int) -> Strip:
        at, line = divmod(y, 2)
        if self.run is None or (self.mode == "rails" and not 0 <= at < len(self._rows)):
            return Strip.blank(self._width)
        pen = self._brush or self._pen(self.run)
        if self.mode == "rails":
            return pen.rail_line(self._rows[at], line, self._width)
        left = round(self.scroll_x)
        right = left + self._width
        dim = self.ink("zwarm-dim")
        parts = [
            (wire.x, Strip([Segment(wire.text, dim)]))
            for wire in self._graph.wires.get(y, ())
            if wire.x < right and wire.x + len(wire.text) > left
        ]
        parts += [
            (card.x, self._card(pen, card, y - card.y))
            for card in self._graph.on_row.get(y, ())
            if card.x < right and card.x + self._graph.card > left
        ]
        segments: list[Segment] = []
        at = 0
        for x, strip in sorted(parts, key=lambda part: part[0]):
            segments += [Segment(" " * (x - at)), *strip]
            at = x + strip.cell_length
        return Strip(segments).crop(left, right)

    def _card(self, pen: StagePen, card: Card, line: int) -> Strip:
        """A line of a card, drawn anew only where it looks different by now: a line of
        the screen holds pieces of several cards, and few of them change at a time."""
        inner = line - 3
        name = card.nested[inner][0] if 0 <= inner < len(card.nested) else card.stage
        seen = (self._seen_by(pen, card.stage), self._seen_by(pen, name) if name != card.stage else ())
        known = self._lines.get((card.stage, line))
        if known is None or known[0] != seen:
            known = self._lines[card.stage, line] = (seen, pen.card_line(card, line, self._graph.card))
        return known[1]

    def _seen_by(self, pen: StagePen, stage: str) -> tuple[object, ...]:
        if pen is not self._brush:
            return pen.seen(stage)
        if (seen := self._seen.get(stage)) is None:
            seen = self._seen[stage] = pen.seen(stage)
        return seen
