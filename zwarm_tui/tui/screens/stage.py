"""One stage of a run: its transcript, what it left behind, its gates and its reviews."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from zwarm_tui.core import events as e
from zwarm_tui.core.model import TIP, Block
from zwarm_tui.tui.runs.about import about_stage
from zwarm_tui.tui.runs.artifacts import artifacts
from zwarm_tui.tui.runs.book import Run
from zwarm_tui.tui.screens.once import Once
from zwarm_tui.tui.widgets.transcript import TranscriptView
from zwarm_tui.tui.work import begin
from zwarm_tui.workflow.runs import StageView

if TYPE_CHECKING:
    from zwarm_tui.tui.app import ZwarmApp

Page = Literal["transcript", "artifacts", "gates", "findings"]
PAGES: tuple[Page, ...] = ("transcript", "artifacts", "gates", "findings")
_SIZE = 200
"""So many blocks are read at a time."""
_NONE = {
    "transcript": "No agent has worked on this stage so far.",
    "artifacts": "It left nothing behind so far.",
    "gates": "No gate was run for this stage.",
    "findings": "Nobody reviewed this stage.",
}


class StageScreen(ModalScreen[None], Once[None]):
    """Escape or q closes it; 1 to 4, tab and shift+tab turn its pages; , and . go to the
    sessions of earlier and later attempts."""

    CSS_PATH = "../styles/dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close", show=False, id="stage.close"),
        Binding("tab", "turn(1)", "Next page", show=False, id="stage.next"),
        Binding("shift+tab", "turn(-1)", "Page before", show=False, id="stage.previous"),
        Binding("comma", "session(-1)", "Session before", show=False, id="stage.session_up"),
        Binding("full_stop", "session(1)", "Session after", show=False, id="stage.session_down"),
        *(
            Binding(str(n), f"page('{page}')", page.title(), show=False, id=f"stage.{page}")
            for n, page in enumerate(PAGES, 1)
        ),
    ]

    def __init__(self, zwarm: ZwarmApp, run: Run, stage: str, page: Page = "transcript") -> None:
        super().__init__()
        self._zwarm, self._board = zwarm, zwarm.board
        self._run, self._stage = run, stage
        self.page: Page = page
        self._at = -1
        """Which of the stage's sessions is shown, from the last one back."""
        self._seq = 0
        self._head = Content()
        self._made = False
        """Its widgets are there."""

    def compose(self) -> ComposeResult:
        with Vertical(id="sheet", classes="-stage"):
            yield Static(id="about", markup=False)
            yield Static(id="tabs", markup=False)
            yield TranscriptView(id="pages")
            yield Static(id="nothing", markup=False)
            yield Static("esc  close    tab  next page    enter  unfold", id="hint", markup=False)

    def on_mount(self) -> None:
        self._made = True
        self._view = self.query_one(TranscriptView)
        self.show_second()
        self.action_page(self.page)

    # -- pages --------------------------------------------------------------------------

    def action_turn(self, by: int) -> None:
        self.action_page(PAGES[(PAGES.index(self.page) + by) % len(PAGES)])

    def action_page(self, page: Page) -> None:
        self.page = page
        if not self._made:  # a quick key: it opens there
            return
        if page == "artifacts":
            begin(self, self._show_artifacts(), group="artifacts", only=True)
        else:
            self._show(self._transcript() if page == "transcript" else self._checks())
        self._show_tabs()

    def action_session(self, by: int) -> None:
        """To the session of an attempt before or after."""
        if self.page == "transcript":
            self._at = max(-len(self._sessions), min(self._at + by, -1)) if self._sessions else -1
            self.action_page("transcript")

    @property
    def _sessions(self) -> list[str]:
        return list(dict.fromkeys(t[0] for t in self._run.turns.get(self._stage, ())))

    def _turns(self, session: str) -> set[int]:
        return {turn for s, _, turn in self._run.turns.get(self._stage, ()) if s == session}

    def _show(self, blocks: list[Block], *, older: bool = False) -> None:
        self._view.show(f"{self.page} {self._at}", blocks, older=older)
        self._view.display = bool(blocks)
        nothing = self.query_one("#nothing", Static)
        nothing.display = not blocks
        nothing.update(Content(_NONE[self.page]))
        self.set_focus(self._view if blocks else None)

    def _show_tabs(self) -> None:
        checks = self._run.checks_of(self._stage)
        gates = sum(isinstance(c, e.GateStarted | e.GateDone) for c in checks)
        found = sum(len(c.findings) for c in checks if isinstance(c, e.ReviewDone))
        counts = {"gates": gates, "findings": found}
        parts: list[tuple[str, str]] = []
        for n, page in enumerate(PAGES, 1):
            here = page == self.page
            parts.append((f" {n} ", "bold $footer-key-foreground"))
            label = page.title() + (f" {counts[page]}" if counts.get(page) else "")
            parts.append((f"{label} ", "bold underline $foreground" if here else "$zwarm-dim"))
            parts.append(("  ", ""))
        if self.page == "transcript" and len(self._sessions) > 1:
            at = len(self._sessions) + self._at + 1
            parts.append((f"session {at} of {len(self._sessions)}  , .", "$zwarm-dim"))
        self.query_one("#tabs", Static).update(Content.assemble(*parts))

    # -- the transcript -----------------------------------------------------------------

    def _transcript(self, before: int | None = None) -> list[Block]:
        reader, sessions = self._board.reader, self._sessions
        if reader is None or not sessions:
            return []
        session = sessions[self._at]
        if before is None:
            self._seq = reader.last_seq()
        path = reader.path(self._run.branch)
        wanted = self._turns(session)
        blocks = reader.blocks(session, path, before=before, limit=_SIZE)
        return [block for block in blocks if block.turn in wanted]

    @on(TranscriptView.OlderWanted)
    def _older(self, event: TranscriptView.OlderWanted) -> None:
        event.stop()
        if self.page == "transcript":
            blocks = self._transcript(event.before)
            self._view.prepend(blocks, older=len(blocks) == _SIZE)

    def show_news(self) -> None:
        """Something is new in the log: of this stage's session, perhaps."""
        if not self._made or self.page != "transcript" or not self._sessions:
            return
        if self._board.reader is None:
            return
        if not self._view.blocks:
            self.action_page("transcript")
            return
        session, reader = self._sessions[self._at], self._board.reader
        path = reader.path(self._run.branch)
        if path[-1][1] != TIP:
            return
        wanted = self._turns(session)
        records = reader.records(session, path, since=self._seq)
        if records:
            self._seq = records[-1].seq
            self._view.extend([r for r in records if r.turn in wanted])

    def show_second(self) -> None:
        """Figures and stopwatch, and what was checked meanwhile."""
        stage = self._run.view.stages.get(self._stage)
        if stage is None or not self._made:  # the run began again, and has not come to it yet
            return
        head = about_stage(self._run, stage, bool(stage.questions), self._zwarm.clock(), whole=False)
        if head != self._head:
            self._head = head
            self.query_one("#about", Static).update(head)
        self._show_tabs()

    # -- what it left, and what was found -----------------------------------------------

    async def _show_artifacts(self) -> None:
        if self._stage not in self._run.view.stages:
            return
        found = await asyncio.to_thread(artifacts, self._run, self._stage, self._zwarm.project)
        events: list[e.Event] = []
        for n, artifact in enumerate(found):
            where = f" · {artifact.path}" if artifact.path else ""
            head = f"{artifact.name} · {artifact.size:,} bytes{where}"
            events.append(e.Notice("info", head))
            if artifact.markdown:
                events.append(e.Text(f"a{n}", artifact.text))
            else:
                events.append(e.CommandDone(item=f"a{n}", command=artifact.name, output=artifact.text))
        if self.page == "artifacts":
            self._show(_blocks(events))

    def _checks(self) -> list[Block]:
        stage = self._run.view.stages.get(self._stage)
        if self.page == "gates" and stage is not None and stage.what and isinstance(stage.result, dict):
            return _blocks([_step(stage, stage.result)])
        kinds = (e.GateStarted, e.GateDone) if self.page == "gates" else (e.ReviewStarted, e.ReviewDone)
        return _blocks([c for c in self._run.checks_of(self._stage) if isinstance(c, kinds)])

    @on(TranscriptView.FollowChanged)
    def _keep_to_itself(self, event: TranscriptView.FollowChanged) -> None:
        event.stop()


def _step(stage: StageView, result: dict[str, object]) -> e.Event:
    """A command's step as what it did: its action, exit status, time and output."""
    code = result.get("exit_code")
    took = stage.ended_at - stage.started_at if stage.ended_at and stage.started_at else None
    return e.CommandDone(
        item="step",
        command=stage.what,
        output=str(result.get("output") or ""),
        exit_code=code if isinstance(code, int) else None,
        status=stage.status,
        seconds=took,
    )


def _blocks(events: list[e.Event]) -> list[Block]:
    return [
        Block(key=(0, 0, str(at)), first_seq=at, seq=at, time=0.0, event=event)
        for at, event in enumerate(events, 1)
    ]
