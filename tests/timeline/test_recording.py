"""Checkpoints hold the files, exactly, and touch nothing of the person's."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.git.world import World, private, seen
from tests.timeline.conftest import SETTINGS, agent, idle, pilot
from zwarm_tui.core.errors import UsageError
from zwarm_tui.core.model import CheckpointView
from zwarm_tui.engine import Engine


def last(engine: Engine) -> tuple[CheckpointView, dict[str, Any]]:
    taken = engine.reader.checkpoints()[-1]
    files: dict[str, Any] = engine.reader.checkpoint_state(taken.id)["files"]
    return taken, files


async def test_a_checkpoint_holds_all_that_lies_there(world: World, engine: Engine) -> None:
    world.write("run.sh", "echo\n", 0o755)
    world.write("odd\nname ü", b"\x00\xff")
    world.write("empty", "")
    (world.top / "link").symlink_to("nowhere")
    (world.top / "a.txt").unlink()
    before = private(world.top)
    await pilot(engine, "@say one\n@run echo from a shell > made")
    taken, files = last(engine)
    assert taken.label == "T1"
    assert taken.metadata["files"] == {"problem": None, "mid_turn": False, "uncovered": 0}
    root = files["root"]
    assert root["path"] == str(world.top)
    assert root["head"] == world.git("rev-parse", "HEAD").strip()
    assert world.git("rev-parse", "refs/zwarm/checkpoints/1/root").strip() == root["commit"]
    there = {k: v for k, v in seen(world.top).items() if not k.startswith(b".zwarm/")}
    assert world.tree(root["commit"]) == there
    assert private(world.top) == before


async def test_what_did_not_change_is_the_same_commit(world: World, engine: Engine) -> None:
    await pilot(engine, "@say one")
    first = last(engine)[1]["root"]["commit"]
    await pilot(engine, "@say two")
    assert last(engine)[1]["root"]["commit"] == first
    world.write("a.txt", "by hand")
    await pilot(engine, "@say three")
    assert last(engine)[1]["root"]["commit"] != first


async def test_what_is_not_covered_is_recorded_and_counted(world: World, engine: Engine) -> None:
    world.write(".gitignore", "*.log\n")
    world.write("x.log", "ignored")
    nested = world.top / "nested"
    nested.mkdir()
    world.git("init", "-q", cwd=nested)
    await pilot(engine, "@say one")
    taken, files = last(engine)
    found = {u["path"]: u["why"] for u in files["root"]["uncovered"]}
    assert found == {"nested/": "a repository of its own, without a commit", "x.log": "ignored"}
    assert taken.metadata["files"]["uncovered"] == 1


async def test_a_snapshot_while_an_agent_writes_is_marked(engine: Engine) -> None:
    s = (await engine.delegate("@write half done\n@hang"))["session_id"]
    while not (engine.project / "half").exists():
        await asyncio.sleep(0.02)
    await engine.checkpoint("while it works")
    assert last(engine)[0].metadata["files"]["mid_turn"]
    await engine.interrupt(s)
    await idle(engine)
    await engine.checkpoint("after it")
    assert not last(engine)[0].metadata["files"]["mid_turn"]


async def test_files_that_cannot_be_captured_are_said_and_the_turn_counts(
    world: World, engine: Engine
) -> None:
    world.write(".gitattributes", "*.txt filter=broken\n")
    world.git("config", "filter.broken.clean", "false")
    world.git("config", "filter.broken.required", "true")
    world.write("a.txt", "changed")
    session = await agent(engine, "@say one")
    taken, files = last(engine)
    assert files["problem"] is None
    assert files["root"]["commit"] is None
    assert "a.txt" in files["root"]["problem"]
    assert taken.metadata["files"]["problem"] == files["root"]["problem"]
    notices = [r.event.text for r in engine.reader.records(session) if r.event.kind == "notice"]
    assert len(notices) == 1
    assert notices[0].startswith("T1 lacks files")
    world.git("config", "filter.broken.clean", "cat")
    await agent(engine, "@say two", session)
    assert last(engine)[1]["root"]["commit"]


async def test_no_repository_no_files_and_it_says_so(tmp_path: Path) -> None:
    async with await Engine.open(tmp_path, SETTINGS) as engine:
        assert any("no git repository" in p for p in engine.problems)
        await agent(engine, "@say one")
        taken, files = last(engine)
        assert files == {"root": None, "sessions": {}, "problem": f"no git repository: {tmp_path}"}
        assert taken.metadata["files"]["problem"] == files["problem"]
        # It becomes one while the engine runs.
        made = World(tmp_path)
        made.write("a.txt", "one")
        await agent(engine, "@say two")
        root = last(engine)[1]["root"]
        assert root["head"] is None
        assert set(made.tree(root["commit"])) == {b"a.txt"}


async def test_the_home_folder_is_no_project(home: Path) -> None:
    World(home)
    async with await Engine.open(home, SETTINGS) as engine:
        await agent(engine, "@say one")
        files = last(engine)[1]
        assert files["root"] is None
        assert "is no project" in files["problem"]


async def test_what_ends_while_files_are_captured_is_of_the_next_checkpoint(
    world: World, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state that a checkpoint records is that of its files."""
    s = await agent(engine, "@say one")
    take = engine.timeline.snapshots.take
    began, go = asyncio.Event(), asyncio.Event()

    async def slow(*args: Any) -> Any:
        began.set()
        await go.wait()
        return await take(*args)

    monkeypatch.setattr(engine.timeline.snapshots, "take", slow)
    await engine.converse(s, "@write first x")
    await began.wait()
    await engine.sessions.send_message(s, "@write second x", origin="pilot")
    while not engine.reader.turns(s)[-1].end_seq or len(engine.reader.turns(s)) < 3:
        await asyncio.sleep(0.02)
    go.set()
    while len(engine.reader.checkpoints()) < 2:
        await asyncio.sleep(0.02)
    assert engine.reader.checkpoint_state(2)["sessions"][s]["turn"] == 2
    assert len(engine.reader.turns(s, engine.reader.path_at(2))) == 2
    assert engine.timeline.changed(1)


async def test_recording_keeps_nothing_of_a_checkpoint_that_was_not_written(
    world: World, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: Any) -> int:
        raise UsageError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(engine.store, "commit", full)
        with pytest.raises(UsageError):
            await engine.timeline.record("lost")
    taken = await engine.timeline.record("kept")
    assert (taken.label, len(engine.timeline.tree)) == ("T1", 1)
    assert json.dumps(engine.reader.checkpoint_state(1)) == json.dumps(taken.state)
