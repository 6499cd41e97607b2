"""The command that prepares a new worktree (`worktree.setup`): run once, bounded, and
with an end to all that it started."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.executors.process import RUN_MARK, StderrTail, end_process, spawn
from zwarm_tui.executors.sweep import sweep

_SHOWN = 300
"""Characters of what a failed command said last."""


async def run_setup(command: str, folder: Path, *, timeout: float) -> str | None:
    """Run it in bash in a worktree: None, or why it failed. `timeout` in seconds, 0 is
    for ever."""
    run = uuid.uuid4().hex
    # One stream: what it says last may stand on either.
    argv = ["bash", "-c", f"exec 1>&2; {command}"]
    try:
        child = await spawn(argv, cwd=str(folder), marks={RUN_MARK: run})
    except ExecutorError as error:
        return f"The set-up command: {error}"
    assert child.stderr is not None
    tail = StderrTail(child.stderr)
    why = ""
    try:
        async with asyncio.timeout(timeout or None):
            code = await child.wait()
            why = f"exit status {code}" if code else ""
    except TimeoutError:
        why = f"not done after worktree.setup_timeout = {timeout:g} s"
    finally:
        await end_process(child)
        await sweep({RUN_MARK: run})
    said = (await tail.finish())[-_SHOWN:]
    if not why:
        return None
    return f"The set-up command failed in {folder} ({why})" + (f": {said}" if said else "")
