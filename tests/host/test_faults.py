"""kill -9 at random moments, of host, codex, clients and screens, while ten sessions stream."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sqlite3
import sys
import threading
import time
from functools import partial

import pexpect
import psutil
import pytest

from tests.host.conftest import PATIENCE, Stage, dead, eventually
from tests.host.test_recovery import app_servers, delivered, recorded, server, spent, usd
from zwarm_tui.client import EngineClient
from zwarm_tui.core.errors import ZwarmError
from zwarm_tui.core.events import Record
from zwarm_tui.demo.model_server import ModelServer, Request
from zwarm_tui.host import start as starting
from zwarm_tui.host.connect import connect_host

__all__ = ["server"]  # the fixture

SESSIONS = 10
WORK = (
    "@usage 1000 100 50\n@run echo working\n"
    # Codex is left 3 s to hear of a response when its host dies. Where others want the
    # processor, too, one that takes long may come to its end just then.
    "@usage 800 0 40\n@stream 1 1000\n@run true\n"
    # A model thinks before it speaks. One that has said all within the milliseconds that an
    # interrupt takes would be cut off with nothing to be seen of it on its side.
    "@sleep 0.5\n@usage 900 0 30\n@say ok"
)
AN_INSTANT = 2.0
"""Seconds that a response may take from the model server into codex's records, where others
want the processor, too."""


class Watch:
    """A reader that never looks away: all that it ever saw must stay."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self.seen = stage, list[Record]()

    def look(self) -> None:
        reader = self._stage.reader()
        self.seen += reader.records(since=self.seen[-1].seq if self.seen else 0)
        reader.close()

    def check(self) -> None:
        """The log is sound, and holds what was seen, in one unbroken row."""
        self.look()
        reader = self._stage.reader()
        now = reader.records()
        reader.close()
        assert now[: len(self.seen)] == self.seen
        assert [r.seq for r in now] == list(range(1, len(now) + 1))
        db = sqlite3.connect(self._stage.project / ".zwarm" / "zwarm.db")
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()


async def host(stage: Stage) -> EngineClient:
    """A host, also right after three that were killed."""
    with contextlib.suppress(ZwarmError):
        await asyncio.to_thread(starting.start, stage.project, anyway=True)
    return await connect_host(stage.project)


def never_seen(server: ModelServer) -> dict[str, Request]:
    """Responses that went out whole, and that codex did not live to record, by their ids."""
    known = recorded()
    return {r.response: r for r in server.requests if r.delivered and r.response not in known}


def unfinished(stage: Stage) -> list[str]:
    reader = stage.reader()
    left = [turn.session for turn in reader.unfinished()]
    reader.close()
    return left


async def work(client: EngineClient, sessions: list[str], stage: Stage) -> None:
    """All sessions are at work (again)."""
    while len(sessions) < SESSIONS:
        sessions.append((await client.delegate(WORK))["session_id"])
    busy = unfinished(stage)
    for session in sessions:
        if session not in busy:
            await client.converse(session, WORK)


class Screen:
    """The app in a terminal of its own, which is always read."""

    def __init__(self, stage: Stage) -> None:
        argv = ["-m", "zwarm_tui", "--project", str(stage.project)]
        size, look = (40, 120), {**os.environ, "TERM": "xterm-256color"}
        self._child = pexpect.spawn(sys.executable, argv, env=look, dimensions=size, timeout=None)  # type: ignore[arg-type]
        self.process = psutil.Process(self._child.pid)
        self._written = b""
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        with contextlib.suppress(pexpect.EOF, OSError, ValueError):
            while True:
                self._written = (self._written + self._child.read_nonblocking(65536, timeout=None))[
                    -(2**20) :
                ]

    def shows(self, text: str) -> bool:
        return text.encode() in self._written

    def type(self, keys: str) -> None:
        self._child.send(keys)

    def kill(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):  # it was killed already
            self.process.kill()
        self._reading.join(10)
        self._child.close(force=True)


