"""The checks of one run: its gates, its reviewer, and what they saw last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from zwarm_tui.core import events as e
from zwarm_tui.core.lifecycle import GateResult, LifecycleContext, ReviewResult
from zwarm_tui.pipeline.config import AgentSessionConfig, AgentSessionInput
from zwarm_tui.pipeline.effects import SessionCallbacks
from zwarm_tui.pipeline.gates import CommandGate, Gates
from zwarm_tui.pipeline.progress import fingerprint
from zwarm_tui.pipeline.reviewers import Reviewer, ReviewRequest
from zwarm_tui.pipeline.sinks import EventSink
from zwarm_tui.sessions import CodexSessionManager


class Checks:
    """Makes a run's checks in its folder, which is known once its first turn has ended."""

    def __init__(
        self,
        sessions: CodexSessionManager,
        config: AgentSessionConfig,
        folder: Callable[[], Path],
        gates: Sequence[CommandGate],
        reviewer: Reviewer | None,
        sink: EventSink,
    ) -> None:
        self._sessions, self._config, self._folder = sessions, config, folder
        self._gates, self._reviewer, self._sink = Gates(gates), reviewer, sink
        self._reviewed_at: str | None = None

    def callbacks(self) -> SessionCallbacks:
        return SessionCallbacks(
            on_gate_check=self._gate, on_review_check=self._review, on_review_no_progress=self._no_progress
        )

    async def _gate(self, input: AgentSessionInput, ctx: LifecycleContext) -> GateResult:
        def report(event: e.GateStarted | e.GateDone) -> None:
            self._sink.on_gate_evidence(input.issue_id, event)

        return await self._gates.check(
            self._folder(), ctx.gate_attempt, self._config.max_gate_retries, report
        )

    async def _review(self, input: AgentSessionInput, ctx: LifecycleContext) -> ReviewResult:
        assert self._reviewer is not None
        assert ctx.session_id is not None
        request = ReviewRequest(
            issue_id=input.issue_id,
            task=input.issue_description or input.prompt,
            session_id=ctx.session_id,
            working_dir=self._folder(),
            diff=self._diff(ctx.session_id),
            attempt=ctx.review_attempt,
            attempts=self._config.max_review_retries,
            last=ctx.last_review_result,
        )
        result = await self._reviewer.review(request)
        self._reviewed_at = await fingerprint(self._folder())
        return result

    async def _no_progress(self, input: AgentSessionInput, ctx: LifecycleContext) -> bool:
        return self._reviewed_at is not None and self._reviewed_at == await fingerprint(self._folder())

    def _diff(self, session: str) -> str:
        """What each turn changed in the end, in order."""
        reader = self._sessions.reader
        path = reader.path(self._sessions.branch)
        diffs = {
            r.turn: r.event.text for r in reader.records(session, path) if isinstance(r.event, e.TurnDiff)
        }
        return "\n".join(diffs.values())
