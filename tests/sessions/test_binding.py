"""Which thread serves a turn: for agents that fork anywhere, at the tip, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from zwarm_tui.config.settings import PilotSettings, Settings
from zwarm_tui.core.model import SessionStatus
from zwarm_tui.core.transcript import Transcript
from zwarm_tui.engine import Engine
from zwarm_tui.executors.base import Capabilities, ExecutorSettings
from zwarm_tui.executors.demo import DemoExecutor
from zwarm_tui.sessions import CodexSessionManager

SETTINGS = Settings(executor="demo", pilot=PilotSettings(brain="demo"))


class Limited(DemoExecutor):
    """The demo agent, with less that it can do."""

    def __init__(self, state: Path, fork: str) -> None:
        super().__init__(ExecutorSettings(), state)
        self._fork = fork

    @property
    def capabilities(self) -> Capabilities:
        return cast(Capabilities, replace(cast(Any, super().capabilities), fork=self._fork))


@pytest.fixture(params=["turn", "tip", "none"])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    limited = Limited(tmp_path / ".zwarm", request.param)
    async with await Engine.open(tmp_path, SETTINGS, executor=limited) as e:
        yield e


async def run(engine: Engine, session: str | None, text: str) -> str:
    if session is None:
        session = str((await engine.delegate(text))["session_id"])
    else:
        await engine.converse(session, text)
    assert (await engine.sessions.wait(session, 20)).status is SessionStatus.COMPLETED
    return session


async def test_a_branch_gets_a_fork_or_a_brief_and_the_log_says_which(engine: Engine) -> None:
    can = engine.sessions.agents.get("demo").capabilities.fork
    session = await run(engine, None, "@say apples")
    await run(engine, session, "@say pears")
    await engine.goto("T1")
    await run(engine, session, "@say quinces")
    view = engine.reader.session(session)
    assert view is not None
    # T1 is not the thread's tip: an agent that forks only there has to be briefed.
    assert view.how == ("forked" if can == "turn" else "briefed")
    fold = Transcript()
    for record in engine.reader.records(session):
        fold.apply(record)
    shown = [getattr(b.event, "how", None) for b in fold.blocks if b.event.kind == "thread.bound"]
    assert shown == ["fresh", view.how]
    answers = [m["content"] for m in engine.reader.messages(session) if m["role"] == "assistant"]
    assert answers == ["apples", "quinces"]


async def test_a_fork_at_the_tip(engine: Engine) -> None:
    can = engine.sessions.agents.get("demo").capabilities.fork
    session = await run(engine, None, "@say apples")
    await engine.branch("other")
    await run(engine, session, "@say quinces")
    view = engine.reader.session(session)
    assert view is not None
    assert view.how == ("briefed" if can == "none" else "forked")


async def test_a_session_that_never_finished_starts_again_from_its_brief(engine: Engine) -> None:
    await run(engine, None, "@say first")
    task = "@escalate touch planted"
    s = (await engine.delegate(task))["session_id"]
    await asked(engine, s)
    await engine.checkpoint("while it waits")
    await engine.branch("again")
    await engine.converse(s, "@say replanted", confirm=True)
    # The new thread is told the task too, so it asks as the first one did.
    request = await asked(engine, s)
    await engine.approve(request)
    done = await engine.sessions.wait(s, 20)
    assert done.view.how == "fresh"
    assert done.messages[-1]["content"].endswith("replanted")
    assert done.view.turns == 1


async def asked(engine: Engine, session: str) -> str:
    """Wait for the approval that the session asks for on the current branch."""
    branch = engine.sessions.branch
    async with asyncio.timeout(20):
        while True:
            for r in engine.reader.requests(session):
                if r.branch == branch:
                    return r.id
            await asyncio.sleep(0.02)


async def test_another_agent_cannot_go_on_with_a_thread(tmp_path: Path) -> None:
    """F11: the thread of one agent is no thread of another."""

    class Other(DemoExecutor):
        name = "other"

    other = Other(ExecutorSettings(), tmp_path / ".zwarm")
    async with CodexSessionManager(tmp_path / ".zwarm", executor=other) as manager:
        s = await manager.start_session("@say mine", working_dir=tmp_path)
        await manager.wait(s.id, 20)
    impostor = DemoExecutor(ExecutorSettings(), tmp_path / ".zwarm")
    async with CodexSessionManager(tmp_path / ".zwarm", executor=impostor) as manager:
        manager.agents._made["other"] = impostor
        await manager.send_message(s.id, "@say yours")
        failed = await manager.wait(s.id, 20)
        assert failed.status is SessionStatus.FAILED
        assert "was begun by other" in (failed.error or "")


async def test_a_lost_thread_goes_on_from_its_transcript(tmp_path: Path) -> None:
    async with CodexSessionManager(tmp_path / ".zwarm", executor="demo") as manager:
        s = await manager.start_session("@say apples", working_dir=tmp_path)
        thread = (await manager.wait(s.id, 20)).thread_id
    (tmp_path / ".zwarm" / "demo" / f"{thread}.json").unlink()
    async with CodexSessionManager(tmp_path / ".zwarm", executor="demo") as manager:
        await manager.send_message(s.id, "@say pears")
        done = await manager.wait(s.id, 20)
        assert done.status is SessionStatus.COMPLETED
        assert done.view.how == "briefed"
        assert [r.event.kind for r in manager.reader.records(s.id)].count("notice") == 1
