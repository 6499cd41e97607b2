"""`codex exec` as the fallback, with the real codex."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.executors.codex.conftest import Sink, texts
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.demo.model_server import ModelServer
from zwarm_tui.executors import process
from zwarm_tui.executors.base import ExecutorSettings, ThreadSpec, Tool
from zwarm_tui.executors.codex import exec as exec_module
from zwarm_tui.executors.codex.codex import Codex
from zwarm_tui.executors.codex.exec import Exec
from zwarm_tui.executors.process import Child
from zwarm_tui.executors.registry import NAMES, create

pytestmark = pytest.mark.codex


@pytest.fixture
async def exec_(settings: ExecutorSettings, model: ModelServer, tmp_path: Path) -> AsyncIterator[Exec]:
    executor = Exec(settings, tmp_path / "state")
    yield executor
    await executor.aclose()


async def test_turns_of_one_thread(exec_: Exec, spec: ThreadSpec, repo: Path, model: ModelServer) -> None:
    sink = Sink()
    thread = await exec_.start(replace(spec, model="gpt-5.1-codex"), sink)
    ended = await exec_.run_turn(
        thread, "-- begin\n@usage 600 100 10\n@run echo hi; touch made\n@usage 390 0 0\n@say one"
    )
    assert ended == e.TurnEnded(status="completed")
    assert [(c.command, c.exit_code) for c in sink.of(e.CommandDone)] == [("echo hi; touch made", 0)]
    assert (repo / "made").exists()
    assert sink.said() == ["one"]
    [usage] = sink.of(e.Usage)
    assert (usage.model, usage.input, usage.cached, usage.output) == ("gpt-5.1-codex", 890, 100, 10)

    await exec_.run_turn(thread, "@usage 990 0 10\n@say two")
    assert sink.tokens() == 2000
    assert "one" in [texts(item) for item in model.requests[-1].input]
    items = [event.item for event in sink.of(e.Text)]
    assert len(set(items)) == 2, "items of two turns are told apart"


async def test_totals_through_fork_and_restart(
    exec_: Exec, spec: ThreadSpec, settings: ExecutorSettings, tmp_path: Path, model: ModelServer
) -> None:
    sink, other, later = Sink(), Sink(), Sink()
    thread = await exec_.start(spec, sink)
    await exec_.run_turn(thread, "@usage 990 0 10\n@say one")
    await exec_.run_turn(thread, "@usage 990 0 10\n@say two")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    forked = await exec_.fork(thread, replace(spec, cwd=str(elsewhere)), other)
    assert forked.exact
    await exec_.run_turn(
        forked.thread, "@usage 990 0 10\n@run touch good; touch ../bad\n@usage 0 0 0\n@say three"
    )
    assert (elsewhere / "good").exists()
    assert not (tmp_path / "bad").exists()
    await exec_.run_turn(thread, "@usage 500 0 0\n@say the parent goes on")
    assert (sink.tokens(), other.tokens()) == (2500, 1000)
    await exec_.aclose()

    again = Exec(settings, tmp_path / "state")
    await again.resume(thread, spec, later)
    await again.run_turn(thread, "@usage 200 0 0\n@say resumed")
    assert later.tokens() == 200
    with pytest.raises(ExecutorError, match="nothing is known"):
        await again.resume("exec-of-nowhere", spec, later)
    delivered = model.delivered()["gpt-5.1-codex"]
    assert sum(s.tokens() for s in (sink, other, later)) == delivered.input + delivered.output
    await again.aclose()


async def test_interrupt_failure_and_death(exec_: Exec, spec: ThreadSpec) -> None:
    sink = Sink()
    thread = await exec_.start(spec, sink)
    turn = asyncio.create_task(exec_.run_turn(thread, "@hang"))
    await sink.until(e.TurnStarted)
    with pytest.raises(ExecutorError, match="at work"):
        await exec_.run_turn(thread, "me too")
    await exec_.interrupt(thread)
    assert (await turn).status == "interrupted"
    failed = await exec_.run_turn(thread, "@fail out of order")
    assert (failed.status, failed.exit_code) == ("failed", 1)
    assert "out of order" in (failed.error or ""), failed.stderr
    assert len(sink.of(e.UsageUnknown)) == 2

    turn = asyncio.create_task(exec_.run_turn(thread, "@hang"))
    await sink.until(e.TurnStarted, 3)
    child = exec_._threads[thread].child
    assert child is not None
    os.kill(child.pid, 9)
    died = await turn
    assert (died.status, died.exit_code) == ("failed", -9)
    assert "exit status -9" in (died.error or "")
    assert (await exec_.run_turn(thread, "@say still there")).status == "completed"


async def test_a_cancelled_turn_leaves_its_cost_unknown(exec_: Exec, spec: ThreadSpec) -> None:
    sink = Sink()
    thread = await exec_.start(spec, sink)
    turn = asyncio.create_task(exec_.run_turn(thread, "@hang"))
    await sink.until(e.TurnStarted)
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert len(sink.of(e.UsageUnknown)) == 1


async def test_an_interrupt_while_codex_is_started(
    exec_: Exec, spec: ThreadSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, go = asyncio.Event(), asyncio.Event()

    async def spawn(*args: Any, **kwargs: Any) -> Child:
        child = await process.spawn(*args, **kwargs)
        started.set()
        await go.wait()
        return child

    monkeypatch.setattr(exec_module, "spawn", spawn)
    thread = await exec_.start(spec, Sink())
    turn = asyncio.create_task(exec_.run_turn(thread, "@hang"))
    await started.wait()
    await exec_.interrupt(thread)
    go.set()
    async with asyncio.timeout(30):
        assert (await turn).status == "interrupted"


async def test_what_codex_says_as_its_thread_is_let_go(spec: ThreadSpec, tmp_path: Path) -> None:
    codex = tmp_path / "codex"
    completed = '{"type": "turn.completed", "usage": {"input_tokens": 7, "output_tokens": 1}}'
    begun = '{"type": "thread.started", "thread_id": "t"}'
    codex.write_text(
        f"#!/bin/sh\nlast='{completed}'\ntrap 'echo \"$last\"; exit' INT\necho '{begun}'\n"
        "while :; do sleep 0.05; done\n"
    )
    codex.chmod(0o755)
    executor, sink = Exec(ExecutorSettings(path=str(codex)), tmp_path / "state"), Sink()
    thread = await executor.start(spec, sink)
    turn = asyncio.create_task(executor.run_turn(thread, "hello"))
    await sink.until(e.TurnStarted)
    await executor.end(thread)
    assert (await turn).status == "completed"
    assert sink.tokens() == 8


async def test_what_exec_can_not_do_it_says(exec_: Exec, spec: ThreadSpec) -> None:
    with pytest.raises(ExecutorError, match="app-server"):
        await exec_.start(replace(spec, tools=(Tool("t", "", {}),)), Sink())
    thread = await exec_.start(spec, Sink())
    with pytest.raises(ExecutorError, match="in mid turn"):
        await exec_.steer(thread, "x")
    forked = await exec_.fork(thread, spec, Sink(), at_turn="u1")
    assert not forked.exact
    assert forked.thread != thread


async def test_a_codex_without_app_server_is_driven_through_exec(
    settings: ExecutorSettings, model: ModelServer, spec: ThreadSpec, tmp_path: Path
) -> None:
    assert settings.path is not None
    old = tmp_path / "codex"
    old.write_text(
        "#!/bin/sh\n"
        'for word; do [ "$word" = app-server ] && { [ "$2" = --help ] && echo "Usage: codex [PROMPT]"; '
        "echo 'stdin is not a terminal' >&2; exit 1; }; done\n"
        f'exec {shlex.quote(settings.path)} "$@"\n'
    )
    old.chmod(0o755)
    executor = create(
        "codex", settings=ExecutorSettings(str(old), settings.env), state_dir=tmp_path / "state"
    )
    info = await executor.probe()
    assert (info.found, info.problem, info.version, info.capabilities.fork) == (True, None, "0.163.0", "tip")
    assert executor.capabilities == info.capabilities
    thread = await executor.start(spec, Sink())
    assert (await executor.run_turn(thread, "@say by exec")).status == "completed"
    await executor.aclose()


async def test_probe(settings: ExecutorSettings, model: ModelServer, tmp_path: Path) -> None:
    executor = Codex(settings, tmp_path / "state")
    assert executor.capabilities.fork == "turn"
    info = await executor.probe()
    assert (info.found, info.path, info.version, info.login) == (True, settings.path, "0.163.0", "yes")
    assert info.capabilities.tools
    await executor.aclose()

    missing = Codex(ExecutorSettings(str(tmp_path / "none")), tmp_path / "state")
    info = await missing.probe()
    assert not info.found
    assert "is not a program" in (info.problem or "")
    await missing.aclose()


async def test_an_app_server_that_will_not_start_is_a_problem_and_no_reason_for_exec(
    settings: ExecutorSettings, tmp_path: Path
) -> None:
    wrong = ExecutorSettings(settings.path, settings.env, args=("--no-such-flag",))
    executor = Codex(wrong, tmp_path / "state")
    info = await executor.probe()
    assert info.found
    assert info.path == settings.path
    assert "--no-such-flag" in (info.problem or "")
    await executor.aclose()


def test_the_registry_names_what_there_is(tmp_path: Path) -> None:
    for name in NAMES:
        assert create(name, settings=ExecutorSettings(), state_dir=tmp_path).name == name
    with pytest.raises(ExecutorError, match="codex, demo"):
        create("gpt", settings=ExecutorSettings(), state_dir=tmp_path)
