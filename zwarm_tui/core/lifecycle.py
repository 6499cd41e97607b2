"""The life of one implementer's work, as a pure state machine: no I/O, no clock.

    INITIAL → PROCESSING → AWAITING_LOG → RUNNING_GATE → RUNNING_REVIEW → SUCCESS
                   ↑                            │               │
                   └── a retry, with the reasons ┴───────────────┘        (or FAILED)

Each call is one transition and says what to do next (its `Effect`). A call that the
state does not allow is a `ValueError`. Attempts count from 1, and there is a retry while
the attempt is below the most that are allowed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from zwarm_tui.core.events import GateDone, ReviewFinding


class LifecycleState(str, Enum):
    INITIAL = "initial"
    PROCESSING = "processing"
    AWAITING_LOG = "awaiting_log"
    RUNNING_GATE = "running_gate"
    RUNNING_REVIEW = "running_review"
    SUCCESS = "success"
    FAILED = "failed"


class Effect(str, Enum):
    """What is to be done after a transition."""

    CONTINUE = "continue"
    WAIT_FOR_LOG = "wait_for_log"
    RUN_GATE = "run_gate"
    RUN_REVIEW = "run_review"
    SEND_GATE_RETRY = "send_gate_retry"
    SEND_REVIEW_RETRY = "send_review_retry"
    COMPLETE_SUCCESS = "complete_success"
    COMPLETE_FAILURE = "complete_failure"


@dataclass(frozen=True)
class GateResult:
    """What the gates said. `no_progress`: nothing changed since they last failed."""

    passed: bool
    failure_reasons: tuple[str, ...] = ()
    no_progress: bool = False
    evidence: tuple[GateDone, ...] = ()


@dataclass(frozen=True)
class ReviewResult:
    """What the reviewer said. With a `parse_error` there is no verdict: the reviewer is
    asked again, unless the error is `fatal_error`. `no_progress`: nothing changed since
    the last review, so none was made."""

    passed: bool
    findings: tuple[ReviewFinding, ...] = ()
    parse_error: str | None = None
    fatal_error: bool = False
    no_progress: bool = False

    @property
    def blocking(self) -> tuple[ReviewFinding, ...]:
        """The findings that have to be fixed first (P0 and P1)."""
        return tuple(f for f in self.findings if f.blocking)


@dataclass(frozen=True)
class Transition:
    """Where the lifecycle is now, what to do next, and why."""

    state: LifecycleState
    effect: Effect
    message: str = ""


@dataclass
class LifecycleContext:
    """What is known of one run; `review_attempt` is 0 until the first review. `gate_attempt`
    begins anew after a review that sent the agent back; `most_gate_attempts` is the most that
    one such round took.
    `log_offset` is the log's seq up to which the last check has seen it."""

    session_id: str | None = None
    gate_attempt: int = 1
    most_gate_attempts: int = 1
    review_attempt: int = 0
    log_offset: int = 0
    last_gate_result: GateResult | None = None
    last_review_result: ReviewResult | None = None
    final_text: str = ""
    success: bool = False
    resolution: str | None = None
    low_priority: list[ReviewFinding] = field(default_factory=list)


