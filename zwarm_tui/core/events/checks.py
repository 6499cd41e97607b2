"""Gates, reviews and retries; written by the pipeline."""

from __future__ import annotations

from typing import ClassVar

from zwarm_tui.core.events.base import Event
from zwarm_tui.core.value import Value, value


@value()
class GateStarted(Event):
    """A quality gate's command runs: attempt `attempt` of `attempts` to pass it."""

    kind: ClassVar[str] = "gate.started"
    item: str
    gate: str
    command: str
    attempt: int = 1
    attempts: int = 1


@value(kw_only=True)
class GateDone(Event):
    """The evidence of one gate's command. `exit_code` is None where it was not run to
    its end: it timed out, could not be started, or the run was stopped (`error`)."""

    kind: ClassVar[str] = "gate"
    item: str
    gate: str
    command: str
    passed: bool
    exit_code: int | None = None
    output: str = ""
    seconds: float = 0.0
    error: str | None = None
    attempt: int = 1
    attempts: int = 1


@value()
class ReviewFinding(Value):
    """What a reviewer found. `priority` 0 and 1 block, 2 and 3 are for later; `line`
    counts from 1."""

    priority: int
    title: str
    body: str = ""
    file: str = ""
    line: int | None = None

    @property
    def blocking(self) -> bool:
        return self.priority <= 1

    def __str__(self) -> str:
        where = f" ({self.file}{f':{self.line}' if self.line else ''})" if self.file else ""
        return f"[P{self.priority}] {self.title}{where}"


@value()
class ReviewStarted(Event):
    kind: ClassVar[str] = "review.started"
    item: str
    reviewer: str
    attempt: int = 1
    attempts: int = 1


@value(kw_only=True)
class ReviewDone(Event):
    """`error` says why there is no verdict; such a review never counts as passed."""

    kind: ClassVar[str] = "review"
    item: str
    reviewer: str
    passed: bool
    findings: tuple[ReviewFinding, ...] = ()
    error: str | None = None
    seconds: float = 0.0
    attempt: int = 1
    attempts: int = 1


@value()
class RetryScheduled(Event):
    """Something is tried again, `delay` seconds from now. `what`: idle, exit, gate,
    review or context. `attempt` of `attempts` is the one to come."""

    kind: ClassVar[str] = "retry"
    what: str
    attempt: int
    attempts: int
    reason: str
    delay: float = 0.0
