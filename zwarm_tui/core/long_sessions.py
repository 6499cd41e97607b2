"""When a session has gone on for so long that its agent is known to get worse (F7)."""

from __future__ import annotations

from zwarm_tui.core.model import SessionView

LONG_TURNS = 10
FULL_CONTEXT = 0.9

ADVICE = "branch from a checkpoint, or start afresh with a summary"


def context_use(session: SessionView) -> int | None:
    """How full the agent's context is, in percent; None where that is unknown."""
    if session.context is None or not session.window:
        return None
    return session.context * 100 // session.window


def is_long(session: SessionView) -> bool:
    """Many turns, or a context that is nearly full."""
    context, window = session.context, session.window
    full = context is not None and bool(window) and context >= FULL_CONTEXT * (window or 0)
    return full or session.turns >= LONG_TURNS


def warning(session: SessionView) -> str:
    """What the person should know of a long one."""
    use = context_use(session)
    full = f", and its context is {use} % full" if use is not None else ""
    turns = f"{session.turns} turn{'s' if session.turns != 1 else ''}"
    return f"This session has had {turns}{full}: agents get worse from here on. Better {ADVICE}."
