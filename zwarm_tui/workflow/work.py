"""A piece of work in a stage, with its gates and its review: the pipeline at work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypedDict

from zwarm_tui.pipeline import (
    AgentSessionConfig,
    AgentSessionInput,
    AgentSessionRunner,
    CommandGate,
    Reviewer,
    ReviewFinding,
    ReviewResult,
)
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.workflow.errors import WorkFailedError
from zwarm_tui.workflow.turns import Agent, OnTurn, settings_of

GO_ON = "Go on with this where you stopped. It may be done already: then say so.\n\n"
ACCEPTED = ("ok", "yes", "lgtm", "y")


class Work(TypedDict):
    """What came of it. `folder` is where its files are, `later` the findings that did not
    have to be fixed."""

    summary: str
    session: str
    folder: str
    gate_attempts: int
    review_attempts: int
    later: list[str]


async def see_through(
    sessions: CodexSessionManager,
    agent: Agent,
    prompt: str,
    *,
    gates: Mapping[str, str],
    reviewer: Reviewer | None,
    worktree: bool,
    attempts: int,
    resume: str | None,
    name: str,
    on_turn: OnTurn,
    on_check: Callable[[str], Awaitable[None]],
) -> Work:
    """See `StageContext.work`. `resume` is the session of an attempt that was cut off."""
    config = AgentSessionConfig(
        max_gate_retries=attempts,
        max_review_retries=attempts,
        executor=agent.provider,
        model=agent.model,
        settings=settings_of(agent),
    )
    runner = AgentSessionRunner(
        sessions,
        config,
        gates=[CommandGate(name=gate, command=command) for gate, command in gates.items()],
        reviewer=reviewer,
        on_turn=on_turn,
        on_check=on_check,
    )
    done = await runner.run_session(
        AgentSessionInput(
            issue_id=name,
            prompt=prompt if resume is None else GO_ON + prompt,
            issue_description=prompt,
            resume_session_id=resume,
            working_dir=None if resume else agent.folder,
            worktree=worktree,
        )
    )
    if not done.success:
        raise WorkFailedError(done.resolution or done.summary)
    session = str(done.session_id)
    return {
        "summary": done.summary,
        "session": session,
        "folder": sessions.get_session(session).view.working_dir,
        "gate_attempts": done.gate_attempts,
        "review_attempts": done.review_attempts,
        "later": [str(finding) for finding in done.low_priority_review_issues],
    }


def verdict(answer: str) -> ReviewResult:
    """What a person's words on a piece of work mean."""
    words = answer.strip()
    return reviewed(words.lower().rstrip(".!") in ACCEPTED, words)


def reviewed(good: bool, words: str) -> ReviewResult:
    """A person's verdict. Where they want changes, their words are one finding."""
    if good:
        return ReviewResult(True)
    first, _, rest = words.strip().partition("\n")
    return ReviewResult(False, (ReviewFinding(1, first or "it was not accepted", rest.strip()),))
