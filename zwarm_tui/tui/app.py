"""The app: themes, keys, the engine's life, notices; its one main screen shows the rest."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import App, ScreenStackError, SystemCommand
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.geometry import Size
from textual.reactive import var
from textual.screen import Screen
from textual.theme import Theme

from zwarm_tui.config.paths import database
from zwarm_tui.config.settings import Settings
from zwarm_tui.config.themes import DARK, VARIABLES, ThemeData, load_themes
from zwarm_tui.core.errors import StoreError, UsageError
from zwarm_tui.tui.actions import ACTIONS, bindings
from zwarm_tui.tui.board import Board, News
from zwarm_tui.tui.feed import TICK, Feed
from zwarm_tui.tui.link import Link
from zwarm_tui.tui.notices import Notices, terminal_notice
from zwarm_tui.tui.runs.keys import GRAPH
from zwarm_tui.tui.screens.main import MainScreen
from zwarm_tui.tui.screens.travelling import LINES, Travelling
from zwarm_tui.tui.travels import Travels
from zwarm_tui.tui.verbs import Verbs
from zwarm_tui.tui.widgets.row_view import RowView
from zwarm_tui.tui.widgets.transcript import TranscriptView
from zwarm_tui.tui.work import begin

if TYPE_CHECKING:
    from textual.notifications import SeverityLevel

    from zwarm_tui.client import EngineClient
    from zwarm_tui.tui.screens.runs import RunsScreen
    from zwarm_tui.tui.screens.timeline import TimelineScreen

BINDING_IDS = {action.id for action in ACTIONS} | {
    binding.id
    for binding in (*RowView.BINDINGS, *TranscriptView.BINDINGS, *GRAPH)
    if isinstance(binding, Binding) and binding.id
}
"""What `[keys]` in the settings may name."""
_STYLES = Path(__file__).parent / "styles"
_WEIGHTS: dict[SeverityLevel, int] = {"information": 0, "warning": 1, "error": 2}
LEAST = Size(20, 6)
"""The columns and rows that are laid out at least, however small the terminal is."""
OpenEngine = Callable[[], Awaitable["EngineClient"]]


class ZwarmApp(App[None], inherit_bindings=False):
    """One project's screen. `engine` opens what runs the agents, after the first paint;
    without one the screen only reads. `problems` are sentences to show at the start.
    `kept`: the project is still there when the screen has gone."""

    TITLE = "zwarm"
    CSS_PATH: ClassVar[list[str | PurePath]] = [_STYLES / "main.tcss", _STYLES / "timeline.tcss"]
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = ""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("app")]
    banner: var[str] = var("")
    """Why nothing can be done from here, as a sentence."""

    def __init__(
        self,
        project: Path,
        *,
        engine: OpenEngine | None = None,
        settings: Settings | None = None,
        themes: Sequence[ThemeData] | None = None,
        problems: Sequence[str] = (),
        kept: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._themes = list(load_themes()[0] if themes is None else themes)
        super().__init__()
        self.project, self.clock = project, clock
        self.settings = settings or Settings()
        self.problems = list(problems)
        self.kept = kept
        self.board = Board(project)
        self.link = Link(engine)
        self.verbs = Verbs(self)
        self.travels = Travels(self)
        self._notices = Notices()
        self._handed: events.Key | None = None
        """The last key that was handed to the line that it was typed for."""
        self._said: dict[tuple[str, str], float] = {}
        """What is said in notices now, and until when."""
        self._read_only = ""
        self.timeline: TimelineScreen | None = None
        self.runs: RunsScreen | None = None
        """The screen of runs, while it is open."""
        self.main = MainScreen(self)
        self.feed = Feed(
            self.board,
            news=self._news,
            settled=self._settled,
            second=self._second,
            tail=lambda: self.main.tail_visible,
            failed=self.show_banner,
            running=lambda: self.is_running,
        )

    # -- beginning and end --------------------------------------------------------------

    def get_default_screen(self) -> Screen[None]:
        return self.main

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our variables for Textual's own themes, which don't know them."""
        standard = next((t.variables for t in self._themes if t.name == DARK), {})
        return {**dict.fromkeys(VARIABLES, "#808080"), **standard}

    def on_load(self) -> None:
        """Before anything is shown: colours, keys, and what the log holds."""
        for data in self._themes:
            self.register_theme(Theme(name=data.name, variables=data.variables, **data.fields))
        wanted = self.settings.ui.theme
        self.theme = next((t for t in (wanted, DARK) if t in self.available_themes), self.theme)
        if not self.settings.ui.animations:
            self.animation_level = "none"
        self.set_keymap(self.settings.keys)
        try:
            self.board.open()
        except StoreError as error:
            self.problems.append(str(error))

    def on_resize(self, event: events.Resize) -> None:
        """A terminal may be made tiny for an instant, and there Textual fails to lay out most
        of its widgets: what is beyond the edge is not seen, and the app goes on."""
        size = Size(max(event.size.width, LEAST.width), max(event.size.height, LEAST.height))
        event.size = event.virtual_size = event.container_size = size

    def on_mount(self) -> None:
        self._notices.look(self.board.sessions.values(), None)
        self.call_after_refresh(self._after_first_paint)

    def _after_first_paint(self) -> None:
        gc.freeze()  # what start-up made stays: no collection has to walk over it
        gc.set_threshold(20_000)  # a paint makes thousands of objects, and few of them in cycles
        gc.enable()
        self.set_interval(TICK, self.feed.tick)
        for problem in self.problems:
            self.say(problem, "warning", timeout=15)
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self.exit, None, 128 + number)
        begin(self, self._connect(), group="engine")

    async def _connect(self) -> None:
        status = await self.link.connect()
        gc.freeze()  # what the engine brought stays too
        if status is None:
            self._read_only = f"Read-only: {self.link.problem}"
            self.show_banner(self._read_only)
            return
        brain = status.get("brain") or ""
        self.board.capabilities = status.get("capabilities", {})
        self.board.brain = f"{brain} {status['brain_model']}" if status.get("brain_model") else brain
        for problem in status.get("problems", ()):
            self.say(problem, "warning", timeout=15)
        self.feed.flush()
        self.main.show_board()

    def play(self) -> int:
        """Run it: its exit status. A defect that ended it is raised, and reported like any verb's."""
        self.run()
        if self._exception is not None:
            raise self._exception
        return self.return_code or 0

    def _fatal_error(self) -> None:
        """Textual would write a traceback with all variables' values; `play` raises it instead."""
        self._close_messages_no_wait()

    def _handle_exception(self, error: Exception) -> None:
        """While the app leaves, a screen that just comes up finds nothing on it: no defect."""
        if not (self._exit and isinstance(error, NoMatches | ScreenStackError)):
            super()._handle_exception(error)

    async def _shutdown(self) -> None:
        self._exit = True
        await super()._shutdown()

    async def on_unmount(self) -> None:
        await self.link.aclose()
        self.board.close()

    async def action_quit(self) -> None:
        """Leave; where turns run, ask. In a worker, since it waits for the answer."""
        begin(self, self._quit(), group="quit", only=True)

    async def _quit(self) -> None:
        if self.link.ready:
            status = await (await self.link.client()).status()
            # A host's agents go on without a screen.
            if not status.get("host") and (status["running"] or status["queued"]):
                from zwarm_tui.tui.screens.dialog import quit_dialog

                if not await self.push_screen_wait(
                    quit_dialog(status["running"], status["queued"], kept=self.kept)
                ):
                    return
                self.say("Interrupting what runs…")
        await self.link.aclose()
        self.exit()

    # -- what is new --------------------------------------------------------------------

    def _news(self, news: News) -> None:
        for screen in self._shown():
            screen.show_news(news)
        if self.runs is not None:
            self.runs.show_news(news.sessions)

    def show_banner(self, text: str) -> None:
        """Have every screen say it until there is another sentence, or ""."""
        self.banner = text

    def _second(self) -> None:
        trouble = f"Nothing new is started: {self.link.trouble}" if self.link.trouble else ""
        self.show_banner(self._read_only or trouble)
        if self.runs is None:
            self.main.show_second()
        else:
            self.runs.show_second()

    def _shown(self) -> list[Travelling]:
        stack = self.screen_stack
        if self.runs in stack:  # what it covers catches up later: it would be painted through it
            stack = stack[stack.index(self.runs) :]
            self.main.behind = True
        return [screen for screen in stack if isinstance(screen, Travelling) and screen.ready]

    def show_timeline(self, label: str) -> None:
        """The timeline on its own screen, which is kept from the first time on, at a checkpoint."""
        from zwarm_tui.tui.screens.timeline import TimelineScreen  # not needed for the first paint

        if self.timeline is None:
            self.timeline = TimelineScreen(self)
            self.install_screen(self.timeline, "timeline")
        if self.screen is self.main:
            self.timeline.start(label)
            self.push_screen("timeline")

    def show_main(self) -> None:
        """Back to the main screen, to write."""
        while self.screen is not self.main:
            self.pop_screen()
        self.main.action_go("composer")

    def _settled(self) -> None:
        for screen in self._shown():
            screen.show_board()
        if self.runs is not None:
            self.runs.show_board()
        if self.verbs.asking is not None:
            self.verbs.asking.look(self.board.requests)
        watched = self.main.opened if self.watching else None
        for call in self._notices.look(self.board.sessions.values(), watched):
            self.say(call.text or "ctrl+n opens it", call.severity, title=call.title)
            self._ring(call.title)

    @property
    def watching(self) -> bool:
        """Whether the person looks at the session that is open: no dialog is over it, and
        the terminal has the focus (as far as it says)."""
        return self.app_focus and self.screen is self.main

    def _ring(self, text: str) -> None:
        if self.settings.ui.bell:
            self.bell()
        # Textual has no way to send a sequence of one's own but its driver.
        if self.settings.ui.osc_notices and self._driver is not None and not self.is_headless:
            self._driver.write(terminal_notice(text, os.environ))

    def on_app_focus(self) -> None:
        self.main.acknowledge()

    def say(
        self, text: str, severity: SeverityLevel = "information", *, title: str = "", timeout: float = 6
    ) -> None:
        """A notice in the corner. The text may be anybody's. What stands there already is
        not said again."""
        now = time.monotonic()
        if self._said.get((title, text), 0.0) > now:
            return
        self._said = {said: end for said, end in self._said.items() if end > now}
        self._said[title, text] = now + timeout
        self.notify(text, title=title, severity=severity, timeout=timeout, markup=False)

    def on_notify(self) -> None:
        """Another notice comes: of more than a few, the lighter and older ones go. Textual
        has no limit to them, and puts the newest below all the others."""
        most = 2 if self.size.height < 30 else 6
        shown = sorted(self._notifications, key=lambda n: (_WEIGHTS[n.severity], n.raised_at))
        for surplus in shown[: max(len(shown) + 1 - most, 0)]:
            self._unnotify(surplus)

    def clear_notifications(self) -> None:
        self._said.clear()
        super().clear_notifications()

    # -- actions ------------------------------------------------------------------------

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: the table of actions."""
        for action in ACTIONS:
            if action.id != "palette" and (action.where != "runs" or screen is self.runs):
                yield SystemCommand(action.title, action.help, lambda run=action.action: self._act(run))

    def action_command_palette(self) -> None:
        from zwarm_tui.tui.screens.palette import open_palette

        open_palette(self)

    def _act(self, action: str) -> None:
        begin(self, self._run(action))

    async def show_runs(self, wanted: str = "", stage: str = "") -> None:
        """The screen of runs, with one of them, by its id or name, and a stage of it, if given."""
        if self.runs is None:
            await asyncio.to_thread(_load_runs)  # slow: the screen goes on meanwhile
            from zwarm_tui.tui.runs.book import RunBook
            from zwarm_tui.tui.screens.runs import RunsScreen, load_book

            book = RunBook(database(self.project))
            await load_book(book)
            if self.runs is None:  # else another key was quicker
                self.runs = RunsScreen(self, book)
                await self.push_screen(self.runs)
        if wanted:
            self.runs.want(wanted, stage)

    async def start_run(self, name: str = "") -> None:
        """Start a workflow or a command: that of this name, if given."""
        await asyncio.to_thread(_load_runs)
        from zwarm_tui.tui.runs.deeds import RunDeeds

        await RunDeeds(self).start(name)

    async def _run(self, action: str) -> None:
        """An action of the table, on the screen that has it."""
        name = action.removeprefix("screen.").partition("(")[0]
        own = isinstance(self.screen, Travelling) or self.screen is self.runs
        if own and hasattr(self.screen, f"action_{name}"):
            await self.screen.run_action(action)
            return
        if not action.startswith("app."):
            self.show_main()
        await self.main.run_action(action)

    async def on_key(self, event: events.Key) -> None:
        """A character that comes here was used by no widget. Where one writes by now, it was
        typed before that: for a line that a key has opened it was meant; and in no case is it
        a key of the main screen, where "/sea" would accept something."""
        await asyncio.sleep(0)  # what the key before began, such as a dialog, comes first
        line = self.focused
        if event is self._handed or line is None or not event.is_printable:
            return
        if line.check_consume_key(event.key, event.character):
            event.prevent_default()
            if line.id in LINES:
                self._handed = events.Key(event.key, event.character)
                line.post_message(self._handed)

    def action_help(self) -> None:
        from zwarm_tui.tui.screens.help import HelpScreen  # shown seldom, and not at the start

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.settings.keys))

    def action_change_theme(self) -> None:
        self.search_themes()

    def use_theme(self, name: str) -> None:
        """Switch to a theme; "" lets the person choose."""
        if not name:
            self.search_themes()
        elif name in self.available_themes:
            self.theme = name
        else:
            raise UsageError(
                f"no theme '{name}': there are {', '.join(sorted(t.name for t in self._themes))}"
            )


def _load_runs() -> None:
    import zwarm_tui.tui.screens.runs
    import zwarm_tui.tui.screens.start  # noqa: F401
