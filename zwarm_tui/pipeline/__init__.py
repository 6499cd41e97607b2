"""One agent's work with its retries, quality gates and reviews.

runner = AgentSessionRunner(sessions, gates=[CommandGate(name="tests", command="make test")],
                            reviewer=AgentReviewer(sessions=sessions))
output = await runner.run_session(AgentSessionInput(issue_id="7", prompt="…", working_dir=folder))
"""

from zwarm_tui.core.events import ReviewFinding
from zwarm_tui.core.lifecycle import (
    Effect,
    GateResult,
    ImplementerLifecycle,
    LifecycleContext,
    LifecycleState,
    ReviewResult,
    Transition,
)
from zwarm_tui.pipeline.config import (
    AgentSessionConfig,
    AgentSessionInput,
    AgentSessionOutput,
    SessionConfig,
    SessionConfiguration,
)
from zwarm_tui.pipeline.context import ContextPressureError
from zwarm_tui.pipeline.effects import LifecycleEffectHandler, ReviewEffectResult, SessionCallbacks
from zwarm_tui.pipeline.gates import CommandGate
from zwarm_tui.pipeline.prompts import SessionPrompts
from zwarm_tui.pipeline.retry import IdleTimeoutError, IdleTimeoutRetryPolicy, RetryConfig
from zwarm_tui.pipeline.reviewers import AgentReviewer, HumanReviewer, Reviewer, ReviewRequest
from zwarm_tui.pipeline.runner import AgentSessionRunner
from zwarm_tui.pipeline.sinks import EventSink
from zwarm_tui.pipeline.stream import (
    AgentClient,
    AgentExitError,
    IterationResult,
    MessageStreamProcessor,
    SessionExecutionState,
)

__all__ = [
    "AgentClient",
    "AgentExitError",
    "AgentReviewer",
    "AgentSessionConfig",
    "AgentSessionInput",
    "AgentSessionOutput",
    "AgentSessionRunner",
    "CommandGate",
    "ContextPressureError",
    "Effect",
    "EventSink",
    "GateResult",
    "HumanReviewer",
    "IdleTimeoutError",
    "IdleTimeoutRetryPolicy",
    "ImplementerLifecycle",
    "IterationResult",
    "LifecycleContext",
    "LifecycleEffectHandler",
    "LifecycleState",
    "MessageStreamProcessor",
    "RetryConfig",
    "ReviewEffectResult",
    "ReviewFinding",
    "ReviewRequest",
    "ReviewResult",
    "Reviewer",
    "SessionCallbacks",
    "SessionConfig",
    "SessionConfiguration",
    "SessionExecutionState",
    "SessionPrompts",
    "Transition",
]
