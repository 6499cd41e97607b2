"""Nothing of a thread lives on after its end, with the real codex."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.executors.codex.conftest import Sink
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.executors.base import ExecutorSettings, Sandbox, ThreadSpec
from zwarm_tui.executors.codex.appserver import AppServer
from zwarm_tui.executors.codex.exec import Exec
from zwarm_tui.executors.codex.heir import Heir
from zwarm_tui.executors.process import Child
from zwarm_tui.executors.sweep import marked

pytestmark = pytest.mark.codex

ESCAPE = "@run setsid sleep 77 >/dev/null 2>&1 & until grep -q sleep /proc/$!/comm; do :; done\n@say started"


def sleeping(session: str) -> int:
    """How many of the session's `sleep` commands still run."""
    count = 0
    for process in psutil.process_iter(["name"]):
        try:
            if process.info["name"] == "sleep" and process.environ().get("ZWARM_SESSION") == session:
                count += 1
        except psutil.Error:
            pass
    return count


async def escaped(*sessions: str) -> None:
    """Wait until one `sleep` of each of these runs, and shows whose it is."""
    async with asyncio.timeout(20):
        while any(sleeping(session) != 1 for session in sessions):
            await asyncio.sleep(0.01)


async def test_the_end_of_one_thread_leaves_the_others_alone(codex: AppServer, spec: ThreadSpec) -> None:
    threads = []
    for session in ("mine", "other"):
        here = replace(spec, session=session, sandbox="danger-full-access", approvals="never")
        threads.append(await codex.start(here, Sink()))
    await asyncio.gather(*(codex.run_turn(thread, ESCAPE) for thread in threads))
    await escaped("mine", "other")
    await codex.end(threads[0])
    assert (sleeping("mine"), sleeping("other")) == (0, 1)
    # The thread can be taken up again, by the same server.
    await codex.resume(threads[0], spec, Sink())
    assert (await codex.run_turn(threads[0], "@say again")).status == "completed"
    await codex.aclose()
    assert sleeping("other") == 0


@pytest.mark.parametrize("sandbox", ["workspace-write", "danger-full-access"])
async def test_a_command_ends_with_its_thread(codex: AppServer, spec: ThreadSpec, sandbox: Sandbox) -> None:
    sink = Sink()
    thread = await codex.start(replace(spec, session="busy", sandbox=sandbox), sink)
    turn = asyncio.create_task(codex.run_turn(thread, "@run sleep 78"))
    await sink.until(e.CommandStarted)
    await codex.end(thread)
    assert (await turn).status == "interrupted"
    assert sleeping("busy") == 0


async def test_ending_a_thread_in_mid_turn(codex: AppServer, spec: ThreadSpec) -> None:
    sink = Sink()
    thread = await codex.start(spec, sink)
    turn = asyncio.create_task(codex.run_turn(thread, "@hang"))
    await asyncio.sleep(0)
    await codex.end(thread)
    assert (await turn).status == "interrupted"


async def test_closing_interrupts_what_runs(codex: AppServer, spec: ThreadSpec) -> None:
    thread = await codex.start(spec, Sink())
    turn = asyncio.create_task(codex.run_turn(thread, "@hang"))
    await asyncio.sleep(0)
    await codex.aclose()
    assert (await turn).status == "interrupted"
    await codex.aclose()


async def test_a_thread_that_is_ended_twice_at_once(codex: AppServer, spec: ThreadSpec) -> None:
    sink = Sink()
    thread = await codex.start(spec, sink)
    turn = asyncio.create_task(codex.run_turn(thread, "@hang"))
    await sink.until(e.TurnStarted)
    await asyncio.gather(codex.end(thread), codex.end(thread))
    assert (await turn).status == "interrupted"


