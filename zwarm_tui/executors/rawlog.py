"""The raw protocol lines, kept beside the log for replay and bug reports."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from zwarm_tui.core.secrets import Veil

SERVER = "server"
PIECE = 32 * 1024


class RawLog:
    """One private file a thread: `<folder>/raw/<thread>.jsonl`, as the agent printed it,
    but for keys of the environment and of what the agent is `given` besides. (A key that
    is spelled over several lines, as a model's answer is, stands in them piece by piece.)

    Written in pieces of about `PIECE` bytes, since a write a line would take a tenth of
    the event loop's time when fifty agents stream; `flush` writes the rest.
    """

    def __init__(self, folder: Path, given: Mapping[str, str]) -> None:
        self._folder = folder / "raw"
        self._open: dict[str, int] = {}
        self._pending: dict[str, bytearray] = {}
        self._broken = False
        self._veil = Veil(os.environ, given)

    def write(self, thread: str, line: str) -> None:
        """Append a line. A full disk costs this copy, not the turn."""
        if self._broken:
            return
        pending = self._pending.setdefault(thread, bytearray())
        pending += self._veil.over(line).encode("utf-8", "surrogatepass") + b"\n"
        if len(pending) >= PIECE:
            self.flush(thread)

    def flush(self, thread: str) -> None:
        """Write what is left of a thread's lines: its turn has ended."""
        pending = self._pending.pop(thread, None)
        if pending is None or self._broken:
            return
        try:
            os.write(self._file(thread), pending)
        except OSError:
            self._broken = True

    def close(self, thread: str | None = None) -> None:
        """Close one thread's file, or all."""
        for name in [thread] if thread is not None else [*self._open, *self._pending]:
            self.flush(name)
            if (handle := self._open.pop(name, None)) is not None:
                with contextlib.suppress(OSError):
                    os.close(handle)

    def _file(self, thread: str) -> int:
        handle = self._open.get(thread)
        if handle is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            name = re.sub(r"[^\w.-]", "_", thread)[:100] or "_"
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            handle = self._open[thread] = os.open(self._folder / f"{name}.jsonl", flags, 0o600)
        return handle
