"""`attach`: go to the terminal of an interactive agent, or of a run."""

from __future__ import annotations

import asyncio
import shlex
import subprocess
import sys

import click

from zwarm_tui.cli.call import Call, verb
from zwarm_tui.core.errors import SessionNotFoundError, TmuxError, UsageError


@verb
@click.argument("id")
def attach(call: Call, id: str) -> int:
    """Show the terminal that an agent or a run works in.

    ID is a session's, or a tmux session's name. Leave it with ctrl+b d: what runs there
    goes on. Without a terminal here, or with --json, it says the command that does it.
    """
    from zwarm_tui.config.paths import tmux_socket
    from zwarm_tui.executors.tmux import TmuxServer
    from zwarm_tui.executors.tmux_installed import missing

    if lacking := missing():
        raise TmuxError(f"{lacking}; without it there are no terminals to go to")
    server = TmuxServer(tmux_socket(call.project))
    there = [session.name for session in asyncio.run(server.list())]
    name = id if id in there else _thread(call, id)
    if name not in there:
        has = f"; there are {', '.join(there)}" if there else ""
        raise UsageError(f"{id} has no terminal to go to{has}")
    argv = server.attach_argv(name)
    if call.as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        call.answer({"tmux_session": name, "command": argv}, lambda: [shlex.join(argv)])
        return 0
    return subprocess.run(argv, check=False).returncode


def _thread(call: Call, id: str) -> str | None:
    try:
        return call.find(id)[1].thread
    except SessionNotFoundError as error:
        if error.candidates:
            raise
        return None
