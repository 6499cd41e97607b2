"""Real tmux sessions for runs, on the project's own tmux server."""

from __future__ import annotations

from pathlib import Path

from zwarm_tui.config.paths import tmux_socket
from zwarm_tui.executors.tmux import TmuxServer


class TmuxTerminals:
    """tmux sessions of a project. `TmuxError` where tmux or libtmux is missing, or says no."""

    def __init__(self, project: Path) -> None:
        self.server = TmuxServer(tmux_socket(project))

    async def create(self, name: str, *, cwd: Path, env: dict[str, str], command: str | None) -> str:
        """A new session, or the one of that name."""
        made = await self.server.new(name, cwd=cwd, env=env, command=command, reuse=True)
        return made.name

    async def kill(self, name: str) -> None:
        """End a session and all that runs in it; nothing where there is none of that name."""
        await self.server.kill(name)
