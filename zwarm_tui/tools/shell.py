"""One shell command, run to its end: the pilot's way to verify.

Nothing that the command started outlives it: its process group is ended when it
returns, times out or is cancelled, and what left the group is found by a mark in
its environment.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zwarm_tui.executors.process import RUN_MARK, Child, spawn
from zwarm_tui.executors.sweep import sweep

_GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL, and for the rest of the output."""
_BASH = ["bash", "--norc", "-c"]
"""Where bash may not ask what its input is, as in the sandbox, it takes that for a remote
shell's, and reads ~/.bashrc (when no shell is above it)."""


async def run_command(
    command: str,
    *,
    cwd: Path,
    timeout: float = 120,
    cap: int = 64_000,
    codex: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Run `command` in bash, in `cwd`, for at most `timeout` seconds.

    Returns {"exit_code", "stdout", "stderr"}; a signal n gives exit code 128 + n, as in
    a shell. After a timeout the code is 124 and "timed_out" is True. Of each stream at
    most `cap` bytes are kept, its head and its tail; where some are left out, the text
    says so and "truncated" is True. With `codex` (its binary), the command runs in
    codex's sandbox: it writes only below `cwd` and in a temporary folder of its own, and
    has no network. `env` comes on top of this process's environment. ExecutorError: it
    could not be started."""
    run = uuid.uuid4().hex
    with tempfile.TemporaryDirectory(prefix="zwarm-", ignore_cleanup_errors=True) as scratch:
        argv = [*_BASH, command] if codex is None else _sandboxed(codex, command, scratch)
        variables = {**os.environ, **(env or {}), "TMPDIR": scratch}
        child = await spawn(argv, cwd=str(cwd), env=variables, marks={RUN_MARK: run})
        out, err = _Capture(child.stdout, cap), _Capture(child.stderr, cap)
        timed_out = False
        try:
            async with asyncio.timeout(timeout):
                await child.wait()
        except TimeoutError:
            timed_out = True
        finally:
            await _end(child, run, out, err)
    code = child.returncode or 0
    result: dict[str, Any] = {
        "exit_code": 124 if timed_out else 128 - code if code < 0 else code,
        "stdout": out.text(),
        "stderr": err.text(),
    }
    if timed_out:
        result["timed_out"] = True
    if out.left_out or err.left_out:
        result["truncated"] = True
    return result


def _sandboxed(codex: Path, command: str, scratch: str) -> list[str]:
    # /tmp is closed, since it is everybody's; but test runners need some place of the
    # kind, so the command gets one of its own
    settings = {
        "sandbox_mode": "workspace-write",
        "sandbox_workspace_write.exclude_slash_tmp": True,
        "sandbox_workspace_write.exclude_tmpdir_env_var": True,
        "sandbox_workspace_write.network_access": False,
        "sandbox_workspace_write.writable_roots": [os.path.realpath(scratch)],
    }
    flags = [part for key, value in settings.items() for part in ("-c", f"{key}={json.dumps(value)}")]
    return [str(codex), "sandbox", *flags, "--", *_BASH, command]


async def _end(child: Child, run: str, out: _Capture, err: _Capture) -> None:
    """End what is left of the command, and read the rest of what it has written."""
    try:
        child.signal(signal.SIGTERM)
        async with asyncio.timeout(_GRACE):
            await child.wait()
    except TimeoutError:
        pass  # it ignores SIGTERM
    finally:
        _kill_group(child.pid)
    await sweep({RUN_MARK: run})
    await child.wait()
    await asyncio.wait({out.reading, err.reading}, timeout=_GRACE)
    for capture in (out, err):
        capture.reading.cancel()  # where something out of our reach holds the pipe open


def _kill_group(group: int) -> None:
    """End the command's background jobs too, when it is gone itself."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # nobody is left in it (macOS: nobody but zombies)


class _Capture:
    """One stream: the first and the last `cap` / 2 bytes of it."""

    def __init__(self, stream: asyncio.StreamReader | None, cap: int) -> None:
        self._half = max(1, cap // 2)
        self._head, self._tail = bytearray(), bytearray()
        self.left_out = 0
        self.reading = asyncio.create_task(self._read(stream), name="command output")

    async def _read(self, stream: asyncio.StreamReader | None) -> None:
        while stream and (data := await stream.read(65_536)):
            room = self._half - len(self._head)
            self._head += data[:room]
            self._tail += data[room:]
            if len(self._tail) > 4 * self._half:  # not at each piece: moving bytes costs
                self._trim()

    def _trim(self) -> None:
        over = max(0, len(self._tail) - self._half)
        del self._tail[:over]
        self.left_out += over

    def text(self) -> str:
        self._trim()
        gap = f"\n[… {self.left_out} bytes left out …]\n".encode() if self.left_out else b""
        return (bytes(self._head) + gap + bytes(self._tail)).decode(errors="replace")