class ImplementerLifecycle:
    """The state machine. It keeps its state; counts and results are in the context."""

    def __init__(
        self, *, max_gate_retries: int = 3, max_review_retries: int = 3, review_enabled: bool = True
    ) -> None:
        if max_gate_retries < 1 or max_review_retries < 1:
            raise ValueError("max_gate_retries and max_review_retries count attempts: at least 1")
        self.max_gate_retries, self.max_review_retries = max_gate_retries, max_review_retries
        self.review_enabled = review_enabled
        self._state = LifecycleState.INITIAL

    @property
    def state(self) -> LifecycleState:
        return self._state

    @property
    def is_terminal(self) -> bool:
        return self._state in (LifecycleState.SUCCESS, LifecycleState.FAILED)

    def start(self) -> Transition:
        """The first prompt can be sent."""
        self._expect(LifecycleState.INITIAL)
        return self._to(LifecycleState.PROCESSING, Effect.CONTINUE)

    def on_messages_complete(self, ctx: LifecycleContext) -> Transition:
        """The agent's turn is over."""
        self._expect(LifecycleState.PROCESSING)
        if ctx.session_id is None:
            return self._fail(ctx, "the agent's turn ended without a session: there is nothing to check")
        return self._to(LifecycleState.AWAITING_LOG, Effect.WAIT_FOR_LOG)

    def on_log_ready(self, ctx: LifecycleContext) -> Transition:
        """All that the agent did is in the log."""
        self._expect(LifecycleState.AWAITING_LOG)
        return self._to(LifecycleState.RUNNING_GATE, Effect.RUN_GATE)

    def on_gate_result(self, ctx: LifecycleContext, result: GateResult, new_offset: int = 0) -> Transition:
        """The gates were run."""
        self._expect(LifecycleState.RUNNING_GATE)
        ctx.last_gate_result = result
        ctx.most_gate_attempts = max(ctx.most_gate_attempts, ctx.gate_attempt)
        ctx.log_offset = new_offset or ctx.log_offset
        of = f"attempt {ctx.gate_attempt}/{self.max_gate_retries}"
        if result.passed:
            if not self.review_enabled:
                return self._succeed(ctx, f"gate passed ({of})")
            ctx.review_attempt = ctx.review_attempt or 1
            return self._to(LifecycleState.RUNNING_REVIEW, Effect.RUN_REVIEW, f"gate passed ({of})")
        why = "; ".join(r.strip().split("\n")[0] for r in result.failure_reasons) or "it gave no reason"
        if result.no_progress:
            return self._fail(ctx, f"gate failed and nothing changed since it last did ({of}): {why}")
        if ctx.gate_attempt >= self.max_gate_retries:
            return self._fail(ctx, f"gate failed ({of}): {why}")
        ctx.gate_attempt += 1
        return self._to(LifecycleState.PROCESSING, Effect.SEND_GATE_RETRY, f"gate failed ({of}): {why}")

    def on_review_result(
        self, ctx: LifecycleContext, result: ReviewResult, new_offset: int = 0
    ) -> Transition:
        """The review was made, or could not be."""
        self._expect(LifecycleState.RUNNING_REVIEW)
        ctx.last_review_result = result
        ctx.log_offset = new_offset or ctx.log_offset
        of = f"attempt {ctx.review_attempt}/{self.max_review_retries}"
        again = ctx.review_attempt < self.max_review_retries
        if result.no_progress:
            return self._fail(ctx, f"review skipped: nothing changed since the last one ({of})")
        if result.parse_error is not None:
            if result.fatal_error or not again:
                return self._fail(ctx, f"review gave no verdict ({of}): {result.parse_error}")
            ctx.review_attempt += 1
            return self._to(
                LifecycleState.RUNNING_REVIEW, Effect.RUN_REVIEW, f"no verdict ({of}): {result.parse_error}"
            )
        if result.passed or not result.blocking:
            ctx.low_priority = [f for f in result.findings if not f.blocking]
            return self._succeed(ctx, f"review passed ({of})")
        why = "; ".join(map(str, result.blocking))
        if not again:
            return self._fail(ctx, f"review found what blocks ({of}): {why}")
        ctx.review_attempt += 1
        ctx.gate_attempt = 1  # what is mended now has its own attempts at the gate
        return self._to(LifecycleState.PROCESSING, Effect.SEND_REVIEW_RETRY, f"review ({of}): {why}")

    def on_error(self, ctx: LifecycleContext, message: str) -> Transition:
        """Something else ended the work, in any state that is not terminal."""
        if self.is_terminal:
            raise ValueError(f"the lifecycle has ended ({self._state.value}): no error can follow")
        return self._fail(ctx, message)

    def _succeed(self, ctx: LifecycleContext, message: str) -> Transition:
        ctx.success, ctx.resolution = True, message
        return self._to(LifecycleState.SUCCESS, Effect.COMPLETE_SUCCESS, message)

    def _fail(self, ctx: LifecycleContext, message: str) -> Transition:
        ctx.success, ctx.resolution = False, message
        return self._to(LifecycleState.FAILED, Effect.COMPLETE_FAILURE, message)

    def _to(self, state: LifecycleState, effect: Effect, message: str = "") -> Transition:
        self._state = state
        return Transition(state, effect, message)

    def _expect(self, state: LifecycleState) -> None:
        if self._state is not state:
            raise ValueError(f"the lifecycle is in {self._state.value}: this needs {state.value}")
