"""The idle watch itself, by a clock of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import StoreError
from zwarm_tui.executors.base import ExecutorSettings
from zwarm_tui.executors.demo import DemoExecutor
from zwarm_tui.sessions import silence
from zwarm_tui.sessions.silence import IdleWatch
from zwarm_tui.sessions.turn import Turn


class Watched:
    """Turns that run, and what the watch makes of them. Each look at the clock takes `step`
    seconds, of the 0.04 that they may be silent."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.step = 1000.0, 0.002
        monkeypatch.setattr(silence, "time", SimpleNamespace(monotonic=self._look))
        self._agent = DemoExecutor(ExecutorSettings(), folder)
        self.turns: dict[tuple[str, int], Turn] = {}
        self.told: list[str] = []
        self.stopped: asyncio.Queue[str] = asyncio.Queue()
        self.watch = IdleWatch(self.turns, 0.04, tell=self.tell, stop=self.stop)

    def _look(self) -> float:
        self.now += self.step
        return self.now

    def add(self, session: str) -> None:
        turn = Turn(session, 1, 1, "@hang", "person", self._agent, thread="t", heard=self.now)
        self.turns[turn.key] = turn

    async def tell(self, turn: Turn, *events: e.Event) -> None:
        self.told.append(turn.session)

    async def stop(self, turn: Turn, status: str, why: str) -> None:
        turn.stop = status
        self.stopped.put_nowait(turn.session)


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(tmp_path, monkeypatch)


async def test_a_full_disk_does_not_end_the_watch(watched: Watched) -> None:
    async def full(turn: Turn, *events: e.Event) -> None:
        raise StoreError("the disk is full")

    watched.watch._tell = full
    watched.add("s")
    watched.watch.begin()
    async with asyncio.timeout(30):
        assert await watched.stopped.get() == "s"
    await watched.watch.end()


async def test_what_ends_while_another_is_told_of_is_not_flagged(watched: Watched) -> None:
    async def tell(turn: Turn, *events: e.Event) -> None:
        watched.told.append(turn.session)
        watched.turns["other", 1].ended = True

    watched.watch._tell = tell
    for session in ("one", "other"):
        watched.add(session)
    watched.watch.begin()
    async with asyncio.timeout(30):
        assert await watched.stopped.get() == "one"
    await watched.watch.end()
    assert watched.told == ["one"]


async def test_while_the_process_stands_still_nobody_is_silent(watched: Watched) -> None:
    watched.add("s")
    watched.watch.begin()
    await asyncio.sleep(0)  # it waits for its next round
    watched.now += 3600
    rounds = watched.now
    while watched.now < rounds + 2 * watched.step:
        await asyncio.sleep(0.001)
    assert (watched.told, watched.stopped.empty()) == ([], True)
    async with asyncio.timeout(30):
        assert await watched.stopped.get() == "s", "but from then on"
    await watched.watch.end()
