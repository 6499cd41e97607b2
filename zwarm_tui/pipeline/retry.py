"""When an agent falls silent or dies: resume it, begin it anew, or refuse. Never repeat
what it may already have done.

The policy keeps nothing of a session: all of that is in the caller's state, so one policy
serves any number of sessions at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import aclosing
from dataclasses import dataclass
from string import Formatter
from typing import Any

from zwarm_tui.core.errors import ZwarmError
from zwarm_tui.core.lifecycle import LifecycleContext
from zwarm_tui.pipeline.sinks import EventSink
from zwarm_tui.pipeline.stream import (
    AgentClient,
    AgentExitError,
    IterationResult,
    MessageStreamProcessor,
    SessionExecutionState,
    StreamIdleError,
    Tracer,
    until_idle,
)

RESUME_PROMPT = (
    "You went silent and were interrupted. Look at what you have already done, do not repeat it, "
    "and go on with the task from there."
)
EXIT_ATTEMPTS = 5
EXIT_BACKOFF = (1.0, 2.0, 4.0, 8.0)
"""An agent's process that dies in mid turn is tried so often, so many seconds apart."""
DISCONNECT_PATIENCE = (10.0, 30.0)
"""Seconds in which a client should have let go, and must have."""


def default_idle_timeout(timeout: float | None) -> float:
    """Seconds of silence that are allowed in a run that may take `timeout` (None: any
    time): a fifth of it, but at least 300 and at most 900."""
    return 900.0 if timeout is None else min(900.0, max(300.0, 0.2 * timeout))


@dataclass
class RetryConfig:
    """How often, how far apart (seconds before retry k: the k-th entry, the last one
    again after that) and with which words a silent agent is resumed. The prompt may
    name `{issue_id}`."""

    max_idle_retries: int = 2
    idle_retry_backoff: tuple[float, ...] = (0.0, 5.0, 15.0)
    idle_resume_prompt: str = RESUME_PROMPT

    def __post_init__(self) -> None:
        if self.max_idle_retries < 0:
            raise ValueError(f"max_idle_retries must be 0 or more, not {self.max_idle_retries}")
        if self.max_idle_retries and not self.idle_resume_prompt.strip():
            raise ValueError("max_idle_retries above 0 needs an idle_resume_prompt")
        if any(seconds < 0 for seconds in self.idle_retry_backoff):
            raise ValueError(f"idle_retry_backoff is in seconds, 0 or more: {self.idle_retry_backoff}")
        names = {name for _, name, _, _ in Formatter().parse(self.idle_resume_prompt) if name is not None}
        if unknown := names - {"issue_id", "", "0"}:
            raise ValueError(f"idle_resume_prompt has a placeholder that nothing fills: {sorted(unknown)}")

    def backoff(self, retry: int) -> float:
        """Seconds before retry `retry` (1 is the first)."""
        return _nth(self.idle_retry_backoff, retry)

    def resume_prompt(self, issue_id: str) -> str:
        return self.idle_resume_prompt.format(issue_id, issue_id=issue_id)


class IdleTimeoutError(ZwarmError):
    """Nothing more is tried; `result` is what the turn came to."""

    def __init__(self, message: str, result: IterationResult) -> None:
        self.result = result
        super().__init__(message)


