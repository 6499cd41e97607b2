"""How a host ends with turns under way: it waits for them, interrupts them, or has the
next host go on with them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path

from zwarm_tui.config.paths import state_dir
from zwarm_tui.core.errors import ZwarmError
from zwarm_tui.core.model import SessionStatus
from zwarm_tui.engine import Engine
from zwarm_tui.host.server import HostServer
from zwarm_tui.pilot.pilot import PILOT
from zwarm_tui.sessions.roles import RUN

log = logging.getLogger("zwarm.host")


async def wind_up(engine: Engine, server: HostServer) -> None:
    """See to the running turns as `server.how` says. While turns are waited for, no new
    ones begin, and another wish may come."""
    engine.sessions.closed_because = "the host is about to end: nothing new is started"
    while server.how == "drain" and (turns := _under_way(engine)):
        server.stopping.clear()
        hurry = asyncio.create_task(server.stopping.wait())
        await asyncio.wait({*turns, hurry}, timeout=1, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        server.stopping.set()
    if server.how == "leave":
        # What serves a run is begun again by the run.
        turns_left = [t for t in engine.sessions.running() if t.hold is None and t.origin != "workflow"]
        left = [[turn.session, turn.branch] for turn in turns_left]
        file = _file(engine)
        whole = file.with_suffix(".new")  # half of it would be none of it
        whole.write_text(json.dumps(left))
        whole.replace(file)


async def take_up(engine: Engine, progress: Callable[[], None]) -> None:
    """Go on with what the last host left for this one; `progress` is called before each."""
    try:
        left = json.loads(_file(engine).read_text())
    except (OSError, ValueError):
        return
    _file(engine).unlink()  # first: what crashes the host must not do so twice
    for session, branch in left:
        progress()
        try:
            with engine.sessions.on_branch(branch):  # wherever the project is now
                view = engine.sessions.get_session(session).view
                if view.status is not SessionStatus.INTERRUPTED:
                    continue  # it ended by itself, before its host came to interrupt it
                engine.sessions.beside.allow()
                if view.role == RUN:
                    await engine.runs.resume(session)
                    continue
                if session == PILOT:
                    await engine.pilot()
                await engine.sessions.send_message(session, engine.going_on(session))
        except ZwarmError as error:
            log.warning("%s was not taken up again: %s", session, error)


def _under_way(engine: Engine) -> list[asyncio.Task[None]]:
    """The turns to wait for: not those that a budget holds, which the next host takes over."""
    return [t.task for t in engine.sessions.running() if t.task is not None and t.hold is None]


def _file(engine: Engine) -> Path:
    return state_dir(engine.project) / "resume.json"
