"""How a turn is stopped: at whatever point of its life somebody decides that, once or twice."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.sessions.turn import Turn

if TYPE_CHECKING:
    from zwarm_tui.sessions.runner import TurnRunner

STOP_GRACE = 8.0
"""Seconds an agent has to end an interrupted turn by itself before it is ended."""


async def stop(runner: TurnRunner, turn: Turn, status: str, why: str) -> None:
    """End a turn with `status`: politely, then by ending what serves it. Returns when it is over."""
    turn.stop, turn.why = status, why
    if turn.task is None:  # it is just being recorded, and ends as it begins
        await turn.gone.wait()
    if (task := turn.task) is None:
        return  # it could not be recorded
    if turn.ended:
        pass  # that is being recorded, and must not be cut short
    elif turn.thread is None:
        task.cancel()
    else:
        await _stop_agent(runner, turn, turn.thread, task)
    await asyncio.wait({task})


async def _stop_agent(runner: TurnRunner, turn: Turn, thread: str, task: asyncio.Task[None]) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_GRACE):
            while not turn.ended:
                try:
                    await turn.executor.interrupt(thread)
                    await asyncio.wait({task})
                except ExecutorError:  # its agent is only just starting on it: ask again
                    await asyncio.wait({task}, timeout=0.05)
    if not turn.ended:  # else its checkpoint takes its time
        await turn.executor.end(thread)
        runner.forget(thread)
        await asyncio.wait({task}, timeout=STOP_GRACE)
        if not turn.ended:
            task.cancel()
