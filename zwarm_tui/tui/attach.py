"""Stepping aside for a terminal: the app suspends, tmux has the screen, and back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import subprocess
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from zwarm_tui.config.paths import tmux_socket
from zwarm_tui.core.errors import UsageError
from zwarm_tui.executors.tmux import TmuxServer

if TYPE_CHECKING:
    from zwarm_tui.tui.app import ZwarmApp


async def attach(app: ZwarmApp, name: str, *, gone: str) -> None:
    """Show the tmux session of that name until the person leaves it. Where this screen
    can't step aside, say the command that shows it elsewhere; where there is no such
    session, `UsageError` says what `gone` says."""
    session = await TmuxServer(tmux_socket(app.project)).get(name)
    if session is None:
        raise UsageError(gone)
    argv = session.attach_argv()
    try:
        # What changes meanwhile is not drawn over the other's screen.
        with app.batch_update(), app.suspend():
            # The agents of an engine in this process go on.
            done = await asyncio.to_thread(subprocess.run, argv, check=False)
            _wait_when_full()
    except SuspendNotSupported:
        app.say(f"This screen can't step aside here. In another terminal:\n{shlex.join(argv)}", timeout=30)
        return
    app.screen.refresh(layout=True)
    if done.returncode != 0:
        app.say(f"tmux ended with {done.returncode}: {shlex.join(argv)}", "warning")


def _wait_when_full() -> None:
    """tmux's server has the terminal not wait for its reader, and may undo that only after its
    client has gone: a long frame could not be written."""
    for stream in (0, 1, 2):
        with contextlib.suppress(OSError):
            os.set_blocking(stream, True)
