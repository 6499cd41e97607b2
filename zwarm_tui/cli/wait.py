"""`wait`: until sessions are done."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

from zwarm_tui.cli.call import Call, note, verb
from zwarm_tui.cli.sessions import listing
from zwarm_tui.config.paths import state_dir
from zwarm_tui.config.settings import load
from zwarm_tui.core.errors import LockedError, UsageError
from zwarm_tui.store.lock import holder

if TYPE_CHECKING:
    from zwarm_tui.client import EngineClient
    from zwarm_tui.core.model import SessionView, TurnView

R = TypeVar("R")
_LOOK = 0.25
"""Seconds between two looks at a log whose host doesn't tell (another process may write)."""


@verb
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--timeout", type=click.FloatRange(min=0), metavar="S", help="Seconds to wait at most.")
def wait(call: Call, ids: tuple[str, ...], timeout: float | None) -> int:
    """Wait until sessions are done.

    Until no turn of them runs; then they are listed. Without an ID: of all sessions
    of the current branch. One that waits for an approval or an answer still runs. Exit
    status 1: after --timeout, some did.
    """
    reader = call.reader()
    if reader is None:
        if ids:
            raise UsageError(f"no session '{ids[0]}': nothing has run here yet")
        call.answer([], lambda: [])
        return 0
    found = [call.find(id)[1].id for id in ids]
    line = reader.position().path

    def look() -> list[SessionView]:
        # Each on the line that holds it, or all of this one.
        return [call.find(id)[1] for id in found] if ids else reader.sessions(line)

    def done() -> list[SessionView] | None:
        sessions = look()
        # One that nothing was said to yet (a fork) is pending, and waits for nothing.
        return None if any(s.status.active and s.turns for s in sessions) else sessions

    sessions = done()
    if sessions is None:
        sessions = asyncio.run(_wait(call, done, timeout))
    late = sessions is None
    sessions = look() if sessions is None else sessions
    call.answer([s.to_json() for s in sessions], lambda: listing(sessions))
    if late:
        note(f"zwarm-tui: after {timeout:g} s some still run")
    return int(late)


async def _wait(call: Call, done: Callable[[], R | None], timeout: float | None) -> R | None:
    from zwarm_tui.host.connect import connect
    from zwarm_tui.wire import place

    # A host tells when something happened; one that died is started again, since what
    # it ran is over, and only its successor can say so.
    until = None if timeout is None else time.monotonic() + timeout
    while True:
        with contextlib.suppress(LockedError):
            await place.settled(call.project)
            if (found := done()) is not None:
                return found  # a host that was just leaving ended it: no other is started for that
            client = await connect(call.project, load(call.project).settings)
            break
        # Someone runs the agents without a host. If they die, it is as if a host had.
        while holder(state_dir(call.project)) is not None:
            if (found := done()) is not None:
                return found
            if (left := _left(until)) <= 0:
                return None
            await asyncio.sleep(left)
    try:
        return await follow(call, client, done, None if until is None else until - time.monotonic())
    finally:
        await client.aclose()


def _left(until: float | None) -> float:
    """Seconds to the next look, or to the last one; 0 or less where that was it."""
    return _LOOK if until is None else min(_LOOK, until - time.monotonic())


async def follow(
    call: Call, client: EngineClient, done: Callable[[], R | None], timeout: float | None = None
) -> R | None:
    """Look whenever the log has grown until `done` finds something; None: it never did,
    in `timeout` seconds."""
    from zwarm_tui.host.client import hosted

    news = asyncio.Event()
    if (remote := hosted(client)) is not None:
        await remote.on_log(lambda _: news.set())
    until = None if timeout is None else time.monotonic() + timeout
    while True:
        news.clear()
        # One that was told to stop has said good-bye, and goes on writing how its turns end.
        # Asked before the look: what was written in between is not missed.
        ending = remote is not None and remote.dismissed and holder(state_dir(call.project)) is not None
        if (found := done()) is not None:
            return found
        if remote is not None and not ending:
            await remote.connection()  # one that can't be had again is said, not waited for
            if remote.trouble:
                call.note_once(f"zwarm-tui: {remote.trouble}; still waiting")
        if (left := _left(until)) <= 0:
            return None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(news.wait(), left)


async def turn_ended(call: Call, client: EngineClient, session: str, number: int, message: str) -> TurnView:
    """The turn of a session that a message went to, on the line where the project is now, once
    it has ended, or can't begin before someone decides: a budget holds it. Where the message
    came too late for turn `number`, that is the next one."""
    reader = call.reader()
    assert reader is not None
    line = reader.position().path

    def done() -> TurnView | None:
        turns = {t.turn: t for t in reader.turns(session, line) if t.turn in (number, number + 1)}
        if (turn := turns.get(number)) is None:
            raise UsageError(f"the project went to another point of its timeline: turn {number} is not on it")
        after = turns.get(number + 1)
        if after is not None and message in after.prompt and message not in turn.prompt:
            turn = after  # it stands in the log as soon as the other one has ended
        return turn if turn.end_seq is not None or turn.held else None

    turn = await follow(call, client, done)
    assert turn is not None
    reader.close()
    return turn
