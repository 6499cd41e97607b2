"""The runs at the left: those that need somebody first, then what runs, then the rest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from rich.style import Style
from textual.strip import Strip

from zwarm_tui.tui.figures import age
from zwarm_tui.tui.render.literal import line_of
from zwarm_tui.tui.render.rows import Piece, header
from zwarm_tui.tui.runs import words
from zwarm_tui.tui.runs.book import Run
from zwarm_tui.tui.widgets.row_view import RowView


class RunList(RowView):
    """Two lines a run. The cursor stays on its run when the order changes."""

    BINDING_GROUP_TITLE = "Runs"
    HELP = "Runs of workflows and commands. Enter or a click shows one's graph."

    row_height = 2

    def __init__(self, clock: Callable[[], float], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._clock = clock
        self._runs: Sequence[Run] = ()
        self._asking: Collection[str] = ()

    @property
    def chosen(self) -> Run | None:
        """The run under the cursor."""
        return self._runs[self.cursor] if self._runs else None

    def show(self, runs: Sequence[Run], opened: Run | None, asking: Collection[str] = ()) -> None:
        """Show these; `opened` is the one whose graph is seen, `asking` are the ids of
        those that wait for the person."""
        self._runs, self._asking = runs, asking
        at = next((i for i, run in enumerate(runs) if run is opened), 0)
        self.rows_changed(len(runs), at)

    def draw(self, index: int, line: int, width: int) -> Strip:
        run, ink, now = self._runs[index], self.ink, self._clock()
        view, dim = run.view, self.ink("zwarm-dim")
        look = words.run_look(view)
        if view.id in self._asking and run.live:
            look = words.NEEDS_YOU
        urgent = look.colour == "zwarm-attention"
        here = index == self.cursor
        edge = (
            "▌" if urgent else "▎" if here else " ",
            ink("zwarm-attention") if urgent else ink("primary"),
        )
        if line == 0:
            left: list[Piece] = [
                edge,
                (f"{look.sign} ", ink(look.colour, bold=look.loud)),
                (line_of(view.name), ink("foreground", bold=here or urgent)),
            ]
            since = words.run_took(view, now) if run.live else age(now - (view.ended_at or view.heard_at))
            return header(left, [(f"{since} ", dim)], width)
        stages = view.stages.values()
        done = sum(s.status == "completed" for s in stages)
        left = [edge, ("  ", None), (look.word, ink(look.colour))]
        left.append((f" · {done}/{len(stages)}" if stages else "", dim))
        cost = words.spent(run)
        return header(left, [(f"{cost} ", dim)] if cost else [], width)

    def ground(self, index: int) -> Style:
        if index == self.cursor:
            return self.ink("foreground", on="panel")
        return Style.null()