class IdleTimeoutRetryPolicy:
    """Drives one turn of an agent to its end, through silences and exits.

    `client_factory(options)` makes a client for each attempt; `stream_processor_factory()`
    makes what reads its messages, so that the callbacks of the moment are used; `events`
    is told of retries and warnings.
    """

    def __init__(
        self,
        client_factory: Callable[[Any], AgentClient],
        stream_processor_factory: Callable[[], MessageStreamProcessor],
        config: RetryConfig,
        *,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
        events: EventSink | None = None,
    ) -> None:
        self._client_factory, self._stream_processor_factory = client_factory, stream_processor_factory
        self._config, self._sleep = config, sleep
        self._events = events or EventSink()

    async def execute_iteration(
        self,
        query: str,
        options: Any,
        state: SessionExecutionState,
        lifecycle_ctx: LifecycleContext,
        lint_cache: MutableMapping[str, int | None] | None = None,
        idle_timeout_seconds: float | None = None,
        tracer: Tracer | None = None,
        *,
        issue_id: str = "",
    ) -> IterationResult:
        """Send `query` to the state's session (None: to a new one) and see the turn
        through. `idle_timeout_seconds`: None is 900, 0 or less never times out, and
        while a tool call is pending nothing does.

        Raises `IdleTimeoutError` where retries are exceeded, or where a retry could
        repeat what the agent did (no session is known, and tools were called)."""
        idle = default_idle_timeout(None) if idle_timeout_seconds is None else idle_timeout_seconds
        state.begin_turn()
        prompt, session, exits = query, state.session_id, 0
        while True:
            client = self._client_factory(options)
            try:
                # Where the query itself fails, nothing ran: that is the caller's to know.
                if session is None:
                    await client.query(prompt)
                else:
                    await client.query(prompt, session_id=session)
                state.session_id = session = client.session_id or session
                processor = self._stream_processor_factory()
                messages = until_idle(client.receive_response(), idle, state.pending_tool_ids)
                try:
                    async with aclosing(messages):
                        result = await processor.process_stream(
                            messages, state, lifecycle_ctx, lint_cache, tracer
                        )
                except (StreamIdleError, AgentExitError) as error:
                    failure = error
                    state.session_id = session = (
                        state.session_id or lifecycle_ctx.session_id or client.session_id
                    )
                else:
                    session = state.session_id or client.session_id
                    state.session_id = lifecycle_ctx.session_id = result.session_id = session
                    return result
            finally:
                await self._disconnect(client, issue_id)
            state.pending_tool_ids.clear()
            if isinstance(failure, StreamIdleError):
                state.idle_retries += 1
                what, attempt, most = "idle", state.idle_retries, self._config.max_idle_retries
                if attempt > most:
                    raise self._give_up(f"Max idle retries ({most}) exceeded", session) from failure
                delay = self._config.backoff(attempt)
            else:
                exits += 1
                what, attempt, most = "exit", exits, EXIT_ATTEMPTS - 1
                if attempt > most:
                    return IterationResult(False, session, False, str(failure))
                delay = _nth(EXIT_BACKOFF, attempt)
            if session is not None:
                prompt = self._config.resume_prompt(issue_id) or query
            elif calls := state.tool_calls_this_turn:
                why = f"Cannot retry: {calls} tool calls occurred without session context"
                raise self._give_up(why, None) from failure
            else:
                prompt = query
            self._events.on_retry_scheduled(issue_id, what, attempt, most, delay, str(failure))
            if delay > 0:
                await self._sleep(delay)

    def _give_up(self, message: str, session: str | None) -> IdleTimeoutError:
        return IdleTimeoutError(message, IterationResult(False, session, False, message))

    async def _disconnect(self, client: AgentClient, issue_id: str) -> None:
        """Have the client let go, in bounded time; what goes wrong is a warning."""
        letting_go = asyncio.ensure_future(client.disconnect())
        soon, at_last = DISCONNECT_PATIENCE
        try:
            done, _ = await asyncio.wait({letting_go}, timeout=soon)
            if not done:
                self._events.on_warning(issue_id, f"the agent has not let go within {soon:g} s: waiting on")
                done, _ = await asyncio.wait({letting_go}, timeout=at_last)
            if not done:
                self._events.on_warning(issue_id, f"the agent did not let go within {soon + at_last:g} s")
            elif not letting_go.cancelled() and (error := letting_go.exception()):
                self._events.on_warning(issue_id, f"letting go of the agent failed: {error}")
        finally:
            letting_go.cancel()


def _nth(seconds: tuple[float, ...], retry: int) -> float:
    """The entry of retry `retry`, counted from 1; the last entry again after the end."""
    return seconds[min(retry, len(seconds)) - 1] if seconds else 0.0
