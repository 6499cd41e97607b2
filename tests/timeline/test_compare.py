"""Comparing two places of the timeline: all that differs, read without an engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.git.world import World, private
from tests.timeline.conftest import SETTINGS, agent, pilot
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import UsageError
from zwarm_tui.core.model import TIP
from zwarm_tui.engine import Engine
from zwarm_tui.git import diff
from zwarm_tui.git.repo import find
from zwarm_tui.timeline.compare import compare
from zwarm_tui.timeline.places import common

CENT = "@usage 8000 0 0"
Json = dict[str, Any]


async def of(engine: Engine, a: str, b: str) -> Json:
    return await compare(engine.reader, engine.project, a, b)


@pytest.fixture
async def forked(world: World, engine: Engine) -> Engine:
    """main: T1, T2; T3 on a branch from T1. A session, spoken to on both."""
    session = await agent(engine, f"{CENT}\n@write made.txt one\\n\n@say Made it.")
    await engine.converse(session, f"@write made.txt two\\ntwo\\n\n@say Twice.\n{CENT}")
    await engine.sessions.wait(session, 20)
    await engine.timeline.record("twice")
    await engine.goto("T1")
    await pilot(engine, "@say Hello from the branch.")
    await agent(engine, "@write a.txt another\\n\n@say Otherwise.", session)
    return engine


async def test_what_both_sides_said_did_and_took(forked: Engine, world: World) -> None:
    before = private(world.top)
    found = await of(forked, "main", "branch-2")
    assert private(world.top) == before
    json.dumps(found)
    a, b = found["a"], found["b"]
    assert found["common"] == "T1"
    assert (a["label"], a["branch"], b["label"]) == ("main", "main", "branch-2")
    assert [i["text"].split("\n")[-2] for i in a["instructions"]] == ["@say Twice."]
    assert next((i["label"], i["session"] == "") for i in b["instructions"]) == ("T4", True)
    assert b["turns"] == 2
    assert a["turns"] == 1
    session = a["final"][0]["session"]
    assert [f["text"] for f in a["final"] if f["session"] == session] == ["Twice."]
    assert [f["text"] for f in b["final"] if f["session"] == session] == ["Otherwise."]
    assert a["cost_usd"] == pytest.approx(0.01 + 0.01, abs=0.01)
    assert a["total"]["cost_usd"] > a["cost_usd"] > 0
    assert a["simulated"]
    assert a["cost_known"]
    assert a["usage"]["input"] >= 8000
    assert a["seconds"] > 0
    total = forked.reader.totals().total.usd
    shared = a["total"]["cost_usd"] - a["cost_usd"]
    assert shared + a["cost_usd"] + b["cost_usd"] == pytest.approx(total), "nothing is counted twice"


async def test_files_and_their_diff(forked: Engine, world: World) -> None:
    files = (await of(forked, "T2", "branch-2"))["files"]
    assert files["problem"] is None
    assert files["path"] == str(world.top)
    by_path = {f["path"]: f for f in files["changed"]}
    assert by_path["a.txt"]["status"] == "M"
    repo = await find(world.top)
    assert repo is not None
    text = await diff.patch(repo, files["from"], files["to"], paths=["a.txt"])
    assert "+another" in text
    assert "made.txt" not in text
    back = (await of(forked, "branch-2", "T2"))["files"]
    assert (back["from"], back["to"]) == (files["to"], files["from"])


async def test_a_checkpoint_against_a_later_one(engine: Engine, world: World) -> None:
    await pilot(engine, "@say one")
    world.write("new", "1\n2\n")
    world.write("blob", b"\0\1")
    (world.top / "a.txt").rename(world.top / "b.txt")
    (world.top / "src/b.py").unlink()
    await pilot(engine, "@say two")
    await engine.label_checkpoint("T2", "later")
    found = await of(engine, "T1", "later")
    assert found["common"] == "T1"
    assert (found["a"]["turns"], found["b"]["turns"]) == (0, 1)
    assert found["b"]["instructions"] == [{"label": "T2", "text": "@say two", "session": ""}]
    changed = {f["path"]: (f["status"], f["added"], f["deleted"]) for f in found["files"]["changed"]}
    assert changed == {
        "b.txt": ("R", 0, 0),
        "blob": ("A", None, None),
        "new": ("A", 2, 0),
        "src/b.py": ("D", 0, 1),
    }
    same = await of(engine, "T2", "T2")
    assert (same["a"]["turns"], same["files"]["changed"]) == (0, [])


async def test_what_no_checkpoint_holds_yet_is_said(engine: Engine, world: World) -> None:
    await pilot(engine, "@say one")
    assert (await of(engine, "T1", "main"))["files"]["unrecorded"] == {"a": [], "b": []}
    world.write("a.txt", "by hand\n")
    world.write("fresh", "")
    found = (await of(engine, "T1", "main"))["files"]["unrecorded"]
    assert found == {"a": [], "b": ["a.txt", "fresh"]}, "only a branch's tip grows"
    world.write("a.txt", "one\ntwo\nthree\n")  # back
    (world.top / "fresh").unlink()
    assert (await of(engine, "T1", "main"))["files"]["unrecorded"]["b"] == []


async def test_gates(engine: Engine) -> None:
    session = await agent(engine, "@say one")
    for n, passed in enumerate((False, True), 1):
        gate = e.GateDone(
            item=f"g{n}", gate="tests", command="pytest", passed=passed, exit_code=1 - passed, attempt=n
        )
        await engine.store.commit(e.Record(gate, session, 1, 1))
    lint = e.GateDone(item="l", gate="lint", command="ruff", passed=False, exit_code=1)
    await engine.store.commit(e.Record(lint, session, 1, 1))
    await engine.goto("root")
    await agent(engine, "@say other")
    found = await of(engine, "main", "branch-2")
    assert [(t["gate"], t["a"], t["b"]) for t in found["tests"]] == [
        ("tests", True, None),
        ("lint", False, None),
    ]
    assert [g["passed"] for g in found["a"]["gates"]] == [True, False]
    assert found["common"] == "root"


async def test_without_files_the_rest_is_compared(tmp_path: Path) -> None:
    async with await Engine.open(tmp_path, SETTINGS) as engine:
        await pilot(engine, "@say one")
        await pilot(engine, "@say two")
        found = await of(engine, "T1", "T2")
        assert "no git repository" in found["files"]["problem"]
        assert found["b"]["turns"] == 1
        assert "root" in (await of(engine, "root", "T2"))["files"]["problem"]
        with pytest.raises(UsageError, match="'T9'"):
            await of(engine, "T9", "T1")


lines = st.lists(st.integers(1, 9), min_size=1, max_size=4)


@given(lines, lines, st.integers(0, 3))
def test_the_shared_line_is_the_longest_beginning_of_both(a: list[int], b: list[int], shared: int) -> None:
    """Branch ids rise along a line, and all but the last pair have a cut."""
    stem = [(n + 1, 10 * (n + 1)) for n in range(shared)]
    one = (*stem, *((10 + n, cut) for n, cut in enumerate(a)), (100, TIP))
    other = (*stem, *((20 + n, cut) for n, cut in enumerate(b)), (200, TIP))
    assert common(one, other) == tuple(stem)
    assert common(one, one) == one
    at = (*one[:-1], (100, 7))
    assert common(one, at) == common(at, one) == at
