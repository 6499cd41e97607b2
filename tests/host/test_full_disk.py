"""A disk that is full, or a database that may only be read: what the screen says of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from tests.host.conftest import PATIENCE, Stage, eventually
from tests.tui.test_app import draft, said, write
from zwarm_tui.core.errors import StoreError
from zwarm_tui.tui.app import ZwarmApp
from zwarm_tui.wire import place

QUICK = "@say Done.\n@usage 1000 200 50"


@contextlib.contextmanager
def full_disk(pid: int) -> Iterator[None]:
    """No file of that process can grow."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


def banner(app: ZwarmApp) -> str:
    """What the banner says; "" where none is shown."""
    shown = app.main.query_one("#banner", Static)
    return str(shown.content) if shown.display else ""


async def until(pilot: Pilot[Any], condition: Any, what: str) -> None:
    """Go on with the app, and with the host, until something holds."""
    await eventually(condition, what)
    await pilot.pause()


@pytest.mark.skipif(sys.platform != "linux", reason="another process's limits are Linux's")
async def test_a_full_disk_is_on_screen_as_long_as_it_is_full(stage: Stage) -> None:
    async with stage.client() as client:
        running = (await client.delegate("@ask Go on?\n@say Done."))["session_id"]
        await eventually(lambda: stage.session(running).status.value == "awaiting_input")
        reader = stage.reader()
        seen = reader.records()
        app = ZwarmApp(stage.project, engine=stage.connect)
        async with app.run_test(size=(120, 36)) as pilot:
            await until(pilot, lambda: app.link.ready, "the screen has its engine")
            assert banner(app) == ""
            with full_disk(stage.pid()):
                write(app, ":delegate @say lost?")
                await until(pilot, lambda: "can't be written" in banner(app), "the banner is up")
                assert banner(app).startswith("Nothing new is started: ")
                assert "zwarm.db" in banner(app)
                app.clear_notifications()
                write(app, "and you?")
                await until(pilot, lambda: "can't be written" in said(app), "new work is refused")
                await until(pilot, lambda: draft(app) == "and you?", "and is a draft again")
                assert any("can't be written" in p for p in (await client.status())["problems"])
                # Who comes now is told as well.
                async with stage.client() as other:
                    assert "can't be written" in other.trouble
                    with pytest.raises(StoreError, match="can't be written"):
                        await other.delegate(QUICK)
                assert reader.records()[: len(seen)] == seen
            await until(pilot, lambda: banner(app) == "", "the banner is gone")
            await until(pilot, lambda: client.trouble == "", "every client hears that")
        assert (await client.answer(running, "yes"))["answer"] == "yes"
        again = (await client.delegate(QUICK))["session_id"]
        for session in (running, again):
            await eventually(lambda session=session: stage.session(session).status.value == "completed")
        assert reader.records()[: len(seen)] == seen
        assert reader.unfinished() == []
        reader.close()
    assert "can be written again" in place.log_file(stage.project).read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="another process's limits are Linux's")
async def test_who_waits_is_told_once_that_the_disk_is_full(stage: Stage) -> None:
    async with stage.client() as client:
        running = (await client.delegate("@ask Go on?\n@say Done."))["session_id"]
        await eventually(lambda: stage.session(running).status.value == "awaiting_input")
        argv = [sys.executable, "-m", "zwarm_tui", "--project", str(stage.project), "wait"]
        with full_disk(stage.pid()):
            with pytest.raises(StoreError):
                await client.delegate(QUICK)
            pipe = asyncio.subprocess.PIPE
            waiting = await asyncio.create_subprocess_exec(*argv, stdout=pipe, stderr=pipe)
            assert waiting.stderr is not None
            said = await asyncio.wait_for(waiting.stderr.readline(), PATIENCE)
            assert b"can't be written" in said
            assert said.endswith(b"still waiting\n")
        await eventually(lambda: client.trouble == "", "it can be written again")
        await client.answer(running, "yes")
        out, more = await asyncio.wait_for(waiting.communicate(), PATIENCE)
        assert (waiting.returncode, more) == (0, b"")
        assert b"completed" in out


