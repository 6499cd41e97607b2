"""The checkpoint tree as rows of a graph: pure layout, no colours, no widget.

Time goes down. A branch has a lane from the row where it leaves its parent to its last
row. The line from the root to the current position is drawn heavy, the rest light, so
that it shows without colours too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from zwarm_tui.core.model import BranchView, CheckpointView, Position

Kind = Literal["root", "checkpoint", "branch", "now"]


class Cell(NamedTuple):
    """A piece of a row's graph: `branch` colours it, `path` says it is on the line to
    the current position."""

    text: str
    branch: int
    path: bool


@dataclass(frozen=True, slots=True)
class GraphRow:
    """One row. `target` is what a jump to it names. `here`: the current position."""

    kind: Kind
    branch: BranchView
    checkpoint: CheckpointView | None
    cells: tuple[Cell, ...]
    path: bool
    here: bool

    @property
    def target(self) -> str:
        if self.kind == "root":
            return "root"
        return self.checkpoint.label if self.checkpoint else self.branch.name


class _Item(NamedTuple):
    kind: Kind
    branch: int
    checkpoint: CheckpointView | None = None


def layout(
    branches: Iterable[BranchView], checkpoints: Iterable[CheckpointView], position: Position
) -> list[GraphRow]:
    """Rows of the whole tree, the root first, checkpoints in the order of the log."""
    known = {branch.id: branch for branch in branches}
    items = _items(known, checkpoints, position)
    last = _last_rows(items, known)
    ends = _path_ends(items, position)
    here = _here(items, position)
    lanes: list[int | None] = [items[0].branch]
    rows: list[GraphRow] = []
    for at, item in enumerate(items):
        if item.kind == "branch":
            cells = _fork_cells(lanes, at, item.branch, known[item.branch].parent or 0, last, ends)
        else:
            sign = "◉" if at == here else {"root": "○", "now": "◌"}.get(item.kind, "●")
            cells = _node_cells(lanes, at, item.branch, sign, ends)
        path = at <= ends.get(item.branch, -1)
        rows.append(GraphRow(item.kind, known[item.branch], item.checkpoint, cells, path, at == here))
        lanes[:] = [None if lane is None or last[lane] <= at else lane for lane in lanes]
        while lanes and lanes[-1] is None:
            lanes.pop()
    return rows


def _items(
    branches: dict[int, BranchView], checkpoints: Iterable[CheckpointView], position: Position
) -> list[_Item]:
    forks: dict[int, list[int]] = defaultdict(list)
    first = min(branches)
    for branch in sorted(branches):
        if branch != first:
            forks[branches[branch].checkpoint].append(branch)
    items = [_Item("root", first), *(_Item("branch", b) for b in forks.get(0, ()))]
    for checkpoint in sorted(checkpoints, key=lambda c: c.seq):
        items.append(_Item("checkpoint", checkpoint.branch, checkpoint))
        items += (_Item("branch", b) for b in forks.get(checkpoint.id, ()))
    if not position.detached:
        items.append(_Item("now", position.branch))
    return items


def _last_rows(items: list[_Item], branches: dict[int, BranchView]) -> dict[int, int]:
    """Branch -> its last row; a fork's row belongs to the parent's lane too."""
    last: dict[int, int] = {}
    for at, item in enumerate(items):
        last[item.branch] = at
        if item.kind == "branch" and (parent := branches[item.branch].parent) is not None:
            last[parent] = at
    return last


def _here(items: list[_Item], position: Position) -> int:
    if not position.detached:
        return len(items) - 1
    wanted = position.checkpoint
    return next((at for at, item in enumerate(items) if item.checkpoint and item.checkpoint.id == wanted), 0)


def _path_ends(items: list[_Item], position: Position) -> dict[int, int]:
    """Branch on the path -> the last row that the path has on it."""
    line = [branch for branch, _ in position.path]
    forks = {item.branch: at for at, item in enumerate(items) if item.kind == "branch"}
    ends = {branch: forks.get(after, -1) for branch, after in pairwise(line)}
    ends[line[-1]] = _here(items, position)
    return ends


def _node_cells(
    lanes: list[int | None], at: int, branch: int, sign: str, ends: dict[int, int]
) -> tuple[Cell, ...]:
    if branch not in lanes:  # a log without this branch's fork: still a row of its own
        _take_lane(lanes, branch, 0)
    cells: list[Cell] = []
    for lane in lanes:
        path = lane is not None and at <= ends.get(lane, -1)
        text = "  " if lane is None else f"{sign} " if lane == branch else "┃ " if path else "│ "
        cells.append(Cell(text, lane or 0, path))
    return tuple(cells)


def _fork_cells(
    lanes: list[int | None],
    at: int,
    branch: int,
    parent: int,
    last: dict[int, int],
    ends: dict[int, int],
) -> tuple[Cell, ...]:
    start = lanes.index(parent) if parent in lanes else 0
    end = _take_lane(lanes, branch, start)
    heavy = at <= ends.get(branch, -1)
    bar = "━" if heavy else "─"
    cells: list[Cell] = []
    for n, lane in enumerate(lanes):
        path = lane is not None and at <= ends.get(lane, -1)
        if n == start:
            stays, above = last.get(parent, -1) > at, path
            below = stays and at < ends.get(parent, -1)
            text = ("┠" if below else "┡" if heavy else "├") if stays else ("┗" if heavy else "╰")
            cells += [Cell(text, parent, above), Cell(bar, branch, heavy)]
        elif n == end:
            cells.append(Cell("┓ " if heavy else "╮ ", branch, heavy))
        elif start < n < end:
            cross = bar if lane is None else "┿" if heavy else "╂" if path else "┼"
            cells += [Cell(cross, lane or branch, path or heavy), Cell(bar, branch, heavy)]
        else:
            cells.append(Cell("  " if lane is None else "┃ " if path else "│ ", lane or 0, path))
    return tuple(cells)


def _take_lane(lanes: list[int | None], branch: int, right_of: int) -> int:
    for n in range(right_of + 1, len(lanes)):
        if lanes[n] is None:
            lanes[n] = branch
            return n
    lanes.append(branch)
    return len(lanes) - 1
