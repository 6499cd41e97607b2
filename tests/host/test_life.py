"""A host's life: found, started, refused, stopped, left alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from tests.host.conftest import DEMO, PATIENCE, Stage, dead, eventually, until
from zwarm_tui.cli.call import Call
from zwarm_tui.cli.host import _stop
from zwarm_tui.cli.wait import _wait
from zwarm_tui.config.paths import database, has_log, state_dir
from zwarm_tui.config.settings import Settings
from zwarm_tui.core.errors import LockedError, ReadOnlyError, ZwarmError
from zwarm_tui.core.model import TIP, SessionView
from zwarm_tui.engine import Engine
from zwarm_tui.host import start
from zwarm_tui.host.connect import connect
from zwarm_tui.host.start import wait_gone
from zwarm_tui.store.lock import ProjectLock
from zwarm_tui.wire import place

QUICK = "@say Done.\n@usage 1000 200 50"


def test_it_starts_once_says_so_and_stops(stage: Stage) -> None:
    assert stage.json("host", "status") == {"running": False}
    first = stage.json("host", "start")
    assert first["running"] is True
    assert stage.json("host", "start")["pid"] == first["pid"]
    status = stage.json("host", "status")
    assert (status["pid"], status["turns"], status["clients"], status["stopping"]) == (
        first["pid"],
        0,
        0,
        None,
    )
    assert status["processes"] == 0
    host = psutil.Process(first["pid"])
    assert stage.json("host", "stop") == {"stopped": True, "pid": first["pid"]}
    assert stage.json("host", "stop") == {"stopped": False}
    assert not Path(first["socket"]).exists()
    until(lambda: dead(host))


async def test_one_that_is_just_leaving_need_not_be_told(stage: Stage) -> None:
    gone = Path(stage.json("host", "start")["socket"]).with_name("gone.sock")
    assert await _stop(str(gone), "drain") is False


def test_all_who_start_one_at_once_get_the_same(stage: Stage) -> None:
    argv = [sys.executable, "-m", "zwarm_tui", "--project", str(stage.project)]
    verbs = [
        ["host", "start"],
        ["delegate", QUICK],
        ["host", "start"],
        ["say", "@say Yes."],
        ["host", "start"],
    ]
    asked = [
        subprocess.Popen([*argv, *verb, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for verb in verbs
    ]
    told = [process.communicate(timeout=60) for process in asked]
    assert [process.returncode for process in asked] == [0] * len(asked), told
    started = [json.loads(out) for (out, _), verb in zip(told, verbs, strict=True) if verb[0] == "host"]
    assert [(s["running"], s["pid"]) for s in started] == [(True, stage.pid())] * 3
    until(lambda: hosts(stage) == [stage.pid()], "those that came too late are gone")


def hosts(stage: Stage) -> list[int]:
    found = []
    for process in stage.processes():
        with contextlib.suppress(psutil.Error):  # it is just going
            found += [process.pid] if "run" in process.cmdline() else []
    return found


def test_it_stays_where_who_started_it_was_killed_meanwhile(stage: Stage) -> None:
    hears, tells = os.pipe()
    os.close(hears)
    argv = [sys.executable, "-m", "zwarm_tui", "--project", str(stage.project), "host", "run", "--ready"]
    subprocess.run([*argv, str(tells)], pass_fds=[tells], check=True, timeout=60)
    os.close(tells)
    until(lambda: place.standing(stage.project), "it is there")
    first = stage.pid()
    stage.json("wait", stage.json("delegate", QUICK)["session_id"])
    assert stage.pid() == first


def test_who_waits_does_not_start_it_again_when_it_is_stopped(stage: Stage) -> None:
    """It says good-bye first, and then takes its time to end an agent that doesn't hear."""
    id = stage.json("delegate", "@run kill -STOP $PPID; sleep 60")["session_id"]
    until(lambda: stopped(stage), "its agent hears nothing")
    host = psutil.Process(stage.pid())
    line = [sys.executable, "-m", "zwarm_tui", "--project", str(stage.project), "wait", id, "--json"]
    waiting = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    until(lambda: stage.json("host", "status")["clients"], "it waits")
    with subprocess.Popen([*line[:5], "host", "stop", "--running", "leave"], stdout=subprocess.DEVNULL):
        until(lambda: not place.card_file(stage.project).exists(), "it says good-bye")
        late = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
        for one in (waiting, late):
            with contextlib.suppress(subprocess.TimeoutExpired):
                one.wait(0.6)
            assert one.returncode is None or dead(host), "it waits as long as the host takes"
        for process in stopped(stage):
            with contextlib.suppress(psutil.Error):  # its host's patience was over
                process.resume()
        for one in (waiting, late):
            out, _ = one.communicate(timeout=60)
            assert [s["status"] for s in json.loads(out)] == ["interrupted"]
    assert stage.json("host", "status") == {"running": False}


