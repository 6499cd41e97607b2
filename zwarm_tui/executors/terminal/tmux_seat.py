"""A seat in a tmux session: tmux draws what the program prints, and outlives us."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zwarm_tui.core.errors import ThreadLostError, TmuxError
from zwarm_tui.executors.sweep import process_of, runs
from zwarm_tui.executors.terminal.page import Page
from zwarm_tui.executors.tmux import TmuxServer, TmuxSession

if TYPE_CHECKING:
    import psutil

AGENT = "ZWARM_AGENT"
"""In the environment of an agent's terminal: the session that it serves."""
TYPED = "@zwarm_typed"
"""Noted with a terminal: "1" once the running turn's message was typed there."""
_SEEN = "@zwarm_seen"
_LOG_LIMIT = 16 * 2**20
"""Bytes that the raw output may have when a turn begins; more is thrown away."""


class TmuxSeat:
    """The program of one tmux session. `log` holds every byte that it printed."""

    def __init__(self, session: TmuxSession, process: psutil.Process | None, log: Path) -> None:
        self.session, self.log = session, log
        self._process = process

    @classmethod
    async def start(
        cls,
        server: TmuxServer,
        name: str,
        command: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        log: Path,
    ) -> TmuxSeat:
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
        session = await server.new(name, cwd=cwd, env=env, command=command, keep=True, log=log)
        return await cls._of(session, log)

    @classmethod
    async def find(cls, server: TmuxServer, name: str, log: Path) -> TmuxSeat:
        """The seat that an earlier process left; `ThreadLostError` where it is gone."""
        session = await server.get(name)
        if session is None or not await session.alive():
            raise ThreadLostError(f"tmux session {name} is gone, and with it what the agent knew")
        return await cls._of(session, log)

    @classmethod
    async def _of(cls, session: TmuxSession, log: Path) -> TmuxSeat:
        pids = await session.pids()
        return cls(session, await process_of(pids[0]) if pids else None, log)

    def stamp(self) -> tuple[int, bool]:
        try:
            size = self.log.stat().st_size
        except OSError:
            size = 0
        return size, self._runs()

    async def page(self, since: int) -> Page:
        above, full = await self._place()
        lines = await self.session.screen(0 if full else since - above)
        if not self.stamp()[1] and lines and lines[-1].startswith("Pane is dead"):
            lines.pop()  # tmux's words, not the program's
        return Page.of(lines, full=full)

    async def top(self) -> int:
        return (await self._place())[0]

    async def prepare(self) -> None:
        self._shorten()
        await self.session.ready()

    async def type(self, text: str) -> bool:
        text = text.strip("\n")
        whole = "\n" not in text or self._takes_pastes()
        await self.session.type(text if whole else " ".join(text.split("\n")), enter=False)
        return whole

    async def enter(self) -> None:
        await self.session.keys("Enter")

    async def stop(self) -> None:
        await self.session.keys("C-c")

    async def seen(self) -> int:
        kept = await self.session.noted(_SEEN)
        return int(kept) if kept.isdigit() else 0

    async def mark_seen(self) -> None:
        above, down = await self.session.facts("history_size", "cursor_y")
        await self.session.note(_SEEN, str(int(above) + int(down)))

    async def mark_typed(self, typed: bool) -> None:
        await self.session.note(TYPED, "1" if typed else "0")

    async def exit_code(self) -> int | None:
        try:
            return await self.session.exit_code()
        except TmuxError:
            return None

    async def end(self) -> None:
        await self.session.kill()
        self.log.unlink(missing_ok=True)

    def _runs(self) -> bool:
        """Not by its pid alone: another program can have that by now, and tmux can miss
        an end, whose zombie keeps it."""
        return self._process is not None and runs(self._process)

    async def _place(self) -> tuple[int, bool]:
        above, full = await self.session.facts("history_size", "alternate_on")
        return int(above or 0), full == "1"

    def _takes_pastes(self) -> bool:
        """Whether the program asked for pastes in brackets: else each line of one would
        be a message of its own."""
        try:
            printed = self.log.read_bytes()
        except OSError:
            return False
        return printed.rfind(b"\x1b[?2004h") > printed.rfind(b"\x1b[?2004l")

    def _shorten(self) -> None:
        try:
            if self.log.stat().st_size > _LOG_LIMIT:
                pastes = b"\x1b[?2004h" if self._takes_pastes() else b""
                self.log.write_bytes(pastes)
        except OSError:
            pass  # it only grows on
