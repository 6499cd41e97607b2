"""Terminals of interactive agents that an engine before this one left: they live on in
tmux. Those of sessions that can still be spoken to are kept, the others are ended."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

from zwarm_tui.config.agents import AgentSettings
from zwarm_tui.config.paths import tmux_socket
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ZwarmError
from zwarm_tui.executors.base import ExecutorSettings, Interactive
from zwarm_tui.executors.terminal.tmux_seat import AGENT
from zwarm_tui.executors.tmux import TmuxServer, missing
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
                    f"its program lives on in the terminal (zwarm-tui attach {owner} shows it); "
                    "what it printed meanwhile comes with your next message to it"
                )
                view = reader.session(owner)
                if view is not None:
                    notice = e.Notice("info", note)
                    records.append(e.Record(notice, owner, view.branch_id, view.turns, time.time()))
    except ZwarmError as error:
        said.append(f"terminals of an earlier start could not be looked through: {error}")
    return records, said


def _wanted(reader: Reader, session: str) -> bool:
    """Whether the session is there on some branch, and not ended."""
    views = (reader.session(session, reader.path(branch.id)) for branch in reader.branches())
    return any(view is not None and not view.ended for view in views)