def stopped(stage: Stage) -> list[psutil.Process]:
    found = []
    for process in stage.processes():
        with contextlib.suppress(psutil.Error):  # it is just going
            found += [process] if process.status() == psutil.STATUS_STOPPED else []
    return found


async def test_who_waits_beside_an_engine_that_dies_has_a_host_say_what_became_of_it(stage: Stage) -> None:
    looks = 0

    def done() -> SessionView | None:
        nonlocal looks
        looks += 1
        return None if (view := stage.session(session)).status.active else view

    argv = ["-m", "zwarm_tui", "--project", str(stage.project), "delegate", "@hang"]
    engine = await asyncio.create_subprocess_exec(
        sys.executable, *argv, env={**os.environ, "ZWARM_HOST": "never"}, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        await eventually(lambda: has_log(database(stage.project)) and stage.json("ls"))
        (session,) = [s["id"] for s in stage.json("ls")]
        await eventually(lambda: stage.session(session).status.value == "running")
        waiting = asyncio.create_task(_wait(Call(given=stage.project), done, None))
        await eventually(lambda: looks >= 3, "it waits beside it")
    finally:
        engine.kill()
        await engine.wait()
    async with asyncio.timeout(PATIENCE):
        view = await waiting
    assert view is not None
    assert view.status.value == "interrupted"
    assert await _wait(Call(given=stage.project), lambda: None, 0) is None


async def test_one_that_is_just_starting_or_leaving_is_waited_for(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = state_dir(stage.project)
    assert await place.settled(stage.project) is None
    held = ProjectLock(state, "host")
    held.acquire()
    card = place.Card(pid=os.getpid(), socket="none", version="1", starts=[])
    begin, end = asyncio.Event(), asyncio.Event()

    async def sleep(_: float) -> None:
        if not begin.is_set():
            begin.set()
            place.write_card(stage.project, card)
        else:
            end.set()
            held.release()

    monkeypatch.setattr("zwarm_tui.wire.place.asyncio.sleep", sleep)
    assert await place.settled(stage.project) == card
    assert begin.is_set()
    place.card_file(stage.project).unlink()
    assert await place.settled(stage.project) is None
    assert end.is_set()


def test_the_end_of_a_host_is_not_waited_for_in_the_next_one(stage: Stage) -> None:
    next_one = ProjectLock(state_dir(stage.project), "host")
    next_one.acquire()
    assert not wait_gone(stage.project, os.getpid(), 0)
    assert wait_gone(stage.project, os.getpid() + 1, 0)
    next_one.release()
    assert wait_gone(stage.project, os.getpid(), 0)


def test_it_is_nobodys_child_and_has_no_terminal(stage: Stage) -> None:
    stage.json("host", "start")
    host = psutil.Process(stage.pid())
    assert os.getsid(host.pid) == host.pid
    assert host.terminal() is None
    assert host.ppid() != os.getpid()


@pytest.mark.skipif(sys.platform != "linux", reason="orphans of agents come to us on Linux only")
def test_what_it_adopts_is_reaped_when_it_dies(stage: Stage) -> None:
    """The agent's shell leaves a process behind, which ends while the turn goes on."""
    stage.json("delegate", "@run (sleep 0.5 & echo $! > orphan; sync)\n@hang")
    file = stage.project / "orphan"
    until(lambda: file.exists() and file.read_text().strip())
    orphan = int(file.read_text())
    host = psutil.Process(stage.pid())
    until(lambda: not psutil.pid_exists(orphan), "it is reaped without a sweep")
    # One that has just ended, and is about to be reaped, is none that stays.
    until(lambda: not any(map(dead, host.children())), "none of its children stays a zombie")


def test_all_that_it_makes_is_private(stage: Stage) -> None:
    socket = Path(stage.json("host", "start")["socket"])
    for path in (
        socket,
        *(stage.project / ".zwarm" / n for n in ("lock", "host.json", "host.log", "zwarm.db")),
    ):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    for folder in (socket.parent, stage.project / ".zwarm"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (stage.project / ".zwarm" / ".gitignore").read_text() == "*\n"


def test_a_second_one_is_refused(stage: Stage) -> None:
    stage.json("host", "start")
    second = stage.zwarm("host", "run")
    assert second.returncode == 1
    assert str(stage.pid()) in second.stderr
    assert stage.json("host", "status")["running"]


async def test_beside_an_engine_without_a_host_there_is_no_host(stage: Stage) -> None:
    async with await Engine.open(stage.project, Settings(executor="demo")):
        with pytest.raises(LockedError, match=str(os.getpid())):
            await stage.connect()
        assert stage.zwarm("delegate", QUICK).returncode == 1
        assert stage.json("host", "status") == {"running": False}


def test_what_a_dead_one_left_is_no_obstacle(stage: Stage) -> None:
    stage.json("host", "start")
    card = place.card_file(stage.project).read_text()
    stage.kill()
    assert place.card_file(stage.project).read_text() == card
    assert stage.json("host", "status") == {"running": False}
    assert stage.json("delegate", QUICK)["session_id"]
    assert [s["status"] for s in stage.json("wait")] == ["completed"]


async def test_a_deep_project_path(stage: Stage, tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a folder with a long name"] * 8)
    deep.mkdir(parents=True)
    other = Stage(deep)
    other.settings(DEMO)
    try:
        assert len(other.json("host", "start")["socket"]) < 104
        async with other.client() as client:
            assert (await client.status())["project"] == str(deep)
    finally:
        other.end()


def test_a_long_runtime_folder_is_passed_over(stage: Stage, tmp_path: Path) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    assert stage.json("host", "start", XDG_RUNTIME_DIR=str(long))["socket"].startswith("/tmp/")
    # Who has another runtime folder finds it all the same.
    assert stage.json("delegate", QUICK)["session_id"]


async def test_a_socket_in_a_folder_of_others_is_not_trusted(stage: Stage, tmp_path: Path) -> None:
    stage.json("host", "start")
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    card = place.read_card(stage.project)
    assert card is not None
    fake = place.Card(pid=card.pid, socket=str(open_to_all / "s"), version=card.version, starts=[])
    place.write_card(stage.project, fake)
    with pytest.raises(ZwarmError, match="yours alone"):
        await stage.connect()
    place.write_card(stage.project, card)


async def test_never_means_never(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZWARM_HOST", "never")
    client = await stage.connect()
    assert isinstance(client, Engine)
    await client.aclose()
    assert place.standing(stage.project) is None
    told = stage.json("delegate", QUICK)
    assert stage.session(told["session_id"]).status.value == "completed", "the command stays until it is done"
    with pytest.raises(ReadOnlyError):
        monkeypatch.delenv("ZWARM_HOST")
        await connect(stage.project, Settings(), start=False)


def test_it_leaves_when_nothing_runs_and_nobody_is_there(stage: Stage) -> None:
    stage.settings(f"{DEMO}[host]\nidle = 0.4\n")
    go = stage.project / "go"
    task = f"@run until [ -e {go} ]; do sleep 0.05; done\n@sleep 1\n@say Done."
    session = stage.json("delegate", task)["session_id"]
    host = psutil.Process(stage.pid())
    go.touch()
    until(lambda: dead(host), "the host left")
    assert stage.session(session).status.value == "completed", "not while a turn ran"
    assert "ended" in place.log_file(stage.project).read_text().splitlines()[-1]
    assert not place.card_file(stage.project).exists()


async def test_it_stays_while_somebody_is_connected(stage: Stage) -> None:
    stage.settings(f"{DEMO}[host]\nidle = 0.2\n")
    async with stage.client() as client:
        seen = stage.pid()
        began = (await client.delegate("@sleep 1\n@say Done."))["session_id"]
        await eventually(lambda: stage.session(began).status.value == "completed")
        assert stage.pid() == seen
    await eventually(lambda: place.standing(stage.project) is None)


def test_stopping_asks_what_becomes_of_turns(stage: Stage) -> None:
    session = stage.json("delegate", "@hang")["session_id"]
    until(lambda: stage.session(session).status.value == "running")
    assert until(lambda: stage.json("host", "status")["processes"]) >= 1  # the agent's
    assert "agents' processes" in stage.zwarm("host", "status").stdout
    refused = stage.zwarm("host", "stop")
    assert refused.returncode == 2
    assert session in refused.stderr
    assert stage.json("host", "stop", "--running", "interrupt")["stopped"]
    assert stage.session(session).status.value == "interrupted"


def test_what_ended_by_itself_while_its_host_left_is_not_gone_on_with(stage: Stage) -> None:
    session = stage.json("delegate", QUICK)["session_id"]
    stage.json("wait", session)
    stage.json("host", "stop")
    # What the host had written down when it was about to say good-bye to its clients.
    (stage.project / ".zwarm" / "resume.json").write_text(json.dumps([[session, 1]]))
    stage.json("host", "start")
    assert [(s["status"], s["turns"]) for s in stage.json("ls")] == [("completed", 1)]


def test_draining_waits_and_takes_nothing_new(stage: Stage) -> None:
    session = stage.json("delegate", "@ask Which?")["session_id"]
    until(lambda: stage.session(session).status.value == "awaiting_input")
    argv = [sys.executable, "-m", "zwarm_tui", "--project", str(stage.project), "host", "stop"]
    with subprocess.Popen([*argv, "--running", "drain"], stdout=subprocess.DEVNULL) as stopping:
        until(lambda: stage.json("host", "status")["stopping"] == "drain")
        refused = stage.zwarm("delegate", QUICK)
        assert refused.returncode == 2
        assert "about to end" in refused.stderr
        assert stage.json("answer", session, "That one")["answer"] == "That one"
        assert stopping.wait(30) == 0
    assert stage.session(session).status.value == "completed"


def test_left_turns_go_on_with_the_next_one(stage: Stage) -> None:
    session = stage.json("delegate", "@stream 30 3000\n@say Done.")["session_id"]
    until(lambda: stage.session(session).status.value == "running")
    stage.json("host", "stop", "--running", "leave")
    assert stage.session(session).status.value == "interrupted"
    stage.json("host", "start")
    until(lambda: stage.session(session).turns == 2)
    assert [s["id"] for s in stage.json("wait", session)] == [session]
    stage.json("host", "stop")
    stage.json("host", "start")
    assert stage.session(session).turns == 2, "once"


def test_left_turns_go_on_where_they_were_and_nowhere_else(stage: Stage) -> None:
    stage.json("checkpoint")
    session = stage.json("delegate", "@hang")["session_id"]
    until(lambda: stage.session(session).status.value == "running")
    stage.json("goto", "T1")
    stage.json("host", "stop", "--running", "leave")
    stage.json("host", "start")
    timeline = stage.json("checkpoints")
    assert [b["name"] for b in timeline["branches"]] == ["main"], "going on is no new beginning"
    # T1 is the tip of main, so main grows on: T2 is there as soon as the turn is over.
    assert timeline["current"] in ("T1", "T2")
    reader = stage.reader()
    goes_on = (["interrupted", "running"], ["interrupted", "completed"])
    until(lambda: [t.status.value for t in reader.turns(session, ((1, TIP),))] in goes_on)
    reader.close()


def test_who_starts_it_hears_that_it_gets_on_with_what_was_left(stage: Stage) -> None:
    sessions = [stage.json("delegate", "@hang")["session_id"] for _ in range(2)]
    for session in sessions:
        until(lambda session=session: stage.session(session).status.value == "running")
    stage.json("host", "stop", "--running", "leave")
    hears, tells = os.pipe()
    argv = [sys.executable, "-m", "zwarm_tui", "--project", str(stage.project), "host", "run", "--ready"]
    subprocess.run([*argv, str(tells)], pass_fds=[tells], check=True, timeout=60)
    os.close(tells)
    with os.fdopen(hears, "rb") as told:
        assert told.readline() == b"  {}\n"
    assert [stage.session(session).turns for session in sessions] == [2, 2], "they go on by then"


def test_a_host_that_gets_on_is_waited_for_and_one_that_says_nothing_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = 0.0

    def select(*given: Any) -> tuple[list[int], list[int], list[int]]:
        """15 s pass, and there is a word; after the last one there is none."""
        nonlocal clock
        clock += min(given[3], 15.0)
        if given[3] < 15.0 or not words:
            return [], [], []
        os.write(tells, words.pop(0))
        return [hears], [], []

    monkeypatch.setattr(start, "select", SimpleNamespace(select=select))
    monkeypatch.setattr(start, "time", SimpleNamespace(monotonic=lambda: clock))
    hears, tells = os.pipe()
    words = [b" ", b" ", b"{}\n"]
    assert start._hear(hears) == {}
    assert clock == 45.0
    words = [b" "]
    assert start._hear(hears) is None
    os.close(hears)
    os.close(tells)


def test_it_is_not_started_again_and_again(stage: Stage) -> None:
    for _ in range(3):
        stage.json("delegate", QUICK)
        stage.kill()
    refused = stage.zwarm("delegate", QUICK)
    assert refused.returncode == 1
    assert "died 3 times" in refused.stderr
    assert "host.log" in refused.stderr
    assert stage.json("host", "start")["running"], "asked for, it is tried once more"
    assert stage.zwarm("delegate", QUICK).returncode == 0


def test_what_keeps_it_from_starting_is_said(stage: Stage) -> None:
    (stage.project / ".zwarm" / "zwarm.db").mkdir()
    refused = stage.zwarm("delegate", QUICK)
    assert refused.returncode == 1
    assert "zwarm.db can't be written" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_modules_of_the_project_stand_in_for_nothing(stage: Stage) -> None:
    (stage.project / "asyncio.py").write_text("raise SystemExit('taken over')\n")
    assert stage.json("host", "start")["running"]


def test_who_has_another_environment_is_told(stage: Stage) -> None:
    stage.json("host", "start", MY_API_KEY="sesame")
    told = stage.zwarm("delegate", QUICK, CODEX_HOME="/elsewhere", OTHER_API_KEY="open").stderr
    assert "CODEX_HOME" in told
    assert "OTHER_API_KEY" in told
    assert "MY_API_KEY" in told
    for file in (stage.project / ".zwarm").iterdir():
        if file.is_file():
            assert b"sesame" not in file.read_bytes(), f"{file} holds a key"


def test_a_host_in_the_foreground(stage: Stage) -> None:
    argv = [sys.executable, "-m", "zwarm_tui", "--project", str(stage.project), "host", "run", "--json"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        assert f'"pid": {host.pid}' in host.stdout.readline()
        assert stage.json("delegate", QUICK)["session_id"]
        host.terminate()
        assert host.wait(20) == 0
    assert place.standing(stage.project) is None
