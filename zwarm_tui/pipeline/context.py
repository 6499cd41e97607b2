"""When an agent's context is nearly full: a summary, and a fresh session with it."""

from __future__ import annotations

from zwarm_tui.core.errors import ZwarmError
from zwarm_tui.core.lifecycle import LifecycleContext
from zwarm_tui.pipeline.config import SessionConfig
from zwarm_tui.pipeline.prompts import SessionPrompts
from zwarm_tui.pipeline.retry import IdleTimeoutRetryPolicy
from zwarm_tui.pipeline.sinks import EventSink
from zwarm_tui.pipeline.stream import SessionExecutionState


class ContextPressureError(ZwarmError):
    """A session is too full to go on, and gave nothing with which another could."""


async def begin_afresh(
    policy: IdleTimeoutRetryPolicy,
    config: SessionConfig,
    prompts: SessionPrompts,
    state: SessionExecutionState,
    lifecycle_ctx: LifecycleContext,
    sink: EventSink,
    *,
    query: str,
    issue_id: str,
) -> str:
    """Have the full session sum up, and return the prompt with which a fresh one goes on
    to `query`; the state then has no session. `ContextPressureError`: no summary came."""
    full, pressure = str(state.session_id), state.pressure
    result = await policy.execute_iteration(
        prompts.checkpoint.format(issue_id=issue_id),
        config,
        state,
        lifecycle_ctx,
        idle_timeout_seconds=config.idle_timeout,
        issue_id=issue_id,
    )
    summary = state.answer
    if not result.success or not summary.strip():
        why = result.error_message or "it answered nothing"
        raise ContextPressureError(
            f"the context of session {full} is {pressure:.0%} full, and it was asked for a summary in vain "
            f"({why}): look at it, and begin a new run"
        )
    sink.on_context_pressure(issue_id, full, pressure)
    state.begin_afresh()
    lifecycle_ctx.session_id = None
    return prompts.continuation.format(task=config.prompt, summary=summary, next=query, issue_id=issue_id)