async def test_a_server_that_dies_as_it_has_greeted_is_started_again(
    codex: AppServer, spec: ThreadSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(child: Child, env: Mapping[str, str]) -> Heir | None:
        os.kill(child.pid, signal.SIGKILL)
        heir = await heir_of(child, env)
        gone = {task for task in asyncio.all_tasks() if task.get_name() == "codex watcher"}
        await asyncio.wait(gone)
        return heir

    heir_of = Heir.of
    with monkeypatch.context() as patch:
        patch.setattr(Heir, "of", killed)
        with pytest.raises(ExecutorError, match="could not be used"):
            await codex.start(spec, Sink())
    thread = await codex.start(spec, Sink())
    assert (await codex.run_turn(thread, "@say hello")).status == "completed"


async def test_what_a_killed_server_left_is_swept(codex: AppServer, spec: ThreadSpec) -> None:
    free = replace(spec, session="orphan", sandbox="danger-full-access", approvals="never")
    thread = await codex.start(free, Sink())
    await codex.run_turn(thread, ESCAPE)
    await escaped("orphan")
    assert codex._server is not None
    os.kill(codex._server.rpc.child.pid, signal.SIGKILL)
    await codex._server.rpc.wait_gone()
    await codex.aclose()
    assert sleeping("orphan") == 0


async def test_an_exec_turn_leaves_nothing(
    settings: ExecutorSettings, model: object, spec: ThreadSpec, tmp_path: Path
) -> None:
    executor = Exec(settings, tmp_path / "state")
    free = replace(spec, session="by exec", sandbox="danger-full-access")
    thread = await executor.start(free, Sink())
    assert (await executor.run_turn(thread, ESCAPE)).status == "completed"
    await executor.end(thread)
    assert await marked({"ZWARM_SESSION": "by exec"}) == []
    await executor.aclose()


@pytest.mark.skipif(sys.platform != "linux", reason="subreapers are Linux's")
def test_a_subreaper_is_left_without_zombies(settings: ExecutorSettings, repo: Path, tmp_path: Path) -> None:
    """In a process of its own, as the app runs: sandboxed and free threads, one server
    killed and one closed."""
    code = f"""
import asyncio, os, psutil, re
from pathlib import Path
from tests.executors.codex.conftest import Sink
from zwarm_tui.core.events import CommandStarted
from zwarm_tui.demo.model_server import ModelServer
from zwarm_tui.executors.base import ExecutorSettings, ThreadSpec
from zwarm_tui.executors.codex.appserver import AppServer
from zwarm_tui.executors.sweep import become_subreaper
async def main():
    asyncio.get_running_loop().slow_callback_duration = 60  # a busy machine is no warning of ours
    assert become_subreaper()
    async with ModelServer() as server:
        config = Path({settings.env["CODEX_HOME"]!r}, "config.toml")
        config.write_text(re.sub("http://[^/]+", server.url, config.read_text()))
        for kill in (False, True):
            codex = AppServer(ExecutorSettings({settings.path!r}, {settings.env!r}), Path({str(tmp_path)!r}, "state"))
            threads = [
                await codex.start(ThreadSpec(session=s, cwd={str(repo)!r}, sandbox=s, approvals="never"), Sink())
                for s in ("workspace-write", "danger-full-access")
            ]
            await asyncio.gather(*(codex.run_turn(t, {ESCAPE!r}) for t in threads))
            sink = Sink()
            busy = await codex.start(ThreadSpec(session="b", cwd={str(repo)!r}), sink)
            turn = asyncio.create_task(codex.run_turn(busy, "@run sleep 78"))
            await sink.until(CommandStarted)
            if kill:
                os.kill(codex._server.rpc.child.pid, 9)
                await codex._server.rpc.wait_gone()
            else:
                await codex.end(threads[0])
            await codex.aclose()
            await turn
            left = psutil.Process().children(recursive=True)
            if kill:  # what died with the server, before anyone saw it, can't be told from our own children
                left = [p for p in left if p.status() != "zombie"]
            assert left == [], left
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr[-1500:]) == (0, "")
