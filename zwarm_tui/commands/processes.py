"""A step's process: its output kept while it comes, its whole tree ended with it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from zwarm_tui.executors.process import RUN_MARK, STEP_MARK, Child, end_process, spawn
from zwarm_tui.executors.sweep import descendants, sweep

_KEPT = 64_000
"""Bytes of each of the two outputs that are kept beside the log: their end."""

GRACE = 1.5
"""Seconds between asking a step's processes to end and making them."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: `code` is negative for a signal's number, None where it was
    ended because its time was over."""

    code: int | None
    out: str
    err: str


async def run_process(
    argv: Sequence[str],
    *,
    run: str,
    cwd: Path,
    env: Mapping[str, str],
    log: Path,
    timeout: float | None,
) -> Ended:
    """Run a program to its end, or for `timeout` seconds: then it, and all that it
    started, is ended. The same where this is cancelled. `run` marks its processes as
    those of a run; `ExecutorError` where it can't be started."""
    mark = f"{run}.{secrets.token_hex(4)}"
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with log.open("ab") as kept:
        child = await spawn(argv, cwd=str(cwd), env={**env, RUN_MARK: run}, marks={STEP_MARK: mark})
        assert child.stdout is not None
        assert child.stderr is not None
        out = asyncio.create_task(_keep(child.stdout, kept))
        err = asyncio.create_task(_keep(child.stderr, kept))
        code: int | None = None
        try:
            async with asyncio.timeout(timeout):
                code = await child.wait()
        except TimeoutError:
            await end_tree(child, mark)
        except BaseException:
            await asyncio.shield(end_tree(child, mark))
            raise
        finally:
            if code is None:
                # What it said until now counts; a pipe that somebody holds does not.
                await asyncio.wait({out, err}, timeout=1)
        await asyncio.wait({out, err})
        return Ended(code, out.result(), err.result())


async def end_tree(child: Child, mark: str) -> None:
    """End a process with all that it started, whatever has left its group."""
    below = await descendants(child.pid)
    await end_process(child, grace=GRACE)
    await sweep({STEP_MARK: mark}, below)


async def _keep(stream: asyncio.StreamReader, log: BinaryIO) -> str:
    end = b""
    while chunk := await stream.read(65536):
        log.write(chunk)
        log.flush()
        end = (end + chunk)[-_KEPT:]
    return end.decode("utf-8", "replace")
