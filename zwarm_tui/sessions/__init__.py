"""Agent sessions: turns, the queue, attention, and which thread serves which branch."""

from zwarm_tui.core.errors import SessionBusyError, SessionNotFoundError
from zwarm_tui.core.model import SessionStatus
from zwarm_tui.sessions.manager import CodexSessionManager
from zwarm_tui.sessions.roles import Role
from zwarm_tui.sessions.session import ExecutorSession

__all__ = [
    "CodexSessionManager",
    "ExecutorSession",
    "Role",
    "SessionBusyError",
    "SessionNotFoundError",
    "SessionStatus",
]
