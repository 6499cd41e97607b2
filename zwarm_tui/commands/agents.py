"""Agents that work for a step: a turn, a review, or mending what another step found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from zwarm_tui.commands import environment, prompts
from zwarm_tui.commands.definition import CommandDefinition, CommandStep, StepType
from zwarm_tui.commands.session import Session
from zwarm_tui.commands.steps import StepResult
from zwarm_tui.core.errors import UsageError
from zwarm_tui.git.diff import patch
from zwarm_tui.git.index import capture
from zwarm_tui.git.repo import alone, find
from zwarm_tui.git.snapshot import MAX_UNTRACKED_BYTES
from zwarm_tui.pipeline.prompts import SessionPrompts, listed_findings
from zwarm_tui.pipeline.reviewers import AgentReviewer, ReviewRequest
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.workflow.turns import Agent, take_turn

Served = Callable[[str, str, int, str, str], None]
"""(step, session, turn, how, role): see `Observer.served`."""


class AgentSteps:
    """The agents of one run. Their sessions are the project's, like any other; each stays
    when its step has ended, so that a later step can have it mend something.

    `attended` says that somebody sees to what agents ask; else they are told not to.
    """

    def __init__(
        self,
        definition: CommandDefinition,
        sessions: CodexSessionManager,
        *,
        attended: bool,
        served: Served = lambda *_: None,
    ) -> None:
        self._definition, self._sessions = definition, sessions
        self._attended, self._served = attended, served
        self._of_step: dict[str, tuple[str, Agent]] = {}
        self._task = ""
        self._began: str | None = None
        self._prompts = SessionPrompts()

    async def run(
        self, step: CommandStep, session: Session, folder: Path, env: Mapping[str, str], timeout: float
    ) -> StepResult:
        """One attempt at an agent's step: its answer, or its review's findings."""
        if self._began is None:
            self._began = await _tree(folder)
        text = prompts.template(self._definition, step)
        prompt = None if text is None else prompts.fill(text, environment.values(session))
        if step.type is StepType.REVIEW:
            return await self._review(step, folder, env, prompt or self._task, timeout)
        if prompt is None or not prompt.strip():
            raise UsageError(f"step '{step.name}' has no prompt for its agent")
        self._task = prompt
        agent = Agent(
            provider=step.executor, model=step.model, folder=folder, attended=self._attended, env=dict(env)
        )

        def served(id: str, turn: int) -> None:
            self._of_step[step.name] = (id, agent)
            self._served(step.name, id, turn, "fresh", "agent")

        try:
            answer = await take_turn(self._sessions, agent, prompt, timeout=timeout, on_turn=served)
        except TimeoutError:
            return StepResult(False, timed_out=True)
        return StepResult(True, answer, result={"session": self._of_step[step.name][0]})

    async def mend(self, step: CommandStep, advice: str, attempt: int, attempts: int, timeout: float) -> None:
        """Tell the agent of the step that `step.fix` names what has to be mended, and wait
        for it. Raises where it can't be, or fails at it."""
        if step.fix not in self._of_step:
            raise UsageError(f"step '{step.fix}' has no agent yet")
        template = self._prompts.review_retry if step.type is StepType.REVIEW else self._prompts.gate_retry
        hole = "findings" if step.type is StepType.REVIEW else "reasons"
        prompt = template.format(attempt=attempt, attempts=attempts, issue_id=step.name, **{hole: advice})
        id, agent = self._of_step[step.fix]

        def served(id: str, turn: int) -> None:
            self._served(step.name, id, turn, "resumed", "agent")

        await take_turn(self._sessions, agent, prompt, session=id, timeout=timeout, on_turn=served)

    async def _review(
        self, step: CommandStep, folder: Path, env: Mapping[str, str], task: str, timeout: float
    ) -> StepResult:
        def served(id: str) -> None:
            self._served(step.name, id, 1, "fresh", "reviewer")

        reviewer = AgentReviewer(
            sessions=self._sessions,
            executor=step.executor,
            model=step.model,
            timeout=timeout,
            settings={"sandbox": "read-only", "approvals": "never", "questions": False, "env": dict(env)},
            begun=served,
        )
        diff = await _diff(folder, self._began)
        worked = list(self._of_step.values())
        request = ReviewRequest(
            issue_id=step.name,
            task=task,
            session_id=worked[-1][0] if worked else "",
            working_dir=folder,
            diff=diff,
        )
        verdict = await reviewer.review(request)
        if verdict.parse_error is not None:
            return StepResult(False, error=f"no verdict: {verdict.parse_error}")
        found = listed_findings(verdict.findings)
        facts: dict[str, object] = {
            "findings": [
                {"priority": f.priority, "title": f.title, "body": f.body, "file": f.file, "line": f.line}
                for f in verdict.findings
            ]
        }
        if verdict.passed:
            return StepResult(True, found or "no findings", result=facts)
        blocking = [f for f in verdict.findings if f.blocking]
        error = f"{len(blocking)} findings have to be fixed first: {'; '.join(map(str, blocking))}"
        return StepResult(False, found, error, advice=listed_findings(blocking), result=facts)


async def _tree(folder: Path) -> str | None:
    """The files of a folder's work tree as git keeps them; None without a repository."""
    repo = await find(folder)
    if repo is None:
        return None
    async with alone(repo):
        return (await capture(repo, MAX_UNTRACKED_BYTES)).tree


async def _diff(folder: Path, began: str | None) -> str:
    """What changed in the folder since then, of untracked files too."""
    repo, now = await find(folder), await _tree(folder)
    return "" if repo is None or began is None or now is None else await patch(repo, began, now)
