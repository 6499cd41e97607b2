"""The main screen: sessions, a transcript, the timeline, and the lines above and below."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from zwarm_tui.core.model import SessionStatus
from zwarm_tui.tui.actions import NEEDS, bindings, hints
from zwarm_tui.tui.board import PILOT, RUN, News
from zwarm_tui.tui.completion import completions
from zwarm_tui.tui.obey import obey
from zwarm_tui.tui.screens.travelling import LINES, Travelling
from zwarm_tui.tui.terminals import of_session
from zwarm_tui.tui.widgets.banner import Banner
from zwarm_tui.tui.widgets.composer import Composer
from zwarm_tui.tui.widgets.row_view import RowView
from zwarm_tui.tui.widgets.session_list import SessionList, title_of
from zwarm_tui.tui.widgets.session_pane import SessionPane
from zwarm_tui.tui.widgets.statusline import StatusLine
from zwarm_tui.tui.widgets.timeline import TimelineView
from zwarm_tui.tui.widgets.topbar import TopBar
from zwarm_tui.tui.widgets.transcript import TranscriptView

if TYPE_CHECKING:
    from textual.widgets import Input

    from zwarm_tui.tui.app import ZwarmApp

_WIDTHS = [(0, "-tiny"), (40, "-narrow"), (80, "-normal"), (120, "-wide"), (180, "-huge")]
_HEIGHTS = [(0, "-flat"), (10, "-low"), (20, "-tall")]
_PLACES = {SessionList: "sessions", TranscriptView: "transcript", TimelineView: "timeline"}


class MainScreen(Travelling):
    """Shows the app's board; its actions are those of the table in `actions`."""

    AUTO_FOCUS = "Composer"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("screen")]
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS

    def __init__(self, zwarm: ZwarmApp) -> None:
        super().__init__(zwarm)
        self.behind = False
        """Something came while another screen covered this one."""
        self._words = ""
        """What the list is filtered by."""
        self._acked: set[tuple[str, float]] = set()
        self._topbar = TopBar()
        self._list = SessionList(zwarm.clock, id="sessions")
        self._pane = SessionPane(zwarm.board, zwarm.clock, id="centre")
        self._line = StatusLine()

    def compose(self) -> ComposeResult:
        yield self._topbar
        yield Banner()
        with Horizontal(id="panes"):
            with Vertical(id="left", classes="pane"):
                yield self._list
                yield Static(
                    "No agents yet. The pilot starts them, or you do: ctrl+o", id="no-sessions", markup=False
                )
            yield self._pane
            with Vertical(id="right", classes="pane"):
                yield self._timeline
                yield Static(
                    "No checkpoints yet. One is taken after each turn; you can jump back to any of them.",
                    id="no-checkpoints",
                    markup=False,
                )
        yield self._line
        yield Static(
            "zwarm needs a terminal of at least 40×10: make this one larger.", id="too-small", markup=False
        )

    def on_mount(self) -> None:
        self.query_one("#left").border_title = Content("Sessions")
        self.query_one("#right").border_title = Content("Timeline")
        self._pane.composer.set_completer(lambda prefix: completions(self._zwarm, prefix))
        self._pane.open(PILOT)
        self.show_board()
        self.show_timeline()

    def on_screen_resume(self) -> None:
        """It is seen again: show what came while another screen covered it."""
        if self.behind:
            self.behind = False
            self.show_news(News(timeline=True, moved=True))

    # -- showing what the board holds ---------------------------------------------------

    @property
    def opened(self) -> str:
        """The session whose transcript is seen."""
        return self._pane.opened

    @property
    def tail_visible(self) -> bool:
        """Whether somebody sees the end of the transcript."""
        return self.is_current and self._pane.transcript.following

    def show_news(self, news: News) -> None:
        """Something happened: the transcript follows at once."""
        if news.moved:
            if self._board.session(self.opened) is None:  # it did not exist there
                self._pane.open(PILOT)
            else:
                self._pane.open(self.opened)
            self.show_board()
        elif self.opened in news.sessions:
            self._pane.extend()
        if news.timeline:
            self.show_timeline()

    def show_board(self) -> None:
        """Lists, totals, facts and hints, as the board has them now."""
        board = self._board
        sessions = board.ordered(self._words)
        self._list.show(sessions, self.opened)
        self.query_one("#left").set_class(not any(s != PILOT for s in board.sessions), "-empty")
        self._topbar.show(self.figures())
        self._timeline.say_running(self.running, self._board.running_elsewhere())
        self._pane.show_facts()
        self.show_hints()
        self.acknowledge()

    def show_second(self) -> None:
        """A second went by: ages and stopwatches."""
        self._list.refresh_changed()
        self._pane.show_facts()

    def show_hints(self) -> None:
        """The bottom line, for where the focus is."""
        if self.focused is not None and self.focused.id in LINES:
            self._line.show((), {}, *LINES[self.focused.id])
            return
        place = self._place()
        first = ["enter send"] if place == "composer" else []
        self._line.show(hints(place, self._facts()), self._zwarm.settings.keys, *first)

    def _facts(self) -> set[str]:
        """What holds now, of what actions need (`actions.NEEDS`)."""
        board, opened = self._board, self.opened
        session = board.session(opened)
        facts = {
            "attention": any(s.id != opened for s in board.waiting()),
            "approval": board.approval_of(opened) is not None,
            "request": bool(board.requests),
            "running": session is not None and session.status.active and bool(session.turns),
            "stopped": session is not None
            and session.status in (SessionStatus.INTERRUPTED, SessionStatus.FAILED),
            "executor": opened != PILOT,
            "forks": board.can(opened, "fork"),
            "terminal": of_session(session, self._zwarm.settings.agents) is not None,
            "found": self._pane.searching,
            "sought": self._timeline.searching,
        }
        return {name for name, holds in facts.items() if holds}

    def _lacks(self, need: str) -> bool:
        """Whether an action's need is missing; says so, since the key was pressed."""
        if need in self._facts():
            return False
        self._zwarm.say(NEEDS[need], timeout=3)
        return True

    # -- opening a session --------------------------------------------------------------

    def open_session(self, session: str) -> None:
        """Show a session; whoever opens it has seen its flag."""
        if session != self.opened:
            self._pane.open(session)
        self.show_board()

    def acknowledge(self) -> None:
        """Take the flag off the session that the person looks at."""
        session = self._board.session(self.opened)
        if session is None or session.attention is None or not self._zwarm.watching:
            return
        flag = (session.id, session.attention.since)
        if flag not in self._acked and self._zwarm.link.ready:
            self._acked.add(flag)
            self._verbs.do(self._verbs.ack(session.id))

    def action_next_attention(self) -> None:
        if self._lacks("attention"):
            return
        self.open_session(next(s.id for s in self._board.waiting() if s.id != self.opened))
        if self._board.approval_of(self.opened) is not None and not self._pane.composer.text:
            self.action_go("transcript")  # where one key decides

    def action_step(self, by: int) -> None:
        shown = self._list.shown
        at = shown.index(self.opened) if self.opened in shown else 0
        self.open_session(shown[(at + by) % len(shown)])

    def action_open_chosen(self) -> None:
        session = self._board.session(self._list.chosen)
        if session is not None and session.role == RUN:
            self.action_runs(session.id)
            return
        self.open_session(self._list.chosen)
        self.action_go("composer")

    @on(RowView.Clicked, "#sessions")
    def _clicked_session(self) -> None:
        self.open_session(self._list.chosen)

    # -- places -------------------------------------------------------------------------

    def _place(self) -> str:
        focused = self.focused
        return _PLACES.get(type(focused), "composer") if focused is not None else "composer"

    def action_go(self, place: str) -> None:
        """Put the focus on a pane; on a small screen, show it."""
        if place == "composer":
            self.close_search()
            if self.query("#search, #filter"):
                self._close_inputs()
        self._show_place(place)
        empty = not self._pane.transcript.display
        widgets = {"sessions": self._list, "timeline": self._timeline, "transcript": self._pane.transcript}
        target = widgets.get(place, self._pane.composer)
        self.set_focus(self._pane.composer if place == "transcript" and empty else target)

    def _show_place(self, place: str) -> None:
        self.set_class(place == "sessions", "-at-sessions")
        self.set_class(place == "timeline", "-at-timeline")

    @on(events.DescendantFocus)
    def _focus_moved(self, event: events.DescendantFocus) -> None:
        if event.widget.id not in ("filter", "search", "seek"):
            self._show_place(self._place())
        self.show_hints()

    def action_prefill(self, text: str) -> None:
        """Begin a command in the composer."""
        self.action_go("composer")
        composer = self._pane.composer
        composer.load_text(text)
        composer.move_cursor(composer.document.end)

    @on(StatusLine.Clicked)
    async def _clicked_hint(self, event: StatusLine.Clicked) -> None:
        await self.run_action(event.action.action)

    # -- talking and commands -----------------------------------------------------------

    @on(Composer.Submitted)
    def _submitted(self, event: Composer.Submitted) -> None:
        text, session = event.text, event.key
        if text.startswith(":"):
            obey(self._zwarm, self, text)
        else:
            self._verbs.do(self._verbs.send(session, text, failed=lambda: self.give_back(session, text)))

    def give_back(self, session: str, text: str) -> None:
        """What could not be sent is a draft again."""
        if text and session == self.opened and not self._pane.composer.text:
            self.action_prefill(text)

    # -- what waits for a decision ------------------------------------------------------

    @on(TranscriptView.RequestChosen)
    def _chose_request(self, event: TranscriptView.RequestChosen) -> None:
        request = next((r for r in self._board.requests if r.id == event.request), None)
        if request is not None:
            self._verbs.do(self._verbs.decide(request))

    def action_decide(self) -> None:
        if self._lacks("request"):
            return
        own = self._board.requests_of(self.opened)
        request = own[0] if own else self._board.requests[0]
        if self._board.session(request.session) is not None:
            self.open_session(request.session)
        self._verbs.do(self._verbs.decide(request))

    def action_approve(self, decision: str) -> None:
        request = self._board.approval_of(self.opened)
        if request is None:
            self._lacks("approval")
        else:
            self._verbs.do(self._verbs.approve(request, decision))

    def action_deny(self) -> None:
        request = self._board.approval_of(self.opened)
        if request is None:
            self._lacks("approval")
        else:
            self._verbs.do(self._verbs.decide(request, denying=True))

    # -- the session that is open -------------------------------------------------------

    def action_interrupt(self) -> None:
        if not self._lacks("running"):
            self._verbs.do(self._verbs.interrupt(self.opened))

    def action_resume(self) -> None:
        if not self._lacks("stopped"):
            self._verbs.do(self._verbs.resume(self.opened))

    def action_attach(self) -> None:
        if not self._lacks("terminal"):
            self._verbs.do(self._verbs.attach(self.opened))

    def action_fork_session(self) -> None:
        if not self._lacks("executor") and not self._lacks("forks"):
            self._verbs.do(self._verbs.fork(self.opened))

    def action_end_session(self) -> None:
        if not self._lacks("executor"):
            self._verbs.do(self._verbs.end(self.opened))

    def action_show_diff(self) -> None:
        reader, session = self._board.reader, self._board.session(self.opened)
        diff = reader.diff(self.opened, self._board.position.path) if reader else ""
        if not diff or session is None:
            self._zwarm.say(NEEDS["diff"], timeout=3)
            return
        from zwarm_tui.tui.screens.diff import DiffScreen  # shown seldom, and not at the start

        self._zwarm.push_screen(DiffScreen(title_of(session), diff))

    # -- filter and search --------------------------------------------------------------

    async def action_filter_sessions(self) -> None:
        await self._open_input("filter", self._words, "Words of a task, id, status or agent")

    async def action_search(self) -> None:
        await self._open_input("search", "", "Search the transcript")

    async def _open_input(self, name: str, value: str, placeholder: str) -> None:
        """Open a line to write in; it has the focus when this is over."""
        from textual.widgets import Input  # not needed for the first paint

        if not self.query(f"#{name}"):
            words = Input(value, placeholder=placeholder, id=name, compact=True)
            if name == "filter":
                await self.query_one("#left").mount(words)
            else:
                await self._pane.mount(words, before=self._pane.composer)
        self.set_focus(self.query(f"#{name}").first())

    def _close_inputs(self) -> None:
        self.query("#search, #filter").remove()
        if self._words:
            self._filter("")

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "filter":
            self._filter(event.value)

    def _filter(self, words: str) -> None:
        self._words = words
        self.show_board()
        left, shown = self.query_one("#left"), len(self._list.shown) - 1
        left.border_subtitle = Content(f"{shown} of {len(self._board.sessions)}" if words else "")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input.id == "filter":
            self.set_focus(self._list)
        elif event.input.id != "search":
            return
        elif not event.value or self._pane.search(event.value):
            event.input.remove()
            self.action_go("transcript")
        else:
            self._zwarm.say(f"“{event.value}” is nowhere in this transcript.", "warning")

    def action_search_step(self, by: int) -> None:
        if not self._lacks("found"):
            self._pane.step(by)

    def action_status(self) -> None:
        self._verbs.do(self._verbs.status())

    # -- runs ---------------------------------------------------------------------------

    def action_runs(self, wanted: str = "") -> None:
        self._verbs.do(self._zwarm.show_runs(wanted))

    def action_start_run(self, name: str = "") -> None:
        self._verbs.do(self._zwarm.start_run(name))
