"""A manager over the demo agent, and a folder to work in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from zwarm_tui.core import events as e
from zwarm_tui.pipeline import stream
from zwarm_tui.sessions import CodexSessionManager


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my project"
    folder.mkdir()
    return folder


@pytest.fixture
async def sessions(tmp_path: Path) -> AsyncIterator[CodexSessionManager]:
    async with CodexSessionManager(tmp_path / ".zwarm", executor="demo") as m:
        yield m


def logged(sessions: CodexSessionManager, session: str | None, *types: type[e.Event]) -> list[e.Event]:
    """The session's events of these types, as the log has them."""
    sessions.store.flush()
    path = sessions.reader.path(sessions.branch)
    return [r.event for r in sessions.reader.records(session, path) if isinstance(r.event, types)]


async def until(true: Callable[[], Any]) -> None:
    """Wait for what has no event of its own."""
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.01)


class Silence:
    """The limits that agents' silence has. None is over by itself, so that a slow agent is
    not taken for a silent one."""

    def __init__(self) -> None:
        self.limits: list[float | None] = []
        """In seconds, one for each message that was waited for; None: it may be silent."""
        self._last: dict[asyncio.Task[Any] | None, asyncio.Timeout] = {}

    def limit(self, seconds: float | None) -> asyncio.Timeout:
        self.limits.append(seconds)
        watch = asyncio.timeout(None)
        if seconds is not None:
            self._last[asyncio.current_task()] = watch
        else:
            self._last.pop(asyncio.current_task(), None)
        return watch

    def lasts(self, run: asyncio.Task[Any]) -> bool:
        """Have the silence that this run waits through be over; False where it does not."""
        try:
            self._last[run].reschedule(0)
        except (KeyError, RuntimeError):  # not begun, just ended, or in order
            return False
        return True


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> Silence:
    made = Silence()
    monkeypatch.setattr(stream, "asyncio", SimpleNamespace(**{**vars(asyncio), "timeout": made.limit}))
    return made
