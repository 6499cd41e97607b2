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
from zwarm_tui.executors.terminal.tmux_seat import AGENT, TYPED
from zwarm_tui.executors.tmux import TmuxServer
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
            if not _wanted(reader, owner) or not await terminal.alive():
                await terminal.kill()
                said.append(f"tmux session {terminal.name} was ended: nothing needs it any more")
            elif owner in recovered:
                note = (
                    f"its program lives on in the terminal (zwarm-tui attach {owner} shows it): resume follows "
                    "it, and types nothing; what it printed meanwhile comes then, or with your next message"
                )
                view = reader.session(owner)
                if view is not None:
                    notice = e.Notice("info", note, _left(view))
                    records.append(e.Record(notice, owner, view.branch_id, view.turns, time.time()))
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


def _left(view: SessionView) -> str:
    """What is said once of its last turn, if that was left in a terminal."""
    return f"in its terminal {view.id}/{view.branch_id}/{view.turns}"


def _wanted(reader: Reader, session: str) -> bool:
    """Whether the session is there on some branch, and not ended."""
    views = (reader.session(session, reader.path(branch.id)) for branch in reader.branches())
    return any(view is not None and not view.ended for view in views)
