"""A project whose branch `try` left the checkout's line at T1, with a worktree of its own."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.git.world import World, seen
from tests.timeline.conftest import SETTINGS, pilot
from zwarm_tui.engine import Engine

Files = dict[bytes, tuple[int, bytes]]
BRANCH = "try"


class Fork:
    """`write` is what an agent of the branch does."""

    def __init__(self, engine: Engine, world: World, path: Path) -> None:
        self.engine, self.world, self.path = engine, world, path

    def write(self, name: str, content: str) -> None:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)

    async def done(self) -> None:
        """A checkpoint of what the branch has."""
        await self.engine.timeline.record("the branch's work", branch=2)


def files(world: World) -> Files:
    """What lies in the checkout."""
    return {k: v for k, v in seen(world.top).items() if not k.startswith(b".zwarm/")}


async def fork(engine: Engine, world: World) -> Fork:
    """Make the branch, from a checkpoint of the checkout as it is."""
    await pilot(engine, "@say one")
    await engine.branch(BRANCH)
    made = Fork(engine, world, engine.timeline.files.folder(2))
    await engine.goto("main")
    return made


async def _adopt(project: Path, mode: str) -> None:
    async with await Engine.open(project, SETTINGS) as engine:
        print("ready", flush=True)
        await engine.adopt(BRANCH, mode=mode)
        print("done", flush=True)


if __name__ == "__main__":  # a process to be killed
    asyncio.run(_adopt(Path(sys.argv[1]), sys.argv[2]))
