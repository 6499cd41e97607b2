"""Checkpoints, jumps and branches through the engine's verbs, on the demo agent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from zwarm_tui.config.settings import PilotSettings, Settings
from zwarm_tui.core.errors import ConfirmationNeededError, LockedError, UsageError
from zwarm_tui.engine import Engine

SETTINGS = Settings(executor="demo", pilot=PilotSettings(brain="demo"))


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with await Engine.open(tmp_path, SETTINGS) as e:
        yield e


async def idle(engine: Engine) -> None:
    async with asyncio.timeout(20):
        while tasks := {t.task for t in engine.sessions.running() if t.task is not None}:
            await asyncio.wait(tasks)


async def pilot(engine: Engine, message: str) -> None:
    await engine.say(message)
    await idle(engine)


async def test_each_pilot_turn_is_a_checkpoint_and_a_jump_branches(engine: Engine) -> None:
    for n in range(1, 5):
        await pilot(engine, f"@say answer {n}")
    assert [c.label for c in engine.reader.checkpoints()] == ["T1", "T2", "T3", "T4"]
    await engine.goto("T3")
    assert engine.reader.position().detached
    said = [m["content"] for m in engine.reader.messages("pilot") if m["role"] == "assistant"]
    assert said == ["answer 1", "answer 2", "answer 3"]
    await pilot(engine, "@say another answer")
    assert [b.name for b in engine.reader.branches()] == ["main", "branch-2"]
    said = [m["content"] for m in engine.reader.messages("pilot") if m["role"] == "assistant"]
    assert said == ["answer 1", "answer 2", "answer 3", "another answer"]
    assert engine.reader.session("pilot").how == "forked"  # type: ignore[union-attr]
    t5 = next(c for c in engine.reader.checkpoints() if c.label == "T5")
    assert t5.parent == 3
    assert engine.timeline.tree.path_to(5)[-2].label == "T3"
    # The line that was left is whole, and one can go back to it.
    await engine.goto("main")
    said = [m["content"] for m in engine.reader.messages("pilot") if m["role"] == "assistant"]
    assert said[-1] == "answer 4"
    await pilot(engine, "@say answer 5")
    assert engine.reader.session("pilot").how in ("continued", "resumed")  # type: ignore[union-attr]


async def test_a_session_is_set_back_and_forked_when_first_spoken_to(engine: Engine) -> None:
    first = await engine.delegate("@say one")
    await idle(engine)
    await engine.converse(first["session_id"], "@say two")
    await idle(engine)
    later = await engine.delegate("@say later")
    await idle(engine)
    plan = await engine.goto("T1", dry_run=True)
    assert plan["sessions_back"] == [{"id": first["session_id"], "task": "@say one", "turns": 1}]
    assert plan["sessions_absent"] == [later["session_id"]]
    await engine.goto("T1")
    assert [s.id for s in engine.reader.sessions()] == [first["session_id"]]
    await engine.converse(first["session_id"], "@say instead")
    await idle(engine)
    view = engine.reader.session(first["session_id"])
    assert view is not None
    assert view.how == "forked"
    assert view.turns == 2
    texts = [m["content"] for m in engine.reader.messages(view.id) if m["role"] == "assistant"]
    assert texts == ["one", "instead"]


async def test_money_is_not_rewound(engine: Engine) -> None:
    for n in (1, 2):
        await pilot(engine, f"@usage 1000 0 100\n@say {n}")
    total = engine.reader.totals().total.usd
    assert total == pytest.approx(2 * (1000 * 1.25 + 100 * 10) / 1e6)
    await engine.goto("T1")
    after = engine.reader.totals()
    assert after.total.usd == pytest.approx(total)
    assert after.branch.usd == pytest.approx(total / 2)
    assert after.abandoned.usd == pytest.approx(total / 2)
    assert after.total.simulated


async def test_a_jump_away_from_running_turns_needs_a_word(engine: Engine) -> None:
    await pilot(engine, "@say one")
    s = await engine.delegate("@hang")
    with pytest.raises(ConfirmationNeededError, match=s["session_id"]):
        await engine.goto("root")
    await engine.goto("root", running="leave")
    with pytest.raises(ConfirmationNeededError, match="another branch"):
        await engine.delegate("@say beside")
    beside = await engine.delegate("@say beside", confirm=True)
    await engine.sessions.wait(beside["session_id"], 30)
    await engine.goto("main")
    await engine.interrupt(s["session_id"])


async def test_branches_have_names(engine: Engine) -> None:
    await pilot(engine, "@say one")
    await engine.branch("try-sqlite")
    assert engine.reader.position().branch_name == "try-sqlite"
    await engine.rename_branch("try-sqlite", "sqlite")
    assert {b.name for b in engine.reader.branches()} == {"main", "sqlite"}
    for wrong in ("main", "T4", "root", "a b", ""):
        with pytest.raises(UsageError):
            await engine.branch(wrong)
    with pytest.raises(UsageError, match="no checkpoint or branch 'T99'"):
        await engine.goto("T99")


async def test_a_checkpoint_has_a_name_and_a_note_beside_its_label(engine: Engine) -> None:
    for n in (1, 2):
        await pilot(engine, f"@say {n}")
    assert await engine.label_checkpoint("t1", "  the [red]good\x1b one ") == {
        "label": "T1",
        "name": "the [red]good\x1b one",
    }
    assert await engine.note("the [red]good\x1b one", "It was\nfast.") == {
        "label": "T1",
        "note": "It was\nfast.",
    }
    first, second = engine.reader.checkpoints()
    assert (first.label, first.name, first.note) == ("T1", "the [red]good\x1b one", "It was\nfast.")
    assert (second.name, second.note) == ("", "")
    for wrong in ("T9", "root", "main", "the [red]good\x1b one", "x" * 65):
        with pytest.raises(UsageError):
            await engine.label_checkpoint("T2", wrong)
    await engine.label_checkpoint("T2", "fast")
    with pytest.raises(UsageError, match="T2 has the name 'fast'"):
        await engine.branch("fast")
    await engine.label_checkpoint("T2", "")
    for nowhere in ("T9", "root", ""):
        with pytest.raises(UsageError, match="no checkpoint"):
            await engine.note(nowhere, "x")
    assert (await engine.goto("the [red]good\x1b one"))["label"] == "T1"
    await engine.label_checkpoint("T1", "")
    await engine.note("T1", "")
    assert [(c.name, c.note) for c in engine.reader.checkpoints()] == [("", "")] * 2


async def test_all_of_it_survives_a_restart(tmp_path: Path) -> None:
    async with await Engine.open(tmp_path, SETTINGS) as engine:
        for n in range(1, 4):
            await pilot(engine, f"@say answer {n}")
        await engine.goto("T2")
    async with await Engine.open(tmp_path, SETTINGS) as engine:
        assert engine.reader.position().detached
        assert engine.reader.position().checkpoint == 2
        await pilot(engine, "@say otherwise")
        assert len(engine.reader.branches()) == 2
        assert [c.parent for c in engine.reader.checkpoints()] == [0, 1, 2, 2]


async def test_one_engine_a_project(engine: Engine) -> None:
    with pytest.raises(LockedError):
        await Engine.open(engine.project, SETTINGS)
