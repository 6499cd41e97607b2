"""Agents for a program that has no engine: a session manager on a thread of its own.

It is opened when a stage needs it, shared by all that need it at the same time, and
closed after the last: nothing of it outlives the call that it was for.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from zwarm_tui.config import settings as config
from zwarm_tui.config.given import variables
from zwarm_tui.config.paths import state_dir
from zwarm_tui.config.prices import pricer
from zwarm_tui.executors.base import ExecutorSettings
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.store.lock import ProjectLock
from zwarm_tui.store.log import Store

T = TypeVar("T")


class LocalAgents:
    """A project's session manager, run by a thread of its own. Holds the project's lock."""

    _open: dict[Path, LocalAgents] = {}  # noqa: RUF012 - one a process, like the lock
    _guard = threading.Lock()

    def __init__(self, project: Path) -> None:
        self.project = project
        self._users = 0
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._leave: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.manager: CodexSessionManager | None = None
        self._thread = threading.Thread(target=self._main, name="zwarm agents", daemon=True)
        self._thread.start()
        self._ready.wait()

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, project: Path) -> AsyncIterator[LocalAgents]:
        """The project's agents, for as long as the block lasts. `LockedError` where
        another process runs them."""
        # Shielded, both: a cancelled caller must not leave the agents running.
        opening = asyncio.ensure_future(asyncio.to_thread(cls._acquire, project))
        try:
            here = await asyncio.shield(opening)
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):
                await asyncio.to_thread((await opening)._release)
            raise
        try:
            yield here
        finally:
            await asyncio.shield(asyncio.to_thread(here._release))

    @classmethod
    def _acquire(cls, project: Path) -> LocalAgents:
        with cls._guard:
            found = cls._open.get(project)
            if found is None:
                found = cls(project)
                if found._failure is not None:
                    found._thread.join()
                    raise found._failure
                cls._open[project] = found
            found._users += 1
            return found

    def _release(self) -> None:
        with self._guard:
            self._users -= 1
            if self._users:
                return
            del self._open[self.project]
            assert self._loop is not None
            assert self._leave is not None
            self._loop.call_soon_threadsafe(self._leave.set)
            self._thread.join()  # within the guard: the next one needs the lock that this one holds
        if self._failure is not None:  # what could not be written, say
            raise self._failure

    async def call(self, do: Callable[[CodexSessionManager], Awaitable[T]]) -> T:
        """Run `do` with the manager, on its thread; cancelling this cancels that."""

        async def run() -> T:
            assert self.manager is not None
            return await do(self.manager)

        assert self._loop is not None
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run(), self._loop))

    def _main(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._leave = asyncio.get_running_loop(), asyncio.Event()
        lock = ProjectLock(state_dir(self.project), "workflow")
        try:
            lock.acquire()
            try:
                async with _manager(self.project) as self.manager:
                    self._ready.set()
                    await self._leave.wait()
            finally:
                lock.release()
        except BaseException as error:
            self._failure = error
        finally:
            self._ready.set()


@contextlib.asynccontextmanager
async def _manager(project: Path) -> AsyncIterator[CodexSessionManager]:
    settings = config.load(project).settings
    file = state_dir(project) / "zwarm.db"
    store = Store.open(file, price=pricer(settings), given=variables(settings))
    codex = settings.codex
    try:
        async with CodexSessionManager(
            state_dir(project),
            executor=settings.executor,
            default_model=settings.model,
            max_concurrent=settings.max_concurrent,
            store=store,
            settings={"codex": ExecutorSettings(codex.path, dict(codex.env), codex.args)},
            thread_settings={"sandbox": codex.sandbox, "approvals": codex.approvals},
            idle_timeout=settings.idle_timeout,
            budget=settings.budget,
        ) as manager:
            manager.recover()
            yield manager
    finally:
        store.close()
