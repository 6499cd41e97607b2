"""A real repository with commands, agents of the demo, and a look at what is left."""

from __future__ import annotations

import asyncio
import contextlib
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.git.world import World
from zwarm_tui.commands import CommandRun, ExecutionResult, load_command
from zwarm_tui.executors.process import RUN_MARK
from zwarm_tui.sessions import CodexSessionManager


class Shop:
    """A project with commands, and one engine's worth of agents."""

    def __init__(self, world: World) -> None:
        self.world, self.project = world, world.top
        self.manager: CodexSessionManager | None = None

    def file(self, name: str, text: str) -> Path:
        """A file in the folder of commands."""
        path = self.project / ".zwarm" / "commands" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def command(self, text: str, name: str = "job") -> Path:
        """A command, of what stands below its name and description."""
        head = f"name: {name}\ndescription: A job.\n"
        return self.file(f"{name}.yaml", head + textwrap.dedent(text))

    async def start(self) -> CodexSessionManager:
        if self.manager is None:
            self.manager = CodexSessionManager(self.project / ".zwarm", executor="demo")
        return self.manager

    async def make(self, text: str, name: str = "job", **options: Any) -> CommandRun:
        definition = load_command(self.command(text, name))
        return CommandRun(definition, await self.start(), project=self.project, **options)

    async def run(self, text: str, **arguments: Any) -> tuple[CommandRun, ExecutionResult]:
        made = await self.make(text, arguments=arguments)
        return made, await made.execute()

    def worktrees(self) -> list[str]:
        """The folders of all worktrees but the main one."""
        listed = self.world.git("worktree", "list", "--porcelain").splitlines()
        return [line.removeprefix("worktree ") for line in listed if line.startswith("worktree ")][1:]

    def branches(self) -> list[str]:
        return self.world.git("branch", "--format=%(refname:short)").split()


@pytest.fixture
async def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    monkeypatch.setenv("ZWARM_CONFIG_DIR", str(tmp_path / "no config"))
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Person")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "person@example.org")
    world = World(tmp_path / "shop")
    world.write("readme", "hello\n")
    world.write(".gitignore", ".zwarm/\n")
    world.git("add", "-A")
    world.git("commit", "-q", "-m", "begin")
    made = Shop(world)
    yield made
    if made.manager is not None:
        await made.manager.aclose()


def alive(pid: int) -> bool:
    """That process still does something."""
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


async def eventually(true: Any, what: str = "it happened") -> Any:
    """Wait for what has no event of its own."""
    async with asyncio.timeout(20):
        while not (found := true()):
            await asyncio.sleep(0.01)
    return found


def marked(run: str) -> list[int]:
    """The processes of a run that are left."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(RUN_MARK) == run:
                found.append(process.pid)
    return found
