"""The timeline on a screen of its own: the graph, and all of what is chosen in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from zwarm_tui.core.errors import ZwarmError
from zwarm_tui.tui.actions import bindings, hints
from zwarm_tui.tui.board import PILOT, News
from zwarm_tui.tui.diffs import changed_since
from zwarm_tui.tui.graph import GraphRow
from zwarm_tui.tui.render.checkpoint import Page, page
from zwarm_tui.tui.render.literal import line_of
from zwarm_tui.tui.render.rows import count_of
from zwarm_tui.tui.screens.once import Once
from zwarm_tui.tui.screens.travelling import LINES, Travelling
from zwarm_tui.tui.widgets.banner import Banner
from zwarm_tui.tui.widgets.page_view import PageView
from zwarm_tui.tui.widgets.statusline import StatusLine
from zwarm_tui.tui.widgets.topbar import TopBar
from zwarm_tui.tui.work import begin

if TYPE_CHECKING:
    from zwarm_tui.tui.app import ZwarmApp

_WIDTHS = [(0, "-small"), (100, "-wide"), (160, "-huge")]
_OWN = ("checkpoint", "rename-branch")
"""Actions of the whole screen that are bound here, too."""
Json = dict[str, Any]


class TimelineScreen(Travelling, Once[None]):
    """Escape closes its search, then itself."""

    AUTO_FOCUS = "TimelineView"
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+t,q", "back", "Back", show=False, id="timeline.close"),
        *(binding for binding in bindings("screen") if binding.id in _OWN),
    ]

    def __init__(self, zwarm: ZwarmApp) -> None:
        super().__init__(zwarm)
        self._start: str | None = None
        """Where it is to be opened, until its parts know their sizes."""
        self._title = ""
        self._topbar, self._line = TopBar(), StatusLine()
        self._page = PageView(id="page")
        self._changed: dict[str, tuple[list[Json], str]] = {}
        """What changed since its parent, and why that is unknown, by checkpoint."""
        self._reading: Timer | None = None
        self._theme = zwarm.theme
        # Its first Resize sets this class: it would style all of it a second time.
        wide = next(name for width, name in reversed(_WIDTHS) if zwarm.size.width >= width)
        self.add_class(wide, update=False)

    def compose(self) -> ComposeResult:
        yield self._topbar
        yield Banner()
        with Horizontal(id="panes"):
            with Vertical(id="graph", classes="pane"):
                yield self._timeline
                yield Static(
                    "No checkpoints yet. One is taken after each turn; ctrl+s takes one now.",
                    id="no-checkpoints",
                    markup=False,
                )
            with Vertical(id="chosen", classes="pane"):
                yield self._page
        yield self._line

    def start(self, label: str) -> None:
        """Show the board, with the cursor on a checkpoint ("": where the project is)."""
        self._start = label
        if self._timeline.size:
            self._begin()

    def on_mount(self) -> None:
        # A message would come after the row was painted, and the page one frame late.
        self.watch(self._timeline, "cursor", self.show_page, init=False)

    def on_resize(self) -> None:
        if self._start is not None:
            self._begin()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Only a theme chosen meanwhile makes it look different from how it was left."""
        event.refresh_styles = self._theme != self.app.theme
        self._theme = self.app.theme

    def _begin(self) -> None:
        label, self._start = self._start, None
        self.show_board()
        self.show_timeline()
        if label:
            self._timeline.choose(label)
        else:
            self._timeline.go_home()
        self.show_page()

    def show_news(self, news: News) -> None:
        if news.timeline:
            self.show_timeline()
            self.show_page()

    def show_board(self) -> None:
        self._topbar.show(self.figures())
        self._timeline.say_running(self.running, self._board.running_elsewhere())
        board = self._board
        size = count_of(len(board.checkpoints), "checkpoint")
        if len(board.branches) > 1:
            size += f" on {count_of(len(board.branches), 'branche' if len(board.branches) > 1 else 'branch')}"
        self.query_one("#graph").border_title = Content(
            f"Timeline · {size}" if board.checkpoints else "Timeline"
        )
        self.show_hints()

    @on(events.DescendantFocus)
    def show_hints(self) -> None:
        """The bottom line, for where the focus is."""
        if self.focused is not None and self.focused.id in LINES:
            self._line.show((), {}, *LINES[self.focused.id])
            return
        found = {"sought"} if self._timeline.searching else ()
        actions = [a for a in hints("timeline", found) if a.where != "screen" or a.id == "checkpoint"]
        self._line.show(actions, self._zwarm.settings.keys, "esc back")

    def action_back(self) -> None:
        if not self.close_search():
            self.dismiss()

    @on(StatusLine.Clicked)
    async def _clicked_hint(self, event: StatusLine.Clicked) -> None:
        await self.run_action(event.action.action)

    # -- the chosen one -----------------------------------------------------------------

    @property
    def reading(self) -> bool:
        """Whether the files of the chosen checkpoint are still being read."""
        row = self._timeline.chosen
        return row is not None and row.checkpoint is not None and row.target not in self._changed

    def show_page(self) -> None:
        """Show what is chosen; its files follow when the cursor rests on it."""
        row = self._timeline.chosen
        if row is None:
            return
        if (title := _TITLES.get(row.kind, "Checkpoint")) != self._title:
            self._title = title
            self.query_one("#chosen").border_title = Content(title)
        known = self._changed.get(row.target) if row.checkpoint else ([], "")
        self._show_page(row, known)
        if self._reading is not None:
            self._reading.stop()
        if known is None:
            self._reading = self.set_timer(0.1, self._read)

    def _show_page(self, row: GraphRow, known: tuple[list[Json], str] | None) -> None:
        board, branch, checkpoint = self._board, row.branch, row.checkpoint
        labels = {c.id: c.label for c in board.checkpoints}
        changed, why = known if known is not None else (None, "")
        facts = board.facts_of(checkpoint) if checkpoint else None
        what = Page(
            branch=branch,
            checkpoint=checkpoint,
            facts=facts,
            age=self._timeline.age_of(checkpoint) if checkpoint else "",
            parent=labels.get(checkpoint.parent, "root") if checkpoint else "",
            place=_short(branch.worktree or "") or ("your checkout" if branch.checkout else ""),
            changed=changed,
            why=why,
            tasks={s.id: s.task for s in board.sessions.values()} | {PILOT: PILOT},
            here=row.here,
            about=() if checkpoint else self._about(row),
        )
        self._page.show(lambda width, ink: page(what, width, ink, ink.branch(branch.id, bold=True)))

    def _about(self, row: GraphRow) -> list[str]:
        """What there is to say of a row that is no checkpoint."""
        board, branch = self._board, row.branch
        if row.folded:
            return [f"{count_of(row.folded.checkpoints, 'checkpoint')} folded: space opens them"]
        if row.kind == "now":
            working = [s.task for s in board.sessions.values() if s.status.active and s.turns]
            return [f"● {line_of(task)}" for task in working] or ["Nothing runs."]
        own = sum(c.branch == branch.id for c in board.checkpoints)
        label = next((c.label for c in board.checkpoints if c.id == branch.checkpoint), "root")
        return [
            f"{count_of(own, 'checkpoint')}, from {label} on"
            if branch.parent
            else count_of(own, "checkpoint")
        ]

    def _read(self) -> None:
        row = self._timeline.chosen
        if row is not None and row.checkpoint is not None:
            begin(self, self._read_files(row), group="files", only=True)

    async def _read_files(self, row: GraphRow) -> None:
        assert row.checkpoint is not None
        try:
            known = await changed_since(self._board, row.checkpoint)
        except ZwarmError as error:
            known = ([], str(error))
        self._changed[row.target] = known
        chosen = self._timeline.chosen
        if chosen is not None and chosen.key == row.key:
            self._show_page(chosen, known)


_TITLES = {"root": "The beginning", "branch": "Branch", "rest": "Branch", "now": "Now"}


def _short(path: str) -> str:
    """A path, from the home folder on where it lies there."""
    home = f"{Path.home()}/"
    return f"~/{path.removeprefix(home)}" if path.startswith(home) else path
