"""The executor "codex": app-server where this codex has it, else `codex exec`."""

from __future__ import annotations

import asyncio
from pathlib import Path

from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.core.events import TurnEnded
from zwarm_tui.executors.base import (
    Capabilities,
    Decision,
    ExecutorInfo,
    ExecutorSettings,
    Forked,
    Sink,
    ThreadSpec,
)
from zwarm_tui.executors.codex.appserver import CAPABILITIES, AppServer
from zwarm_tui.executors.codex.exec import Exec
from zwarm_tui.executors.codex.find import locate
from zwarm_tui.executors.codex.server import NoAppServer, environment


class Codex:
    """Finds out, when it is first used, which of the two this codex can be driven
    through, and stays with that."""

    name = "codex"

    def __init__(self, settings: ExecutorSettings, state_dir: Path) -> None:
        self._settings, self._state_dir = settings, state_dir
        self._server = AppServer(settings, state_dir)
        self._chosen: AppServer | Exec | None = None
        self._choosing = asyncio.Lock()

    @property
    def capabilities(self) -> Capabilities:
        """Those of the one that was chosen (before that: app-server's)."""
        return CAPABILITIES if self._chosen is None else self._chosen.capabilities

    async def _driver(self) -> AppServer | Exec:
        async with self._choosing:
            if self._chosen is None:
                try:
                    await self._server.connect()
                    self._chosen = self._server
                except NoAppServer:
                    self._chosen = Exec(self._settings, self._state_dir)
            return self._chosen

    async def probe(self) -> ExecutorInfo:
        """Look whether and how it is installed."""
        path = None
        try:
            path = locate(self._settings.path, environment(self._settings))
            return await (await self._driver()).probe()
        except ExecutorError as error:
            return ExecutorInfo(name=self.name, found=path is not None, path=path, problem=str(error))

    async def start(self, spec: ThreadSpec, sink: Sink) -> str:
        """Make a new thread."""
        return await (await self._driver()).start(spec, sink)

    async def resume(self, thread: str, spec: ThreadSpec, sink: Sink) -> None:
        """Make a thread live that an earlier process ran."""
        await (await self._driver()).resume(thread, spec, sink)

    async def fork(self, thread: str, spec: ThreadSpec, sink: Sink, *, at_turn: str | None = None) -> Forked:
        """A new thread with this one's history."""
        return await (await self._driver()).fork(thread, spec, sink, at_turn=at_turn)

    async def run_turn(self, thread: str, text: str) -> TurnEnded:
        """Send a message and see the turn through."""
        return await (await self._driver()).run_turn(thread, text)

    async def steer(self, thread: str, text: str) -> None:
        """Put a message into the running turn."""
        await (await self._driver()).steer(thread, text)

    async def interrupt(self, thread: str) -> None:
        """Stop the running turn."""
        await (await self._driver()).interrupt(thread)

    async def answer(self, thread: str, request: str, decision: Decision, message: str = "") -> None:
        """Decide an approval, or answer a question."""
        await (await self._driver()).answer(thread, request, decision, message)

    async def end(self, thread: str) -> None:
        """Let the thread go."""
        if self._chosen is not None:
            await self._chosen.end(thread)

    async def aclose(self) -> None:
        """End everything."""
        async with self._choosing:
            for driver in {self._server, self._chosen} - {None}:
                assert driver is not None
                await driver.aclose()
