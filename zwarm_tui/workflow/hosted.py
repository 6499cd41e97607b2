"""Agents of the project's host, for a program beside it: the host runs their turns, and
what comes of them is read from the log, like everywhere."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zwarm_tui.config import settings as config
from zwarm_tui.config.given import variables
from zwarm_tui.config.paths import database
from zwarm_tui.config.prices import pricer
from zwarm_tui.core.errors import LockedError, UsageError
from zwarm_tui.sessions.session import ExecutorSession
from zwarm_tui.store.log import Store
from zwarm_tui.store.reader import Reader
from zwarm_tui.wire import place
from zwarm_tui.wire.connection import Connection, Lost
from zwarm_tui.workflow.errors import TurnStoppedError


@dataclass(frozen=True, slots=True)
class Waiting:
    """A turn of the host's that has no end yet; `hold`: a budget keeps it from beginning."""

    session: str
    number: int
    hold: str | None


class HostedSessions:
    """The sessions of a host as `turns.Sessions`. Make it with `hosted`."""

    def __init__(self, connection: Connection, reader: Reader, news: asyncio.Event) -> None:
        self._connection, self._news = connection, news
        self._listeners: list[Callable[[int], None]] = []
        self.reader = reader
        self.branch = reader.position().branch

    async def start_session(
        self,
        task: str,
        *,
        working_dir: str | Path | None = None,
        model: str | None = None,
        executor: str | None = None,
        origin: str = "workflow",
        settings: dict[str, Any] | None = None,
    ) -> ExecutorSession:
        given = {
            "task": task,
            "dir": str(Path(working_dir or ".").absolute()),
            "model": model,
            "executor": executor,
            "origin": origin,
            "settings": settings or {},
        }
        made = await self._connection.call("delegate", given)
        self.branch = self._begun_on(made["session_id"])
        return self._session(made["session_id"])

    def _begun_on(self, session: str) -> int:
        """The branch that the host began a session on: the current one, unless its person
        jumped away meanwhile. (After a jump into the past the host makes one for it.)"""
        current, branches = self.reader.position().path, self.reader.branches()
        for path in (current, *(self.reader.path(branch.id) for branch in branches)):
            if (view := self.reader.session(session, path)) is not None:
                return view.branch_id
        return self.branch

    async def send_message(
        self, session_id: str, message: str, *, origin: str = "workflow"
    ) -> ExecutorSession:
        await self._connection.call("converse", {"session_id": session_id, "message": message})
        return self._session(session_id)

    async def interrupt(self, session_id: str) -> None:
        await self._connection.call("interrupt", {"session_id": session_id})

    async def kill_session(self, session_id: str, reason: str | None = None) -> None:
        await self._connection.call("end", {"session_id": session_id, "reason": reason})

    async def wait(
        self, session_id: str, timeout: float | None = None, *, turn: int | None = None
    ) -> ExecutorSession:
        """The session when no turn of it runs, or with `turn` when that one doesn't;
        `TimeoutError` after `timeout` seconds."""
        async with asyncio.timeout(timeout):
            while any(t.session == session_id and turn in (None, t.number) for t in self.running()):
                if self._connection.closed.is_set():
                    raise TurnStoppedError(f"session {session_id}: the host ended while it ran")
                await self._news.wait()
                self._news.clear()
                for listener in self._listeners:
                    listener(0)
        return self._session(session_id)

    def running(self, branch: int | None = None) -> list[Waiting]:
        """Turns without an end, of one branch or of all."""
        turns = [t for t in self.reader.unfinished() if branch in (None, t.branch)]
        return [Waiting(t.session, t.turn, "budget" if t.held else None) for t in turns]

    def on_news(self, listener: Callable[[int], None]) -> Callable[[], None]:
        """Call `listener` when the log has grown; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _session(self, session: str) -> ExecutorSession:
        path = self.reader.path(self.branch)
        view = self.reader.session(session, path)
        if view is None:
            raise UsageError(f"session {session} is not on this branch")
        return ExecutorSession(view, lambda: self.reader.messages(session, path))


@contextlib.asynccontextmanager
async def hosted(project: Path) -> AsyncIterator[HostedSessions | None]:
    """The sessions of the host that runs; None where none does. `LockedError` where it is
    of another version."""
    news = asyncio.Event()
    connection = await _connected(project, news)
    if connection is None:
        yield None
        return
    closing = asyncio.create_task(_tell(connection, news))
    reader = Reader(database(project))
    try:
        yield HostedSessions(connection, reader, news)
    finally:
        closing.cancel()
        reader.close()
        await connection.aclose()


async def _connected(project: Path, news: asyncio.Event) -> Connection | None:
    """A connection to the host that runs, which tells of its `news`. One that is just leaving
    is none: wait for its end."""
    until = time.monotonic() + place.PATIENCE
    while (card := await place.settled(project)) is not None:
        try:
            connection = await Connection.open(place.reachable(card), lambda _method, _params: news.set())
            try:
                await connection.greet()
                await connection.call("subscribe", {})
                return connection
            except BaseException:
                await connection.aclose()
                raise
        except (ConnectionRefusedError, FileNotFoundError, Lost) as error:
            if time.monotonic() > until:
                raise LockedError(f"the host (pid {card.pid}) neither answers nor ends: {error}") from error
            await asyncio.sleep(0.02)
    return None


async def _tell(connection: Connection, news: asyncio.Event) -> None:
    """A host that ends is news, too."""
    await connection.closed.wait()
    news.set()


@contextlib.contextmanager
def log_beside(project: Path) -> Iterator[Store]:
    """The project's log, for what a program beside the host has to record."""
    settings = config.load(project).settings
    store = Store.open(database(project), price=pricer(settings), given=variables(settings))
    try:
        yield store
    finally:
        store.close()
