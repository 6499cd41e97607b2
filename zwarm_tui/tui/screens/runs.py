"""The screen of runs: a list, the graph of the one that is shown, and what to do with it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from zwarm_tui.core.model import RequestView
from zwarm_tui.tui import terminals
from zwarm_tui.tui.actions import NEEDS, bindings, hints
from zwarm_tui.tui.render.literal import line_of
from zwarm_tui.tui.runs import words
from zwarm_tui.tui.runs.book import Run, RunBook
from zwarm_tui.tui.runs.deeds import RunDeeds
from zwarm_tui.tui.screens.once import Once
from zwarm_tui.tui.widgets.banner import Banner
from zwarm_tui.tui.widgets.row_view import RowView
from zwarm_tui.tui.widgets.run_graph import RunGraphView
from zwarm_tui.tui.widgets.run_list import RunList
from zwarm_tui.tui.widgets.statusline import StatusLine
from zwarm_tui.tui.widgets.topbar import TopBar

if TYPE_CHECKING:
    from zwarm_tui.tui.app import ZwarmApp
    from zwarm_tui.tui.screens.stage import StageScreen

_WIDTHS = [(0, "-tiny"), (40, "-narrow"), (80, "-normal"), (110, "-wide"), (180, "-huge")]
_HEIGHTS = [(0, "-flat"), (10, "-low"), (20, "-tall"), (45, "-high")]
_NOTHING = (
    ("No runs yet.\n\n", "bold $foreground"),
    (
        "A run takes a job through several stages, each the work of an agent: "
        "a workflow (Python, in .zwarm/workflows) or a command (YAML, in .zwarm/commands).\n\n",
        "$zwarm-dim",
    ),
    ("n                            ", "$zwarm-code"),
    ("starts one from here\n", "$zwarm-dim"),
    ("zwarm-tui workflow run NAME  ", "$zwarm-code"),
    ("starts one from the shell", "$zwarm-dim"),
)


class RunsScreen(Once[None]):
    """Escape goes back to the sessions; runs go on."""

    CSS_PATH = "../styles/runs.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("runs"),
        Binding("escape,q,f5", "back", "Back", show=False, id="runs.back"),
        Binding("tab,shift+tab", "other_pane", "The list or the graph", show=False, id="runs.pane"),
    ]
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS

    def __init__(self, zwarm: ZwarmApp, book: RunBook) -> None:
        super().__init__()
        self._zwarm, self._board, self.book = zwarm, zwarm.board, book
        self._deeds = RunDeeds(zwarm)
        self._moved: set[str] = set()
        self._wanted: str | None = None
        """The id or name of a run that shall be shown as soon as the log has it."""
        self._stage = ""
        self._made = False
        """Its widgets are there."""
        self._page: StageScreen | None = None
        """The page of a stage, while one is open."""
        self._now = zwarm.clock()
        """What all stopwatches show: they go on together, so that they are painted once a
        second, and not each at its own time."""
        self._title = self._facts = self._about = Content()
        self._topbar = TopBar()
        self._list = RunList(lambda: self._now, id="run-list")
        self.graph = RunGraphView(lambda: self._now, id="graph")
        self._line = StatusLine()

    def compose(self) -> ComposeResult:
        yield self._topbar
        yield Banner()
        with Horizontal(id="run-panes"):
            with Vertical(id="run-left"):
                yield self._list
            with Vertical(id="run-centre"):
                yield Static(id="run-facts", markup=False)
                yield self.graph
                yield Static(id="stage-facts", markup=False)
                yield Static(Content.assemble(*_NOTHING), id="no-runs", markup=False)
        yield self._line

    def on_mount(self) -> None:
        self._made = True
        self.query_one("#run-left").border_title = Content("Runs")
        runs = self.book.ordered()
        self.open(runs[0] if runs else None)

    def on_unmount(self) -> None:
        self._zwarm.runs = None
        self.book.close()

    # -- showing --------------------------------------------------------------------

    @property
    def opened(self) -> Run | None:
        """The run whose graph is seen."""
        return self.graph.run

    def open(self, run: Run | None) -> None:
        """Show a run."""
        if run is not None:
            self.book.settle(run)
        self.graph.show(run, self._asking(run))
        self.show_board()
        if self.focused is None and run is not None:
            self.set_focus(self.graph)

    def want(self, run: str, stage: str = "") -> None:
        """Show the run of this id or name, as soon as it is there, and a stage of it."""
        self._wanted, self._stage = run, stage
        self.show_news(())

    def show_news(self, sessions: Collection[str]) -> None:
        """Something is new in the log; `sessions` are those that it is about."""
        self._moved |= set(sessions)
        if not self._made:
            return
        changed = self.book.refresh()
        found = self.book.find(self._wanted) if self._wanted else []
        if found:
            run, self._wanted = found[0], None
            self.graph.show(None)
            self.open(run)
            self.set_focus(self.graph)
            if self._stage in run.view.stages:
                self.graph.choose(self._stage)
        elif self.opened is None and self.book.runs:
            self.open(self.book.ordered()[0])
        elif self.opened is not None and self.opened.view.id in changed:
            self.graph.show(self.opened, self._asking(self.opened))
            self._show_facts()
        if changed:
            self._show_list()
            self.show_hints()
        if self._page is not None:
            self._page.show_news()

    def show_board(self) -> None:
        """Figures, which follow some times a second."""
        if not self._made:
            return
        shown = self.opened
        for run in self.book.runs.values():
            if run is shown or run.live:
                self.book.settle(run, self._moved)
        self._moved.clear()
        self._topbar.show(self._zwarm.main.figures())
        self._show_list()
        self.graph.show(shown, self._asking(shown))
        self._show_facts()
        self.show_hints()

    def show_second(self) -> None:
        """A second went by: stopwatches."""
        if not self._made:
            return
        self._now = self._zwarm.clock()
        self.book.look_alive()
        self._list.refresh_changed()
        self.graph.refresh_changed()
        self._show_facts()
        if self._page is not None:
            self._page.show_second()

    def _show_list(self) -> None:
        runs = self.book.ordered()
        asking = {run.view.id for run in runs if run.live and self._asking(run)}
        self._list.show(runs, self.opened, asking)
        self.set_class(not runs, "-empty")

    def _show_facts(self) -> None:
        title, facts = Content("Runs"), Content()
        run = self.opened
        if run is not None:
            asking = bool(self._asking(run)) and run.live
            look = words.NEEDS_YOU if asking else words.run_look(run.view)
            title = Content.assemble((f"{look.sign} ", f"${look.colour}"), (line_of(run.view.name), "bold"))
            facts = Content.assemble(*words.facts(run, look, self._now))
        if title != self._title:
            self._title = self.query_one("#run-centre").border_title = title
        if facts != self._facts:
            self._facts = facts
            self.query_one("#run-facts", Static).update(facts, layout=False)
        self._show_stage()

    @on(RunGraphView.Moved)
    def _show_stage(self) -> None:
        about = Content()
        run, stage = self.opened, self.graph.stage
        if run is not None and stage is not None:
            from zwarm_tui.tui.runs.about import about_stage

            about = about_stage(run, stage, stage.name in self._asking(run), self._now)
        if about != self._about:
            self._about = about
            self.query_one("#stage-facts", Static).update(about, layout=False)
        self.show_hints()

    def show_hints(self) -> None:
        """The bottom line, for where the focus is."""
        place = "graph" if self.focused is self.graph else "runs"
        other = "tab list" if place == "graph" else "tab graph"
        first = ("esc back", other) if self.opened is not None else ("esc back",)
        self._line.show(hints(place, self._holds()), self._zwarm.settings.keys, *first)

    def _holds(self) -> set[str]:
        """What holds now, of what the actions need (`actions.NEEDS`)."""
        run, stage = self.opened, self.graph.stage
        if run is None:
            return set()
        over = not run.live
        facts = {
            "run-live": run.live,
            "run-stopped": run.view.status == "error",
            "stage": stage is not None,
            "stage-over": stage is not None and stage.status != "running" and over,
            "stage-failed": stage is not None and stage.status in ("failed", "interrupted"),
            "run-terminal": self._terminal() is not None,
            "run-asks": bool(self._requests(run)),
        }
        return {name for name, holds in facts.items() if holds}

    def _lacks(self, need: str) -> bool:
        if need in self._holds():
            return False
        self._zwarm.say(NEEDS[need], timeout=3)
        return True

    # -- what waits for the person ------------------------------------------------------

    def _requests(self, run: Run) -> list[tuple[str, RequestView]]:
        """(stage, request) for what of this run waits, oldest first."""
        found = []
        for request in self._board.requests:
            if request.session == run.view.id:  # the run itself asks, for a stage
                text = getattr(request.event, "text", "")
                stages = run.view.stages.values()
                found.append((next((s.name for s in stages if text in s.questions), ""), request))
            elif stage := run.stage_of.get((request.session, request.branch, request.turn)):
                found.append((stage, request))
        return found

    def _asking(self, run: Run | None) -> frozenset[str]:
        """Its stages that wait for somebody."""
        if run is None:
            return frozenset()
        waits = {name for name, _ in self._requests(run)}
        return frozenset(waits | {s.name for s in run.view.stages.values() if s.questions})

    def action_decide(self) -> None:
        if self.opened is None or self._lacks("run-asks"):
            return
        waits = self._requests(self.opened)
        own = [r for name, r in waits if name == self.graph.chosen]
        self._zwarm.verbs.do(self._zwarm.verbs.decide(own[0] if own else waits[0][1]))

    # -- moving about -------------------------------------------------------------------

    def action_back(self) -> None:
        self.dismiss()

    def action_other_pane(self) -> None:
        if self.opened is not None:
            self.set_focus(self._list if self.focused is self.graph else self.graph)

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    def _focus_moved(self) -> None:
        self.set_class(self.focused is self._list, "-at-list")
        self.show_hints()

    @on(RowView.Clicked, "#run-list")
    def _clicked_run(self) -> None:
        self.open(self._list.chosen)

    @on(RowView.Moved, "#run-list")
    def _moved_in_list(self) -> None:
        if self._list.chosen is not self.opened:
            self.open(self._list.chosen)

    @on(RunGraphView.Opened)
    def _clicked_stage(self) -> None:
        self.action_open_stage()

    @on(StatusLine.Clicked)
    async def _clicked_hint(self, event: StatusLine.Clicked) -> None:
        await self.run_action(event.action.action)

    def action_open_stage(self) -> None:
        """From the list to the graph; from the graph into a stage."""
        if self.focused is self._list and self.opened is not None:
            self.set_focus(self.graph)
            return
        run, stage = self.opened, self.graph.stage
        if run is None or stage is None:
            self._zwarm.say(NEEDS["stage"], timeout=3)
            return
        from zwarm_tui.tui.screens.stage import StageScreen

        self._page = StageScreen(self._zwarm, run, stage.name)
        self._zwarm.push_screen(self._page, self._page_left)

    def _page_left(self, _: None) -> None:
        self._page = None

    def action_open_session(self) -> None:
        """The stage's session on the main screen, to write to it."""
        stage = self.graph.stage
        session = stage.served[-1].session if stage is not None and stage.served else None
        if session is None or self._board.session(session) is None:
            self._zwarm.say("No agent of this stage is on the branch that you are on.", timeout=4)
            return
        self.dismiss()
        self._zwarm.main.open_session(session)

    def _terminal(self) -> str | None:
        """Of the chosen stage, else of the run: the name of the tmux session."""
        if self.opened is None:
            return None
        stage = self.graph.stage
        agent = self._board.session(stage.served[-1].session) if stage is not None and stage.served else None
        thread = terminals.of_session(agent, self._zwarm.settings.agents)
        return terminals.of_stage(self.opened, stage, thread)

    def action_attach(self) -> None:
        name = self._terminal()
        if not self._lacks("run-terminal") and name is not None:
            self._zwarm.verbs.do(self._deeds.attach(name))

    def action_change_view(self) -> None:
        self.graph.wanted = "layers" if self.graph.mode == "rails" else "rails"
        self.graph.show(self.opened, self._asking(self.opened))
        if self.graph.chosen is not None:
            self.graph.choose(self.graph.chosen)

    # -- what to do with a run ----------------------------------------------------------

    def action_start(self) -> None:
        self._zwarm.verbs.do(self._deeds.start())

    def action_cancel(self) -> None:
        if self.opened is not None and not self._lacks("run-live"):
            self._zwarm.verbs.do(self._deeds.cancel(self.opened))

    def action_resume(self) -> None:
        if self.opened is not None and not self._lacks("run-stopped"):
            self._zwarm.verbs.do(self._deeds.resume(self.opened))

    def action_retry(self) -> None:
        run, stage = self.opened, self.graph.stage
        if run is not None and not self._lacks("stage-over") and stage is not None:
            self._zwarm.verbs.do(self._deeds.retry(run, stage.name))

    def action_retry_from(self) -> None:
        run, stage = self.opened, self.graph.stage
        if run is not None and not self._lacks("stage") and stage is not None:
            self._zwarm.verbs.do(self._deeds.retry_from(run, stage.name))


async def load_book(book: RunBook) -> None:
    """Read the runs without holding up the screen."""

    def load() -> None:
        book.load()
        for run in book.runs.values():
            book.settle(run)

    await asyncio.to_thread(load)
