"""A session and its turns; written by the engine."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar

from zwarm_tui.core.events.base import Event
from zwarm_tui.core.value import value


@value(kw_only=True)
class SessionCreated(Event):
    """A session exists. `role` is "executor" or "pilot"; `settings` is what every
    start, resume and fork of its thread needs again (sandbox, approvals, …)."""

    kind: ClassVar[str] = "session.created"
    task: str
    executor: str
    model: str | None = None
    working_dir: str = ""
    worktree: str | None = None
    parent: str | None = None
    role: str = "executor"
    simulated: bool = False
    settings: dict[str, Any] = field(default_factory=dict)


@value()
class UserMessage(Event):
    """The message that opens a turn (the turn is queued from here on), or, with
    `steer`, one put into a running turn. `origin` is "person", "pilot" or "workflow"."""

    kind: ClassVar[str] = "user"
    text: str
    origin: str = "person"
    steer: bool = False


@value()
class ThreadBound(Event):
    """The native thread that this turn runs on, and how it came to be: "fresh",
    "continued", "resumed", "forked" (exactly at the turn) or "briefed" (a new
    thread with the transcript as its brief, where the agent can't fork there)."""

    kind: ClassVar[str] = "thread.bound"
    thread: str
    how: str
    from_thread: str | None = None
    from_turn: str | None = None
    executor: str | None = None
    toolset: str | None = None
    """Hash of the tools that the thread was begun with (they can't change later)."""
    cwd: str | None = None
    """The folder that it works in from this turn on."""


@value()
class TurnStarted(Event):
    """The agent took the turn up; `turn_id` is its own id, where it has one."""

    kind: ClassVar[str] = "turn.started"
    turn_id: str | None = None


@value(kw_only=True)
class TurnEnded(Event):
    """The one terminal fact of a turn. `status` is a `SessionStatus` value:
    completed, failed, interrupted or killed. `exit_code` and `stderr` are those
    of the process that ended, where one did (negative: the signal's number). `late`
    is how many of the messages that were put into it, its last ones, came too late for
    its agent to answer."""

    kind: ClassVar[str] = "turn.ended"
    status: str
    turn_id: str | None = None
    error: str | None = None
    exit_code: int | None = None
    stderr: str | None = None
    late: int = 0


@value()
class AttentionRaised(Event):
    """The session wants its person. `reason`: see `core.attention.Reason`."""

    kind: ClassVar[str] = "attention"
    reason: str
    detail: str = ""


@value()
class Acknowledged(Event):
    """Someone looked: attention is cleared. `by` is "screen", "check", "converse"…"""

    kind: ClassVar[str] = "acknowledged"
    by: str


@value()
class SessionEnded(Event):
    """The session was ended on purpose; `hidden` takes it off the lists."""

    kind: ClassVar[str] = "session.ended"
    reason: str | None = None
    hidden: bool = False
