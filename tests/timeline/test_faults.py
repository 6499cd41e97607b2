"""Killed, out of space, locked: the old state or the new one, never a mixture."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.git.world import World, private
from tests.timeline.conftest import SETTINGS, agent
from tests.timeline.steps import STEPS, killed_at_each_step
from tests.timeline.test_branches import files, here, three
from zwarm_tui.core.errors import ZwarmError
from zwarm_tui.engine import Engine

MANY = 400


@pytest.fixture
async def large(world: World) -> World:
    """T1 and T3 differ in many files."""
    for n in range(MANY):
        world.write(f"d{n % 20}/f{n}", f"{n}\n" * 50)
    async with await Engine.open(world.top, SETTINGS) as engine:
        session = await agent(engine, "@say one")
        for n in range(0, MANY, 2):
            (world.top / f"d{n % 20}/f{n}").unlink()
            world.write(f"new{n % 5}/{n}", "later\n" * 50)
        await agent(engine, "@say two", session)
        await agent(engine, "@say three", session)
    return world


@pytest.mark.timeout(600)
@pytest.mark.parametrize("what", ["record", "branch", "in-place"])
async def test_killed_at_any_moment(large: World, what: str) -> None:
    world, chance = large, random.Random(what)
    old, mine = files(world.top), private(world.top)
    async with await Engine.open(world.top, SETTINGS) as engine:
        then = files_at(world, engine, 1)
    limit = 0.6
    for _ in range(6):
        argv = [sys.executable, "-m", "tests.timeline.killed", str(world.top), what]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True) as process:  # noqa: ASYNC220
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            await asyncio.sleep(chance.uniform(0, limit))
            os.killpg(process.pid, signal.SIGKILL)
        began = time.monotonic()
        await whole(world, old, then, mine)
        assert time.monotonic() - began < 60


async def test_a_git_that_outlives_its_engine_has_the_files_until_it_ends(world: World) -> None:
    async with await Engine.open(world.top, SETTINGS) as engine:
        await three(engine)
    world.write("a.txt", "by hand\n")
    old = files(world.top)
    # The first git that writes that file stands still in the middle of it.
    once = "touch .git/reached; until [ -e .git/go ]; do sleep 0.01; done"
    world.git("config", "filter.slow.clean", "cat")
    world.git("config", "filter.slow.smudge", f"[ -e .git/reached ] || {{ {once}; }}; cat")
    world.write(".git/info/attributes", "a.txt filter=slow\n")
    argv = (sys.executable, "-m", "tests.timeline.killed", str(world.top), "in-place")
    victim = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.DEVNULL)
    while not (world.top / ".git/reached").exists():
        assert victim.returncode is None
        await asyncio.sleep(0.01)
    victim.kill()
    await victim.wait()
    opening = asyncio.create_task(Engine.open(world.top, SETTINGS))
    done, _ = await asyncio.wait([opening], timeout=0.5)
    assert not done
    world.write(".git/go", "")
    async with await opening as engine:
        assert any("as they were before" in p for p in engine.problems)
        assert files(world.top) == old


async def whole(world: World, old: dict[str, str], then: dict[str, str], mine: dict[str, bytes]) -> None:
    """After a kill: what was there before, or what was to be; then back to what was."""
    async with await Engine.open(world.top, SETTINGS) as engine:
        reader, places = engine.reader, engine.reader.places()
        assert reader.restore() is None
        assert "begun" not in {w.state for w in places.worktrees}
        assert private(world.top) == mine
        position = reader.position()
        in_place = places.checkout_branch != 1
        assert files(world.top) == (then if in_place else old)
        for branch in reader.branches():
            if own := places.of_branch(branch.id):
                assert files(Path(own.path)) == then
        listed = world.git("worktree", "list", "--porcelain").count("worktree ") - 1
        assert listed == sum(w.state == "made" for w in places.worktrees)
        for one in reader.checkpoints():
            root = reader.checkpoint_state(one.id)["files"]["root"]
            assert world.git("cat-file", "-t", root["commit"]) == "commit\n"
        if in_place:
            assert position.branch == places.checkout_branch
            await engine.goto("main", in_place=True)
        else:
            await engine.goto("main")
        assert files(world.top) == old


@pytest.mark.timeout(600)
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("what", ["record", "branch", "in-place"])
async def test_killed_at_each_step_of_git(
    world: World, tmp_path: Path, what: str, when: str, steps: str
) -> None:
    async with await Engine.open(world.top, SETTINGS) as engine:
        await three(engine)
        then = files_at(world, engine, 1)
    old, mine = files(world.top), private(world.top)
    async for _ in killed_at_each_step(tmp_path, when, steps, "tests.timeline.killed", str(world.top), what):
        await whole(world, old, then, mine)


def files_at(world: World, engine: Engine, checkpoint: int) -> dict[str, str]:
    root = engine.reader.checkpoint_state(checkpoint)["files"]["root"]
    return {k.decode(): v[1].decode() for k, v in world.tree(root["commit"]).items()}


async def test_a_git_that_can_write_nothing(
    world: World, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As on a full disk: every file that git writes is cut off by its limit."""
    session = await three(engine)
    await engine.goto("T1")
    before = files(world.top)
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()  # noqa: ASYNC221
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/bash\nulimit -f 0\ntrap "" XFSZ\nexec {real} "$@"\n')
    fake.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
        with pytest.raises(ZwarmError):
            await engine.converse(session, "@say x")
        with pytest.raises(ZwarmError):
            await engine.goto("T2", in_place=True)
    assert files(world.top) == before
    assert len(engine.reader.branches()) == 1
    assert {w.state for w in engine.reader.places().worktrees} <= {"gone"}
    await agent(engine, "@write g x", session)
    assert set(files(here(engine))) == {"a.txt", "src/b.py", "f1", "g"}


async def test_the_persons_locked_index_stops_nothing(world: World, engine: Engine) -> None:
    session = await three(engine)
    world.write(".git/index.lock", "")
    await agent(engine, "@write f4 x", session)
    assert engine.reader.checkpoint_state(4)["files"]["root"]["commit"]
    await engine.goto("T1")
    await agent(engine, "@write g x", session)
    assert set(files(here(engine))) == {"a.txt", "src/b.py", "f1", "g"}
    assert (world.top / ".git/index.lock").exists()
