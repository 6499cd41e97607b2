from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.git.conftest import home  # noqa: F401  (no setting of the machine has a say)
from tests.git.world import World
from zwarm_tui.config.settings import PilotSettings, Settings
from zwarm_tui.engine import Engine

SETTINGS = Settings(executor="demo", pilot=PilotSettings(brain="demo"))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A repository with a commit of two files."""
    made = World(tmp_path / "checkout")
    made.write("a.txt", "one\ntwo\nthree\n")
    made.write("src/b.py", "print()\n")
    made.git("add", "-A")
    made.git("commit", "-qm", "first")
    return made


@pytest.fixture
async def engine(world: World) -> AsyncIterator[Engine]:
    async with await Engine.open(world.top, SETTINGS) as e:
        yield e


async def idle(engine: Engine) -> None:
    async with asyncio.timeout(30):
        while tasks := {t.task for t in engine.sessions.running() if t.task is not None}:
            await asyncio.wait(tasks)


async def pilot(engine: Engine, message: str) -> None:
    """One pilot turn, with its checkpoint, and the end of all that it set going."""
    await engine.say(message)
    await idle(engine)


async def agent(engine: Engine, message: str, session: str | None = None) -> str:
    """One turn that a person began, with its checkpoint."""
    if session is None:
        session = str((await engine.delegate(message))["session_id"])
    else:
        await engine.converse(session, message)
    await idle(engine)
    return session
