"""The line at the top: where one is, what was spent, what goes on."""

from __future__ import annotations

from dataclasses import dataclass

from textual.strip import Strip
from textual.widget import Widget

from zwarm_tui.core.budgets import WARN_AT
from zwarm_tui.tui.render.literal import line_of
from zwarm_tui.tui.render.rows import Piece, header
from zwarm_tui.tui.widgets.ink import Ink


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the line says. `spent` and `branch_spent` are money as it is shown;
    `at`: the checkpoint of a detached position; `worktree`: where the branch's agents
    work, where that is not the person's checkout. `budget`: the one that is nearest to
    its end, as it is shown, and `share` what is spent of it (1.0: all)."""

    project: str = ""
    branch: str = "main"
    branch_id: int = 1
    at: str = ""
    worktree: str = ""
    spent: str = "$0"
    branch_spent: str = ""
    budget: str = ""
    share: float = 0.0
    simulated: bool = False
    running: int = 0
    queued: int = 0
    waiting: int = 0
    brain: str = ""


class TopBar(Widget):
    """Says less on a narrow screen, and the most important last."""

    DEFAULT_CSS = """
    TopBar { height: 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.figures = Figures()
        self._ink: Ink | None = None

    def show(self, figures: Figures) -> None:
        if figures != self.figures:
            self.figures = figures
            self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._ink = None

    def render_line(self, y: int) -> Strip:
        if self._ink is None:
            self._ink = Ink(self.app.theme_variables)
        width = self.size.width
        strip = header(self._place(self._ink, width), self._facts(self._ink, width), width)
        return strip.adjust_cell_length(width).apply_style(self.rich_style)

    def _place(self, ink: Ink, width: int) -> list[Piece]:
        f = self.figures
        pieces: list[Piece] = [(" zwarm ", ink("primary", bold=True))]
        pieces.append((line_of(f.project), ink("foreground", bold=True)))
        pieces += [("  ⎇ ", ink("zwarm-dim")), (line_of(f.branch), ink.branch(f.branch_id, bold=True))]
        if f.at:
            pieces.append((f" at {f.at}", ink("zwarm-attention", bold=True)))
        if f.worktree and width >= 120:
            pieces.append((f"  in {line_of(_tail(f.worktree))}", ink("zwarm-dim")))
        return pieces

    def _facts(self, ink: Ink, width: int) -> list[Piece]:
        """From the right: who waits, what runs, what was spent; more as there is room."""
        f, dim, roomy = self.figures, ink("zwarm-dim"), width >= 100
        gap: Piece = ("   " if roomy else "  ", None)
        pieces: list[Piece] = []
        if f.brain and width >= 160:
            pieces += [("pilot ", dim), (line_of(f.brain), ink("zwarm-pilot")), gap]
        pieces.append((f.spent, ink("zwarm-money", bold=True)))
        if roomy:
            pieces.append((" spent", dim))
        if f.simulated:
            pieces.append((" simulated" if roomy else " sim", dim))
        if f.budget:
            pieces += self._budget(ink, width)
        if f.branch_spent and width >= 120:
            pieces += [gap, (f.branch_spent, ink("zwarm-money")), (" this branch", dim)]
        live = ink("zwarm-running", bold=True)
        pieces += [gap, (f"● {f.running}", live), (" running" if roomy else "", dim)] if f.running else []
        if f.queued:
            pieces += [gap, (f"◌ {f.queued}", ink("zwarm-waiting")), (" queued" if roomy else "", dim)]
        if f.waiting:
            word = " needs you" if f.waiting == 1 else " need you"
            flag = ink("zwarm-attention", bold=True)
            pieces += [gap, (f"▲ {f.waiting}", flag), (word if roomy else "", dim)]
        if not (f.running or f.queued or f.waiting):
            pieces += [gap, ("idle", dim)]
        return [*pieces, (" ", None)]

    def _budget(self, ink: Ink, width: int) -> list[Piece]:
        """ "▰▰▰▱▱ of $5.00", in the colour of what it means for the next turn."""
        share = self.figures.share
        name = "zwarm-failed" if share >= 1 else "zwarm-attention" if share >= WARN_AT else "zwarm-money"
        cells = 10 if width >= 120 else 5 if width >= 60 else 0
        full = min(cells, int(share * cells))
        bar: list[Piece] = []
        if cells:
            bar = [(" ", None), ("▰" * full, ink(name)), ("▱" * (cells - full), ink("zwarm-dim"))]
        return [*bar, (f" {self.figures.budget}", ink(name, bold=share >= WARN_AT))]


def _tail(path: str) -> str:
    """The end of a path: what tells worktrees apart."""
    parts = path.rstrip("/").rsplit("/", 2)
    return f"…/{'/'.join(parts[1:])}" if len(parts) == 3 and parts[0] else path
