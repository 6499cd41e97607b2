"""A run as a live graph: cards in layers where there is room, else a list with rails.

Only what is in view is drawn, and of that only what looks different is painted again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
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
        self.mode: Mode = "rails"
        """How it is drawn."""
        self.wanted: Mode | None = None
        """How the person wants it drawn; None: as there is room."""
        self._asking: Collection[str] = ()
        self._drawn: tuple[object, ...] = ()
        self._rows: list[RailRow] = []
        self._row_of: dict[str, int] = {}
        self._graph = LayeredGraph()
        self._looks: dict[str, tuple[object, ...]] = {}
        """Stage -> how it looked when it was last drawn."""
        self._lines: dict[tuple[str, int], list[Segment]] = {}
        """Lines of cards and of rows, as they were last drawn. (A strip each would make
        collecting garbage take as long as painting: it holds eight objects and more.)"""
        self._ink: Ink | None = None
        self._ground = Style.null()
        """What lies under all of it."""
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
        region, before = self._region(stage), self.scroll_offset
        if region is not None:
            self._bring(region)
        if self.scroll_offset == before:  # else scrolling saw to it
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
        self._forget()
        stages = list(run.view.stages.values()) if run else []
        room = self.size.width - 1  # a scrollbar may come
        if self.wanted == "layers" or (self.wanted is None and self.size.width >= ROOMY):
            self._graph = layers(stages, marked, room)
        fits = self.size.width >= ROOMY and self._graph.width <= room
        self.mode = self.wanted or ("layers" if fits else "rails")
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
        """Draw those stages in view that look different by now, and paint the lines of
        them that do: a line of the screen holds pieces of several stages, and painting is
        what costs most while agents stream."""
        if self.run is None:
            return
        top = round(self.scroll_y)
        bottom = top + self.size.height
        pen = self._pen(self.run)
        for name, place, start, lines in self._in_view(top, bottom):
            look = pen.seen(name)
            if self._looks.get(name) == look:
                continue
            self._looks[name] = look
            for line in lines:  # those out of view too: they may be scrolled into it
                drawn = self._draw(pen, place, line)
                if drawn != self._lines.get((place.stage, line)):
                    self._lines[place.stage, line] = drawn
                    if top <= start + line < bottom:
                        self.refresh_line(start + line)

    def _in_view(self, top: int, bottom: int) -> Iterator[tuple[str, Card | RailRow, int, Sequence[int]]]:
        """(stage, the card or the row that it is in, where that begins, its lines there) of
        what is drawn between two lines."""
        if self.mode == "rails":
            for at in range(top // 2, min((bottom + 1) // 2, len(self._rows))):
                yield self._rows[at].stage, self._rows[at], 2 * at, (0, 1)
            return
        cards = {card.stage: card for y in range(top, bottom) for card in self._graph.on_row.get(y, ())}
        left = round(self.scroll_x)
        for card in cards.values():
            if left - self._graph.card < card.x < left + self.size.width:
                yield card.stage, card, card.y, range(card.height)
                for at, (name, _) in enumerate(card.nested):
                    yield name, card, card.y, (3 + at,)

    def watch_scroll_x(self, before: float, now: float) -> None:
        super().watch_scroll_x(before, now)
        self.refresh_changed()

    def watch_scroll_y(self, before: float, now: float) -> None:
        super().watch_scroll_y(before, now)
        self.refresh_changed()

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
        self._forget()

    def _forget(self) -> None:
        """Draw all of it anew."""
        self._looks.clear()
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
        ground = self.rich_style  # once a paint, not once a row: it takes longer than drawing one
        if ground != self._ground:
            self._ground = ground
            self._forget()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        left = round(self.scroll_x)
        right = left + self.size.width
        segments = self._line(y + round(self.scroll_y), left, right)
        return Strip(segments).crop_extend(left, right, self._ground)

    def _line(self, y: int, left: int, right: int) -> list[Segment]:
        """What a line holds that is seen between two columns, from the first column on."""
        if self.mode == "rails":
            at, line = divmod(y, 2)
            return self._piece(self._rows[at], line) if at < len(self._rows) else []
        wire_style = self._ground + self.ink("zwarm-dim")
        parts = [
            (wire.x, len(wire.text), [Segment(wire.text, wire_style)])
            for wire in self._graph.wires.get(y, ())
            if wire.x < right and wire.x + len(wire.text) > left
        ]
        parts += [
            (card.x, self._graph.card, self._piece(card, y - card.y))
            for card in self._graph.on_row.get(y, ())
            if card.x < right and card.x + self._graph.card > left
        ]
        segments: list[Segment] = []
        at = 0
        for x, width, piece in sorted(parts, key=lambda part: part[0]):
            segments += [Segment(" " * (x - at), self._ground), *piece]
            at = x + width
        return segments

    def _piece(self, place: Card | RailRow, line: int) -> list[Segment]:
        """A line of a card or of a row, as it was last drawn."""
        known = self._lines.get((place.stage, line))
        if known is None and self.run is not None:
            known = self._lines[place.stage, line] = self._draw(self._pen(self.run), place, line)
        return known or []

    def _draw(self, pen: StagePen, place: Card | RailRow, line: int) -> list[Segment]:
        if isinstance(place, RailRow):
            strip = pen.rail_line(place, line, self._width)
        else:
            strip = pen.card_line(place, line, self._graph.card)
        return list(strip.apply_style(self._ground))

    def _pen(self, run: Run) -> StagePen:
        return StagePen(run, self.ink, self._clock(), self._asking, self.chosen, self.has_focus)
