"""Terminals of interactive agents that an engine before this one left: they live on in
tmux. Those of sessions that can still be spoken to are kept, the others are ended."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path
from typing import Literal

from zwarm_tui.config.agents import AgentSettings
from zwarm_tui.config.paths import tmux_socket
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ZwarmError
from zwarm_tui.core.model import SessionView
from zwarm_tui.executors.base import ExecutorSettings, Interactive
from zwarm_tui.executors.terminal.tmux_seat import AGENT, TYPED, TmuxSeat
from zwarm_tui.executors.tmux import TmuxServer, TmuxSession
from zwarm_tui.executors.tmux_installed import missing
from zwarm_tui.store.reader import Reader


def interactive(agents: dict[str, AgentSettings], project: Path) -> dict[str, ExecutorSettings]:
    """The settings of each such agent, as executors take them."""
    if not agents:
        return {}
    try:
        socket: Path | None = tmux_socket(project)
    except (ZwarmError, OSError):  # no folder for it: the agents do without tmux, and say so
        socket = None
    return {
        name: ExecutorSettings(
            env=dict(one.env),
            interactive=Interactive(
                command=one.command,
                ready=one.ready,
                asks=one.asks,
                approve=one.approve,
                deny=one.deny,
                socket=socket,
            ),
        )
        for name, one in agents.items()
    }


async def see_to_leftovers(
    reader: Reader, project: Path, recovered: Collection[str]
) -> tuple[list[e.Record], list[str]]:
    """Look through the sessions on our own tmux server. Returns what is to be written
    into the log, and a sentence on each session that was ended."""
    try:
        server = TmuxServer(tmux_socket(project))
    except (ZwarmError, OSError):
        return [], []
    if not server.socket.exists() or missing():
        return [], []
    records, said = [], []
    try:
        for terminal in await server.list():
            owner = await terminal.environment(AGENT)
            if owner is None:
                continue  # a run's: it keeps account of its own
            view = reader.session(owner) if owner in recovered else None
            if not _wanted(reader, owner) or not await terminal.alive():
                if view is not None and view.thread == terminal.name:
                    records += [_of_last_turn(view, event) for event in await _last_words(terminal)]
                await terminal.kill()
                said.append(f"tmux session {terminal.name} was ended: nothing needs it any more")
            elif view is not None:
                note = (
                    f"its program lives on in the terminal (zwarm-tui attach {owner} shows it): resume follows "
                    "it, and types nothing; what it printed meanwhile comes then, or with your next message"
                )
                records.append(_of_last_turn(view, e.Notice("info", note, _left(view))))
    except ZwarmError as error:
        said.append(f"terminals of an earlier start could not be looked through: {error}")
    return records, said


async def left_with(reader: Reader, project: Path, view: SessionView) -> Literal["all", "nothing"] | None:
    """How much of its last message the program of a session has that an engine before this
    one left in its terminal: all, or nothing, where that one died before it typed it. None
    where there is no such program."""
    if view.thread is None or not reader.said(_left(view)):
        return None
    terminal = await TmuxServer(tmux_socket(project)).get(view.thread)
    if terminal is None or not await terminal.alive():
        return None
    return "all" if await terminal.noted(TYPED) == "1" else "nothing"


async def _last_words(terminal: TmuxSession) -> list[e.Event]:
    """What a program printed since the transcript was last written, and how it ended: it
    did so with no engine there."""
    seat = TmuxSeat(terminal, None, Path())
    code = await terminal.exit_code()
    how = "and how is not known" if code is None else f"exit status {code}"
    note = f"its program ended while nothing ran here to see it, {how}; what it printed until then is kept"
    text = "\n".join((await seat.page(await seat.seen())).lines).strip("\n")
    said: list[e.Event] = [e.Text(f"out-{terminal.name}", text, plain=True)] if text.strip() else []
    return [*said, e.Notice("warning", note)]


def _of_last_turn(view: SessionView, event: e.Event) -> e.Record:
    return e.Record(event, view.id, view.branch_id, view.turns, time.time())


def _left(view: SessionView) -> str:
    """What is said once of its last turn, if that was left in a terminal."""
    return f"in its terminal {view.id}/{view.branch_id}/{view.turns}"


def _wanted(reader: Reader, session: str) -> bool:
    """Whether the session is there on some branch, and not ended."""
    views = (reader.session(session, reader.path(branch.id)) for branch in reader.branches())
    return any(view is not None and not view.ended for view in views)
