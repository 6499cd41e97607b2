"""Child processes: started apart, watched, ended with everything they left behind.

A child gets a session of its own and never our stdin. It is known by its pid *and*
its start (pids are used again). What it starts may leave its group and outlive it:
such processes are found by a mark in their environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zwarm_tui.core.errors import ExecutorError

if TYPE_CHECKING:
    import psutil

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

_ROUNDS = 5
"""How often `sweep` looks again while it finds something."""

_PR_SET_CHILD_SUBREAPER = 36


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
    argv: Sequence[str], *, cwd: str | None = None, env: Mapping[str, str] | None = None, stdin: bool = False
) -> Child:
    """Start a program in a session of its own. Without `stdin` it reads /dev/null.
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
            env=dict(env) if env is not None else None,
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


# -- what escaped ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Identity:
    """A process for good: its pid and when it began (seconds since the epoch)."""

    pid: int
    created: float


_subreaper = False
_seen: set[Identity] = set()
"""What `sweep` ended: ours to reap, where it became our child."""


def become_subreaper() -> bool:
    """Have orphans of our children re-parented to this process, so that `sweep` can
    reap them. Only for the program that owns agents. False where that can't be had
    (it is Linux's): there, pid 1 reaps."""
    global _subreaper
    if sys.platform == "linux":
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        _subreaper = bool(libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    return _subreaper


async def process_of(pid: int) -> psutil.Process | None:
    """The process that has this pid now, for `runs`; None where none has."""
    return await asyncio.to_thread(_process_of, pid)


async def descendants(pid: int) -> list[Identity]:
    """All processes below this one, at this moment."""
    return await asyncio.to_thread(_descendants, pid)


async def living(pid: int) -> int:
    """How many processes below this one run (the dead that nobody took note of don't)."""
    return await asyncio.to_thread(_living, pid)


async def marked(marks: Mapping[str, str]) -> list[Identity]:
    """All processes whose environment holds one of these marks (variable: value)."""
    return await asyncio.to_thread(_marked, dict(marks))


async def let_end(marks: Mapping[str, str], argument: str, *, patience: float) -> bool:
    """Wait for programs that carry one of these marks, and have this argument, to end by
    themselves: they are about to. False where some still run after `patience` seconds."""
    return await asyncio.to_thread(_let_end, dict(marks), argument, patience)


def reap_adopted() -> None:
    """Reap the dead that became our children; for a SIGCHLD. Nothing where this process
    is no subreaper."""
    if _subreaper:
        _reap(())


async def sweep(
    marks: Mapping[str, str],
    also: Iterable[Identity] = (),
    *,
    helpers: Collection[str] = (),
    grace: float = 0.5,
) -> int:
    """End every process whose environment holds one of these marks (variable:
    value), and those named in `also`; reap those that became our children. `helpers`
    are names of programs that only agents start: a dead one is reaped by its name.
    Returns how many were ended."""
    return await asyncio.to_thread(_sweep, dict(marks), tuple(also), helpers, grace)


def _process_of(pid: int) -> psutil.Process | None:
    import psutil  # 54 ms to import: kept off the way to the first paint

    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None


def _descendants(pid: int) -> list[Identity]:
    import psutil

    try:
        return [Identity(p.pid, p.create_time()) for p in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []


def _living(pid: int) -> int:
    import psutil

    try:
        return sum(runs(p) for p in psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return 0


def _marked(marks: dict[str, str]) -> list[Identity]:
    return [Identity(p.pid, p.create_time()) for p in _find(marks, ())]


def _let_end(marks: dict[str, str], argument: str, patience: float) -> bool:
    import psutil

    waited_for = []
    for process in _find(marks, ()):
        with contextlib.suppress(psutil.Error):
            if argument in process.cmdline():
                waited_for.append(process)
    return not _wait_gone(waited_for, patience)


def _sweep(marks: dict[str, str], also: tuple[Identity, ...], helpers: Collection[str], grace: float) -> int:
    ended: list[psutil.Process] = []
    for _ in range(_ROUNDS):  # what is being ended may have begun something meanwhile
        found = _find(marks, also)
        if not found:
            break
        if _subreaper:
            _seen.update(Identity(p.pid, p.create_time()) for p in found)
        _end_all(found, grace)
        ended += found
        also = ()
    if _subreaper:
        until = time.monotonic() + grace
        _reap(helpers)
        # A dead one becomes our child, to reap, only once its own parent is dead too.
        while any(p.is_running() for p in ended) and time.monotonic() < until:
            time.sleep(0.01)
            _reap(helpers)
    return len(ended)


def _end_all(processes: list[psutil.Process], grace: float) -> None:
    import psutil

    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)
        processes = _wait_gone(processes, grace)


def _find(marks: dict[str, str], also: tuple[Identity, ...]) -> list[psutil.Process]:
    import psutil

    wanted, found = set(also), []
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid():
                continue
            marked = any(process.environ().get(key) == value for key, value in marks.items())
        except psutil.Error:  # not ours to look at, gone, or a zombie (which has no environment)
            marked = False
        with contextlib.suppress(psutil.Error):
            if marked or Identity(process.pid, process.create_time()) in wanted:
                found.append(process)
    return found


def _wait_gone(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that still run after so many seconds (a zombie doesn't run)."""
    until = time.monotonic() + seconds
    while (alive := [p for p in processes if runs(p)]) and time.monotonic() < until:
        time.sleep(0.01)
    return alive


def runs(process: psutil.Process) -> bool:
    """Whether it does: not another that has its pid by now, nor a zombie."""
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _reap(helpers: Collection[str]) -> None:
    """Reap what we adopted, and nothing else: never a child that someone here waits for."""
    import psutil

    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error, OSError):
            if child.status() != psutil.STATUS_ZOMBIE:
                continue
            who = Identity(child.pid, child.create_time())
            if who in _seen or child.name() in helpers or _foreign(child.pid):
                os.waitpid(child.pid, os.WNOHANG)
                _seen.discard(who)


def _foreign(pid: int) -> bool:
    """A dead child that we can't have begun ourselves: a child of ours is in our session
    or leads its own, and no sandbox (a pid namespace) is made here."""
    if os.getsid(pid) not in (os.getsid(0), pid):
        return True
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as status:
        return any(line.startswith("NSpid:") and len(line.split()) > 2 for line in status)
