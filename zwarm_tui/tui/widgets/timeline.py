"""The checkpoint tree: a graph, one row a checkpoint, with folds, hits and a mark."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.strip import Strip

from zwarm_tui.core.model import BranchView, CheckpointView, Position
from zwarm_tui.tui.actions import bindings
from zwarm_tui.tui.checkpoint_facts import CheckpointFacts
from zwarm_tui.tui.figures import age, money
from zwarm_tui.tui.graph import Cell, GraphRow, layout
from zwarm_tui.tui.render.literal import line_of
from zwarm_tui.tui.render.rows import Piece, header
from zwarm_tui.tui.widgets.row_view import RowView

_ROOMY = 40
"""From so many cells on, rows say how old they are."""
MANY = 60
"""From so many checkpoints on, lines that were left begin folded."""


class TimelineView(RowView):
    """Checkpoints from the root down. A click chooses one, a double click jumps to it."""

    BINDING_GROUP_TITLE = "Timeline"
    HELP = "Checkpoints from the root down; the heavy line leads to where you are."
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("timeline")]

    @dataclass
    class Jump(Message):
        """A row was clicked twice."""

    def __init__(
        self,
        clock: Callable[[], float],
        facts: Callable[[CheckpointView], CheckpointFacts] | None = None,
        *,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._clock, self._facts = clock, facts
        self.rows: list[GraphRow] = []
        self.marked = ""
        """The label that is to be compared."""
        self._tree: tuple[Sequence[BranchView], Sequence[CheckpointView], Position] | None = None
        self._folds: dict[int, bool] = {}
        """What the person folded or unfolded; for other lines `_all` holds."""
        self._all: bool | None = None
        self._words: list[str] = []
        self._hits: set[int] = set()
        self._now = ""
        self._elsewhere: dict[int, int] = {}
        self._labels = self._lanes = 2

    @property
    def chosen(self) -> GraphRow | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.rows else None

    def show(
        self, branches: Sequence[BranchView], checkpoints: Sequence[CheckpointView], position: Position
    ) -> None:
        """Draw another tree. The cursor goes where the project is, when that moves."""
        tree = (branches, checkpoints, position)
        if tree == self._tree:
            self.refresh_changed()  # it may have aged
            return
        self._tree = tree
        before = self._place()
        self._draw_tree()
        if self._place() != before:
            self.go_home()
        self._find()

    def say_running(self, here: int, elsewhere: dict[int, int]) -> None:
        """How many turns run: at the growing tip, and on other branches."""
        now = f"now · {here} running" if here else "now"
        if (now, elsewhere) != (self._now, self._elsewhere):
            self._now, self._elsewhere = now, elsewhere
            self.refresh()

    def mark(self, label: str) -> None:
        """Mark what is to be compared; "" takes the mark away."""
        self.marked = label
        self.refresh()

    def age_of(self, checkpoint: CheckpointView) -> str:
        """How long ago it was taken; "" where its time can't be read."""
        return self._age(checkpoint.time)

    def go_home(self) -> None:
        """Put the cursor where the project is."""
        self.move_to(next((i for i, row in enumerate(self.rows) if row.here), 0))

    def _place(self) -> tuple[object, ...] | None:
        here = next((row for row in self.rows if row.here), None)
        # A new checkpoint moves the tip on, and so the cursor that is there.
        return None if here is None else (here.key, len(self._tree[1]) if self._tree else 0)

    def _draw_tree(self) -> None:
        """Lay out; the cursor stays on what it is on, or on what that is folded into."""
        if self._tree is None:
            return
        was = self.chosen
        self.rows = layout(*self._tree, self.folded)
        self._labels = max((len(c.label) for c in self._tree[1][-1:]), default=2)
        self._lanes = max(len(row.cells) * 2 for row in self.rows)
        at = None
        if was is not None:
            places = {row.key: i for i, row in enumerate(self.rows)}
            line = [i for i, row in enumerate(self.rows) if row.folded and row.line == was.line]
            at = places.get(was.key, line[0] if line else None)
        self.rows_changed(len(self.rows), at)

    # -- folding ------------------------------------------------------------------------

    def folded(self, line: int) -> bool:
        """Whether a line off the path is one row."""
        many = self._tree is not None and len(self._tree[1]) > MANY
        return self._folds.get(line, many if self._all is None else self._all)

    def fold(self) -> bool:
        """Fold or unfold what the cursor is on: its line, or on the path all that leaves
        it there. Whether there was anything."""
        row = self.chosen
        if row is None:
            return False
        lines = [row.line] if row.line is not None else self._leaving(self.cursor)
        if not lines:
            return False
        folded = not all(self.folded(line) for line in lines)
        self._folds.update(dict.fromkeys(lines, folded))
        self._draw_tree()
        return True

    def fold_all(self) -> None:
        """Fold all but the line to the current position; or unfold all, if it was so."""
        self._all = any(row.line is not None and not row.folded for row in self.rows)
        self._folds.clear()
        self._draw_tree()

    def _leaving(self, at: int) -> list[int]:
        """The lines that leave the path at a row of it."""
        lines = []
        for row in self.rows[at + 1 :]:
            if row.path:
                break
            if row.kind in ("branch", "rest") and len(row.cells) == 2 and row.line is not None:
                lines.append(row.line)
        return lines

    # -- searching ----------------------------------------------------------------------

    def search(self, text: str) -> int:
        """Find checkpoints by label, name, description, note or branch, and go to the next
        one from the cursor on. How many there are."""
        self._words = text.casefold().split()
        self._find()
        if self._hits and not self._on_hit():
            self.step(1)
        self.refresh()
        return len(self._hits)

    @property
    def searching(self) -> bool:
        return bool(self._words)

    def step(self, by: int) -> None:
        """Go to the next hit (or the one before), round the ends; folds open for it."""
        if self._tree is None or not self._hits:
            return
        everything = layout(*self._tree)
        hits = [i for i, row in enumerate(everything) if row.checkpoint and row.checkpoint.id in self._hits]
        places = {row.key: i for i, row in enumerate(everything)}
        at = places[self.chosen.key] if self.chosen else 0
        next_one = bisect_right(hits, at) if by > 0 else bisect_left(hits, at) - 1
        found = everything[hits[next_one % len(hits)]]
        self._unfold(found)
        self.move_to(next(i for i, row in enumerate(self.rows) if row.key == found.key))

    def choose(self, label: str) -> None:
        """Put the cursor on a checkpoint; folds open for it."""
        at = _place_of(label, self.rows)
        if at is None and self._tree is not None:
            everything = layout(*self._tree)
            if (hidden := _place_of(label, everything)) is not None:
                self._unfold(everything[hidden])
                at = _place_of(label, self.rows)
        if at is not None:
            self.move_to(at)

    def _unfold(self, row: GraphRow) -> None:
        assert self._tree is not None
        branches, checkpoints, position = self._tree
        known, on = {b.id: b for b in branches}, {c.id: c.branch for c in checkpoints}
        line = row.line
        while line is not None:
            self._folds[line] = False
            line = on.get(known[line].checkpoint) if line not in dict(position.path) else None
        self._draw_tree()

    def _find(self) -> None:
        self._hits = set()
        if self._tree is not None and self._words:
            names = {branch.id: branch.name for branch in self._tree[0]}
            for c in self._tree[1]:
                text = " ".join((c.label, c.name, c.description, c.note, names.get(c.branch, ""))).casefold()
                if all(word in text for word in self._words):
                    self._hits.add(c.id)

    def _on_hit(self) -> bool:
        return bool(self.chosen and self.chosen.checkpoint and self.chosen.checkpoint.id in self._hits)

    # -- the mouse ----------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        before = self.cursor
        super().on_click(event)
        row = self.chosen
        if row is not None and row.line is not None and row.checkpoint is None:
            lanes = 1 + sum(len(cell.text) for cell in self._cut(row.cells, self._room(self._width)))
            if row.folded or event.x < lanes:
                self.fold()
                return
        if event.chain > 1 and before == self.cursor:
            self.post_message(self.Jump())

    # -- painting -----------------------------------------------------------------------

    def draw(self, index: int, line: int, width: int) -> Strip:
        row, ink = self.rows[index], self.ink
        pieces: list[Piece] = [(" ", None), *self._graph(row, self._room(width))]
        right: list[Piece] = []
        if row.checkpoint is not None:
            pieces += self._words_of(row, row.checkpoint)
            right = self._figures(row.checkpoint, width)
        elif row.kind == "now":
            pieces.append((self._now or "now", ink.branch(row.branch.id, bold=True)))
        else:
            name = line_of(row.branch.name)
            if row.kind == "root":
                pieces += [("root ", ink.branch(row.branch.id, bold=row.path)), (name, ink("zwarm-dim"))]
            else:
                pieces.append((name, ink.branch(row.branch.id, bold=row.path)))
                pieces.append((" goes on" if row.kind == "rest" else "", ink("zwarm-dim")))
            if running := self._elsewhere.get(row.branch.id) if row.line is not None else None:
                pieces.append((f"  ● {running} running", ink("zwarm-running")))
            if self.marked == row.branch.name and row.kind != "root":
                pieces += [(" ", None), self._chip()]
            if row.folded:
                pieces.append((f"  +{row.folded.checkpoints}", ink("foreground")))
                cost = row.folded.cost
                right = self._cost(money(cost) if cost.usd or not cost.complete else "", "", width)
        return header(pieces, right, width)

    def _words_of(self, row: GraphRow, checkpoint: CheckpointView) -> list[Piece]:
        ink = self.ink
        found = checkpoint.id in self._hits
        label = ink.branch(row.branch.id, bold=row.path)
        if found:
            label = label + Style(reverse=True)
        pieces: list[Piece] = [
            (checkpoint.label, label),
            (" " * (self._labels - len(checkpoint.label)), None),
        ]
        if checkpoint.label == self.marked:
            pieces += [(" ", None), self._chip()]
        pieces.append((" ", None))
        dim = not row.path or (bool(self._words) and not found)
        if checkpoint.name:
            pieces += [
                (line_of(checkpoint.name), ink("zwarm-dim" if dim and not found else "accent", bold=True))
            ]
            pieces.append(("  ", None))
        text = ink("zwarm-dim") if dim else ink("foreground", bold=row.here)
        pieces.append((line_of(checkpoint.description[:200]), text))
        return pieces

    def _chip(self) -> Piece:
        return (" compare ", self.ink("background", on="accent"))

    def _figures(self, checkpoint: CheckpointView, width: int) -> list[Piece]:
        facts, ink = self._facts(checkpoint) if self._facts else None, self.ink
        signs: list[Piece] = []
        if checkpoint.note:
            signs.append(("✎", ink("secondary")))
        if facts is not None:
            if facts.mid_turn:
                signs.append(("◐", ink("zwarm-waiting")))
            if facts.files is False:
                signs.append(("∅", ink("zwarm-attention")))
            if facts.gates is not None:
                signs.append(("✓", ink("zwarm-done")) if facts.gates else ("✗", ink("zwarm-failed")))
        cost = checkpoint.cost
        shown = money(cost) if cost.usd or not cost.complete else ""
        figures = self._cost(shown, self._age(checkpoint.time), width)
        return [*signs, (" " if signs and figures else "", None), *figures]

    def _cost(self, cost: str, age: str, width: int) -> list[Piece]:
        text = f"{cost:>7}{age:>5} " if width >= _ROOMY else f"{cost} " if cost else ""
        return [(text, self.ink("zwarm-dim"))] if text.strip() else []

    def _room(self, width: int) -> int:
        return min(self._lanes, max(width // 3, 8))

    def _graph(self, row: GraphRow, room: int) -> list[Piece]:
        cells = self._cut(row.cells, room)
        pieces: list[Piece] = [(cell.text, self._lane(cell.branch, cell.path)) for cell in cells]
        return [*pieces, (" " * (room - 2 * len(cells)), None)]

    def _cut(self, cells: tuple[Cell, ...], room: int) -> tuple[Cell, ...]:
        """Those that there is room for: the path, and the row's own; a gap for others."""
        most = max(room // 2, 4)
        if len(cells) <= most:
            return cells
        return (cells[0], Cell("⋯ ", 0, False), *cells[2 - most :])

    def _lane(self, branch: int, path: bool) -> Style:
        return self.ink.branch(branch, bold=path) if branch else self.ink("zwarm-dim")

    def _age(self, time: str) -> str:
        try:
            return age(self._clock() - datetime.fromisoformat(time).timestamp())
        except ValueError:
            return ""


def _place_of(label: str, rows: Sequence[GraphRow]) -> int | None:
    """Which row is the checkpoint with this label."""
    return next((i for i, row in enumerate(rows) if row.checkpoint and row.checkpoint.label == label), None)
