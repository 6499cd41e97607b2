"""A run's graph as layers from left to right, for wide screens: pure layout, no colours.

Each stage is a card in the layer after the last of those that it follows. What is
nested in a stage is a line in its card. Edges run between the layers; one that passes
a layer by has a row of its own there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from zwarm_tui.tui.runs.rails import Stage

CARD = 30
"""Cells that a card is wide, with its frame, where there is room."""
NARROW = 24
"""The least that it can be: what a card says has to be read."""
HEIGHT = 4
"""Lines of a card in which nothing is nested and nothing was checked, with its frame."""
_PORT = 1
"""The line of a card at which edges come and go."""
_GAP = 4
"""Cells between two layers where edges go straight on."""

_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
_GLYPHS = {
    _LEFT | _RIGHT: "─",
    _UP | _DOWN: "│",
    _DOWN | _RIGHT: "╭",
    _DOWN | _LEFT: "╮",
    _UP | _RIGHT: "╰",
    _UP | _LEFT: "╯",
    _UP | _DOWN | _RIGHT: "├",
    _UP | _DOWN | _LEFT: "┤",
    _DOWN | _LEFT | _RIGHT: "┬",
    _UP | _LEFT | _RIGHT: "┴",
    _UP | _DOWN | _LEFT | _RIGHT: "┼",
}


class Card(NamedTuple):
    """A stage's place. `marked`: its gates and reviews have a line of their own, the
    last one but the frame. `nested`: the stages in it, each with how deep it is."""

    stage: str
    x: int
    y: int
    height: int
    marked: bool = False
    nested: tuple[tuple[str, int], ...] = ()


class Wire(NamedTuple):
    """A piece of an edge on one row: text from a column on."""

    x: int
    text: str


@dataclass(slots=True)
class LayeredGraph:
    """All cards and edges. `rows` has, for each line, what is drawn there."""

    cards: dict[str, Card] = field(default_factory=dict)
    inside: dict[str, str] = field(default_factory=dict)
    """Nested stage -> the stage whose card holds it."""
    layers: list[list[str]] = field(default_factory=list)
    wires: dict[int, list[Wire]] = field(default_factory=dict)
    on_row: dict[int, list[Card]] = field(default_factory=dict)
    card: int = CARD
    """How wide its cards are."""
    width: int = 0
    height: int = 0


@dataclass(slots=True)
class _Spot:
    """A card, or (without a stage) the row on which an edge passes a layer."""

    name: str
    layer: int
    height: int
    order: float
    stage: bool = True
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    y: int = 0

    @property
    def port(self) -> int:
        return self.y + (_PORT if self.stage else 0)


def layers(stages: Iterable[Stage], marked: Collection[str] = (), room: int | None = None) -> LayeredGraph:
    """Lay out a whole run; `marked` are the stages with gates or reviews. Its cards are
    narrower where it then fits in `room` cells; where it never does, it is wider than that."""
    inner, top, inside = _nested(stages)
    extra = {s.name: len(inner.get(s.name, ())) + (s.name in marked) for s in top}
    spots = _spots(top, extra)
    columns: list[list[_Spot]] = [[] for _ in range(1 + max((s.layer for s in spots.values()), default=-1))]
    for spot in spots.values():
        columns[spot.layer].append(spot)
    _order(columns, spots)
    _place(columns, spots)
    graph = _draw(columns, spots, inner, marked, CARD)
    if columns and room is not None and graph.width > room:
        card = CARD + (room - graph.width) // len(columns)
        if card >= NARROW:
            graph = _draw(columns, spots, inner, marked, card)
    graph.inside = inside
    graph.height = max((s.y + s.height for s in spots.values()), default=0)
    return graph


def _draw(
    columns: list[list[_Spot]],
    spots: dict[str, _Spot],
    inner: Mapping[str, Sequence[tuple[str, int]]],
    marked: Collection[str],
    width: int,
) -> LayeredGraph:
    """The cards, so wide each, and the edges between them."""
    graph = LayeredGraph(card=width)
    x = 1
    for at, column in enumerate(columns):
        graph.layers.append([s.name for s in column if s.stage])
        for spot in column:
            if spot.stage:
                within = tuple(inner.get(spot.name, ()))
                card = Card(spot.name, x, spot.y, spot.height, spot.name in marked, within)
                graph.cards[spot.name] = card
                for row in range(card.y, card.y + card.height):
                    graph.on_row.setdefault(row, []).append(card)
            elif at + 1 < len(columns):
                graph.wires.setdefault(spot.y, []).append(Wire(x, "─" * width))
        x += width
        graph.width = x + 1
        if at + 1 < len(columns):
            x += _route(graph, column, spots, x)
    return graph


def _nested(
    stages: Iterable[Stage],
) -> tuple[dict[str, list[tuple[str, int]]], list[Stage], dict[str, str]]:
    """Card -> what is nested in it; the stages with cards; nested stage -> its card."""
    top: list[Stage] = []
    inner: dict[str, list[tuple[str, int]]] = defaultdict(list)
    inside: dict[str, str] = {}
    depth: dict[str, int] = {}
    for stage in stages:
        if stage.within is None or stage.within not in depth:
            depth[stage.name] = 0
            top.append(stage)
            continue
        depth[stage.name] = depth[stage.within] + 1
        inside[stage.name] = card = inside.get(stage.within, stage.within)
        siblings = inner[card]
        at = next((i for i, (name, _) in enumerate(siblings) if name == stage.within), -1) + 1
        while at < len(siblings) and siblings[at][1] >= depth[stage.name]:
            at += 1
        siblings.insert(at if stage.within != card else len(siblings), (stage.name, depth[stage.name]))
    return inner, top, inside


def _spots(top: Sequence[Stage], extra: dict[str, int]) -> dict[str, _Spot]:
    spots: dict[str, _Spot] = {}
    for at, stage in enumerate(top):
        parents = [spots[p] for p in dict.fromkeys(stage.parents) if p in spots]
        layer = 1 + max((p.layer for p in parents), default=-1)
        spots[stage.name] = _Spot(stage.name, layer, HEIGHT + extra[stage.name], at)
    for stage in top:
        for parent in dict.fromkeys(stage.parents):
            if parent in spots and stage.name in spots:
                _link(spots, spots[parent], spots[stage.name])
    return spots


def _link(spots: dict[str, _Spot], start: _Spot, end: _Spot) -> None:
    """An edge; where it passes layers by, by way of a row in each."""
    here = start
    for layer in range(start.layer + 1, end.layer):
        name = f"{start.name}\0{layer}"  # edges that leave a stage pass a layer together
        if name not in spots:
            spots[name] = _Spot(name, layer, 1, start.order, stage=False)
        _join(here, spots[name])
        here = spots[name]
    _join(here, end)


def _join(a: _Spot, b: _Spot) -> None:
    if b.name not in a.after:
        a.after.append(b.name)
        b.before.append(a.name)


def _order(columns: list[list[_Spot]], spots: dict[str, _Spot]) -> None:
    """From top to bottom each layer follows the one before it; neighbours keep the order
    in which they began."""
    for column in columns:
        place = {s.name: i for c in columns for i, s in enumerate(c)}
        column.sort(
            key=lambda s: (sum(place[b] for b in s.before) / len(s.before) if s.before else -1, s.order)
        )


def _place(columns: list[list[_Spot]], spots: dict[str, _Spot]) -> None:
    """Lines: each as near as can be to the middle of its neighbours."""
    for column in columns:
        _settle(column, [_middle([spots[b] for b in s.before]) for s in column])
    for column in reversed(columns):
        _settle(column, [_middle([spots[b] for b in s.after] or [s]) for s in column])
    for column in columns:
        _settle(column, [_middle([spots[b] for b in s.before] or [s]) for s in column])
    least = min((s.y for s in spots.values()), default=0)
    for spot in spots.values():
        spot.y -= least


def _middle(near: list[_Spot]) -> float:
    ports = sorted(s.port for s in near)
    return (ports[(len(ports) - 1) // 2] + ports[len(ports) // 2]) / 2 if ports else 0.0


def _settle(column: list[_Spot], wanted: list[float]) -> None:
    """Put the ports of a layer where they are wanted, as far as its spots don't overlap:
    those that touch move together, to their mean."""
    offsets, at = [], 0
    for spot in column:
        offsets.append(at + (_PORT if spot.stage else 0))
        at += spot.height
    groups: list[tuple[float, int]] = []  # (sum of wanted places of the first port, spots)
    for want, offset in zip(wanted, offsets, strict=True):
        total, count = want - offset, 1
        while groups and groups[-1][0] / groups[-1][1] > total / count:
            before = groups.pop()
            total, count = total + before[0], count + before[1]
        groups.append((total, count))
    index = 0
    for total, count in groups:
        base = round(total / count)
        for spot, offset in zip(column[index : index + count], offsets[index:], strict=False):
            spot.y = base + offset - (_PORT if spot.stage else 0)
        index += count


def _route(graph: LayeredGraph, column: list[_Spot], spots: dict[str, _Spot], x: int) -> int:
    """Draw the edges that leave a layer; how many cells they take. Stages that are
    followed by the same ones share a trunk."""
    followers: dict[tuple[str, ...], list[_Spot]] = defaultdict(list)
    for spot in column:
        if spot.after:
            followers[tuple(sorted(spot.after))].append(spot)
    buses = []
    for names, starts in followers.items():
        ends = [spots[n] for n in names]
        rows = [s.port for s in (*starts, *ends)]
        buses.append((min(rows), max(rows), starts, ends))
    tracks: list[list[tuple[int, int]]] = []
    chosen = []
    for low, high, starts, ends in sorted(buses, key=lambda b: (b[1] - b[0], b[0])):
        if low == high:
            chosen.append((-1, starts, ends))
            continue
        free = (i for i, used in enumerate(tracks) if all(high < a or b < low for a, b in used))
        track = next(free, len(tracks))
        if track == len(tracks):
            tracks.append([])
        tracks[track].append((low, high))
        chosen.append((track, starts, ends))
    size = _GAP + max(2 * len(tracks) - 1, 0)
    marks: dict[tuple[int, int], int] = defaultdict(int)
    for track, starts, ends in chosen:
        trunk = 2 + 2 * track if track >= 0 else 1
        for spot in starts:
            _across(marks, spot.port, 0, trunk)
        for spot in ends:
            _across(marks, spot.port, trunk, size - 1)
        rows = sorted({s.port for s in (*starts, *ends)})
        for row in range(rows[0], rows[-1]):
            marks[row, trunk] |= _DOWN
            marks[row + 1, trunk] |= _UP
    lines: dict[int, dict[int, str]] = defaultdict(dict)
    for (row, at), flags in marks.items():
        lines[row][at] = _GLYPHS.get(flags, "─" if flags & (_LEFT | _RIGHT) else "│")
    heads = {s.port for _, _, ends in chosen for s in ends if s.stage}
    for row, cells in lines.items():
        if row in heads:
            cells[size - 1] = "▸"
        text = "".join(cells.get(i, " ") for i in range(size))
        graph.wires.setdefault(row, []).append(Wire(x, text))
    return size


def _across(marks: dict[tuple[int, int], int], row: int, start: int, end: int) -> None:
    """A line of one row from the middle of one cell to that of another; an outer cell is
    crossed whole, where a card begins or ends."""
    for at in range(start, end + 1):
        if at > start or at == 0:
            marks[row, at] |= _LEFT
        if at < end:
            marks[row, at] |= _RIGHT
