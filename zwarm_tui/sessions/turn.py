"""One turn while it is alive: its sink, its open requests, its silence."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from zwarm_tui.core import events as e
from zwarm_tui.core.attention import Reason
from zwarm_tui.core.budgets import Key
from zwarm_tui.core.errors import SessionBusyError
from zwarm_tui.executors.base import Executor, ToolHandler
from zwarm_tui.sessions.budget import Hold


class Write(Protocol):
    """Appends records to the log; who reads one of them finds all."""

    def __call__(self, *records: e.Record) -> None: ...


_BUSY_STARTS = ("command.started", "tool.started")
_BUSY_ENDS = ("command", "tool")

FOLLOWED = "(Nothing was typed: it goes on with the message before.)"
"""Stands in the transcript for the message of a turn that only follows."""


@dataclass
class Turn:
    """A queued or running turn. `thread` is set once one serves it."""

    session: str
    branch: int
    number: int
    text: str
    origin: str
    executor: Executor
    follows: bool = False
    """Nothing is sent: its thread is at the message before still, and is followed."""
    thread: str | None = None
    running: bool = False
    stop: str | None = None
    """The status it shall end with, once someone decided to stop it."""
    why: str | None = None
    flagged: bool = False
    watched: bool = True
    """Its silence is flagged, and ends it at last."""
    patient: bool = False
    """Its caller decides how long it may be silent, not the manager's idle_timeout."""
    heard: float = field(default_factory=time.monotonic)
    busy: set[str] = field(default_factory=set)
    requests: dict[str, e.Event] = field(default_factory=dict)
    hold: Hold | None = None
    """A budget keeps it from beginning."""
    steers: list[str] = field(default_factory=list)
    """Messages that were put into it, or are about to be."""
    untold: int = 0
    """The last ones of those, which its agent has not accepted yet."""
    leave: set[Key] = field(default_factory=set)
    """Budgets beyond which the person let it begin."""
    task: asyncio.Task[None] | None = None
    placed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a thread serves it, a budget holds it, or it is over."""
    ended: bool = False
    """It is over; that is being recorded."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once that stands in the log, and the session is free."""

    @property
    def key(self) -> tuple[str, int]:
        return (self.session, self.branch)

    @property
    def message(self) -> str:
        """What its agent is sent."""
        return "" if self.follows else self.text

    @property
    def outlives(self) -> bool:
        """It goes on waiting when this engine ends: a budget holds it, and it is nobody's
        but its person's (a run that would take its answer ends with the engine)."""
        return self.hold is not None and self.origin != "workflow"

    @property
    def waiting(self) -> bool:
        """Silence is in order: a command or a tool runs, or a person is asked."""
        return bool(self.busy or self.requests)

    def check_begun(self) -> None:
        """`SessionBusyError` where a budget keeps it from beginning."""
        if self.hold is not None:
            raise SessionBusyError(
                f"the last message to {self.session} still waits, since a budget is used up: approve or deny "
                f"{self.hold.request} first"
            )

    def heed(self, event: e.Event) -> None:
        """Keep account of what the turn is busy with."""
        self.heard, self.flagged = time.monotonic(), False
        item = getattr(event, "item", "")
        if event.kind in _BUSY_STARTS:
            self.busy.add(item)
        elif event.kind in _BUSY_ENDS:
            self.busy.discard(item)
        elif isinstance(event, (e.ApprovalRequested, e.QuestionAsked)):
            self.requests[event.request] = event
        elif isinstance(event, (e.ApprovalResolved, e.QuestionAnswered)):
            self.requests.pop(event.request, None)


class Tell(Protocol):
    """Records events of a turn that its person should see."""

    async def __call__(self, turn: Turn, *events: e.Event) -> None: ...


class ThreadSink:
    """Takes one thread's events, in its turns and between them, to the log."""

    def __init__(self, session: str, branch: int, write: Write, handler: ToolHandler | None) -> None:
        self.session, self.branch = session, branch
        self.number = 0
        self.turn: Turn | None = None
        self._write = write
        self._handler = handler

    def begin(self, turn: Turn) -> None:
        self.turn, self.number = turn, turn.number

    def emit(self, event: e.Event) -> None:
        if isinstance(event, e.TurnEnded):
            return  # the terminal fact is what `run_turn` returns, once
        if self.turn is not None:
            self.turn.heed(event)
        if isinstance(event, e.ApprovalRequested):
            self.write(event, e.AttentionRaised(Reason.APPROVAL.value, first_line(event.text)))
        elif isinstance(event, e.QuestionAsked):
            self.write(event, e.AttentionRaised(Reason.QUESTION.value, first_line(event.text)))
        else:
            self.write(event)

    def write(self, *events: e.Event) -> None:
        """Append them to the log at once."""
        self._write(
            *(e.Record(event, self.session, self.branch, self.number, time.time()) for event in events)
        )

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> tuple[str, bool]:
        if self._handler is None:
            return f"there is no tool '{name}' here", False
        return await self._handler(name, arguments)


def first_line(text: str, width: int = 120) -> str:
    """The first line of a text that says anything, cut to `width` characters."""
    line = next((s for s in (part.strip() for part in text.splitlines()) if s), "")
    return line if len(line) <= width else line[: width - 1] + "…"


def withdrawn(request: str, event: e.Event) -> e.Event:
    """The end of a request whose turn ended first."""
    if isinstance(event, e.ApprovalRequested):
        return e.ApprovalResolved(
            request=request, decision="withdrawn", by="engine", what=event.what, text=event.text
        )
    return e.QuestionAnswered(request, getattr(event, "text", ""), None, "engine")
