"""A program in a pseudo-terminal, timed by the bytes that it writes."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pexpect

from tests.bench.help import environment


class Terminal:
    """`columns`×`rows`, truecolor; `wait_for` gives the time at which a text showed."""

    def __init__(self, argv: list[str], *, cwd: Path, columns: int = 120, rows: int = 40, **env: str) -> None:
        env = {**environment(), "TERM": "xterm-256color", "COLORTERM": "truecolor", **env}
        self.began = time.perf_counter()
        self.child = pexpect.spawn(
            argv[0],
            argv[1:],
            cwd=str(cwd),
            env=env,  # type: ignore[arg-type]
            dimensions=(rows, columns),
            timeout=30,
            echo=False,
        )
        self.child.delaybeforesend = None
        self.seen = b""

    def wait_for(self, *texts: str, timeout: float = 60) -> float:
        """Seconds (perf_counter) at which all the texts had been written."""
        wanted, deadline = {text.encode() for text in texts}, time.perf_counter() + timeout
        tail = b""
        while time.perf_counter() < deadline:
            try:
                tail += self.child.read_nonblocking(65536, timeout=0.5)
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                break
            wanted = {text for text in wanted if text not in tail}
            if not wanted:
                return time.perf_counter()
            self.seen = tail[-4096:]
            tail = self.seen
        raise AssertionError(f"{wanted!r} was not shown; last bytes: {self.seen[-400:]!r}")

    def send(self, keys: str) -> float:
        """Type; returns when it was sent."""
        self.child.send(keys)
        return time.perf_counter()

    def drain(self, seconds: float) -> None:
        """Read and drop what is written for a while."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            try:
                self.child.read_nonblocking(65536, timeout=min(left, 0.05))
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                return

    def finish(self, timeout: float = 60) -> int | None:
        """Read on until it has ended; its exit status."""
        self.child.expect(pexpect.EOF, timeout=timeout)
        self.child.close()
        return self.child.exitstatus

    def waited(self) -> float:
        """Seconds that its main thread was ready to run, but others had the cores."""
        return int(Path(f"/proc/{self.child.pid}/schedstat").read_text().split()[1]) / 1e9

    def close(self) -> None:
        """Hang up, as closing a window does; kill it where it has not gone in a while."""
        for number, seconds in ((signal.SIGHUP, 20.0), (signal.SIGKILL, 20.0)):
            self.child.kill(number)
            end = time.perf_counter() + seconds
            while self.child.isalive() and time.perf_counter() < end:
                self.drain(0.05)
            if not self.child.isalive():
                break
        self.child.close(force=True)
