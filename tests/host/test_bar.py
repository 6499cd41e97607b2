"""What a person trusts their agents' host with, on the real codex: a shell that ends, a
screen that is killed, and all three killed at once."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pexpect
import psutil
import pytest

from tests.host.conftest import PATIENCE, Stage, dead, eventually
from tests.host.test_faults import Screen, Watch, unfinished
from tests.host.test_recovery import app_servers, delivered, server, spent, streams
from zwarm_tui.demo.model_server import ModelServer

__all__ = ["server"]  # the fixture

pytestmark = pytest.mark.codex
LOOKS = ["ls", "checkpoints", "cost"]


@contextmanager
def screen(stage: Stage) -> Iterator[Screen]:
    made = Screen(stage)
    try:
        yield made
    finally:
        made.kill()


async def zwarm(stage: Stage, *arguments: str) -> Any:
    return await asyncio.to_thread(stage.json, *arguments)


async def in_a_shell_that_exits(stage: Stage, *arguments: str) -> Any:
    """What a verb answers in a terminal, whose shell then exits, and which is then closed."""
    out = stage.project.parent / "answer.json"
    argv = [sys.executable, "-m", "zwarm_tui", "--project", str(stage.project), *arguments, "--json"]
    shell = pexpect.spawn("/bin/sh", env=dict(os.environ), timeout=60)  # type: ignore[arg-type]
    shell.sendline(f"{shlex.join(argv)} > {shlex.quote(str(out))}; exit")
    await asyncio.to_thread(shell.expect, pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 0
    return json.loads(out.read_text())


async def test_a_turn_outlives_its_shell_and_its_screen(stage: Stage, server: ModelServer) -> None:
    watch = Watch(stage)
    task = (
        "Paint the shed\n@run echo one\n@usage 1000 100 50\n@stream 2 300\n@usage 2000 0 60\n"
        "@run until [ -e seen ]; do sleep 0.05; done\n@say The shed is red."
    )
    session = (await in_a_shell_that_exits(stage, "delegate", task))["session_id"]
    with screen(stage) as app:
        await eventually(partial(app.shows, "Paint the shed"), "the screen shows it")
        await eventually(lambda: streams(stage, session))
        watch.look()
        app.kill()
        assert stage.session(session).status.value == "running"
    (stage.project / "seen").touch()
    (waited,) = await zwarm(stage, "wait", session)
    assert (waited["id"], waited["status"], waited["turns"]) == (session, "completed", 1)
    checked = await zwarm(stage, "check", session)
    assert (checked["status"], checked["turns"]) == ("completed", 1)
    assert "The shed is red." in checked["last_message"]
    with screen(stage) as app:
        await eventually(partial(app.shows, "Paint the shed"), "a new screen shows it")
    watch.check()
    assert checked["cost_usd"] == pytest.approx(delivered(server))
    assert checked["cost_known"]
    assert spent(stage)[1]


async def test_host_codex_and_screen_are_killed_at_once(stage: Stage, server: ModelServer) -> None:
    watch = Watch(stage)
    done = (await zwarm(stage, "delegate", "Paint the shed\n@usage 1000 100 50\n@say It is red."))[
        "session_id"
    ]
    await zwarm(stage, "say", "@usage 900 0 30\n@say I see.")
    await zwarm(stage, "wait")
    await zwarm(stage, "checkpoint", "a red shed")
    cut = "Mow the lawn\n@run echo one\n@usage 1000 100 50\n@stream 60 6000\n@usage 2000 0 60"
    running = (await zwarm(stage, "delegate", "@usage 500 0 20\n@say Ready."))["session_id"]
    await zwarm(stage, "wait")
    await zwarm(stage, "converse", running, cut)
    with screen(stage) as app:
        await eventually(partial(app.shows, "Paint the shed"), "the screen shows it")
        await eventually(lambda: streams(stage, running, turn=2))
        host = psutil.Process(stage.pid())
        victims = [host, *app_servers(host.pid), app.process]
        assert len(victims) == 3
        watch.look()
        for seen in (done, "pilot"):  # their flags are off from now on, whatever the screen shows by now
            await zwarm(stage, "check", seen)
        looks = [*LOOKS, f"check {done}", f"export {done}"]
        before = {look: await zwarm(stage, *look.split()) for look in looks}
        for victim in victims:
            victim.kill()
        for victim in victims:
            await eventually(partial(dead, victim))
    await zwarm(stage, "host", "start")
    watch.check()
    after = {look: await zwarm(stage, *look.split()) for look in looks}
    for look in looks:
        if look not in ("ls", "cost"):
            assert after[look] == before[look], f"{look} shows the same"
    old, new = ({s["id"]: s for s in x["ls"]} for x in (before, after))
    assert {id: s for id, s in old.items() if id != running} == {
        id: s for id, s in new.items() if id != running
    }
    assert new[running]["status"] == "interrupted"
    assert "interrupted at turn 2" in new[running]["error"]
    assert unfinished(stage) == []
    assert after["cost"]["total_usd"] == pytest.approx(delivered(server))
    assert after["cost"]["complete"] is False, "what the cut response cost is reported nowhere"
    with screen(stage) as app:
        await eventually(partial(app.shows, "interrupted"), "a new screen says so")
        app.type("\x0e")  # ctrl+n: the session that needs its person
        await eventually(partial(app.shows, "turn 2 interrupted"), "its transcript is there")
        until = asyncio.get_running_loop().time() + PATIENCE
        while stage.session(running).turns < 3:  # one key goes on with it
            assert asyncio.get_running_loop().time() < until
            app.type("\x1bOR")  # f3: the transcript
            await asyncio.sleep(0.2)  # a slow screen has not moved there yet: it is typed again
            app.type("r")
            await asyncio.sleep(0.5)
    (waited,) = await zwarm(stage, "wait", running)
    assert (waited["status"], waited["turns"]) == ("completed", 3)
