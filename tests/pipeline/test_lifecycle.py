"""The lifecycle and what follows from its transitions: pure, no agent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zwarm_tui.pipeline import (
    AgentSessionConfig,
    AgentSessionInput,
    Effect,
    EventSink,
    GateResult,
    ImplementerLifecycle,
    LifecycleContext,
    LifecycleEffectHandler,
    LifecycleState,
    ReviewFinding,
    ReviewResult,
    SessionCallbacks,
    SessionPrompts,
)

INPUT = AgentSessionInput(issue_id="i-7", prompt="do it")
P0, P1, P2 = (ReviewFinding(n, f"finding {n}", f"body {n}") for n in range(3))


class Recorder(EventSink):
    """Names of what it was told, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []
        for name in (n for n in vars(EventSink) if n.startswith("on_")):
            setattr(self, name, lambda *args, name=name: self.told.append(name[3:]))


async def unused(*args: Any) -> Any:
    raise AssertionError("not called here")


def handler(sink: EventSink, **config: Any) -> LifecycleEffectHandler:
    callbacks = SessionCallbacks(on_gate_check=unused, on_review_check=unused, on_review_no_progress=unused)
    return LifecycleEffectHandler(AgentSessionConfig(**config), callbacks, sink)


def at_gate(**options: Any) -> tuple[ImplementerLifecycle, LifecycleContext]:
    lifecycle, ctx = ImplementerLifecycle(**options), LifecycleContext(session_id="s1")
    assert lifecycle.state is LifecycleState.INITIAL
    assert lifecycle.start().effect is Effect.CONTINUE
    assert lifecycle.on_messages_complete(ctx).effect is Effect.WAIT_FOR_LOG
    assert lifecycle.on_log_ready(ctx).effect is Effect.RUN_GATE
    return lifecycle, ctx


def at_review(**options: Any) -> tuple[ImplementerLifecycle, LifecycleContext]:
    lifecycle, ctx = at_gate(**options)
    assert lifecycle.on_gate_result(ctx, GateResult(True)).effect is Effect.RUN_REVIEW
    return lifecycle, ctx


CALLS = {
    LifecycleState.INITIAL: lambda x, ctx: x.start(),
    LifecycleState.PROCESSING: lambda x, ctx: x.on_messages_complete(ctx),
    LifecycleState.AWAITING_LOG: lambda x, ctx: x.on_log_ready(ctx),
    LifecycleState.RUNNING_GATE: lambda x, ctx: x.on_gate_result(ctx, GateResult(True)),
    LifecycleState.RUNNING_REVIEW: lambda x, ctx: x.on_review_result(ctx, ReviewResult(True)),
}


@given(st.lists(st.sampled_from(list(CALLS)), max_size=12))
def test_only_the_call_of_the_state_is_allowed(calls: list[LifecycleState]) -> None:
    lifecycle, ctx = ImplementerLifecycle(), LifecycleContext(session_id="s")
    for state in calls:
        before = lifecycle.state
        if state is before:
            CALLS[state](lifecycle, ctx)
        else:
            with pytest.raises(ValueError, match="the lifecycle is in"):
                CALLS[state](lifecycle, ctx)
            assert lifecycle.state is before


def test_the_gate_has_its_attempts_anew_after_a_review() -> None:
    lifecycle, ctx = at_gate(max_gate_retries=2)
    again = lifecycle.on_gate_result(ctx, GateResult(False, ("no",)))
    assert again.message == "gate failed (attempt 1/2): no"
    lifecycle.on_messages_complete(ctx)
    lifecycle.on_log_ready(ctx)
    assert lifecycle.on_gate_result(ctx, GateResult(True)).message == "gate passed (attempt 2/2)"
    lifecycle.on_review_result(ctx, ReviewResult(False, (ReviewFinding(1, "wrong"),)))
    lifecycle.on_messages_complete(ctx)
    lifecycle.on_log_ready(ctx)
    again = lifecycle.on_gate_result(ctx, GateResult(False, ("no",)))
    assert (again.effect, again.message) == (Effect.SEND_GATE_RETRY, "gate failed (attempt 1/2): no")
    assert ctx.most_gate_attempts == 2


def test_errors_end_it_once() -> None:
    lifecycle, ctx = at_gate()
    transition = lifecycle.on_error(ctx, "the agent failed")
    assert (transition.state, transition.effect) == (LifecycleState.FAILED, Effect.COMPLETE_FAILURE)
    with pytest.raises(ValueError, match="has ended"):
        lifecycle.on_error(ctx, "again")


def test_a_turn_without_a_session_can_not_be_checked() -> None:
    lifecycle, ctx = ImplementerLifecycle(), LifecycleContext()
    lifecycle.start()
    assert lifecycle.on_messages_complete(ctx).effect is Effect.COMPLETE_FAILURE


def test_attempts_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        ImplementerLifecycle(max_gate_retries=0)
    lifecycle, ctx = at_gate(max_gate_retries=3)
    effects = []
    while not lifecycle.is_terminal:
        effects.append(lifecycle.on_gate_result(ctx, GateResult(False, (f"reason {len(effects)}",))).effect)
        if effects[-1] is Effect.SEND_GATE_RETRY:
            lifecycle.on_messages_complete(ctx)
            lifecycle.on_log_ready(ctx)
    assert effects == [Effect.SEND_GATE_RETRY, Effect.SEND_GATE_RETRY, Effect.COMPLETE_FAILURE]
    assert ctx.gate_attempt == 3


