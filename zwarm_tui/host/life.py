"""A host's life: it takes the project's lock, cleans up after a dead one, serves, and
leaves when it is told to, or when nothing runs and nobody is connected."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from zwarm_tui import __version__
from zwarm_tui.config.paths import project_id, state_dir
from zwarm_tui.config.settings import load
from zwarm_tui.engine import Engine
from zwarm_tui.executors.process import PROJECT_MARK, SESSION_MARK
from zwarm_tui.executors.sweep import become_subreaper, let_end, reap_adopted, sweep
from zwarm_tui.host import leave
from zwarm_tui.host.server import HostServer
from zwarm_tui.wire import place

log = logging.getLogger("zwarm.host")

REST = 60.0
"""Seconds without a turn after which agents' processes are ended; a turn starts them again."""
FAREWELL = 6.0
"""Seconds that an orphaned codex gets to end by itself. Its heir has it record the
responses that are under way, for 3 s at most, and then hangs up: what they cost is known."""
SETTLED = 60.0
"""A host that lives for so many seconds did not crash at its start."""


async def run(
    project: Path, ready: Callable[[], None], *, progress: Callable[[], None], starts: list[float]
) -> None:
    """Be the project's host until it is told to end. `ready` is called once clients can
    connect, and what the last host left is under way again: `progress` with each turn of
    that. `starts` are those of hosts that died shortly before. `LockedError` where another
    process runs the project's agents."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    faulthandler.enable()
    os.environ[PROJECT_MARK] = project_id(project)
    become_subreaper()
    loaded = load(project)
    engine = await Engine.open(project, loaded.settings, purpose="host", clear=end_leftovers)
    engine.problems += [str(problem) for problem in loaded.problems]
    try:
        (state_dir(project) / "lock").chmod(0o600)
        await _serve(engine, ready, progress, starts, idle=loaded.settings.host.idle)
    finally:
        await engine.aclose()
    log.info("ended")


async def end_leftovers(sessions: list[str]) -> None:
    """End what a dead host's agents left running. Whatever carries the project's mark is
    such: only who holds its lock, as we do, starts agents. `sessions` had a turn."""
    own = {PROJECT_MARK: os.environ[PROJECT_MARK]}
    if not await let_end(own, "app-server", patience=FAREWELL):
        log.warning("codex did not end when its host had died: it is ended now")
    # Where the user's codex gives its commands none of our environment, they have this.
    marks = [own, *({SESSION_MARK: session} for session in sessions if session != "pilot")]
    ended = sum([await sweep(mark) for mark in marks])
    if ended:
        log.warning("ended %d processes that a dead host had left", ended)


async def _serve(
    engine: Engine,
    ready: Callable[[], None],
    progress: Callable[[], None],
    starts: list[float],
    *,
    idle: float,
) -> None:
    loop = asyncio.get_running_loop()
    server = HostServer(engine)
    socket = place.new_socket(engine.project)
    await server.listen(socket)
    card = place.Card(pid=os.getpid(), socket=str(socket), version=__version__, starts=[*starts, time.time()])
    place.write_card(engine.project, card)
    settled = place.Card(pid=card.pid, socket=card.socket, version=card.version, starts=[])
    settling = loop.call_later(SETTLED, place.write_card, engine.project, settled)

    def grew(seq: int) -> None:  # on the log's thread
        loop.call_soon_threadsafe(server.grew, seq)

    unsubscribe = engine.store.subscribe(grew)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, server.stop, "interrupt")
    loop.add_signal_handler(signal.SIGCHLD, _soon(loop, reap_adopted))
    log.info("host of %s, version %s", engine.project, __version__)
    # Before anybody is told to look: what goes on at once shall not seem interrupted.
    await leave.take_up(engine, progress)
    ready()
    watch = asyncio.create_task(_watch(engine, server, idle), name="idle watch")
    try:
        await server.until_stopped()
        await leave.wind_up(engine, server)
    finally:
        watch.cancel()
        settling.cancel()
        # First the card, so that no client comes to a host that is leaving.
        place.card_file(engine.project).unlink(missing_ok=True)
        unsubscribe()
        await server.close("it was stopped" if server.how != "idle" else "nothing ran, and nobody was here")
        with contextlib.suppress(OSError):
            socket.unlink()


def _soon(loop: asyncio.AbstractEventLoop, deed: Callable[[], None]) -> Callable[[], None]:
    """Does it once for all that asked for it within a second."""
    due = False

    def do() -> None:
        nonlocal due
        due = False
        deed()

    def ask() -> None:
        nonlocal due
        if not due:
            due = True
            loop.call_later(1.0, do)

    return ask


async def _watch(engine: Engine, server: HostServer, idle: float) -> None:
    """End the agents' processes after a while without a turn, and the host itself after
    `idle` seconds without a turn or a client (0: never)."""
    tick = min(1.0, idle / 4) if idle else 1.0
    quiet = alone = time.monotonic()
    resting = False
    while True:
        await asyncio.sleep(tick)
        now = time.monotonic()
        if engine.sessions.running() or server.at_work:
            quiet, resting = now, False
        if server.peers or quiet == now:
            alone = now
        if now - quiet > REST and not resting:
            resting = True
            await engine.rest()
        if idle and now - alone > idle and not server.stopping.is_set():
            server.stop("idle")
