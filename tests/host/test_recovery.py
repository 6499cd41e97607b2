"""kill -9 of the host, of a client, of codex: what the next start makes of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

from tests.host.conftest import DEMO, PATIENCE, Stage, dead, eventually, until
from zwarm_tui.config.settings import PilotSettings, Settings
from zwarm_tui.core import events as e
from zwarm_tui.core.costs import estimate_cost
from zwarm_tui.core.errors import StoreError, UsageError
from zwarm_tui.demo.codex_home import MODEL, codex_env, make_codex_home
from zwarm_tui.demo.model_server import ModelServer
from zwarm_tui.engine import Engine
from zwarm_tui.executors.script import Tokens
from zwarm_tui.host.connect import status
from zwarm_tui.store.log import rebuild

QUICK = "@say Done.\n@usage 1000 200 50"


def log(stage: Stage) -> list[e.Record]:
    reader = stage.reader()
    try:
        return reader.records()
    finally:
        reader.close()


def streams(stage: Stage, session: str, turn: int = 1) -> bool:
    said = [r for r in log(stage) if r.event.kind == "text.delta"]
    return any((r.session, r.turn) == (session, turn) for r in said)


def test_the_host_dies_in_mid_turn(stage: Stage) -> None:
    session = stage.json("delegate", "@say First.\n@stream 30 3000")["session_id"]
    until(lambda: streams(stage, session))
    stage.kill()
    seen = log(stage)
    assert stage.json("ls")[0]["status"] == "running", "nobody has said otherwise yet"
    stage.json("host", "start")
    (now,) = stage.json("ls")
    assert now["status"] == "interrupted"
    assert "interrupted at turn 1" in now["error"]
    assert (now["needs_attention"], now["attention_reason"]) == (True, "interrupted")
    assert stage.json("cost")["complete"] is False, "what the cut response cost is not known"
    after = log(stage)
    assert after[: len(seen)] == seen
    assert [r.seq for r in after] == list(range(1, len(after) + 1)), "no gap, no duplicate"
    assert stage.json("converse", session, QUICK)["turns"] == 2
    assert stage.json("wait")[0]["status"] == "completed"


def test_what_escaped_is_ended_and_nothing_else(stage: Stage) -> None:
    mine = subprocess.Popen(["sleep", "300"])
    try:
        task = "@run setsid sleep 301 > /dev/null 2>&1 & echo $! > escaped; sync\n@hang"
        stage.json("delegate", task)
        file = stage.project / "escaped"
        until(lambda: file.exists() and file.read_text().strip())
        escaped = psutil.Process(int(file.read_text()))
        stage.kill()
        assert escaped.is_running()
        stage.json("host", "start")
        until(lambda: not escaped.is_running() or escaped.status() == psutil.STATUS_ZOMBIE)
        assert mine.poll() is None
        until(lambda: {p.pid for p in stage.processes()} == {stage.pid()}, "it has nothing else")
    finally:
        mine.kill()
        mine.wait()


def test_a_client_dies_and_nothing_else(stage: Stage) -> None:
    argv = [
        sys.executable,
        "-m",
        "zwarm_tui",
        "--project",
        str(stage.project),
        "say",
        "@sleep 1\n@say Yes.",
        "--wait",
    ]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as client:
        until(lambda: (stage.project / ".zwarm" / "zwarm.db").exists() and turns(stage), "it has said it")
        host = stage.pid()
        client.kill()
    assert stage.json("wait")[0]["last_message"] == "Yes."
    assert stage.pid() == host


def turns(stage: Stage) -> int:
    return sum(session["turns"] for session in stage.json("ls"))


def test_nothing_runs_twice(stage: Stage) -> None:
    """Each start counts in a file; kills and restarts in between add nothing."""
    session = stage.json("delegate", "@run echo x >> count; sync\n@hang")["session_id"]
    count = stage.project / "count"
    until(lambda: count.exists() and count.read_text())
    for _ in range(2):
        stage.kill()
        stage.json("host", "start")
    assert count.read_text() == "x\n"
    assert stage.session(session).turns == 1


def test_a_turn_that_a_budget_holds_waits_for_the_next_host(stage: Stage) -> None:
    stage.settings(DEMO + "[budget]\nusd = 0\n")
    session = stage.json("delegate", QUICK)["session_id"]
    until(lambda: stage.session(session).status.value == "awaiting_input")
    stage.kill()
    stage.json("host", "start")
    (now,) = stage.json("ls", "--needs-attention")
    assert (now["status"], now["attention_reason"]) == ("awaiting_input", "budget")
    assert "[budget] usd" in now["attention_detail"]
    assert "budget" in stage.zwarm("ls").stdout
    assert stage.json("cost")["total_usd"] == 0
    assert stage.json("host", "stop")["stopped"] is True, "nothing of it runs"
    stage.json("approve", session)
    assert stage.json("wait")[0]["status"] == "completed"
    cost = stage.json("cost")
    assert cost["budget"]["usd"]["state"] == "reached"
    assert "used up" in stage.zwarm("cost").stdout


def test_who_waits_for_a_turn_that_a_budget_holds_is_told(stage: Stage) -> None:
    stage.settings(DEMO + "[budget]\nusd = 0\n")
    said = stage.zwarm("say", "@say Yes.", "--wait", "--json")
    assert said.returncode == 1
    held = json.loads(said.stdout)
    assert (held["status"], held["turn"], held["reply"]) == ("awaiting_input", 1, "")
    assert "[budget] usd" in held["error"]
    request = held["error"].partition("`zwarm-tui approve ")[2].partition("`")[0]
    assert stage.json("host", "stop")["stopped"] is True
    assert stage.json("host", "status")["running"] is False
    stage.json("approve", request)
    assert stage.json("wait", "pilot")[0]["last_message"] == "Yes."


# -- a full disk ------------------------------------------------------------------------


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process can grow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_stops_new_work_and_loses_nothing(tmp_path: Path) -> None:
    settings = Settings(executor="demo", pilot=PilotSettings(brain="demo"))
    async with await Engine.open(tmp_path, settings) as engine:
        running = (await engine.delegate("@ask Go on?\n@say Done."))["session_id"]
        await eventually(lambda: engine.reader.requests(running))
        with full_disk():
            for _ in range(2):
                with pytest.raises(StoreError, match="can't be written"):
                    await engine.delegate(QUICK)
            assert any("can't be written" in problem for problem in (await engine.status())["problems"])
            with pytest.raises(StoreError):
                await engine.answer(running, "yes")
            await eventually(lambda: not engine.sessions.running(), "the turn ended all the same")
        await eventually(lambda: engine.store.error is None)
        view = engine.sessions.get_session(running)
        assert view.status.value == "completed"
        assert view.messages[-1]["content"] == "Done."
        again = (await engine.delegate(QUICK))["session_id"]
        await engine.sessions.wait(again)
        assert not engine.reader.unfinished()


# -- the real codex ---------------------------------------------------------------------


@pytest.fixture
async def server(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ModelServer]:
    """The stage with the real codex, and its scripted model."""
    async with ModelServer() as server:
        for key, value in codex_env(make_codex_home(tmp_path / "codex", server.url)).items():
            monkeypatch.setenv(key, value)
        stage.settings(
            f'executor = "codex"\nmodel = "{MODEL}"\nmax_concurrent = 20\n[pilot]\nbrain = "codex"\n'
        )
        yield server
        stage.end()


def usd(tokens: Tokens | None) -> float:
    """What so many tokens cost."""
    t = tokens or Tokens(0, 0, 0, 0)
    return estimate_cost(MODEL, t.input - t.cached, t.output, t.cached) or 0.0


def delivered(server: ModelServer) -> float:
    return sum(map(usd, server.delivered().values()))


def spent(stage: Stage) -> tuple[float, bool]:
    reader = stage.reader()
    try:
        total = reader.totals().total
    finally:
        reader.close()
    return total.usd, total.complete


def recorded() -> dict[str, float]:
    """All responses that codex has in its rollouts: what each cost in USD, by its id."""
    costs = {}
    for file in Path(os.environ["CODEX_HOME"]).glob("sessions/*/*/*/*.jsonl"):
        for line in file.read_text().splitlines():
            if '"token_usage_record"' in line:
                with contextlib.suppress(ValueError):  # torn by a kill
                    record = json.loads(line)["payload"]
                    u = record["usage"]
                    tokens = Tokens(u["input_tokens"], u["cached_input_tokens"], u["output_tokens"], 0)
                    costs[record["response_id"]] = usd(tokens)
    return costs


@pytest.mark.codex
async def test_the_ledger_is_made_up_from_codexs_records(stage: Stage, server: ModelServer) -> None:
    async with stage.client() as client:
        cut = (await client.delegate("@run echo one\n@usage 1000 100 50\n@stream 30 3000\n@usage 2000 0 60"))[
            "session_id"
        ]
        between = (
            await client.delegate("@run echo two\n@usage 3000 0 70\n@run sleep 300\n@usage 4000 0 80")
        )["session_id"]
        done = (await client.delegate(QUICK))["session_id"]
        await eventually(lambda: streams(stage, cut))
        await eventually(lambda: len([r for r in log(stage) if r.event.kind == "command.started"]) == 3)
        await eventually(lambda: stage.session(done).status.value == "completed")
    # As if the host had died before it heard of these responses.
    stage.kill()
    db = stage.project / ".zwarm" / "zwarm.db"
    with contextlib.closing(sqlite3.connect(db)) as raw, raw:
        raw.execute("DELETE FROM events WHERE kind = 'usage' AND session IN (?, ?)", (cut, between))
    rebuild(db)
    assert spent(stage)[0] < delivered(server)
    async with stage.client():
        assert spent(stage)[0] == pytest.approx(delivered(server))
        assert stage.session(cut).status.value == "interrupted"
        assert not stage.session(cut).cost.complete, "its second response was cut off"
        assert stage.session(between).cost.complete, "it was at a command, and all was reported"
        assert stage.session(done).cost.complete


@pytest.mark.codex
async def test_after_a_kill_codex_goes_on_where_it_was(stage: Stage, server: ModelServer) -> None:
    async with stage.client() as client:
        session = (
            await client.delegate("@run echo one\n@usage 1000 100 50\n@stream 30 3000\n@usage 2000 0 60")
        )["session_id"]
        await eventually(lambda: streams(stage, session))
        os.kill(stage.pid(), signal.SIGKILL)
        await eventually(lambda: stage.session(session).status.value == "interrupted")
        thread = stage.session(session).thread
        await client.converse(session, QUICK)
        await eventually(lambda: stage.session(session).status.value == "completed")
        assert stage.session(session).thread == thread
        assert stage.session(session).how == "resumed"
        assert spent(stage)[0] == pytest.approx(delivered(server))
        assert "echo one" in str(server.requests[-1].input)


@pytest.mark.codex
async def test_what_was_under_way_is_heard_and_then_codex_ends(stage: Stage, server: ModelServer) -> None:
    """A response is paid for: codex is left to record it, and begins no other, whether
    or not there is a next host."""
    async with stage.client() as client:
        task = "@usage 1000 100 50\n@stream 1 1000\n@run true\n@stream 30 3000"
        for _ in range(3):
            session = (await client.delegate(task))["session_id"]
            await eventually(lambda session=session: streams(stage, session))
        host = psutil.Process(stage.pid())
        (codex,) = app_servers(host.pid)
        host.kill()
        assert any(request.outcome == "running" for request in server.requests)
    await eventually(lambda: dead(codex), "it ended by itself")
    await eventually(lambda: not stage.processes(), "so did all that was left")
    # Where delegating took its time, the second one of a thread may have begun before.
    firsts = {request.thread: request for request in reversed(server.requests)}
    assert [request.outcome for request in firsts.values()] == ["completed"] * 3
    assert sum(request.delivered for request in server.requests) == 3
    async with stage.client():
        assert spent(stage)[0] == pytest.approx(delivered(server))
        assert spent(stage)[0] > 0
        assert stage.session(session).status.value == "interrupted"


@pytest.mark.codex
async def test_codex_dies_under_a_living_host(stage: Stage, server: ModelServer) -> None:
    async with stage.client() as client:
        sessions = [(await client.delegate(f"@stream 30 3000\n@say {n}"))["session_id"] for n in range(3)]
        for session in sessions:
            await eventually(lambda session=session: streams(stage, session))
        host = psutil.Process(stage.pid())
        (codex,) = app_servers(host.pid)
        assert len([p for p in host.children() if not dead(p)]) > 1, "codex has its heir beside it"
        async with asyncio.timeout(PATIENCE):  # codex may just be asking git something
            while (told := await status(stage.project)) is None or told["processes"] != 1:
                await asyncio.sleep(0.01)
        codex.kill()
        for session in sessions:
            await eventually(lambda session=session: stage.session(session).status.value == "failed")
            assert "SIGKILL" in (stage.session(session).error or "")
        assert not spent(stage)[1]
        assert host.is_running()
        await client.resume(sessions[0])
        await client.interrupt(sessions[0])
        with pytest.raises(UsageError):
            await client.resume("pilot-that-is-not")


@pytest.mark.codex
@pytest.mark.parametrize("host_dies", [False, True])
async def test_what_codex_recorded_and_could_not_tell_is_booked_when_it_dies(
    stage: Stage, server: ModelServer, host_dies: bool
) -> None:
    """At once, and once: whatever becomes of the thread, and of the host."""
    # More than fits between codex and a host that doesn't read, and then more responses.
    begins = "touch begun; until [ -e heard-of ]; do sleep 0.05; done"
    untold = "@usage 1000 100 50\n@flood 0.1 20000\n@run true\n@usage 2000 0 60\n@run true\n@hang"
    async with stage.client() as client:
        session = (await client.delegate("@usage 500 0 10\n@say First."))["session_id"]
        await eventually(lambda: stage.session(session).status.value == "completed")
        await client.converse(session, f"@usage 700 0 20\n@run {begins}\n{untold}")
        await eventually((stage.project / "begun").exists)
        host = psutil.Process(stage.pid())
        (codex,) = app_servers(host.pid)
        host.suspend()
        (stage.project / "heard-of").touch()
        await eventually(lambda: len(recorded()) == 4)
        codex.kill()
        await eventually(lambda: dead(codex))
        before = spent(stage)[0]
        host.resume()
        await eventually(lambda: stage.session(session).status.value == "failed")
        assert spent(stage)[0] == pytest.approx(sum(recorded().values())) == pytest.approx(delivered(server))
        assert spent(stage)[0] > before
        assert not spent(stage)[1], "what the last response cost is not known"
        if host_dies:
            stage.kill()
            await client.aclose()
            client = await stage.connect()
            assert spent(stage)[0] == pytest.approx(delivered(server))
        # A thread's total is said again when it is resumed, and when its response is cut off.
        for end in ("an interrupt", "another death"):
            asked = len(server.requests)
            await client.converse(session, "@hang")
            await eventually(lambda asked=asked: len(server.requests) > asked)
            if end == "an interrupt":
                await client.interrupt(session)
            else:
                app_servers(stage.pid())[0].kill()
                await eventually(lambda: stage.session(session).status.value == "failed")
        await client.converse(session, "@usage 300 0 30\n@say Done.")
        await eventually(lambda: stage.session(session).status.value == "completed")
        assert spent(stage)[0] == pytest.approx(sum(recorded().values())) == pytest.approx(delivered(server))
        await client.aclose()


@pytest.mark.codex
async def test_agents_at_rest_go_on_when_they_are_needed(stage: Stage, server: ModelServer) -> None:
    settings = Settings(executor="codex", model=MODEL, pilot=PilotSettings(brain="codex", model=MODEL))
    async with await Engine.open(stage.project, settings) as engine:
        session = (await engine.delegate("@run echo one\n@say One."))["session_id"]
        await engine.rest()
        await engine.sessions.wait(session)
        assert engine.sessions.get_session(session).status.value == "completed", "it doesn't rest in mid turn"
        (codex,) = app_servers(os.getpid())
        await engine.rest()
        assert not codex.is_running()
        for text in ("Two.", "Three."):
            await engine.converse(session, f"@say {text}")
            await engine.sessions.wait(session)
        messages = engine.sessions.get_session(session).messages
        assert [(m["turn"], m["content"]) for m in messages if m["role"] == "assistant"] == [
            (1, "One."),
            (2, "Two."),
            (3, "Three."),
        ]
        assert spent(stage)[0] == pytest.approx(delivered(server))
        assert spent(stage)[1]


def app_servers(pid: int) -> list[psutil.Process]:
    found = []
    for process in psutil.Process(pid).children():
        with contextlib.suppress(psutil.Error):  # one that is gone by now
            if process.status() != psutil.STATUS_ZOMBIE and "app-server" in process.cmdline():
                found.append(process)
    return found
