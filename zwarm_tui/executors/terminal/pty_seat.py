"""A seat without tmux: the program at a terminal of ours, through pexpect. It ends with
us, and of a full-screen program it shows what was printed, without the drawing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import termios
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.executors.process import SESSION_MARK
from zwarm_tui.executors.sweep import Identity, descendants, sweep
from zwarm_tui.executors.terminal.page import Page

if TYPE_CHECKING:
    import pexpect

_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])"
)
_KEEP = 4_000_000
"""Characters of output that are kept."""
_READY = 20.0
_STILL = 0.3


class PtySeat:
    """A program that pexpect drives."""

    def __init__(self, child: pexpect.spawn[str], session: str) -> None:
        self._child, self._session = child, session
        self._printed, self._count, self._seen = "", 0, 0
        self._changed = time.monotonic()
        self._left = False
        self._ending = asyncio.Lock()
        """Of two threads that wait for one process, one does so in vain."""
        self._reading = asyncio.create_task(self._read(), name="pty")

    @classmethod
    async def start(
        cls, command: Sequence[str], *, cwd: str, env: Mapping[str, str], session: str
    ) -> PtySeat:
        import pexpect

        whole = {**os.environ, **env, SESSION_MARK: session, "TERM": "xterm"}
        try:
            child = await asyncio.to_thread(
                lambda: pexpect.spawn(
                    command[0],
                    list(command[1:]),
                    cwd=cwd,
                    env=whole,
                    dimensions=(50, 200),
                    encoding="utf-8",
                    codec_errors="replace",
                )
            )
        except (pexpect.ExceptionPexpect, OSError, ValueError) as error:
            raise ExecutorError(f"{command[0]} could not be started: {error}") from error
        child.delaybeforesend = None
        return cls(child, session)

    async def _read(self) -> None:
        import pexpect

        while not self._left:
            try:
                piece = await asyncio.to_thread(self._child.read_nonblocking, 65536, 0.1)
            except pexpect.TIMEOUT:
                continue
            except (pexpect.EOF, OSError, ValueError):
                return
            self._printed = (self._printed + piece)[-_KEEP:]
            self._count += len(piece)
            self._changed = time.monotonic()

    def stamp(self) -> tuple[int, bool]:
        return self._count, not self._reading.done()

    async def page(self, since: int) -> Page:
        return Page.of(_lines(self._printed)[since:])

    async def top(self) -> int:
        return max(0, len(_lines(self._printed)) - 1)

    async def prepare(self) -> None:
        until = time.monotonic() + _READY
        while not self._reading.done():
            quiet = time.monotonic() - self._changed
            editing = await asyncio.to_thread(self._editing)
            if (editing and self._count) or quiet > _STILL:
                return
            if time.monotonic() > until:
                raise ExecutorError(f"{self._child.name} was not ready in {_READY:g} s: it prints on and on")
            await asyncio.sleep(0.02)

    def _editing(self) -> bool:
        """A terminal's two ends share their settings."""
        try:
            return not termios.tcgetattr(self._child.child_fd)[3] & termios.ICANON
        except (termios.error, OSError, ValueError):
            return False

    async def type(self, text: str) -> bool:
        plain = "".join(c for c in text.strip("\n") if c.isprintable() or c in "\n\t")
        pastes = self._printed.rfind("\x1b[?2004h") > self._printed.rfind("\x1b[?2004l")
        whole = "\n" not in plain or pastes
        if pastes and "\n" in plain:
            plain = f"\x1b[200~{plain}\x1b[201~"
        count = self._count
        await asyncio.to_thread(self._child.send, plain if whole else " ".join(plain.split("\n")))
        await self._taken(count)
        return whole

    async def _taken(self, count: int) -> None:
        """Return once keys were echoed, all of them; a password isn't, so not for long."""
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            if self._count != count and time.monotonic() - self._changed > 0.05:
                return
            await asyncio.sleep(0.02)

    async def enter(self) -> None:
        await asyncio.to_thread(self._child.send, "\r")

    async def stop(self) -> None:
        await asyncio.to_thread(self._child.sendintr)

    async def seen(self) -> int:
        return self._seen

    async def mark_seen(self) -> None:
        self._seen = await self.top()

    async def mark_typed(self, typed: bool) -> None:
        """Nothing to keep it with: the program ends with us."""

    async def exit_code(self) -> int | None:
        async with self._ending:
            await self._close()
        if self._child.exitstatus is not None:
            return self._child.exitstatus
        return -self._child.signalstatus if self._child.signalstatus else None

    async def end(self) -> None:
        left: list[Identity] = await descendants(self._child.pid) if self._child.pid else []
        self._left = True
        await asyncio.wait({self._reading})  # its thread looks whether the program lives, too
        async with self._ending:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self._child.terminate, True)
            await sweep({SESSION_MARK: self._session}, left)
            await self._close()

    async def _close(self) -> None:
        import pexpect

        if not self._child.closed:
            # Where it died late, the sweep has taken note of that, and how is not known.
            with contextlib.suppress(OSError, pexpect.ExceptionPexpect):
                await asyncio.to_thread(self._child.close, True)


def _lines(printed: str) -> list[str]:
    """What was printed, as lines: escapes dropped, backspaces and returns obeyed."""
    out = []
    for line in _ESCAPE.sub("", printed).replace("\r\n", "\n").split("\n"):
        shown: list[str] = []
        at = 0
        for char in line:
            if char == "\r":
                at = 0
            elif char == "\b":
                at = max(0, at - 1)
            elif char == "\t" or char.isprintable():
                shown[at : at + 1] = [char]
                at += 1
        out.append("".join(shown))
    return out
