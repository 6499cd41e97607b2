"""One attempt at a turn, message by message: what is waited for, and what it came to.

A client speaks with one agent for one attempt. Its messages are events (see
`core.events`); anything else in a stream counts as a sign of life, and no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.core.lifecycle import LifecycleContext

DEFAULT_WINDOW = 200_000
"""Tokens of context that an agent is taken to have where it doesn't say."""


class AgentClient(Protocol):
    """One attempt at a turn of one agent."""

    @property
    def session_id(self) -> str | None:
        """The session by which the turn can be resumed; None while there is none."""

    async def query(self, prompt: str, session_id: str | None = None) -> None:
        """Send a prompt to a session (None: to a new one); returns when it is taken up."""

    def receive_response(self) -> AsyncIterator[Any]:
        """The turn's messages to its end."""

    async def disconnect(self) -> None:
        """Let go of the turn, whatever state it is in. Idempotent."""


class Tracer(Protocol):
    """Sees each message as it comes."""

    def log_message(self, message: Any) -> None: ...


class StreamIdleError(Exception):
    """No message came for `seconds`, while no tool ran."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"no message for {seconds:g} s (idle_timeout_seconds = {seconds:g})")


class AgentExitError(ExecutorError):
    """The agent's process ended in mid turn."""


@dataclass
class IterationResult:
    """What a turn with its retries came to. `should_continue` is False where nothing
    more is to be said to the agent: retries exceeded, the turn failed or was stopped."""

    success: bool
    session_id: str | None = None
    should_continue: bool = True
    error_message: str | None = None


@dataclass
class SessionExecutionState:
    """What changes while one session is driven. One object a session."""

    session_id: str | None = None
    interrupted: bool = False
    pending_tool_ids: set[str] = field(default_factory=set)
    """Tool calls, and questions to the person, that have not ended: silence is in order."""
    tool_ids: set[str] = field(default_factory=set)
    idle_retries: int = 0
    texts: list[str] = field(default_factory=list)
    context: int | None = None
    window: int | None = None

    @property
    def tool_calls_this_turn(self) -> int:
        return len(self.tool_ids)

    @property
    def answer(self) -> str:
        """All that the agent said in the turn itself (F1, F2)."""
        return "\n\n".join(t for t in self.texts if t.strip())

    @property
    def pressure(self) -> float:
        """How full the agent's context is, from 0 to 1."""
        return (self.context or 0) / (self.window or DEFAULT_WINDOW)

    def begin_turn(self) -> None:
        self.interrupted, self.idle_retries = False, 0
        self.tool_ids, self.texts = set(), []
        self.pending_tool_ids.clear()

    def begin_afresh(self) -> None:
        """The next turn begins a session of its own."""
        self.session_id = self.context = self.window = None


async def until_idle(
    stream: AsyncIterator[Any], seconds: float, pending: set[str]
) -> AsyncGenerator[Any, None]:
    """The messages of a stream. `StreamIdleError` when none comes for `seconds` while
    nothing is `pending`; 0 or less waits for ever. Closing it closes the stream."""
    messages = aiter(stream)
    try:
        while True:
            limit = None if seconds <= 0 or pending else seconds
            try:
                async with asyncio.timeout(limit) as watch:
                    message = await anext(messages)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if not watch.expired():
                    raise  # the stream's own
                raise StreamIdleError(seconds) from None
            yield message
    finally:
        if (close := getattr(messages, "aclose", None)) is not None:
            await close()


class MessageStreamProcessor:
    """Keeps account of one attempt's messages in the session's state.

    `on_tool_use(tool, arguments)` and `on_agent_text(text)` are told as it goes.
    """

    def __init__(
        self,
        on_tool_use: Callable[[str, dict[str, Any]], None] = lambda _tool, _arguments: None,
        on_agent_text: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self._on_tool_use, self._on_agent_text = on_tool_use, on_agent_text

    async def process_stream(
        self,
        stream: AsyncIterator[Any],
        state: SessionExecutionState,
        lifecycle_ctx: LifecycleContext,
        lint_cache: MutableMapping[str, int | None] | None = None,
        tracer: Tracer | None = None,
    ) -> IterationResult:
        """See the turn through. `lint_cache` is filled with the commands that the agent
        ran itself and their last exit codes. Raises `AgentExitError`."""
        async for message in stream:
            if tracer is not None:
                tracer.log_message(message)
            self._heed(message, state)
            if isinstance(message, e.CommandDone) and lint_cache is not None:
                lint_cache[message.command] = message.exit_code
            if isinstance(message, e.TurnEnded):
                return _outcome(message, state)
        return IterationResult(True, state.session_id)

    def _heed(self, message: Any, state: SessionExecutionState) -> None:
        match message:
            case e.CommandStarted() | e.ToolStarted():
                state.pending_tool_ids.add(message.item)
                if message.item not in state.tool_ids:
                    state.tool_ids.add(message.item)
                    self._tell(message)
            case e.CommandDone() | e.ToolDone():
                state.pending_tool_ids.discard(message.item)
                if message.item not in state.tool_ids:  # an agent that reports no starts
                    state.tool_ids.add(message.item)
                    self._tell(message)
            case e.FilesChanged(item=item):
                state.tool_ids.add(item)
            case e.ApprovalRequested(request=request) | e.QuestionAsked(request=request):
                state.pending_tool_ids.add(request)
            case e.ApprovalResolved(request=request) | e.QuestionAnswered(request=request):
                state.pending_tool_ids.discard(request)
            case e.Text(text=text, parent=None):
                state.texts.append(text)
                self._on_agent_text(text)
            case e.Usage(context=int(context)):
                state.context, state.window = context, message.window or state.window

    def _tell(self, message: e.CommandStarted | e.CommandDone | e.ToolStarted | e.ToolDone) -> None:
        if isinstance(message, (e.ToolStarted, e.ToolDone)):
            self._on_tool_use(message.tool, message.arguments)
        else:
            self._on_tool_use("shell", {"command": message.command})


def _outcome(ended: e.TurnEnded, state: SessionExecutionState) -> IterationResult:
    if ended.status == "completed":
        return IterationResult(True, state.session_id)
    error = ended.error or f"the turn was {ended.status}"
    if ended.status == "failed" and ended.exit_code is not None:
        stderr = f"\n{ended.stderr.strip()}" if ended.stderr and ended.stderr.strip() else ""
        raise AgentExitError(f"{error} (exit status {ended.exit_code}){stderr}")
    state.interrupted = ended.status in ("interrupted", "killed")
    return IterationResult(False, state.session_id, False, error)
