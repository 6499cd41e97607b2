"""`ProjectLock`: who runs this project's agents. The kernel lets it go when they die."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from zwarm_tui.core.errors import LockedError

ASKERS = 5.0
"""Seconds to wait for processes that only ask who holds the lock."""


class ProjectLock:
    """A lock on a state folder, held by one process at a time."""

    def __init__(self, folder: Path, purpose: str) -> None:
        self.path = folder / "lock"
        self._purpose = purpose
        self._fd: int | None = None

    def acquire(self) -> None:
        """Take it; `LockedError` says who holds it."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _locked(fd):
            os.close(fd)
            who = holder(self.path.parent) or {}
            raise LockedError(
                f"another zwarm-tui (pid {who.get('pid', 'unknown')}) runs this project's agents: "
                "this one only reads; end the other to take over"
            )
        about = {"pid": os.getpid(), "since": time.time(), "purpose": self._purpose}
        try:
            os.ftruncate(fd, 0)
            os.write(fd, json.dumps(about).encode())
        except OSError:
            os.close(fd)
            raise
        self._fd = fd

    def release(self) -> None:
        """Let it go. Idempotent."""
        if self._fd is not None:
            with contextlib.suppress(OSError):  # who takes it next is not taken for us
                os.ftruncate(self._fd, 0)
            # Closed alone it would stay with a process that is just being started elsewhere.
            fcntl.flock(self._fd, fcntl.LOCK_UN)
            os.close(self._fd)
            self._fd = None


def holder(folder: Path) -> dict[str, Any] | None:
    """Who holds the lock ({pid, since, purpose}), or None where nobody does."""
    try:
        fd = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who ask don't see each other
    except BlockingIOError:
        try:
            found = json.loads(os.read(fd, 4096) or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}
    finally:
        os.close(fd)
    return None


def alone(who: dict[str, Any]) -> bool:
    """That holder runs the agents by itself, without a host. What a dead one wrote stands
    there until the next one, who has the lock already, has written over it."""
    if who.get("purpose", "host") == "host":
        return False
    with contextlib.suppress(PermissionError):
        try:
            os.kill(who["pid"], 0)
        except ProcessLookupError:
            return False
    return True


def _locked(fd: int) -> bool:
    """Take the lock. Whoever asks for its `holder` has it shared for an instant, or for as
    long as that process is stopped just then: those are waited for."""
    until = time.monotonic() + ASKERS
    tries = 5
    while tries and time.monotonic() < until:
        if _flocked(fd, fcntl.LOCK_EX):
            return True
        if not _flocked(fd, fcntl.LOCK_SH):  # somebody holds it, and perhaps just lets it go
            tries -= 1
        fcntl.flock(fd, fcntl.LOCK_UN)
        time.sleep(0.01)
    return False


def _flocked(fd: int, how: int) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
