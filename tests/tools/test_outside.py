"""What an agent outside asks the person, while the log is slow or can't be written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.host.conftest import eventually
from zwarm_tui.config.settings import PilotSettings, Settings
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import StoreError
from zwarm_tui.engine import Engine


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    settings = Settings(executor="demo", pilot=PilotSettings(brain="demo"))
    async with await Engine.open(tmp_path, settings) as opened:
        yield opened


async def asks(engine: Engine) -> tuple[asyncio.Task[dict[str, object]], str]:
    """A call that waits for the person, and what they are asked."""
    call = engine.tool("chat", {"message": "Which colour?", "wait_for_user_input": True})
    asking = asyncio.create_task(call)
    await eventually(lambda: engine.reader.requests("pilot"))
    return asking, engine.reader.requests("pilot")[0].id


async def test_an_answer_reaches_it_though_the_disk_is_full(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*records: e.Record) -> int:
        engine.sessions.store.append(*records)
        raise StoreError("the disk is full")

    asking, request = await asks(engine)
    with monkeypatch.context() as patch, pytest.raises(StoreError):
        patch.setattr(engine.sessions.store, "commit", full)
        await engine.answer(request, "blue")
    async with asyncio.timeout(30):
        assert "blue" in str((await asking)["text"])
    assert engine.reader.requests("pilot") == []


async def test_it_leaves_as_the_person_answers(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, go = asyncio.Event(), asyncio.Event()
    commit = engine.sessions.store.commit

    async def slow(*records: e.Record) -> int:
        asked.set()
        await go.wait()
        return await commit(*records)

    asking, request = await asks(engine)
    monkeypatch.setattr(engine.sessions.store, "commit", slow)
    asking.cancel()
    await asked.wait()
    answering = asyncio.create_task(engine.answer(request, "blue"))
    await asyncio.sleep(0)
    go.set()
    async with asyncio.timeout(30):
        ends = await asyncio.gather(asking, answering, return_exceptions=True)
    assert [type(end) for end in ends] == [asyncio.CancelledError, dict]
    resolved = [r.event for r in engine.reader.records("pilot") if isinstance(r.event, e.QuestionAnswered)]
    assert [r.by for r in resolved] == ["person"]
