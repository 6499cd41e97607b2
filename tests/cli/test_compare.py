"""`compare` from the shell: no host, no engine."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.cli.conftest import zwarm  # noqa: F401
from tests.git.world import World
from tests.timeline.conftest import SETTINGS, agent, pilot, world  # noqa: F401
from zwarm_tui.cli.plain import width
from zwarm_tui.engine import Engine

HOSTILE = "@say \\e[31mred\\e[0m and \\u202e back"


@pytest.fixture
def project(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: F811
    """Two checkpoints on main, and one on a branch from the first."""

    async def play() -> None:
        async with await Engine.open(world.top, SETTINGS) as engine:
            await pilot(engine, "@say one\n@usage 8000 0 0")
            world.write("evil\x1b[2J.txt", "\x1b[2Jx\n")
            await agent(engine, HOSTILE)
            await engine.goto("T1")
            await agent(engine, "@write a.txt by hand\\n\n@say written")
            await pilot(engine, "@say " + "a long answer " * 40)

    asyncio.run(play())
    monkeypatch.chdir(world.top)
    monkeypatch.setenv("ZWARM_HOST", "never")
    return world.top


def test_for_people_and_for_scripts(zwarm, project: Path) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    found = zwarm("compare", "T2", "branch-2", "--json").json()
    assert set(found) == {"a", "b", "files", "tests", "common"}
    assert found["common"] == "T1"
    assert {f["path"] for f in found["files"]["changed"]} == {"a.txt", "evil\x1b[2J.txt"}
    answer = zwarm("compare", "main", "branch-2", "--patch")
    assert answer.status == 0
    assert "\x1b" not in answer.out
    assert "\u202e" not in answer.out
    assert "they part at T1" in answer.out
    assert "+by hand" in answer.out
    assert all(width(line) <= 80 for line in answer.out.splitlines())
    whole = zwarm("compare", "T1", "branch-2", "--json", "--patch").json()
    assert "+++ b/a.txt" in whole["patch"]
    assert "evil" not in whole["patch"]
    assert "\\x1b[2J" in zwarm("compare", "T1", "main").out


def test_wrong_names(zwarm, project: Path) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    answer = zwarm("compare", "T1", "T99", "--json")
    assert (answer.status, answer.out) == (2, "")
    assert "T99" in answer.err
    root = zwarm("compare", "root", "T1")
    assert root.status == 0
    assert "the files are the same" in root.out or "no file" in root.out or "T1" in root.out
