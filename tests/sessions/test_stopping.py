"""Turns that are stopped in moments that last: while a slow disk takes their beginning, or their end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import StoreError
from zwarm_tui.core.model import SessionStatus, SessionView
from zwarm_tui.sessions import CodexSessionManager, stopping
from zwarm_tui.sessions.turn import Turn


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[CodexSessionManager]:
    async with CodexSessionManager(tmp_path / ".zwarm", executor="demo", max_concurrent=1) as made:
        yield made


class SlowDisk:
    """What is committed waits: `asked` is set then, and `go` lets it be written."""

    def __init__(self, manager: CodexSessionManager, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked, self.go, self.full = asyncio.Event(), asyncio.Event(), False
        self._commit = manager.store.commit
        monkeypatch.setattr(manager.store, "commit", self)

    async def __call__(self, *records: e.Record) -> int:
        self.asked.set()
        await self.go.wait()
        if self.full:
            raise StoreError("the disk is full")
        return await self._commit(*records)


async def idle(manager: CodexSessionManager, folder: Path) -> str:
    """A session whose only turn has ended."""
    session = (await manager.start_session("@say hello", working_dir=folder)).id
    await manager.wait(session)
    return session


async def test_one_that_is_just_being_recorded(
    manager: CodexSessionManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, disk = await idle(manager, tmp_path), SlowDisk(manager, monkeypatch)
    sending = asyncio.create_task(manager.send_message(session, "@hang"))
    await disk.asked.wait()
    stopping = asyncio.create_task(manager.interrupt(session))
    await asyncio.sleep(0)
    disk.go.set()
    async with asyncio.timeout(60):
        await asyncio.gather(sending, stopping)
    view = manager.get_session(session).view
    assert (view.turns, view.status) == (2, SessionStatus.INTERRUPTED)


async def test_one_that_can_not_be_recorded(
    manager: CodexSessionManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, disk = await idle(manager, tmp_path), SlowDisk(manager, monkeypatch)
    disk.full = True
    sending = asyncio.create_task(manager.send_message(session, "@hang"))
    await disk.asked.wait()
    stopping = asyncio.create_task(manager.interrupt(session))
    steering = asyncio.create_task(manager.steer(session, "faster"))
    await asyncio.sleep(0)
    disk.go.set()
    async with asyncio.timeout(60):
        ends = await asyncio.gather(sending, stopping, steering, return_exceptions=True)
    assert [type(end) for end in ends] == [StoreError, type(None), StoreError]
    assert manager.running() == []


async def test_one_that_is_stopped_twice(
    manager: CodexSessionManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second word comes while the first one's end is written."""
    first = (await manager.start_session("@hang", working_dir=tmp_path)).id
    queued = (await manager.start_session("@say hello", working_dir=tmp_path)).id
    disk = SlowDisk(manager, monkeypatch)
    once = asyncio.create_task(manager.interrupt(queued))
    await disk.asked.wait()
    twice = asyncio.create_task(manager.interrupt(queued))
    await asyncio.sleep(0)
    disk.go.set()
    async with asyncio.timeout(60):
        await asyncio.gather(once, twice)
        assert manager.get_session(queued).status is SessionStatus.INTERRUPTED
        assert [turn.session for turn in manager.running()] == [first]
        await manager.interrupt(first)
        await manager.send_message(queued, "@say hello again")
        await manager.wait(queued)
    assert manager.get_session(queued).status is SessionStatus.COMPLETED


async def test_one_whose_checkpoint_takes_longer_than_an_agent_gets(
    manager: CodexSessionManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graces, ended, taken = list[asyncio.Timeout](), list[str](), list[int]()
    began, go = asyncio.Event(), asyncio.Event()

    def grace(_: float) -> asyncio.Timeout:
        graces.append(asyncio.timeout(None))
        return graces[-1]

    async def checkpoint(_: SessionView, turn: Turn) -> None:
        began.set()
        await go.wait()
        taken.append(turn.number)

    async def end(thread: str) -> None:
        ended.append(thread)

    monkeypatch.setattr(stopping, "asyncio", SimpleNamespace(timeout=grace, wait=asyncio.wait))
    manager.set_turn_hook(checkpoint)
    session = (await manager.start_session("@hang", working_dir=tmp_path)).id
    (turn,) = manager.running()
    await turn.placed.wait()
    interrupting = asyncio.create_task(manager.interrupt(session))
    await began.wait()
    with monkeypatch.context() as patch:
        patch.setattr(turn.executor, "end", end)
        graces[0].reschedule(0)
        for _ in range(10):
            await asyncio.sleep(0)
    go.set()
    await interrupting
    assert (taken, ended) == ([1], []), "its agent is let be, and the checkpoint is there"
    assert manager.get_session(session).status is SessionStatus.INTERRUPTED


async def test_one_whose_caller_is_stopped_while_it_is_recorded(
    manager: CodexSessionManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pilot, say, that is interrupted as it delegates."""
    disk = SlowDisk(manager, monkeypatch)
    starting = asyncio.create_task(manager.start_session("@say hello", working_dir=tmp_path))
    await disk.asked.wait()
    [turn] = manager.running()
    starting.cancel()
    await asyncio.wait({starting})
    assert starting.cancelled()
    disk.go.set()
    async with asyncio.timeout(60):
        await turn.gone.wait()
        assert manager.running() == [], "it is taken back: nobody would ever begin it"
        await manager.send_message(turn.session, "@say hello")
        await manager.wait(turn.session)
    assert [t.status for t in manager.reader.turns(turn.session, manager.reader.path(1))] == [
        "interrupted",
        "completed",
    ]
