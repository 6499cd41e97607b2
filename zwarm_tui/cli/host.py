"""`host`: the background process that owns the agents."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any

import click

from zwarm_tui.cli.call import SETTINGS, Call, json_option, project_option, verb
from zwarm_tui.core.errors import UsageError, ZwarmError

STOP_TIMEOUT = 60.0
"""Seconds a host gets to interrupt its turns and end its agents."""


@click.group(context_settings=SETTINGS)
@project_option
@json_option
def host() -> None:
    """The background process that owns the agents.

    There is one a project. It starts by itself when it is needed, and leaves by
    itself when nothing runs and nobody is connected.
    """


@verb
def start(call: Call) -> None:
    """Start it, if it doesn't run."""
    from zwarm_tui.host.connect import have_host

    _tell(call, asyncio.run(have_host(call.project)))


@verb
@click.option("--ready", type=int, hidden=True)
@click.option("--anyway", is_flag=True, hidden=True)
def run(call: Call, ready: int | None, anyway: bool) -> None:
    """Be the host, in the foreground, until Ctrl-C."""
    from zwarm_tui.host.start import into_background, recent_starts, tell, unwritable

    if ready is None:
        _be(call, [])
        return
    into_background()
    try:
        starts = [] if anyway else recent_starts(call.project)
        _be(call, starts, ready)
    except ZwarmError as error:
        tell(ready, error)
    except OSError as error:
        tell(ready, unwritable(call.project, error))
        raise


def _be(call: Call, starts: list[float], ready: int | None = None) -> None:
    from zwarm_tui.host import life
    from zwarm_tui.host.start import tell, tell_progress
    from zwarm_tui.wire import place

    def is_ready() -> None:
        if ready is not None:
            tell(ready)
        else:
            card = place.read_card(call.project)
            value = {"running": True, "pid": card.pid if card else None}
            call.answer(value, lambda: [f"host of {call.project}; Ctrl-C ends it"])

    def gets_on() -> None:
        if ready is not None:
            tell_progress(ready)

    asyncio.run(life.run(call.project, is_ready, progress=gets_on, starts=starts))


@verb
@click.option(
    "--running",
    type=click.Choice(["drain", "interrupt", "leave"]),
    help="What becomes of running turns: wait for them, interrupt them, or interrupt them "
    "and go on with them at the next start.",
)
def stop(call: Call, running: str | None) -> None:
    """End it, and the agents' processes.

    Where turns run, --running must say what becomes of them.
    """
    from zwarm_tui.host.start import wait_gone
    from zwarm_tui.wire import place

    card = asyncio.run(place.settled(call.project))
    if card is None:
        call.answer({"stopped": False}, lambda: ["no host runs here"])
        return
    reader = call.reader()
    turns = [turn for turn in reader.unfinished() if not turn.held] if reader else []
    if turns and running is None:
        names = ", ".join(sorted({turn.session for turn in turns}))
        raise UsageError(
            f"turns run ({names}): say what becomes of them with --running drain|interrupt|leave"
        )
    told = asyncio.run(_stop(place.reachable(card), running or "interrupt"))
    patience = float("inf") if told and running == "drain" else STOP_TIMEOUT
    if not wait_gone(call.project, card.pid, patience):
        raise ZwarmError(
            f"the host (pid {card.pid}) did not end in {STOP_TIMEOUT:g} s: kill {card.pid} ends it"
        )
    call.answer({"stopped": True, "pid": card.pid}, lambda: [f"the host (pid {card.pid}) has ended"])


@verb
def status(call: Call) -> None:
    """Say whether it runs, since when, and what it does."""
    from zwarm_tui.host.connect import status

    _tell(call, asyncio.run(status(call.project)))


def _tell(call: Call, told: dict[str, Any] | None) -> None:
    from zwarm_tui.wire import place

    value: dict[str, Any] = {"running": told is not None}
    if told is not None:
        from zwarm_tui.core.model import iso

        reader, card = call.reader(), place.read_card(call.project)
        turns = reader.unfinished() if reader else []
        value |= told | {"since": iso(told["since"]), "turns": len(turns)}
        value |= {"socket": card.socket if card else None, "log": str(place.log_file(call.project))}
    call.answer(value, lambda: [_line(value)])


def _line(value: dict[str, Any]) -> str:
    if not value["running"]:
        return "no host runs here; the first verb that needs one starts it"
    since = time.strftime(
        "%Y-%m-%d %H:%M:%S", time.localtime(datetime.fromisoformat(value["since"]).timestamp())
    )
    leaving = f"; ending ({value['stopping']})" if value["stopping"] else ""
    return (
        f"the host runs (pid {value['pid']}, version {value['version']}) since {since}: "
        f"{value['turns']} turns, {value['processes']} agents' processes, {value['clients']} clients{leaving}"
    )


async def _stop(socket: str, how: str) -> bool:
    """Tell a host of any version to end. False: it doesn't listen any more, as one that is
    just leaving."""
    from zwarm_tui.wire.connection import Connection, Lost

    try:
        connection = await Connection.open(socket)
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    except OSError as error:
        raise ZwarmError(f"the host can't be reached at {socket}: {error.strerror or error}") from error
    try:
        await connection.call("host.stop", {"how": how})
    except Lost:
        return False
    else:
        return True
    finally:
        await connection.aclose()


for _command in (start, run, stop, status):
    host.add_command(_command)
