"""The checkpoint tree as rows of a graph: pure layout, no colours, no widget.

The line from the root to the current position is the leftmost lane, straight and heavy,
so that it is in view wherever one looks. What was left is drawn light, beside the
checkpoint where it was left, whole, one lane further right; so lanes are as many as the
tree is deep, not as it is broad. A line can be folded into one row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from zwarm_tui.core.model import BranchView, CheckpointView, Cost, Position

Kind = Literal["root", "checkpoint", "branch", "rest", "now"]
"""`rest`: where a branch goes on that the way to the current position has left."""


class Cell(NamedTuple):
    """A piece of a row's graph, two cells wide: `branch` colours it, `path` says it is on
    the line to the current position."""

    text: str
    branch: int
    path: bool


class Folded(NamedTuple):
    """What a folded line holds, the branches that begin on it too."""

    checkpoints: int
    branches: int
    cost: Cost


@dataclass(frozen=True, slots=True)
class GraphRow:
    """One row. `target` is what a jump to it names. `here`: the current position. `line`
    is the branch whose line off the path it stands on, None on the path."""

    kind: Kind
    branch: BranchView
    checkpoint: CheckpointView | None
    cells: tuple[Cell, ...]
    path: bool
    here: bool
    line: int | None = None
    folded: Folded | None = None

    @property
    def target(self) -> str:
        if self.kind == "root":
            return "root"
        return self.checkpoint.label if self.checkpoint else self.branch.name

    @property
    def key(self) -> tuple[str, int, int]:
        """The same for the same thing, however the tree is drawn."""
        return self.kind, self.branch.id, self.checkpoint.id if self.checkpoint else 0


def layout(
    branches: Iterable[BranchView],
    checkpoints: Iterable[CheckpointView],
    position: Position,
    folded: Callable[[int], bool] = lambda line: False,
) -> list[GraphRow]:
    """Rows of the whole tree, the root first. `folded` says of a line off the path, by
    its branch, whether it is one row."""
    tree = _Tree(branches, checkpoints, position, folded)
    rows: list[GraphRow] = []
    deep: list[_Rows] = [tree.path_rows()]
    while deep:  # a stack of its own: nothing limits how deep branches leave branches
        item = next(deep[-1], None)
        if item is None:
            deep.pop()
        elif isinstance(item, GraphRow):
            rows.append(item)
        else:
            deep.append(item)
    return rows


_Rows = Iterator["GraphRow | _Rows"]


class _Line(NamedTuple):
    """A line off the path: a whole branch, or what is left of one."""

    kind: Literal["branch", "rest"]
    branch: BranchView
    nodes: list[CheckpointView]


class _Tree:
    def __init__(
        self,
        branches: Iterable[BranchView],
        checkpoints: Iterable[CheckpointView],
        position: Position,
        folded: Callable[[int], bool],
    ) -> None:
        self.known = {branch.id: branch for branch in branches}
        self.position, self.folded = position, folded
        self.nodes: dict[int, list[CheckpointView]] = defaultdict(list)
        there = {0}
        for checkpoint in sorted(checkpoints, key=lambda c: c.seq):
            self.nodes[checkpoint.branch].append(checkpoint)
            there.add(checkpoint.id)
        on_path = {branch for branch, _ in position.path}
        self.forks: dict[int, list[_Line]] = defaultdict(list)
        first = min(self.known)
        for number in sorted(self.known):
            if number != first and number not in on_path:
                branch = self.known[number]
                at = branch.checkpoint if branch.checkpoint in there else 0
                self.forks[at].append(_Line("branch", branch, self.nodes[number]))

    # -- the path -----------------------------------------------------------------------

    def path_rows(self) -> _Rows:
        here, end = self.position, len(self.position.path) - 1
        at = here.checkpoint if here.detached else None
        for step, (number, cut) in enumerate(here.path):
            branch = self.known[number]
            nodes = [c for c in self.nodes[number] if c.seq <= cut]
            rest = [c for c in self.nodes[number] if c.seq > cut]
            left = [_Line("rest", branch, rest)] if rest else []
            ends = here.detached and step == end
            if step:
                yield self._on_path("branch", branch, None, False)
                if not nodes:
                    yield self._beside(branch, left, not ends)
            else:
                yield self._on_path("root", branch, None, at == 0)
                beside = [*(left if not nodes else ()), *self.forks[0]]
                yield self._beside(branch, beside, bool(nodes) or not ends)
            for node in nodes:
                last = node is nodes[-1]
                yield self._on_path("checkpoint", branch, node, node.id == at)
                beside = [*(left if last else ()), *self.forks[node.id]]
                yield self._beside(branch, beside, not (last and ends))
        if not here.detached:
            yield self._on_path("now", self.known[here.path[-1][0]], None, True)

    def _on_path(
        self, kind: Kind, branch: BranchView, checkpoint: CheckpointView | None, here: bool
    ) -> GraphRow:
        sign = "◉ " if here else {"root": "○ ", "branch": "┣╸"}.get(kind, "● ")
        return GraphRow(kind, branch, checkpoint, (Cell(sign, branch.id, True),), True, here)

    # -- what leaves it -----------------------------------------------------------------

    def _beside(self, branch: BranchView, lines: list[_Line], goes_on: bool) -> _Rows:
        """Lines that leave the path, which `goes_on` below them or not."""
        yield self._lines(lines, (), Cell("┃ ", branch.id, True) if goes_on else None, branch.id)

    def _lines(self, lines: list[_Line], before: tuple[Cell, ...], below: Cell | None, parent: int) -> _Rows:
        """Lines that leave the lane right of `before`; `below` is how that one goes on
        under them, None where it does not."""
        for line in lines:
            goes_on = below or (None if line is lines[-1] else Cell("│ ", parent, False))
            heavy = goes_on is not None and goes_on.path
            fork = "┠─" if heavy else "├─" if goes_on else "╰─"
            yield self._line(line, (*before, Cell(fork, parent, heavy)), before, goes_on)

    def _line(
        self, line: _Line, fork: tuple[Cell, ...], before: tuple[Cell, ...], goes_on: Cell | None
    ) -> _Rows:
        branch, number = line.branch, line.branch.id
        folded = self._sum(line) if line.nodes and self.folded(number) else None
        sign = "▸ " if folded else "╮ " if line.nodes else "╴ "
        cells = (*fork, Cell(sign, number, False))
        yield GraphRow(line.kind, branch, None, cells, False, False, number, folded)
        if folded:
            return
        before = (*before, goes_on or Cell("  ", 0, False))
        for node in line.nodes:
            cells = (*before, Cell("● ", number, False))
            yield GraphRow("checkpoint", branch, node, cells, False, False, number)
            if more := self.forks.get(node.id):
                below = None if node is line.nodes[-1] else Cell("│ ", number, False)
                yield self._lines(more, before, below, number)

    def _sum(self, line: _Line) -> Folded:
        """A line with all that begins on it."""
        found, count, branches = [line], 0, 0
        usd, complete, simulated = 0.0, True, False
        while found:
            one = found.pop()
            costs = [one.branch.cost] if one.kind == "branch" else [c.cost for c in one.nodes]
            usd += sum(cost.usd for cost in costs)
            complete = complete and all(cost.complete for cost in costs)
            simulated = simulated or any(cost.simulated for cost in costs)
            count += len(one.nodes)
            branches += one is not line
            for node in one.nodes:
                found += self.forks.get(node.id, ())
        return Folded(count, branches, Cost(usd, complete, simulated))
