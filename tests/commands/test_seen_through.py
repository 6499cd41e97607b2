"""A run that a shell began, at the moments at which it has not quite begun."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands.conftest import Shop, eventually
from zwarm_tui.cli import main
from zwarm_tui.cli.attend import see_through
from zwarm_tui.cli.call import Call
from zwarm_tui.commands.run import CommandRun
from zwarm_tui.config.settings import PilotSettings, Settings
from zwarm_tui.engine import Engine
from zwarm_tui.runs import RunAgent


@pytest.mark.parametrize("begun", [True, False])
def test_ctrl_c_while_it_is_begun_cancels_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], begun: bool
) -> None:
    (tmp_path / ".zwarm").mkdir()
    (tmp_path / ".zwarm" / "config.toml").write_text('executor = "demo"\n')
    (tmp_path / "job.yaml").write_text("name: job\ndescription: A job.\nsteps: ['sleep 300']\n")
    monkeypatch.setenv("ZWARM_CONFIG_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("ZWARM_HOST", "never")
    start, cancel, begin = Engine.start_run, Engine.cancel_run, CommandRun._begin
    cancelled: list[str] = []
    at_work = asyncio.Event()

    async def pressed(self: Engine, *given: Any, **more: Any) -> Any:
        made = await start(self, *given, **more)
        if begun:
            await at_work.wait()
        os.kill(os.getpid(), signal.SIGINT)
        return made

    async def seen(self: Engine, run_id: str, *, hard: bool = False) -> Any:
        cancelled.append(run_id)
        return await cancel(self, run_id, hard=hard)

    async def told(self: CommandRun, started: Any) -> Any:
        at_work.set()
        return await begin(self, started)

    async def never(self: RunAgent, *given: Any) -> str:
        raise AssertionError(await asyncio.Event().wait())

    monkeypatch.setattr(Engine, "start_run", pressed)
    monkeypatch.setattr(Engine, "cancel_run", seen)
    monkeypatch.setattr(CommandRun, "_begin", told)
    if not begun:
        monkeypatch.setattr(RunAgent, "start", never)
    assert main(["--project", str(tmp_path), "run", str(tmp_path / "job.yaml")]) == 130
    assert len(cancelled) == 1
    said = capsys.readouterr()
    assert ("it was cancelled" in said.out) is begun
    assert ("was cancelled before it began" in said.err) is not begun


@pytest.fixture
async def engine(shop: Shop) -> AsyncIterator[Engine]:
    settings = Settings(executor="demo", pilot=PilotSettings(brain="demo"))
    async with await Engine.open(shop.project, settings) as opened:
        yield opened


async def test_what_others_ask_is_nothing_to_a_run_that_has_yet_to_begin(
    shop: Shop, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = await engine.sessions.start_session("@ask Which colour?", working_dir=shop.project)
    await eventually(engine.reader.requests)
    assert [r.session for r in engine.reader.requests()] == [asks.id]
    begin, go = CommandRun._begin, asyncio.Event()

    async def late(self: CommandRun, started: Any) -> Any:
        await go.wait()
        return await begin(self, started)

    monkeypatch.setattr(CommandRun, "_begin", late)
    made = await engine.start_run("command", str(shop.command("steps: ['true;']")), {})
    watching = asyncio.create_task(see_through(Call(shop.project), engine, made["run_id"]))
    await asyncio.sleep(0)  # its first look
    assert not watching.done()
    go.set()
    async with asyncio.timeout(60):
        await watching
