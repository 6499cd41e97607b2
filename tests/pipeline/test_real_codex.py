"""Implement, gate, review and fix on the real codex, checked by the model server's requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from tests.pipeline.conftest import Silence, logged, until
from zwarm_tui.core import events as e
from zwarm_tui.core.model import SessionStatus
from zwarm_tui.demo.codex_home import MODEL, codex_env, make_codex_home
from zwarm_tui.demo.model_server import ModelServer
from zwarm_tui.executors.base import ExecutorSettings
from zwarm_tui.executors.sweep import runs
from zwarm_tui.pipeline import (
    AgentReviewer,
    AgentSessionConfig,
    AgentSessionInput,
    AgentSessionRunner,
    CommandGate,
    RetryConfig,
    ReviewRequest,
    ReviewResult,
    SessionPrompts,
)
from zwarm_tui.sessions import CodexSessionManager

pytestmark = pytest.mark.codex


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


@pytest.fixture
async def codex(server: ModelServer, tmp_path: Path) -> AsyncIterator[CodexSessionManager]:
    settings = ExecutorSettings(env=codex_env(make_codex_home(tmp_path / "codex home", server.url)))
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    async with CodexSessionManager(
        tmp_path / ".zwarm", default_model=MODEL, settings={"codex": settings}
    ) as sessions:
        yield sessions
    assert not [p for p in psutil.Process().children(recursive=True) if p.pid not in before and runs(p)]


FINDING = {"priority": 1, "title": "There are no tests", "body": "Write one.\n@write test_add.py assert True"}


def say(answer: object) -> str:
    return "@say " + json.dumps(answer).replace("\\n", "\\\\n").replace("{", "{{").replace("}", "}}")


class Critic(AgentReviewer):
    """Finds that tests are missing, as long as they are."""

    async def review(self, request: ReviewRequest) -> ReviewResult:
        tested = (request.working_dir / "test_add.py").exists()
        answer = {"findings": [] if tested else [FINDING]}
        self.prompts = SessionPrompts(review="Review this.\n\n" + say(answer))
        return await super().review(request)


async def test_implement_gate_review_fix(
    codex: CodexSessionManager, server: ModelServer, folder: Path, silence: Silence
) -> None:
    gate = CommandGate(
        name="lines",
        command="echo '@run echo line >> add.py'; n=$(wc -l < add.py); echo $n lines; test $n -ge 3",
    )
    config = AgentSessionConfig(
        retry=RetryConfig(2, (0.0,), "Go on with {issue_id}.\n@run echo line >> add.py"),
        idle_timeout_seconds=3,
    )
    runner = AgentSessionRunner(codex, config, gates=[gate], reviewer=Critic(sessions=codex, name="critic"))
    # It falls silent after its first command: that is done once, and it is resumed.
    work = AgentSessionInput(issue_id="42", prompt="Add it up.\n@run touch add.py\n@hang", working_dir=folder)
    going = asyncio.create_task(runner.run_session(work))
    await until(lambda: logged(codex, None, e.CommandDone))
    await until(lambda: silence.lasts(going))
    done = await going
    assert done.success, done.resolution
    assert (done.gate_attempts, done.review_attempts) == (3, 2)
    assert (folder / "add.py").read_text() == "line\n" * 3
    assert (folder / "test_add.py").read_text().strip() == "assert True"

    session = codex.get_session(done.session_id or "")
    assert session.status is SessionStatus.COMPLETED
    assert session.view.turns == 5  # first, resumed, gate 2/3, gate 3/3, review 2/3
    gates = logged(codex, session.id, e.GateDone)
    assert [(g.passed, g.attempt) for g in gates] == [(False, 1), (False, 2), (True, 3), (True, 1)]  # type: ignore[attr-defined]
    reviews = logged(codex, session.id, e.ReviewDone)
    assert [(r.passed, r.attempt, len(r.findings)) for r in reviews] == [(False, 1, 1), (True, 2, 0)]  # type: ignore[attr-defined]
    retries = logged(codex, session.id, e.RetryScheduled)
    assert [r.what for r in retries] == ["idle", "gate", "gate", "review"]  # type: ignore[attr-defined]
    bound = {b.thread for b in logged(codex, session.id, e.ThreadBound)}  # type: ignore[attr-defined]
    assert bound == {session.thread_id}

    # As the model saw it: one thread with all that was said, and two reviews beside it.
    heard = [r.messages for r in server.requests if r.thread == session.thread_id][-1]
    assert [m.split("\n")[0] for m in heard[:2]] == ["Add it up.", "Go on with 42."]
    assert ["attempt 2/3" in heard[2], "attempt 3/3" in heard[3], "attempt 2/3" in heard[4]] == [True] * 3
    assert "1 lines" in heard[2]
    assert "2 lines" in heard[3]
    assert "[P1] There are no tests" in heard[4]
    assert len({r.thread for r in server.requests}) == 3
