"""A piece of work from its prompt to its end: agent, gates, review, and back.

Only the order of things is here. Retries are the policy's business, what a check means
is the lifecycle's, and what follows from it the effect handler's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from zwarm_tui.core.errors import ZwarmError
from zwarm_tui.core.lifecycle import Effect, ImplementerLifecycle, LifecycleContext, Transition
from zwarm_tui.pipeline.checks import Checks
from zwarm_tui.pipeline.client import SessionClient
from zwarm_tui.pipeline.config import (
    AgentSessionConfig,
    AgentSessionInput,
    AgentSessionOutput,
    SessionConfig,
    SessionConfiguration,
)
from zwarm_tui.pipeline.context import begin_afresh
from zwarm_tui.pipeline.effects import LifecycleEffectHandler, SessionCallbacks
from zwarm_tui.pipeline.gates import CommandGate
from zwarm_tui.pipeline.retry import IdleTimeoutRetryPolicy
from zwarm_tui.pipeline.reviewers import Reviewer
from zwarm_tui.pipeline.sinks import EventSink, LogSink, Sinks
from zwarm_tui.pipeline.stream import MessageStreamProcessor, SessionExecutionState
from zwarm_tui.sessions import CodexSessionManager

OnTurn = Callable[[str, int], None]
"""Told (session, turn)."""
OnCheck = Callable[[str], Awaitable[None]]


class AgentSessionRunner:
    """Runs sessions of a manager through the lifecycle. One runner serves any number of
    runs at once. `sinks` are told beside the log; `callbacks` take the place of the
    checks that `gates` and `reviewer` stand for. `on_turn` is told each turn as it begins,
    `on_check` in words what came of each gate and review, before anything follows it."""

    def __init__(
        self,
        sessions: CodexSessionManager,
        config: AgentSessionConfig | None = None,
        *,
        gates: Sequence[CommandGate] = (),
        reviewer: Reviewer | None = None,
        sinks: Sequence[EventSink] = (),
        callbacks: SessionCallbacks | None = None,
        on_turn: OnTurn = lambda _session, _turn: None,
        on_check: OnCheck | None = None,
    ) -> None:
        self._sessions, self._config = sessions, config or AgentSessionConfig()
        self._gates, self._reviewer, self._sinks = tuple(gates), reviewer, tuple(sinks)
        self._callbacks, self._on_turn, self._on_check = callbacks, on_turn, on_check

    async def run_session(self, input: AgentSessionInput) -> AgentSessionOutput:
        """See one piece of work through. What the agent, a gate or a review did wrong is
        in the output; `UsageError` and `ProviderMismatchError` mean that nothing was
        begun. Cancelling it interrupts the agent, whose session can be resumed."""
        config = SessionConfiguration(self._sessions, self._config).initialize_config(input)
        with self._sessions.on_branch(self._sessions.branch):  # wherever the person goes meanwhile
            run = _Run(self._sessions, self._config, config, input, self._on_turn, self._on_check)
            sink = Sinks(LogSink(self._sessions, run.session_id, reviewer=self._reviewer_name), *self._sinks)
            checks = Checks(self._sessions, self._config, run.folder, self._gates, self._reviewer, sink)
            callbacks = self._callbacks or checks.callbacks()
            reviewed = self._reviewer is not None or self._callbacks is not None
            return await run.see_through(sink, callbacks, reviewed)

    @property
    def _reviewer_name(self) -> str:
        return self._reviewer.name if self._reviewer is not None else "reviewer"


class _Run:
    """One run while it is alive."""

    def __init__(
        self,
        sessions: CodexSessionManager,
        defaults: AgentSessionConfig,
        config: SessionConfig,
        input: AgentSessionInput,
        on_turn: OnTurn,
        on_check: OnCheck | None,
    ) -> None:
        self._sessions, self._defaults, self._config, self._input = sessions, defaults, config, input
        self._on_turn, self._on_check = on_turn, on_check
        self._state = SessionExecutionState()
        if config.resume is not None:
            view = sessions.get_session(config.resume).view
            self._state = SessionExecutionState(config.resume, context=view.context, window=view.window)
        self._ctx = LifecycleContext()

    def session_id(self) -> str | None:
        return self._ctx.session_id or self._state.session_id

    def folder(self) -> Path:
        """Where the work is: the worktree, once the agent's first turn has one."""
        session = self.session_id()
        if not self._config.worktree or session is None:
            return self._config.working_dir
        return Path(self._sessions.get_session(session).view.working_dir)

    async def see_through(
        self, sink: EventSink, callbacks: SessionCallbacks, reviewed: bool
    ) -> AgentSessionOutput:
        began, issue, ctx = time.monotonic(), self._input.issue_id, self._ctx
        lifecycle = ImplementerLifecycle(
            max_gate_retries=self._defaults.max_gate_retries,
            max_review_retries=self._defaults.max_review_retries,
            review_enabled=reviewed,
        )
        handler = LifecycleEffectHandler(self._defaults, callbacks, sink)
        sink.on_run_started(issue)
        try:
            async with asyncio.timeout(self._config.timeout) as watch:
                await self._drive(lifecycle, handler, sink)
        except ZwarmError as error:
            lifecycle.on_error(ctx, str(error))
        except TimeoutError:
            if not watch.expired():
                raise
            lifecycle.on_error(
                ctx, f"not done within timeout = {self._config.timeout:g} s; it can be resumed"
            )
        except asyncio.CancelledError:
            sink.on_warning(issue, "the run was stopped; it can be resumed")
            raise
        except Exception as error:
            sink.on_run_completed(issue, False, f"{type(error).__name__}: {error}")
            raise
        resolution = ctx.resolution or ""
        sink.on_run_completed(issue, ctx.success, resolution)
        await self._sessions.store.commit()
        return AgentSessionOutput(
            success=ctx.success,
            summary=(ctx.final_text or resolution) if ctx.success else resolution,
            session_id=self.session_id(),
            log_path=self._sessions.store.path,
            gate_attempts=ctx.most_gate_attempts,
            review_attempts=ctx.review_attempt,
            resolution=resolution,
            duration_seconds=time.monotonic() - began,
            low_priority_review_issues=ctx.low_priority,
            interrupted=self._state.interrupted,
        )

    async def _drive(
        self, lifecycle: ImplementerLifecycle, handler: LifecycleEffectHandler, sink: EventSink
    ) -> None:
        input, ctx = self._input, self._ctx
        query: str | None = self._config.prompt
        seen = 0
        transition = lifecycle.start()
        while not lifecycle.is_terminal:
            match transition.effect:
                case Effect.CONTINUE | Effect.SEND_GATE_RETRY | Effect.SEND_REVIEW_RETRY:
                    assert query is not None
                    transition = await self._take_turn(query, lifecycle, sink)
                case Effect.WAIT_FOR_LOG:
                    seen = await self._sessions.store.commit()
                    transition = lifecycle.on_log_ready(ctx)
                case Effect.RUN_GATE:
                    query, _, transition = await handler.run_gate(input, lifecycle, ctx, seen)
                    await self._checked(transition)
                case Effect.RUN_REVIEW:
                    reviewed = await handler.run_review(input, lifecycle, ctx, seen)
                    query, transition = reviewed.pending_query, reviewed.transition_result
                    await self._checked(transition)
                case effect:
                    raise AssertionError(f"{effect.value} is no effect of a lifecycle that goes on")

    async def _checked(self, transition: Transition) -> None:
        if self._on_check is not None:
            await self._on_check(transition.message)

    async def _take_turn(self, query: str, lifecycle: ImplementerLifecycle, sink: EventSink) -> Transition:
        issue, state, ctx = self._input.issue_id, self._state, self._ctx
        policy = IdleTimeoutRetryPolicy(
            partial(SessionClient, self._sessions, begun=self._on_turn),
            partial(
                MessageStreamProcessor, partial(sink.on_tool_use, issue), partial(sink.on_agent_text, issue)
            ),
            self._defaults.retry,
            events=sink,
        )
        if state.pressure >= self._defaults.context_threshold:
            # The fresh session goes on in the same folder, a worktree of its own now.
            self._config = replace(
                self._config, working_dir=self.folder(), worktree=False, heir_of=state.session_id
            )
            query = await begin_afresh(
                policy,
                self._config,
                self._defaults.prompts,
                state,
                ctx,
                sink,
                query=query,
                issue_id=issue,
            )
        sink.on_agent_started(issue, query)
        result = await policy.execute_iteration(
            query,
            self._config,
            state,
            ctx,
            idle_timeout_seconds=self._config.idle_timeout,
            issue_id=issue,
        )
        sink.on_agent_completed(issue, result.session_id, result.success)
        if not result.success:
            return lifecycle.on_error(ctx, result.error_message or "the agent's turn failed")
        ctx.final_text = state.answer
        if result.session_id is not None:
            self._sessions.acknowledge(result.session_id, by="pipeline")  # the run isn't over yet
        return lifecycle.on_messages_complete(ctx)
