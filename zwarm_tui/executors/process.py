"""Child processes: started apart, watched, ended.

A child gets a session of its own and never our stdin. What it starts may leave its group
and outlive it: `sweep` finds that by a mark in its environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import AsyncIterator, Mapping, Sequence

from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.executors.sweep import sweep

LINE_LIMIT = 64 * 2**20
"""Bytes a line of an agent's output may have."""

PROJECT_MARK = "ZWARM_PROJECT"
"""In the environment of a host, and of all that it starts: the project's id."""
SESSION_MARK = "ZWARM_SESSION"
RUN_MARK = "ZWARM_RUN"
STEP_MARK = "ZWARM_STEP"
"""In the environment of all that one attempt at a command's step starts."""

_DRAIN = 0.2
"""Seconds without output after which a dead child's pipes are closed."""

_YIELD_EVERY = 64
"""Lines that are handed out before others on the loop get their turn."""


class _Protocol(asyncio.subprocess.SubprocessStreamProtocol):
    """Says when the process is gone. `Process.wait` may hang for as long as a
    grandchild holds a pipe open; this doesn't."""

    def __init__(self, limit: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=limit, loop=loop)
        self.exited = asyncio.Event()
        self._received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._process = transport

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        super().pipe_data_received(fd, data)
        self._received += 1

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()
        asyncio.get_running_loop().call_later(_DRAIN, self._let_go, self._received, 10)

    def _let_go(self, seen: int, rounds: int) -> None:
        """Close the pipes once nothing more comes from them: readers get their EOF,
        whoever still holds the other ends."""
        if self._received != seen and rounds:
            asyncio.get_running_loop().call_later(_DRAIN, self._let_go, self._received, rounds - 1)
        else:
            self._process.close()


class Child:
    """A process that `spawn` started."""

    def __init__(self, transport: asyncio.SubprocessTransport, protocol: _Protocol) -> None:
        self._transport, self._protocol = transport, protocol
        self.pid = transport.get_pid()
        self.stdin = protocol.stdin
        self.stdout = protocol.stdout
        self.stderr = protocol.stderr

    @property
    def returncode(self) -> int | None:
        """The exit status (negative: the signal's number), None while it runs."""
        return self._transport.get_returncode()

    def pipes(self) -> tuple[int, ...]:
        """Our ends of its stdin, stdout and stderr: file descriptors."""
        ends = [self._transport.get_pipe_transport(number) for number in range(3)]
        return tuple(end.get_extra_info("pipe").fileno() for end in ends if end is not None)

    async def wait(self) -> int:
        """Wait until the process is gone, whoever holds its pipes (which are closed
        soon after that)."""
        await self._protocol.exited.wait()
        code = self.returncode
        assert code is not None
        return code

    def signal(self, number: int) -> None:
        """Signal the child's whole group. Nothing happens once the child is gone."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)


async def spawn(
    argv: Sequence[str],
    *,
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    marks: Mapping[str, str] | None = None,
    stdin: bool = False,
) -> Child:
    """Start a program in a session of its own. Without `stdin` it reads /dev/null.
    `marks` join its environment: where this is cancelled, all that has them is ended.
    Raises `ExecutorError` where it can't be started."""
    loop = asyncio.get_running_loop()
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    starting = asyncio.ensure_future(
        loop.subprocess_exec(
            lambda: _Protocol(LINE_LIMIT, loop),
            *argv,
            stdin=pipe if stdin else null,
            stdout=pipe,
            stderr=pipe,
            cwd=cwd,
            env={**(os.environ if env is None else env), **(marks or {})},
            start_new_session=True,
        )
    )
    try:
        transport, protocol = await asyncio.shield(starting)
    except asyncio.CancelledError:
        # Left to itself, asyncio would kill the program and none of what it has started.
        with contextlib.suppress(OSError, ValueError):
            transport, protocol = await starting
            child = Child(transport, protocol)
            child.signal(signal.SIGKILL)
            await child.wait()
            if marks:
                await sweep(marks)
        raise
    except (OSError, ValueError) as error:
        raise ExecutorError(f"{argv[0]} could not be started: {error}") from error
    return Child(transport, protocol)


async def lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """The lines of a stream, whatever is in them, to its end."""
    count = 0
    while True:
        try:
            line = await stream.readline()
        except ValueError:
            yield "(a line of more than 64 MiB was dropped)"
            continue
        if not line:
            return
        yield line.decode("utf-8", "replace").rstrip("\r\n")
        count += 1
        if count % _YIELD_EVERY == 0:
            await asyncio.sleep(0)


class StderrTail:
    """Drains a child's stderr and keeps its end, without colours."""

    def __init__(self, stream: asyncio.StreamReader, keep: int = 8192) -> None:
        self._kept, self._keep = b"", keep
        self._task = asyncio.create_task(self._drain(stream), name="stderr")

    async def _drain(self, stream: asyncio.StreamReader) -> None:
        while chunk := await stream.read(65536):
            self._kept = (self._kept + chunk)[-self._keep :]

    @property
    def text(self) -> str:
        """The last lines so far."""
        return re.sub(r"\x1b\[[0-9;]*m", "", self._kept.decode("utf-8", "replace")).strip()

    async def finish(self) -> str:
        """The last lines, of a child that is gone."""
        await asyncio.wait({self._task})
        return self.text


async def end_process(child: Child, *, grace: float = 1.5) -> int:
    """End a child: its stdin is closed, then SIGINT, SIGTERM and SIGKILL go to its
    group, `grace` seconds apart. Returns the exit status."""
    if child.stdin is not None:
        child.stdin.close()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        child.signal(number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                return await child.wait()
    return await child.wait()
