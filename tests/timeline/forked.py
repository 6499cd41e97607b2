"""A project whose branch `try` left the checkout's line at T1, with a worktree of its own."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from pathlib import Path

from tests.git.world import World, seen
from tests.timeline.conftest import SETTINGS, pilot
from zwarm_tui.core.model import BranchView
from zwarm_tui.engine import Engine
from zwarm_tui.git import worktree
from zwarm_tui.timeline.snapshots import ROOT, Tree

Files = dict[bytes, tuple[int, bytes]]
BRANCH = "try"


class Fork:
    """`write` is what an agent of the branch does."""

    def __init__(self, engine: Engine, world: World, path: Path) -> None:
        self.engine, self.world, self.path = engine, world, path
        lives_there(engine, path)

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


async def fork(engine: Engine, world: World, path: Path) -> Fork:
    """Make the branch, from a checkpoint of the checkout as it is."""
    await pilot(engine, "@say one")
    state = engine.reader.checkpoint_state(1)["files"]["root"]
    await worktree.add(await world.repo(), path, head=state["head"], snapshot=state["commit"])
    await engine.branch(BRANCH)
    made = Fork(engine, world, path)
    await engine.goto("main")
    return made


def lives_there(engine: Engine, path: Path) -> None:
    """The branch works in its worktree."""
    branches, trees = engine.reader.branches, engine.timeline._trees

    def with_worktree() -> list[BranchView]:
        return [dataclasses.replace(b, worktree=str(path)) if b.name == BRANCH else b for b in branches()]

    engine.reader.branches = with_worktree  # type: ignore[method-assign]
    engine.timeline._trees = lambda branch: [Tree(ROOT, path, False)] if branch == 2 else trees(branch)  # type: ignore[method-assign]


async def _adopt(project: Path, path: Path, mode: str) -> None:
    async with await Engine.open(project, SETTINGS) as engine:
        lives_there(engine, path)
        print("ready", flush=True)
        await engine.adopt(BRANCH, mode=mode)
        print("done", flush=True)


if __name__ == "__main__":  # a process to be killed
    asyncio.run(_adopt(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
