"""The centre: one session, its facts, its transcript, and the composer."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from zwarm_tui.core.events import QuestionAsked, Unknown
from zwarm_tui.core.long_sessions import context_use, is_long
from zwarm_tui.core.model import TIP, SessionStatus, SessionView
from zwarm_tui.tui.board import PILOT, Board
from zwarm_tui.tui.figures import elapsed, money, tokens
from zwarm_tui.tui.render.literal import line_of
from zwarm_tui.tui.widgets.composer import Composer
from zwarm_tui.tui.widgets.session_list import SIGNS, state_of, title_of
from zwarm_tui.tui.widgets.transcript import TranscriptView

PAGE = 200
"""So many blocks are read at a time."""


class SessionPane(Vertical):
    """Shows the session that is `opened`. It reads the log; it sends nothing."""

    DEFAULT_CLASSES = "pane"
    BINDINGS: ClassVar = []

    def __init__(self, board: Board, clock: Callable[[], float], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._board, self._clock = board, clock
        self.opened = PILOT
        self._seq = self._unrecognised = 0
        self._hits: list[int] = []
        self._hit = 0
        self._sought = ""
        self._title = self._facts = Content()

    def compose(self) -> ComposeResult:
        yield Static(id="facts", markup=False)
        yield TranscriptView(id="transcript")
        yield Static(id="empty", markup=False)
        yield Static(id="below", markup=False)
        yield Composer(id="composer")

    def on_mount(self) -> None:
        self.transcript = self.query_one(TranscriptView)
        self.composer = self.query_one(Composer)

    # -- what is shown ------------------------------------------------------------------

    def open(self, session: str) -> None:
        """Show another session, or the same one on another line through the tree."""
        self.opened = session
        self._forget_search()
        reader, path = self._board.reader, self._board.position.path
        blocks = []
        if reader is not None:
            self._seq = reader.last_seq()  # before the blocks: what comes between is read twice
            self._unrecognised = reader.unrecognised(session)
            blocks = reader.blocks(session, path, limit=PAGE)
        self.transcript.show(f"{session} {path}", blocks, older=len(blocks) == PAGE)
        self._show_empty()
        self.show_facts()
        self.composer.open(session, self._placeholder())

    def extend(self) -> None:
        """Read what is new in the transcript that is open."""
        reader, path = self._board.reader, self._board.position.path
        if reader is None or path[-1][1] != TIP:
            return
        records = reader.records(self.opened, path, since=self._seq)
        if records:
            self._seq = records[-1].seq
            self.transcript.extend(records)
            if unrecognised := sum(isinstance(r.event, Unknown) for r in records):
                self._unrecognised += unrecognised
                self.show_facts()
            self._show_empty()

    def show_facts(self) -> None:
        """The line over the transcript, and what the composer is for."""
        session = self._board.session(self.opened)
        if session is None:
            return
        sign, colour = SIGNS[session.status]
        sign, colour = ("◆", "zwarm-pilot") if session.role == PILOT else (sign, colour)
        # Each is set only where it changed: to set a title paints the whole pane again.
        title = Content.assemble((f"{sign} ", f"${colour}"), (title_of(session), "bold"))
        facts = _facts(session, self._clock(), self._unrecognised, self._board.brain)
        if title != self._title:
            self.border_title = self._title = title
        if facts != self._facts:
            self._facts = facts
            self.query_one("#facts", Static).update(facts, layout=False)
        if (placeholder := self._placeholder()) != self.composer.placeholder:
            self.composer.placeholder = placeholder

    def _placeholder(self) -> str:
        session, position = self._board.session(self.opened), self._board.position
        if any(isinstance(r.event, QuestionAsked) for r in self._board.requests_of(self.opened)):
            return "Answer the question"
        if position.detached:
            label = next(
                (c.label for c in self._board.checkpoints if c.id == position.checkpoint), "the root"
            )
            return f"The next message branches from {label}"
        who = "the pilot" if self.opened == PILOT else "this session"
        if session is not None and session.status is SessionStatus.RUNNING:
            if not self._board.can(self.opened, "steer"):
                return f"{session.executor} takes no message in mid turn: wait, or interrupt it"
            return f"Put a word into {who}’s running turn"
        if self.opened == PILOT and (session is None or not session.turns):
            return "What shall be done?"
        return f"Write to {who}"

    def _show_empty(self) -> None:
        nothing = not self.transcript.blocks
        empty = self.query_one("#empty", Static)
        if nothing:
            empty.update(_welcome() if self.opened == PILOT else Content("Nothing was said here yet."))
        if empty.display != nothing:
            empty.display, self.transcript.display = nothing, not nothing

    # -- older blocks, and what is below ------------------------------------------------

    @on(TranscriptView.OlderWanted)
    def _older(self, event: TranscriptView.OlderWanted) -> None:
        event.stop()
        self._load_older(event.before, PAGE)

    def _load_older(self, before: int, limit: int) -> bool:
        if self._board.reader is None:
            return False
        path = self._board.position.path
        blocks = self._board.reader.blocks(self.opened, path, before=before, limit=limit)
        self.transcript.prepend(blocks, older=len(blocks) == limit)
        return bool(blocks)

    @on(TranscriptView.FollowChanged)
    def _below(self, event: TranscriptView.FollowChanged) -> None:
        event.stop()
        below = self.query_one("#below", Static)
        below.display = not event.following
        new = f"{event.unseen} new below" if event.unseen else "more below"
        below.update(Content(f"▼ {new} · end follows"))

    def on_click(self, event: object) -> None:
        widget = getattr(event, "widget", None)
        if widget is not None and widget.id == "below":
            self.transcript.action_end()

    # -- search -------------------------------------------------------------------------

    @property
    def searching(self) -> bool:
        return bool(self._hits)

    def search(self, text: str) -> bool:
        """Mark `text` and go to its last occurrence; False where there is none."""
        self._forget_search()
        if not text or self._board.reader is None:
            return False
        path = self._board.position.path
        self._hits = self._board.reader.search(self.opened, text, path)
        self._sought = text
        self.transcript.set_search(text if self._hits else "")
        if self._hits:
            self._hit = len(self._hits) - 1
            self._show_hit()
        return bool(self._hits)

    def step(self, by: int) -> None:
        """To another hit, round and round."""
        self._hit = (self._hit + by) % len(self._hits)
        self._show_hit()

    def _show_hit(self) -> None:
        seq = self._hits[self._hit]
        while not self.transcript.jump_to(seq):
            blocks = self.transcript.blocks
            if not blocks or not self._load_older(blocks[0].first_seq, PAGE * 10):
                break
        self.border_subtitle = Content(f"{line_of(self._sought)}: {self._hit + 1} of {len(self._hits)}")

    def _forget_search(self) -> None:
        if self._sought:
            self._hits, self._sought = [], ""
            self.transcript.set_search("")
        self.border_subtitle = ""


def _facts(session: SessionView, now: float, unrecognised: int, brain: str) -> Content:
    """One line: state, agent (of a pilot that was told nothing yet: its brain), turns, money,
    tokens, and how full the context is."""
    parts: list[tuple[str, str]] = []
    word = state_of(session)
    if session.status.active and session.started_at:
        word += f" {elapsed(now - session.started_at)}"
    if session.role != PILOT or session.turns:
        colour = "$zwarm-attention" if session.needs_attention else f"${SIGNS[session.status][1]}"
        parts.append((word, colour))
    if is_long(session):
        parts.append(
            ((" · " if parts else "") + "▲ long: branch from a checkpoint, or start afresh", "$zwarm-waiting")
        )
    agent = " ".join(filter(None, (session.executor, session.model)))
    rest = [line_of(agent or (brain if session.role == PILOT else ""))]
    if session.role != PILOT:
        rest.insert(0, session.id)
    if session.turns:
        rest += [f"turn {session.turns}", money(session.cost)]
    if session.tokens.total:
        rest.append(f"{tokens(session.tokens.total)} tokens")
    if session.context and (use := context_use(session)) is not None:
        rest.append(f"context {use}%")
    if unrecognised:
        rest.append(f"{unrecognised} unrecognised event{'s' if unrecognised != 1 else ''}")
    if session.ended:
        rest.append("ended")
    parts += [((" · " if parts else "") + " · ".join(filter(None, rest)), "$zwarm-dim")]
    return Content.assemble(*parts)


def _welcome() -> Content:
    return Content.assemble(
        ("Say what you want done, and press Enter.\n", "bold $foreground"),
        ("The pilot hands it to agents, and you hear when one needs you.\n\n", "$zwarm-dim"),
        (":delegate TASK   ", "$zwarm-code"),
        ("starts an agent of your own\n", "$zwarm-dim"),
        (":T3              ", "$zwarm-code"),
        ("jumps back; nothing is lost\n", "$zwarm-dim"),
        ("ctrl+p           ", "$zwarm-code"),
        ("finds every action; f1: keys", "$zwarm-dim"),
    )
