"""From a check's result to what happens next: the lifecycle moves, the sinks are told,
and a retry gets its prompt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from zwarm_tui.core.lifecycle import (
    Effect,
    GateResult,
    ImplementerLifecycle,
    LifecycleContext,
    ReviewResult,
    Transition,
)
from zwarm_tui.pipeline.config import AgentSessionConfig, AgentSessionInput
from zwarm_tui.pipeline.prompts import listed, listed_findings
from zwarm_tui.pipeline.sinks import EventSink


@dataclass(frozen=True, kw_only=True)
class SessionCallbacks:
    """What makes the checks. Each gets the input and the lifecycle's context."""

    on_gate_check: Callable[[AgentSessionInput, LifecycleContext], Awaitable[GateResult]]
    on_review_check: Callable[[AgentSessionInput, LifecycleContext], Awaitable[ReviewResult]]
    on_review_no_progress: Callable[[AgentSessionInput, LifecycleContext], Awaitable[bool]]
    """Whether nothing changed since the last review."""


@dataclass(frozen=True)
class ReviewEffectResult:
    """`pending_query` goes to the agent next; `should_break`: the run is over."""

    pending_query: str | None
    should_break: bool
    transition_result: Transition


class LifecycleEffectHandler:
    """Keeps nothing of a run: the lifecycle and its context are the caller's."""

    def __init__(
        self, config: AgentSessionConfig, callbacks: SessionCallbacks, event_sink: EventSink
    ) -> None:
        self._config, self._callbacks, self._sink = config, callbacks, event_sink

    async def run_gate(
        self,
        input: AgentSessionInput,
        lifecycle: ImplementerLifecycle,
        lifecycle_ctx: LifecycleContext,
        new_offset: int = 0,
    ) -> tuple[str | None, bool, Transition]:
        """The gate from its start to what follows from it."""
        self.process_gate_check(input, lifecycle, lifecycle_ctx)
        try:
            result = await self._callbacks.on_gate_check(input, lifecycle_ctx)
            if not isinstance(result, GateResult):
                raise TypeError(f"a gate check returns a GateResult, not {type(result).__name__}")
        except BaseException:
            self._sink.on_validation_result(input.issue_id, False)  # what was started ends
            raise
        return self.process_gate_effect(input, result, lifecycle, lifecycle_ctx, new_offset)

    async def run_review(
        self,
        input: AgentSessionInput,
        lifecycle: ImplementerLifecycle,
        lifecycle_ctx: LifecycleContext,
        new_offset: int = 0,
    ) -> ReviewEffectResult:
        """The review from its start to what follows from it. It is not made where the
        agent was sent back to work and nothing changed."""
        last = lifecycle_ctx.last_review_result
        sent_back = last is not None and last.parse_error is None
        if sent_back and await self._callbacks.on_review_no_progress(input, lifecycle_ctx):
            result = ReviewResult(False, last.findings if last else (), no_progress=True)
        else:
            self.process_review_check(input, lifecycle_ctx)
            try:
                result = await self._callbacks.on_review_check(input, lifecycle_ctx)
                if not isinstance(result, ReviewResult):
                    raise TypeError(f"a review returns a ReviewResult, not {type(result).__name__}")
            except BaseException as error:
                why = str(error) or "the run was stopped while it ran"
                stopped = ReviewResult(False, parse_error=why, fatal_error=True)
                self._sink.on_review_result(input.issue_id, stopped)
                raise
        return self.process_review_effect(input, result, lifecycle, lifecycle_ctx, new_offset)

    def process_gate_check(
        self, input: AgentSessionInput, lifecycle: ImplementerLifecycle, lifecycle_ctx: LifecycleContext
    ) -> None:
        """Tell that the gate begins."""
        self._sink.on_validation_started(input.issue_id)
        self._sink.on_gate_started(input.issue_id, lifecycle_ctx.gate_attempt, lifecycle.max_gate_retries)

    def process_gate_effect(
        self,
        input: AgentSessionInput,
        gate_result: GateResult,
        lifecycle: ImplementerLifecycle,
        lifecycle_ctx: LifecycleContext,
        new_offset: int = 0,
    ) -> tuple[str | None, bool, Transition]:
        """(the query for the agent, whether the run is over, the transition). Raises
        `ValueError` where no gate runs."""
        issue, sink = input.issue_id, self._sink
        transition = lifecycle.on_gate_result(lifecycle_ctx, gate_result, new_offset)
        sink.on_gate_result(issue, gate_result)
        if gate_result.passed:
            sink.on_gate_passed(issue)
        else:
            sink.on_gate_failed(issue, gate_result.failure_reasons)
        sink.on_validation_result(issue, gate_result.passed)
        if transition.effect is not Effect.SEND_GATE_RETRY:
            return None, lifecycle.is_terminal, transition
        attempt, attempts = lifecycle_ctx.gate_attempt, lifecycle.max_gate_retries
        sink.on_gate_retry(issue, attempt, attempts, transition.message)
        prompt = self._config.prompts.gate_retry.format(
            attempt=attempt, attempts=attempts, reasons=listed(gate_result.failure_reasons), issue_id=issue
        )
        return prompt, False, transition

    def process_review_check(self, input: AgentSessionInput, lifecycle_ctx: LifecycleContext) -> None:
        """Tell that the review begins."""
        attempt = max(1, lifecycle_ctx.review_attempt)
        self._sink.on_review_started(input.issue_id, attempt, self._config.max_review_retries)

    def process_review_effect(
        self,
        input: AgentSessionInput,
        review_result: ReviewResult,
        lifecycle: ImplementerLifecycle,
        lifecycle_ctx: LifecycleContext,
        new_offset: int = 0,
    ) -> ReviewEffectResult:
        """What follows from a review. Raises `ValueError` where none runs."""
        issue, sink = input.issue_id, self._sink
        transition = lifecycle.on_review_result(lifecycle_ctx, review_result, new_offset)
        attempt, attempts = lifecycle_ctx.review_attempt, lifecycle.max_review_retries
        if review_result.no_progress:
            sink.on_review_skipped_no_progress(issue, attempt)
        else:
            sink.on_review_result(issue, review_result)
        prompt = None
        if transition.effect is Effect.COMPLETE_SUCCESS:
            sink.on_review_passed(issue)
        elif transition.effect is Effect.COMPLETE_FAILURE:
            sink.on_review_failed(issue, transition.message)
        else:
            sink.on_review_retry(issue, attempt, attempts, transition.message)
        if transition.effect is Effect.SEND_REVIEW_RETRY:
            prompt = self._config.prompts.review_retry.format(
                attempt=attempt,
                attempts=attempts,
                findings=listed_findings(review_result.blocking),
                issue_id=issue,
            )
        return ReviewEffectResult(prompt, lifecycle.is_terminal, transition)
