"""Jumps, messages and checkpoints in a process that is killed at any moment."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.timeline.conftest import SETTINGS, idle
from zwarm_tui.engine import Engine


async def _play(project: Path, what: str) -> None:
    async with await Engine.open(project, SETTINGS) as engine:
        print("ready", flush=True)
        match what:
            case "record":
                await engine.checkpoint("killed")
            case "branch":
                await engine.goto("T1")
                await engine.timeline.settle()
            case "in-place":
                await engine.goto("T1", in_place=True)
        await idle(engine)
        print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(_play(Path(sys.argv[1]), sys.argv[2]))
