"""The sessions at the left: those that need their person first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.style import Style
from textual.binding import BindingType
from textual.strip import Strip

from zwarm_tui.core.model import SessionStatus, SessionView
from zwarm_tui.tui.actions import bindings
from zwarm_tui.tui.board import PILOT, needs_you
from zwarm_tui.tui.figures import age, elapsed, money
from zwarm_tui.tui.render.literal import line_of
from zwarm_tui.tui.render.rows import header
from zwarm_tui.tui.widgets.ink import Ink
from zwarm_tui.tui.widgets.row_view import RowView

SIGNS = {
    SessionStatus.PENDING: ("◌", "zwarm-dim"),
    SessionStatus.RUNNING: ("●", "zwarm-running"),
    SessionStatus.AWAITING_INPUT: ("▲", "zwarm-attention"),
    SessionStatus.COMPLETED: ("✓", "zwarm-done"),
    SessionStatus.FAILED: ("✗", "zwarm-failed"),
    SessionStatus.KILLED: ("✗", "zwarm-failed"),
    SessionStatus.INTERRUPTED: ("◼", "zwarm-interrupted"),
}
"""Status -> its sign, and the theme's variable for its colour."""

_ROOMY = 40
"""From so many cells on, rows name the model too."""

REASONS = {
    "approval": "wants leave",
    "question": "asks you",
    "budget": "over budget",
    "failed": "failed",
    "interrupted": "interrupted",
    "silent": "silent",
    "completed": "done",
}
"""Why a session needs its person, as the screen says it."""


def title_of(session: SessionView) -> str:
    """A session's name: its task on one line."""
    return "pilot" if session.role == PILOT else line_of(" ".join(session.task[:400].split()))


def state_of(session: SessionView) -> str:
    """A session's state in a word or two."""
    if session.attention is not None:
        reason = session.attention.reason
        return REASONS[reason] if reason in REASONS else line_of(reason)
    if session.status is SessionStatus.PENDING:
        return "queued" if session.turns else "ready"
    if session.status is SessionStatus.AWAITING_INPUT:
        return "waits for you"
    return str(session.status.value)


def sign_of(session: SessionView, ink: Ink) -> tuple[str, Style]:
    """The sign of a session's status in its colour."""
    if session.status is SessionStatus.PENDING and not session.turns:
        return "·", ink("zwarm-dim")
    sign, colour = SIGNS[session.status]
    return sign, ink(colour, bold=session.status.active)


class SessionList(RowView):
    """Two lines a session. The cursor stays on its session when the order changes."""

    BINDING_GROUP_TITLE = "Sessions"
    HELP = "Who needs you is on top, then what runs. Enter or a click opens one."
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("sessions")]

    row_height = 2

    def __init__(self, clock: Callable[[], float], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._clock = clock
        self._sessions: Sequence[SessionView] = ()
        self._opened = PILOT

    @property
    def chosen(self) -> str:
        """The session under the cursor."""
        return self._sessions[self.cursor].id if self._sessions else PILOT

    @property
    def shown(self) -> list[str]:
        """Ids in the order of the rows."""
        return [session.id for session in self._sessions]

    def show(self, sessions: Sequence[SessionView], opened: str) -> None:
        """Show these; `opened` is the one whose transcript is seen."""
        chosen = self.chosen
        if opened != self._opened:
            chosen, self._opened = opened, opened
        self._sessions = sessions
        at = next((i for i, session in enumerate(sessions) if session.id == chosen), 0)
        self.rows_changed(len(sessions), at)

    def ground(self, index: int) -> Style:
        if self._sessions[index].id == self._opened:
            return self.ink("foreground", on="boost" if self.has_focus and index != self.cursor else "panel")
        return super().ground(index)

    def draw(self, index: int, line: int, width: int) -> Strip:
        session = self._sessions[index]
        ink, urgent = self.ink, needs_you(session)
        bar = "▌" if urgent else "▎" if session.id == self._opened else " "
        edge = (bar, ink("zwarm-attention") if urgent else ink("primary"))
        if line == 0:
            strong = urgent or session.id == self._opened
            title = ink("zwarm-pilot", bold=True) if session.role == PILOT else ink("foreground", bold=strong)
            sign, style = ("◆", ink("zwarm-pilot")) if session.role == PILOT else sign_of(session, ink)
            name = title_of(session)
            right = [(f"{self._since(session)} ", ink("zwarm-dim"))]
            return header([edge, (f"{sign} ", style), (name, title)], list(right), width)
        live = session.status is SessionStatus.RUNNING
        word = ink("zwarm-attention" if urgent else "zwarm-running" if live else "zwarm-dim")
        left = [edge, ("  ", None), (state_of(session), word)]
        if session.executor:
            agent = f"{session.executor} {session.model or ''}" if width >= _ROOMY else session.executor
            left.append((f" · {line_of(agent.strip())}", ink("zwarm-dim")))
        cost = money(session.cost) if session.turns else ""
        return header(left, [(f"{cost} ", ink("zwarm-dim"))] if cost else [], width)

    def _since(self, session: SessionView) -> str:
        now = self._clock()
        if session.attention is not None:
            return age(now - session.attention.since)
        if session.status.active and session.started_at is not None:
            return elapsed(now - session.started_at)
        when = session.completed_at or (session.created_at if session.turns else None)
        return age(now - when) if when else ""