@pytest.mark.skipif(sys.platform != "linux", reason="another process's limits are Linux's")
@pytest.mark.parametrize("before", [True, False], ids=["with a log", "in a new project"])
async def test_no_host_can_start_on_a_full_disk(stage: Stage, before: bool) -> None:
    if before:
        stage.json("delegate", QUICK)
        assert stage.json("wait")[0]["status"] == "completed"
        stage.json("host", "stop")
    known = stage.json("ls")
    # As long as someone reads, the file that readers share is there.
    reader = stage.reader() if before else None
    with full_disk(os.getpid()):  # and of what it starts
        for verb in (["say", "hello"], ["delegate", QUICK, "--json"], ["host", "start"]):
            refused = stage.zwarm(*verb)
            assert (refused.returncode, refused.stdout) == (1, "")
            assert f"{stage.project}/.zwarm" in refused.stderr
            assert "can't be written (" in refused.stderr
            assert "died" not in refused.stderr, "it is no crash"
        alone = stage.zwarm("say", "hello", ZWARM_HOST="never")
        assert alone.returncode == 1
        assert "can't be written (" in alone.stderr
        assert "Traceback" not in alone.stderr
        assert stage.json("ls") == known
        app = ZwarmApp(stage.project, engine=stage.connect)
        async with app.run_test(size=(120, 36)) as pilot:
            await until(pilot, lambda: "can't be written" in banner(app), "the banner is up")
            assert banner(app).startswith("Read-only: ")
            assert len(app.board.sessions) == before
            write(app, "hello")
            await until(pilot, lambda: draft(app) == "hello", "nothing is begun")
    if reader is not None:
        reader.close()
    assert stage.json("ls") == known
    stage.json("delegate", QUICK)
    assert stage.json("wait")[0]["status"] == "completed"


AS_ANYBODY = "ZWARM_TEST_AS_ANYBODY"


async def as_anybody(test: str) -> None:
    """Run a test in a process that may not write what nobody else may."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("needs setpriv, to take root's rights away")
    argv = [setpriv, "--bounding-set=-dac_override,-dac_read_search", sys.executable, "-m", "pytest"]
    # A folder of its own: else it ends by clearing up what whole runs before this one left.
    with tempfile.TemporaryDirectory() as folder:
        child = await asyncio.create_subprocess_exec(
            *argv,
            "-q",
            "-p",
            "no:xdist",
            f"--basetemp={folder}/tests",
            test,
            env={**os.environ, AS_ANYBODY: "1"},
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await child.communicate()
    assert child.returncode == 0, out.decode()


async def test_a_read_only_database_can_be_looked_at(stage: Stage, request: pytest.FixtureRequest) -> None:
    if os.geteuid() == 0 and not os.environ.get(AS_ANYBODY):
        return await as_anybody(request.node.nodeid)  # root may write everything
    async with stage.client() as client:
        session = (await client.delegate(QUICK))["session_id"]
        await eventually(lambda: stage.session(session).status.value == "completed")
    stage.json("host", "stop")
    file = stage.project / ".zwarm" / "zwarm.db"
    file.chmod(0o400)
    refused = stage.zwarm("delegate", QUICK)
    assert refused.returncode == 1
    assert "zwarm.db can't be written" in refused.stderr
    assert "Traceback" not in refused.stderr
    app = ZwarmApp(stage.project, engine=stage.connect)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: "zwarm.db can't be written" in banner(app), "the banner is up")
        assert banner(app).startswith("Read-only: ")
        assert app.board.sessions[session].cost.usd > 0
        write(app, "hello")
        await until(pilot, lambda: draft(app) == "hello", "nothing is begun")
    file.chmod(0o600)
    assert [s["status"] for s in stage.json("ls")] == ["completed"]
    assert stage.json("converse", session, QUICK)["turns"] == 2
