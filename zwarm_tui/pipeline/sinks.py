"""Who is told what happens in a run: any number of sinks. The log is one of them, and
what screens and the timeline show of a run comes from there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from zwarm_tui.core import events as e
from zwarm_tui.core.attention import Reason
from zwarm_tui.core.lifecycle import GateResult, ReviewResult
from zwarm_tui.sessions import CodexSessionManager


class EventSink:
    """Takes what happens; a subclass overrides what it wants to know. `issue_id` names
    the run. Attempts count from 1, times are in seconds."""

    def on_run_started(self, issue_id: str) -> None: ...
    def on_run_completed(self, issue_id: str, success: bool, message: str) -> None: ...
    def on_agent_started(self, issue_id: str, prompt: str) -> None: ...
    def on_agent_completed(self, issue_id: str, session_id: str | None, success: bool) -> None: ...
    def on_tool_use(self, issue_id: str, tool: str, arguments: dict[str, Any]) -> None: ...
    def on_agent_text(self, issue_id: str, text: str) -> None: ...

    def on_validation_started(self, issue_id: str) -> None: ...
    def on_validation_result(self, issue_id: str, passed: bool) -> None: ...
    def on_gate_started(self, issue_id: str, attempt: int, attempts: int) -> None: ...
    def on_gate_evidence(self, issue_id: str, event: e.GateStarted | e.GateDone) -> None:
        """One command of the gate began or ended."""

    def on_gate_result(self, issue_id: str, result: GateResult) -> None: ...
    def on_gate_passed(self, issue_id: str) -> None: ...
    def on_gate_failed(self, issue_id: str, reasons: Sequence[str]) -> None: ...
    def on_gate_retry(self, issue_id: str, attempt: int, attempts: int, reason: str) -> None: ...

    def on_review_started(self, issue_id: str, attempt: int, attempts: int) -> None: ...
    def on_review_result(self, issue_id: str, result: ReviewResult) -> None: ...
    def on_review_passed(self, issue_id: str) -> None: ...
    def on_review_failed(self, issue_id: str, reason: str) -> None: ...
    def on_review_retry(self, issue_id: str, attempt: int, attempts: int, reason: str) -> None: ...
    def on_review_skipped_no_progress(self, issue_id: str, attempt: int) -> None: ...

    def on_retry_scheduled(
        self, issue_id: str, what: str, attempt: int, attempts: int, delay: float, reason: str
    ) -> None: ...
    def on_context_pressure(self, issue_id: str, session_id: str, pressure: float) -> None: ...
    def on_warning(self, issue_id: str, text: str) -> None: ...


class Sinks(EventSink):
    """Tells several sinks, in order."""

    def __init__(self, *sinks: EventSink) -> None:
        for name in (n for n in vars(EventSink) if n.startswith("on_")):
            setattr(self, name, _fan_out([getattr(sink, name) for sink in sinks]))


def _fan_out(methods: list[Callable[..., None]]) -> Callable[..., None]:
    def tell(*args: Any) -> None:
        for method in methods:
            method(*args)

    return tell


class LogSink(EventSink):
    """Writes gates, reviews and retries into the log, on the session that they are
    about. `session` gives its id, None while there is none."""

    def __init__(
        self, sessions: CodexSessionManager, session: Callable[[], str | None], *, reviewer: str = "reviewer"
    ) -> None:
        self._sessions, self._session, self._reviewer = sessions, session, reviewer
        self._review: e.ReviewStarted | None = None
        self._began = 0.0
        self._check = ("", 0)
        """The session and the turn that the gate or the review began at: it ends there too,
        also where its person has begun another turn meanwhile."""

    def write(self, event: e.Event) -> None:
        """Append an event to the session's last turn."""
        self._append(event, *self._last())

    def _last(self) -> tuple[str, int]:
        session = self._session()
        return ("", 0) if session is None else (session, self._sessions.get_session(session).view.turns)

    def _append(self, event: e.Event, session: str, turn: int) -> None:
        self._sessions.store.append(e.Record(event, session, self._sessions.branch, turn, time.time()))

    def on_run_completed(self, issue_id: str, success: bool, message: str) -> None:
        self.write(e.Notice("info" if success else "error", f"{'done' if success else 'failed'}: {message}"))
        if not success and self._session() is not None:
            self.write(e.AttentionRaised(Reason.FAILED.value, message))

    def on_gate_evidence(self, issue_id: str, event: e.GateStarted | e.GateDone) -> None:
        if isinstance(event, e.GateStarted):
            self._check = self._last()
        self._append(event, *self._check)

    def on_gate_retry(self, issue_id: str, attempt: int, attempts: int, reason: str) -> None:
        self.write(e.RetryScheduled("gate", attempt, attempts, reason))

    def on_review_started(self, issue_id: str, attempt: int, attempts: int) -> None:
        item = f"review:{time.time_ns():x}"
        self._review, self._began = e.ReviewStarted(item, self._reviewer, attempt, attempts), time.monotonic()
        self._check = self._last()
        self._append(self._review, *self._check)

    def on_review_result(self, issue_id: str, result: ReviewResult) -> None:
        if (begun := self._review) is None:
            return
        self._review = None
        self._append(
            e.ReviewDone(
                item=begun.item,
                reviewer=begun.reviewer,
                passed=result.parse_error is None and (result.passed or not result.blocking),
                findings=result.findings,
                error=result.parse_error,
                seconds=time.monotonic() - self._began,
                attempt=begun.attempt,
                attempts=begun.attempts,
            ),
            *self._check,
        )

    def on_review_retry(self, issue_id: str, attempt: int, attempts: int, reason: str) -> None:
        self.write(e.RetryScheduled("review", attempt, attempts, reason))

    def on_review_skipped_no_progress(self, issue_id: str, attempt: int) -> None:
        self.write(e.Notice("warning", f"review {attempt} skipped: nothing changed since the last one"))

    def on_retry_scheduled(
        self, issue_id: str, what: str, attempt: int, attempts: int, delay: float, reason: str
    ) -> None:
        self.write(e.RetryScheduled(what, attempt, attempts, reason, delay))

    def on_context_pressure(self, issue_id: str, session_id: str, pressure: float) -> None:
        text = f"its context is {pressure:.0%} full: the work goes on in a fresh session, with a summary"
        self.write(e.Notice("warning", text))

    def on_warning(self, issue_id: str, text: str) -> None:
        self.write(e.Notice("warning", text))
