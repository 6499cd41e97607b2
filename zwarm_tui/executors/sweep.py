"""Processes that nobody waits for any more: found, ended, reaped.

What a child starts may leave its group and outlive it. Such processes are found by a mark
in their environment, and known by their pid *and* their start (pids are used again).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

_ROUNDS = 5
"""How often `sweep` looks again while it finds something."""
_DOUBTS, _MOMENT, _YOUNG = 20, 0.01, 2.0
"""How often it looks again, and after how many seconds, while some process of less than so
many seconds can't be told: it is just becoming another program, and shows no environment."""

_PR_SET_CHILD_SUBREAPER = 36


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


async def living(pid: int, *, besides: str) -> int:
    """How many processes below this one run (the dead that nobody took note of don't),
    without those that have the argument `besides`."""
    return await asyncio.to_thread(_living, pid, besides)


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


def _living(pid: int, besides: str) -> int:
    import psutil

    count = 0
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):  # gone meanwhile
                count += runs(process) and besides not in process.cmdline()
    return count


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
        found = _find_surely(marks, also)
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


def _find_surely(marks: dict[str, str], also: tuple[Identity, ...]) -> list[psutil.Process]:
    """What is to be ended; none only where there is none for sure."""
    for _ in range(_DOUBTS):
        found, doubtful = _look(marks, also)
        if found or not doubtful:
            return found
        time.sleep(_MOMENT)
    return []


def _find(marks: dict[str, str], also: tuple[Identity, ...]) -> list[psutil.Process]:
    return _look(marks, also)[0]


def _look(marks: dict[str, str], also: tuple[Identity, ...]) -> tuple[list[psutil.Process], bool]:
    """Those that have a mark, or are named in `also`; and whether there may be more: some
    process is just becoming another program."""
    import psutil

    wanted, found, doubtful = set(also), [], False
    for process in psutil.process_iter():
        environment: dict[str, str] = {}
        try:
            if process.pid == os.getpid():
                continue
            environment = process.environ()
            doubtful |= not environment and _becoming(process)
        except psutil.Error:  # not ours to look at, gone, or a zombie (which has no environment)
            pass
        with contextlib.suppress(psutil.Error):
            marked = any(environment.get(key) == value for key, value in marks.items())
            if marked or Identity(process.pid, process.create_time()) in wanted:
                found.append(process)
    return found, doubtful


def _becoming(process: psutil.Process) -> bool:
    """Young, and no thread of the kernel (which are children of its pid 2)."""
    return time.time() - process.create_time() < _YOUNG and process.ppid() not in (0, 2)


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
