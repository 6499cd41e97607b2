"""Messages into running turns: whenever they come, they are answered, or their person is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import SessionBusyError, TurnOverError, UsageError
from zwarm_tui.core.model import SessionStatus
from zwarm_tui.executors.base import Decision, ExecutorSettings
from zwarm_tui.executors.demo import DemoExecutor
from zwarm_tui.sessions import CodexSessionManager


class Heard:
    """What a manager writes, and a way to wait for some of it."""

    def __init__(self) -> None:
        self.events: list[e.Event] = []
        self._news = asyncio.Event()

    def __call__(self, record: e.Record) -> None:
        self.events.append(record.event)
        self._news.set()

    async def until(self, kind: type[e.Event], count: int = 1) -> None:
        async with asyncio.timeout(60):
            while sum(isinstance(event, kind) for event in self.events) < count:
                self._news.clear()
                await self._news.wait()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
async def manager(tmp_path: Path, heard: Heard) -> AsyncIterator[CodexSessionManager]:
    async with CodexSessionManager(
        tmp_path / ".zwarm", executor="demo", max_concurrent=1, events=heard
    ) as made:
        yield made


def said(manager: CodexSessionManager, session: str) -> list[str]:
    messages = manager.get_session(session).messages
    return [line for m in messages if m["role"] == "assistant" for line in m["content"].split("\n\n")]


async def test_whenever_a_message_comes_it_is_answered(
    manager: CodexSessionManager, heard: Heard, tmp_path: Path
) -> None:
    session = (await manager.start_session("@say begun", working_dir=tmp_path)).id
    await manager.wait(session, timeout=60)
    for i in range(40):
        heard.events.clear()
        await manager.send_message(session, f"@say first{i}")
        # At about the moment that its agent looks for messages for the last time.
        await heard.until((e.Text, e.Usage, e.TurnStarted, e.TurnEnded)[i % 4])
        await asyncio.sleep((i // 4) * 0.0004)
        await manager.steer(session, f"@say second{i}")
        await manager.wait(session, timeout=60)
        answers = said(manager, session)
        assert answers.count(f"second{i}") == 1, f"round {i}"
        assert f"first{i}" in answers or i % 4 == 2, "steered before it began to answer"


class Ending(DemoExecutor):
    """Its turns have ended some time before that is known."""

    def __init__(self, state: Path) -> None:
        super().__init__(ExecutorSettings(), state)
        self.over, self.go = asyncio.Event(), asyncio.Event()

    async def run_turn(self, thread: str, text: str) -> e.TurnEnded:
        ended = await super().run_turn(thread, text)
        self.over.set()
        await self.go.wait()
        return ended


@pytest.mark.parametrize(
    ("task", "origin", "turns"),
    [("@say Done.", "person", 2), ("@say Done.", "workflow", 1), ("@fail No", "person", 1)],
)
async def test_one_that_comes_too_late(
    task: str, origin: str, turns: int, tmp_path: Path, heard: Heard
) -> None:
    agent = Ending(tmp_path / ".zwarm")
    async with CodexSessionManager(tmp_path / ".zwarm", executor=agent, events=heard) as manager:
        session = (await manager.start_session(task, working_dir=tmp_path, origin=origin)).id
        await agent.over.wait()
        late = asyncio.create_task(manager.steer(session, "@say Late."))
        await asyncio.sleep(0)
        agent.go.set()
        view = (await late).view
        assert view.turns == turns
        done = await manager.wait(session, timeout=60)
        notices = [event.text for event in heard.events if isinstance(event, e.Notice)]
        if turns == 2:
            assert "Late." in said(manager, session)
            assert done.needs_attention
            assert notices == []
            flagged = [event for event in heard.events if isinstance(event, e.AttentionRaised)]
            assert len(flagged) == 1, "the first turn's end is no news: its session goes on"
        else:
            assert "Late." not in said(manager, session)
            assert "“@say Late.”: say it again" in notices[0]


class Deaf(DemoExecutor):
    """Its agents end a turn without the words that a refusal came with: they took those too
    late, or (`over`) had ended it by then."""

    def __init__(self, state: Path, over: bool) -> None:
        super().__init__(ExecutorSettings(), state)
        self._over, self.gone = over, asyncio.Event()

    async def answer(self, thread: str, request: str, decision: Decision, message: str = "") -> None:
        await super().answer(thread, request, decision)
        if self._over:
            await self.gone.wait()
            raise TurnOverError("the turn has just ended")

    async def run_turn(self, thread: str, text: str) -> e.TurnEnded:
        ended = await super().run_turn(thread, text)
        late = 0 if self._over or self.gone.is_set() else 1
        self.gone.set()
        return replace(ended, late=late)


@pytest.mark.parametrize("over", [False, True])
async def test_words_with_a_refusal_that_come_too_late(over: bool, tmp_path: Path, heard: Heard) -> None:
    agent = Deaf(tmp_path / ".zwarm", over)
    async with CodexSessionManager(tmp_path / ".zwarm", executor=agent, events=heard) as manager:
        session = (await manager.start_session("@escalate ls\n@say Done.", working_dir=tmp_path)).id
        await heard.until(e.ApprovalRequested)
        (request,) = manager.running()[0].requests
        await manager.requests.decide(request, "decline", "@say Instead.")
        await heard.until(e.TurnEnded, 2)
        await manager.wait(session, timeout=60)
        assert said(manager, session) == ["Done.", "Instead."]
        resolved = [event.decision for event in heard.events if isinstance(event, e.ApprovalResolved)]
        assert resolved == ["decline"]


async def test_one_to_a_turn_that_is_stopped(
    manager: CodexSessionManager, heard: Heard, tmp_path: Path
) -> None:
    session = (await manager.start_session("@hang", working_dir=tmp_path)).id
    await heard.until(e.TurnStarted)
    await manager.steer(session, "@say Never.")
    await manager.interrupt(session)
    assert manager.get_session(session).status is SessionStatus.INTERRUPTED
    (notice,) = [event for event in heard.events if isinstance(event, e.Notice)]
    assert "“@say Never.”: say it again" in notice.text


async def test_one_at_once_after_the_first_waits_for_its_agent(
    manager: CodexSessionManager, heard: Heard, tmp_path: Path
) -> None:
    session = (await manager.start_session("@escalate ls\n@say never said", working_dir=tmp_path)).id
    await manager.steer(session, "@say Both.")
    await heard.until(e.ApprovalRequested)
    await manager.requests.decide(next(iter(manager.running()[0].requests)), "accept")
    await manager.wait(session, timeout=60)
    assert said(manager, session) == ["Both."]


async def test_one_where_no_turn_runs_opens_one(manager: CodexSessionManager, tmp_path: Path) -> None:
    session = (await manager.start_session("@say One.", working_dir=tmp_path)).id
    await manager.wait(session, timeout=60)
    assert (await manager.steer(session, "@say Two.")).view.turns == 2
    await manager.wait(session, timeout=60)
    assert said(manager, session) == ["One.", "Two."]


async def test_wrong_use(manager: CodexSessionManager, heard: Heard, tmp_path: Path) -> None:
    first = (await manager.start_session("@hang", working_dir=tmp_path)).id
    queued = (await manager.start_session("@say Queued.", working_dir=tmp_path)).id
    await heard.until(e.TurnStarted)
    with pytest.raises(UsageError, match="has yet to begin"):
        await manager.steer(queued, "more")
    with pytest.raises(UsageError, match="some words"):
        await manager.steer(first, " \n")
    with pytest.raises(SessionBusyError):
        await manager.send_message(first, "more")
