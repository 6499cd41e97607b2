"""Reviews: by an agent in a session of its own, or by the person.

A reviewer that gives no verdict never counts as one that passed the work.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from zwarm_tui.core.errors import ExecutorError, ParseError, UsageError
from zwarm_tui.core.events import ReviewFinding
from zwarm_tui.core.json_block import parse_json_block
from zwarm_tui.core.lifecycle import ReviewResult
from zwarm_tui.core.model import SessionStatus, TurnView
from zwarm_tui.pipeline.prompts import SessionPrompts
from zwarm_tui.sessions import CodexSessionManager, ExecutorSession

DIFF_CAP = 60_000
"""Characters of the changes that stand before a reviewer, who can look at the rest."""


@dataclass(frozen=True, kw_only=True)
class ReviewRequest:
    """What is to be judged: `session_id` did `task` in `working_dir`; `diff` is what its
    turns changed, as far as its agent reports that."""

    issue_id: str
    task: str
    session_id: str
    working_dir: Path
    diff: str = ""
    attempt: int = 1
    attempts: int = 1
    last: ReviewResult | None = None


class Reviewer(Protocol):
    """Judges what an agent did."""

    name: str

    async def review(self, request: ReviewRequest) -> ReviewResult:
        """The verdict. Where there is none, `parse_error` says why."""


class HumanReviewer:
    """The person judges: `ask` shows them the request and waits for their verdict."""

    name = "you"

    def __init__(self, ask: Callable[[ReviewRequest], Awaitable[ReviewResult]]) -> None:
        self._ask = ask

    async def review(self, request: ReviewRequest) -> ReviewResult:
        return await self._ask(request)


@dataclass(kw_only=True)
class AgentReviewer:
    """An agent judges, in a fresh session beside the implementer's; it may only read.
    `timeout` in seconds (None: only silence ends its turn)."""

    sessions: CodexSessionManager
    name: str = "agent"
    executor: str | None = None
    model: str | None = None
    timeout: float | None = None
    prompts: SessionPrompts = field(default_factory=SessionPrompts)
    settings: dict[str, Any] = field(default_factory=lambda: {"sandbox": "read-only", "approvals": "never"})
    begun: Callable[[str], None] = lambda _: None
    """Told the id of the reviewer's session, once there is one."""

    async def review(self, request: ReviewRequest) -> ReviewResult:
        diff = request.diff.strip() or "(look at the folder)"
        prompt = self.prompts.review.format(
            task=request.task, diff=diff[:DIFF_CAP], issue_id=request.issue_id
        )
        try:
            session = await self.sessions.start_session(
                prompt,
                working_dir=request.working_dir,
                executor=self.executor,
                model=self.model,
                origin="workflow",
                settings=self.settings,
            )
        except (ExecutorError, UsageError) as error:
            return ReviewResult(
                False, parse_error=f"the reviewer could not be started: {error}", fatal_error=True
            )
        self.begun(session.id)
        try:
            done = await self.sessions.wait(session.id, self.timeout, turn=1)
        except TimeoutError:
            why = f"no answer within timeout = {self.timeout:g} s"
            await self._stop(session.id, why)
            return ReviewResult(False, parse_error=f"reviewer {session.id}: {why}")
        except BaseException:
            await self._stop(session.id, "its run was stopped")
            raise
        reader = self.sessions.reader
        # What its person says to it afterwards is theirs.
        turn = reader.turns(session.id, reader.path(self.sessions.branch))[0]
        if done.status is SessionStatus.COMPLETED:
            self.sessions.acknowledge(session.id, by="pipeline")
        return _verdict(done, turn)

    async def _stop(self, session: str, why: str) -> None:
        if not any(
            (t.session, t.number) == (session, 1) for t in self.sessions.running(self.sessions.branch)
        ):
            return
        with contextlib.suppress(UsageError):  # it has ended by itself
            await self.sessions.interrupt(session, why)


def _verdict(done: ExecutorSession, turn: TurnView) -> ReviewResult:
    """What the turn of the reviewer's session came to."""
    if turn.status is not SessionStatus.COMPLETED:
        stopped = turn.status in (SessionStatus.INTERRUPTED, SessionStatus.KILLED)
        error = f"reviewer {done.id} {turn.status.value}: {turn.error or 'it did not say why'}"
        return ReviewResult(False, parse_error=error, fatal_error=stopped)
    said = [m for m in done.messages if (m["role"], m["turn"]) == ("assistant", turn.turn)]
    try:
        findings = parse_findings(str(said[-1]["content"]) if said else "")
    except ParseError as error:
        return ReviewResult(False, parse_error=f"reviewer {done.id}: {error}")
    return ReviewResult(not any(f.blocking for f in findings), findings)


def parse_findings(answer: str) -> tuple[ReviewFinding, ...]:
    """The findings of an answer {"findings": [{"priority", "title", "body", "file",
    "line"}]}, the most urgent first. `ParseError` where anything is not as asked."""
    given = parse_json_block(answer, required=("findings",))["findings"]
    if not isinstance(given, list):
        raise ParseError(f"'findings' is no list: {given!r:.160}")
    return tuple(sorted((_finding(item) for item in given), key=lambda f: f.priority))


def _finding(item: Any) -> ReviewFinding:
    if not isinstance(item, dict):
        raise ParseError(f"a finding is no object: {item!r:.160}")
    priority = item.get("priority")
    if isinstance(priority, str) and priority.upper() in ("P0", "P1", "P2", "P3"):
        priority = int(priority[1])
    if type(priority) is not int or not 0 <= priority <= 3:
        raise ParseError(f"a finding's priority is one of 0, 1, 2, 3: {item!r:.160}")
    title, body, file = item.get("title"), item.get("body") or "", item.get("file") or ""
    if not isinstance(title, str) or not title.strip():
        raise ParseError(f"a finding has no title: {item!r:.160}")
    line = item.get("line")
    if not isinstance(body, str) or not isinstance(file, str) or (line is not None and type(line) is not int):
        raise ParseError(f"a finding has a body, a file or a line of the wrong type: {item!r:.160}")
    return ReviewFinding(priority, title, body, file, line)
