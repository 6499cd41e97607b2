"""The checkpoint tree at the right: a graph, one row a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import ClassVar

from rich.style import Style
from textual.binding import BindingType
from textual.strip import Strip

from zwarm_tui.core.model import BranchView, CheckpointView, Position
from zwarm_tui.tui.actions import bindings
from zwarm_tui.tui.figures import age, money
from zwarm_tui.tui.graph import GraphRow, layout
from zwarm_tui.tui.render.literal import line_of
from zwarm_tui.tui.render.rows import Piece, header
from zwarm_tui.tui.widgets.row_view import RowView

_ROOMY = 40
"""From so many cells on, rows say how old they are."""


class TimelineView(RowView):
    """Checkpoints from the root down. Enter or a click jumps to one."""

    BINDING_GROUP_TITLE = "Timeline"
    HELP = "Checkpoints from the root down; the heavy line leads to where you are."
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("timeline")]

    def __init__(self, clock: Callable[[], float], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._clock = clock
        self.rows: list[GraphRow] = []
        self._now = ""
        self._labels = self._lanes = 2

    @property
    def chosen(self) -> GraphRow | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.rows else None

    def show(
        self, branches: Iterable[BranchView], checkpoints: Iterable[CheckpointView], position: Position
    ) -> None:
        """Draw another tree. The cursor goes where the project is, when that moves."""
        here = self._place()
        self.rows = layout(branches, checkpoints, position)
        self._labels = max((len(row.checkpoint.label) for row in self.rows if row.checkpoint), default=2)
        self._lanes = max(sum(len(cell.text) for cell in row.cells) for row in self.rows)
        at = next((i for i, row in enumerate(self.rows) if row.here), 0)
        self.rows_changed(len(self.rows), at if self._place() != here else None)

    def say_now(self, text: str) -> None:
        """What stands at the growing tip: what runs there."""
        if text != self._now:
            self._now = text
            self.refresh()

    def _place(self) -> tuple[str, int, int] | None:
        here = next((row for row in self.rows if row.here), None)
        return None if here is None else (here.target, here.branch.id, len(self.rows))

    def draw(self, index: int, line: int, width: int) -> Strip:
        row, ink = self.rows[index], self.ink
        pieces: list[Piece] = [(" ", None), *self._graph(row, min(self._lanes, max(width // 3, 8)))]
        text = ink("foreground", bold=row.here) if row.path else ink("zwarm-dim")
        right = ""
        if row.checkpoint is not None:
            label = row.checkpoint.label.ljust(self._labels)
            pieces += [(label, ink.branch(row.branch.id, bold=row.path)), (" ", None)]
            pieces.append((line_of(row.checkpoint.description[:200]), text))
            right = (
                money(row.checkpoint.cost)
                if row.checkpoint.cost.usd or not row.checkpoint.cost.complete
                else ""
            )
            if width >= _ROOMY:
                right = f"{right:>7}{self._age(row.checkpoint.time):>5}"
        elif row.kind == "now":
            pieces.append((self._now or "now", ink.branch(row.branch.id, bold=True)))
        else:
            name = line_of(row.branch.name)
            if row.kind == "root":
                pieces += [("root ", ink.branch(row.branch.id, bold=row.path)), (name, ink("zwarm-dim"))]
            else:
                pieces.append((name, ink.branch(row.branch.id, bold=row.path)))
        return header(pieces, [(f"{right} ", ink("zwarm-dim"))] if right.strip() else [], width)

    def _graph(self, row: GraphRow, room: int) -> list[Piece]:
        """The lanes, those beyond `room` cells left off, but never the row's own node."""
        pieces: list[Piece] = []
        for cell in row.cells:
            own = cell.text[0] in "●◉○◌"
            style = self._lane(cell.branch, cell.path)
            if room >= len(cell.text) or own:
                pieces.append((cell.text, style))
            room -= len(cell.text)
        return [*pieces, (" " * room, None)]

    def _lane(self, branch: int, path: bool) -> Style:
        return self.ink.branch(branch, bold=path) if branch else Style.null()

    def _age(self, time: str) -> str:
        try:
            return age(self._clock() - datetime.fromisoformat(time).timestamp())
        except ValueError:
            return ""
