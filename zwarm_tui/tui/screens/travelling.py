"""What screens with a timeline have in common: its actions, its search, its top line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from zwarm_tui.core.budgets import budgets
from zwarm_tui.core.model import SessionStatus
from zwarm_tui.tui.actions import NEEDS
from zwarm_tui.tui.board import News
from zwarm_tui.tui.figures import budget_of, money
from zwarm_tui.tui.widgets.timeline import TimelineView
from zwarm_tui.tui.widgets.topbar import Figures

if TYPE_CHECKING:
    from textual.widgets import Input

    from zwarm_tui.tui.app import ZwarmApp

LINES = {
    "filter": ("enter to the list", "esc all sessions"),
    "search": ("enter search", "esc back"),
    "seek": ("enter to the graph", "esc back"),
}
"""The lines to write in, besides the composer, and what can be done there."""


class Travelling(Screen[None]):
    """A screen that shows the board's timeline."""

    def __init__(self, zwarm: ZwarmApp) -> None:
        super().__init__()
        self._zwarm, self._board, self._verbs = zwarm, zwarm.board, zwarm.verbs
        self._travels = zwarm.travels
        self._timeline = TimelineView(zwarm.clock, zwarm.board.facts_of, id="timeline")

    @property
    def ready(self) -> bool:
        """Its widgets are there: while it opens, what is new waits for it."""
        return self._timeline.is_mounted

    def show_news(self, news: News) -> None:
        """Something happened."""
        raise NotImplementedError

    def show_board(self) -> None:
        """Show what the board holds now."""
        raise NotImplementedError

    def show_hints(self) -> None:
        """The bottom line, for where the focus is."""
        raise NotImplementedError

    def show_timeline(self) -> None:
        """Draw the tree as the board has it."""
        board = self._board
        self._timeline.show(board.branches, board.checkpoints, board.position)
        self._timeline_pane.set_class(not board.checkpoints and len(board.branches) < 2, "-empty")

    @property
    def _timeline_pane(self) -> Widget:
        """The frame around the graph."""
        pane = self._timeline.parent
        assert isinstance(pane, Widget)
        return pane

    def figures(self) -> Figures:
        """What the top line says."""
        board, position = self._board, self._board.position
        at = next((c.label for c in board.checkpoints if c.id == position.checkpoint), "root")
        branch = next((b for b in board.branches if b.id == position.branch), None)
        totals = board.totals
        budget, share = budget_of(budgets(self._zwarm.settings.budget, totals, position.branch))
        return Figures(
            project=self._zwarm.project.name,
            branch=position.branch_name,
            branch_id=position.branch,
            at=at if position.detached else "",
            worktree=(branch.worktree or "") if branch else "",
            spent=money(totals.total),
            branch_spent=money(totals.branch) if len(board.branches) > 1 else "",
            budget=budget,
            share=share,
            simulated=totals.total.simulated,
            running=self.running,
            queued=board.queued,
            waiting=len(board.waiting()),
            brain=" ".join(filter(None, (board.pilot.executor, board.pilot.model))) or board.brain,
        )

    @property
    def running(self) -> int:
        """How many turns run."""
        return self._board.count(SessionStatus.RUNNING, SessionStatus.AWAITING_INPUT)

    # -- what can be done with the chosen row -------------------------------------------

    def _label(self) -> str:
        """The chosen checkpoint's label; "" with a word where it is none."""
        row = self._timeline.chosen
        if row is not None and row.checkpoint is not None:
            return row.checkpoint.label
        self._zwarm.say("This is no checkpoint: choose one that has a label, like T3.", timeout=3)
        return ""

    @on(TimelineView.Jump)
    def action_goto_chosen(self) -> None:
        if self._timeline.chosen is not None:
            self._verbs.do(self._travels.goto(self._timeline.chosen.target))

    def action_diff_chosen(self) -> None:
        if label := self._label():
            self._verbs.do(self._travels.diff(label))

    def action_diff_now(self) -> None:
        if label := self._label():
            self._verbs.do(self._travels.diff_to_now(label))

    def action_compare_chosen(self) -> None:
        """Mark it; or compare it with what is marked."""
        row, marked = self._timeline.chosen, self._timeline.marked
        if row is None:
            return
        if row.kind == "root":
            self._zwarm.say("There is nothing at the root to compare.", timeout=3)
        elif not marked:
            self._timeline.mark(row.target)
            self._zwarm.say(f"{row.target} is marked: choose the other one, and press it again.", timeout=4)
        else:
            self._timeline.mark("")
            if row.target != marked:
                self._verbs.do(self._travels.compare(marked, row.target))

    def action_branch_chosen(self) -> None:
        row = self._timeline.chosen
        start = None if row is None or row.kind in ("now", "branch", "rest") else row.target
        self._verbs.do(self._travels.ask_branch(start))

    def action_adopt_chosen(self) -> None:
        if self._timeline.chosen is not None:
            self._verbs.do(self._travels.adopt(self._timeline.chosen.branch.name))

    def action_label_chosen(self) -> None:
        if label := self._label():
            self._verbs.do(self._travels.ask_name(label))

    def action_note_chosen(self) -> None:
        if label := self._label():
            self._verbs.do(self._travels.ask_note(label))

    def action_run_chosen(self) -> None:
        """The run that the chosen checkpoint is a point of."""
        row = self._timeline.chosen
        about = row.checkpoint.metadata if row is not None and row.checkpoint is not None else {}
        if isinstance(run := about.get("run"), str):
            self._verbs.do(self._zwarm.show_runs(run, str(about.get("stage", ""))))
        else:
            self._zwarm.say("This is no point of a run.", timeout=3)

    def action_rename_here(self) -> None:
        self._verbs.do(self._travels.ask_rename())

    def action_checkpoint(self) -> None:
        self._verbs.do(self._travels.checkpoint(""))

    # -- the graph ----------------------------------------------------------------------

    def action_fold(self) -> None:
        if not self._timeline.fold():
            self._zwarm.say("Nothing leaves the line here.", timeout=2)

    def action_fold_all(self) -> None:
        self._timeline.fold_all()

    def action_timeline_home(self) -> None:
        self._timeline.go_home()

    def action_open_timeline(self) -> None:
        """Show the chosen row on the screen that the timeline has of its own."""
        chosen = self._timeline.chosen
        label = chosen.checkpoint.label if chosen is not None and chosen.checkpoint else ""
        self._zwarm.show_timeline(label)

    # -- searching ----------------------------------------------------------------------

    async def action_search_timeline(self) -> None:
        """Open the line to search with, below the graph."""
        from textual.widgets import Input  # not needed for the first paint

        if not self.query("#seek"):
            line = Input(placeholder="Label, name, words, branch", id="seek", compact=True)
            await self._timeline_pane.mount(line)
        self.set_focus(self.query("#seek").first())

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "seek":
            found = self._timeline.search(event.value)
            self._say_found(f"{found} found" if event.value.strip() else "")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input.id == "seek":
            event.input.remove()
            self._timeline.focus()

    def close_search(self) -> bool:
        """End the search; whether there was one."""
        line = self.query("#seek")
        if not line and not self._timeline.searching:
            return False
        line.remove()
        self._timeline.search("")
        self._say_found("")
        return True

    def _say_found(self, text: str) -> None:
        self._timeline_pane.border_subtitle = Content(text)
        self.show_hints()

    def action_timeline_step(self, by: int) -> None:
        if self._timeline.searching:
            self._timeline.step(by)
        else:
            self._zwarm.say(NEEDS["sought"], timeout=3)
