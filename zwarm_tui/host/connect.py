"""The way in: the project's host, or an engine in this process where none may be started."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import cast

from zwarm_tui.client import EngineClient
from zwarm_tui.config.paths import state_dir
from zwarm_tui.config.settings import Settings
from zwarm_tui.core.errors import LockedError, ReadOnlyError, ZwarmError
from zwarm_tui.host import start as starting
from zwarm_tui.host.client import HostClient
from zwarm_tui.store.lock import alone, holder
from zwarm_tui.wire import place
from zwarm_tui.wire.connection import Connection, Json, Lost, Notice


async def connect(project: Path, settings: Settings, *, start: bool = True) -> EngineClient:
    """The verbs of a project: its host's, which is started where there is none. Where
    none may be (ZWARM_HOST=never), an engine of this process, with `settings`.

    `LockedError`: another process runs the agents by itself, or a host of another
    version does. `ReadOnlyError`: there is no host, and `start` is False. Other
    `ZwarmError`s say why the host did not start.
    """
    if not starting.forbidden() or place.standing(project) is not None:
        try:
            return await connect_host(project, start=start)
        except ReadOnlyError:
            if not starting.forbidden():
                raise
    from zwarm_tui.engine import Engine  # slow to import, and seldom needed

    return await Engine.open(project, settings)


async def connect_host(project: Path, *, start: bool = True) -> EngineClient:
    """The host's verbs; see `connect`. It is a `HostClient`."""
    may_start = start

    async def dial(on_notice: Notice) -> Connection:
        return await _dial(project, on_notice, may_start and not starting.forbidden())

    client = HostClient(dial)
    await client.connection()
    return cast("EngineClient", client)  # it has the verbs by their signatures


async def have_host(project: Path) -> Json:
    """Return when the project has a host that answers: one that runs, that just starts for
    somebody else, or that is started now, also after some that died. What it says of
    itself; `status` has its shape."""
    until = time.monotonic() + place.PATIENCE
    while True:
        connection = await _dial(project, None, start=True, anyway=True)
        try:
            return await _asked(connection)
        except Lost:
            if time.monotonic() > until:
                raise
        finally:
            await connection.aclose()


async def status(project: Path) -> Json | None:
    """What the project's host says of itself: {pid, version, since: seconds since the
    epoch, clients, processes, stopping}; None where none runs. A host that is being killed
    still has its lock for a moment, and does not answer."""
    until = time.monotonic() + place.PATIENCE
    while (card := place.standing(project)) is not None:
        try:
            connection = await Connection.open(place.reachable(card))
            try:
                return await _asked(connection)
            finally:
                await connection.aclose()
        except (OSError, Lost) as error:
            if time.monotonic() > until:
                raise ZwarmError(f"the host can't be reached at {card.socket}: {error}") from error
            await asyncio.sleep(0.02)
    return None


async def _asked(connection: Connection) -> Json:
    told: Json = await connection.call("host.status", {})
    return told


async def _dial(project: Path, on_notice: Notice | None, start: bool, anyway: bool = False) -> Connection:
    until = time.monotonic() + place.PATIENCE
    while True:
        card = place.standing(project)
        if card is not None:
            with contextlib.suppress(ConnectionRefusedError, FileNotFoundError):  # it is just leaving
                return await Connection.open(place.reachable(card), on_notice)
        who = holder(state_dir(project))
        if who is None:
            if not start:
                raise ReadOnlyError("no host runs this project's agents, and none is to be started")
            with contextlib.suppress(LockedError):  # another client was faster
                await asyncio.to_thread(starting.start, project, anyway=anyway)
                continue
            who = holder(state_dir(project)) or {}
        if alone(who) or time.monotonic() > until:
            raise LockedError(
                f"another zwarm-tui (pid {who.get('pid', 'unknown')}) runs this project's agents by itself, "
                "without a host: end it, or work with it"
            )
        await asyncio.sleep(0.02)