async def rounds(stage: Stage, count: int, seed: int, victims: list[str], server: ModelServer | None) -> None:
    dice, watch, sessions = random.Random(seed), Watch(stage), list[str]()
    unrecorded, lost = 0.0, set[str]()
    screen: Screen | None = None
    print("seed", seed)
    for number in range(count):
        victim = dice.choice(victims)
        client = await host(stage)
        argv = ["-m", "zwarm_tui", "--project", str(stage.project), "wait", "--json"]
        await work(client, sessions, stage)
        if screen is None and "screen" in victims:
            screen = Screen(stage)
            await eventually(partial(screen.shows, "@usage 1000"), "the screen shows sessions")
        other = await asyncio.create_subprocess_exec(sys.executable, *argv, stdout=asyncio.subprocess.DEVNULL)
        until = asyncio.get_running_loop().time() + dice.uniform(0.1, 2.0)
        while asyncio.get_running_loop().time() < until:
            watch.look()
            await asyncio.sleep(0.05)
        print("round", number, "kills", victim)
        process, killed = psutil.Process(stage.pid()), time.time()
        if victim == "host":
            await client.aclose()
            process.kill()
            await eventually(partial(dead, process))
            await asyncio.wait_for(other.wait(), PATIENCE)  # it has the host started again, or is told
            client = await host(stage)
            assert unfinished(stage) == []
        elif victim == "codex":
            for child in app_servers(process.pid):
                child.kill()
                # Its host takes note once all its threads are gone, and with them what they
                # were just writing down.
                await eventually(lambda child=child: not child.is_running())
            await eventually(lambda: not unfinished(stage))
        elif victim == "screen" and screen is not None:
            screen.kill()
            screen = None
            assert process.is_running(), "the host is none of the screen's"
        if screen is not None:
            assert not dead(screen.process), "a screen outlives its host"
        if other.returncode is None:
            other.kill()
            await other.wait()
        if server is not None and victim in ("host", "codex"):
            booked, complete = spent(stage)
            less = booked - sum(recorded().values())
            now = never_seen(server)
            new = [now[id] for id in now.keys() - lost]
            if victim == "host":
                # Codex recorded all that it was sent: it is left the time to, though its
                # host died. And all that it recorded is in the ledger, once.
                assert not new, [(r.finished or 0.0) - killed for r in new]
                assert less == pytest.approx(unrecorded, abs=1e-9)
            else:
                # So it is where codex died itself, but for what it was just being sent: it
                # may have lived to tell that, and not to record it.
                assert len(new) <= SESSIONS
                assert all((r.finished or killed) > killed - AN_INSTANT for r in new), "it was under way then"
                assert -1e-9 <= less - unrecorded <= sum(usd(r.usage) for r in new) + 1e-9
                # What it was being sent may have gone out whole to nobody.
                lost |= {r.response for r in server.requests if r.outcome == "running"}
            if complete or victims == ["host"]:
                assert delivered(server) == pytest.approx(booked, abs=1e-9)
            unrecorded, lost = less, lost | now.keys()
        watch.check()
        await client.aclose()
    client = await host(stage)
    await eventually(lambda: not unfinished(stage))
    await client.aclose()
    watch.check()
    if screen is not None:
        screen.kill()
    await asyncio.to_thread(stage.json, "host", "stop")
    await eventually(lambda: not stage.processes(), "no process is left")


@pytest.mark.parametrize("seed", [1])
async def test_a_few_rounds(stage: Stage, seed: int) -> None:
    await rounds(stage, 5, seed, ["host", "client", "screen"], None)


@pytest.mark.codex
async def test_a_few_rounds_on_codex(stage: Stage, server: ModelServer) -> None:
    await rounds(stage, 4, 8, ["host", "codex", "client", "screen"], server)


@pytest.mark.codex
async def test_the_ledger_is_exact_after_kills_of_the_host(stage: Stage, server: ModelServer) -> None:
    await rounds(stage, 4, 4, ["host"], server)


@pytest.mark.soak
@pytest.mark.codex
@pytest.mark.timeout(1800)
async def test_fifty_rounds(stage: Stage, server: ModelServer) -> None:
    await rounds(stage, 50, random.randrange(10**6), ["host", "codex", "client", "screen"], server)


@pytest.mark.soak
@pytest.mark.codex
@pytest.mark.timeout(1800)
async def test_fifty_kills_of_the_host(stage: Stage, server: ModelServer) -> None:
    await rounds(stage, 50, random.randrange(10**6), ["host"], server)