GATE_ROWS = [
    # result, attempt, reviewed → effect, query?, stop?, told
    (GateResult(True), 1, True, Effect.RUN_REVIEW, False, False, ["gate_passed"]),
    (GateResult(True), 1, False, Effect.COMPLETE_SUCCESS, False, True, ["gate_passed"]),
    (GateResult(False, ("a", "b")), 2, True, Effect.SEND_GATE_RETRY, True, False, ["gate_failed"]),
    (GateResult(False, ("a",)), 3, True, Effect.COMPLETE_FAILURE, False, True, ["gate_failed"]),
    (GateResult(False, ("a",), True), 2, True, Effect.COMPLETE_FAILURE, False, True, ["gate_failed"]),
]


@pytest.mark.parametrize(("result", "attempt", "reviewed", "effect", "asks", "stops", "told"), GATE_ROWS)
def test_gate_effects(
    result: GateResult, attempt: int, reviewed: bool, effect: Effect, asks: bool, stops: bool, told: list[str]
) -> None:
    sink = Recorder()
    it = handler(sink)
    lifecycle, ctx = at_gate(review_enabled=reviewed)
    ctx.gate_attempt = attempt
    assert it.process_gate_check(INPUT, lifecycle, ctx) is None  # type: ignore[func-returns-value]
    query, stop, transition = it.process_gate_effect(INPUT, result, lifecycle, ctx, new_offset=42)
    assert (transition.effect, stop) == (effect, stops)
    assert ctx.log_offset == 42
    retry = ["gate_retry"] if asks else []
    assert sink.told == [
        *("validation_started", "gate_started", "gate_result"),
        *told,
        "validation_result",
        *retry,
    ]
    assert (query is not None) is asks
    if query is not None:
        assert "attempt 3/3" in query
        assert "1. a" in query
        assert "2. b" in query


REVIEW_ROWS = [
    # result, attempt → effect, query?, stop?, told
    (ReviewResult(True), 1, Effect.COMPLETE_SUCCESS, False, True, ["review_result", "review_passed"]),
    (ReviewResult(False, (P2,)), 1, Effect.COMPLETE_SUCCESS, False, True, ["review_result", "review_passed"]),
    (
        *(ReviewResult(False, (P1, P2)), 1, Effect.SEND_REVIEW_RETRY, True, False),
        ["review_result", "review_retry"],
    ),
    (ReviewResult(False, (P0,)), 3, Effect.COMPLETE_FAILURE, False, True, ["review_result", "review_failed"]),
    (
        *(ReviewResult(False, parse_error="no JSON"), 1, Effect.RUN_REVIEW, False, False),
        ["review_result", "review_retry"],
    ),
    (
        *(ReviewResult(False, (P2,), parse_error="no JSON"), 3, Effect.COMPLETE_FAILURE, False, True),
        ["review_result", "review_failed"],
    ),
    (
        *(
            ReviewResult(True, parse_error="broken", fatal_error=True),
            1,
            Effect.COMPLETE_FAILURE,
            False,
            True,
        ),
        ["review_result", "review_failed"],
    ),
    (
        *(ReviewResult(False, (P1,), no_progress=True), 2, Effect.COMPLETE_FAILURE, False, True),
        ["review_skipped_no_progress", "review_failed"],
    ),
]


@pytest.mark.parametrize(("result", "attempt", "effect", "asks", "stops", "told"), REVIEW_ROWS)
def test_review_effects(
    result: ReviewResult, attempt: int, effect: Effect, asks: bool, stops: bool, told: list[str]
) -> None:
    sink = Recorder()
    it = handler(sink)
    lifecycle, ctx = at_review()
    ctx.review_attempt = attempt
    assert it.process_review_check(INPUT, ctx) is None  # type: ignore[func-returns-value]
    done = it.process_review_effect(INPUT, result, lifecycle, ctx)
    assert (done.transition_result.effect, done.should_break) == (effect, stops)
    assert sink.told == ["review_started", *told]
    assert (done.pending_query is not None) is asks
    if done.pending_query is not None:
        assert "attempt 2/3" in done.pending_query
        assert "[P1] finding 1" in done.pending_query
        assert "body 1" in done.pending_query
        assert "finding 2" not in done.pending_query
    if done.transition_result.effect is Effect.COMPLETE_SUCCESS:
        assert ctx.low_priority == list(result.findings)


def test_effects_in_the_wrong_state() -> None:
    lifecycle, ctx = at_gate()
    with pytest.raises(ValueError, match="running_gate: this needs running_review"):
        handler(Recorder()).process_review_effect(INPUT, ReviewResult(True), lifecycle, ctx)
    lifecycle, ctx = at_review()
    with pytest.raises(ValueError, match="needs running_gate"):
        handler(Recorder()).process_gate_effect(INPUT, GateResult(True), lifecycle, ctx)


async def test_a_gate_that_breaks_still_ends_its_validation() -> None:
    sink = Recorder()

    async def breaks(*args: Any) -> Any:
        raise RuntimeError("broken")

    callbacks = SessionCallbacks(on_gate_check=breaks, on_review_check=unused, on_review_no_progress=unused)
    it = LifecycleEffectHandler(AgentSessionConfig(), callbacks, sink)
    with pytest.raises(RuntimeError, match="broken"):
        await it.run_gate(INPUT, *at_gate())
    assert sink.told == ["validation_started", "gate_started", "validation_result"]


def test_a_placeholder_that_nothing_fills() -> None:
    with pytest.raises(ValueError, match=r"gate_retry has a placeholder .*'who'"):
        SessionPrompts(gate_retry="{reasons} {who}")


def test_what_others_wrote_is_no_template() -> None:
    sink = Recorder()
    lifecycle, ctx = at_gate()
    query, _, _ = handler(sink).process_gate_effect(
        INPUT, GateResult(False, ("{attempt} {x}",)), lifecycle, ctx
    )
    assert "{attempt} {x}" in (query or "")
