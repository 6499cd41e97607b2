"""What a run has made and has to take back, in a file that outlives its process.

`live.json` lies in the folder of a run's artifacts from before its first step to after
its cleanup; each thing is written there before it is made. So whoever starts after a
crash knows what to look for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zwarm_tui.commands.session import Session, Terminals
from zwarm_tui.commands.worktrees import GitWorktrees
from zwarm_tui.config.settings import WorktreeSettings

NAME = "live.json"


class Claims:
    """The claims of one run. Keys: run, command, cleanup, and where it has made such a
    thing worktree with git_branch, and tmux."""

    def __init__(self, session: Session, cleanup: str) -> None:
        self._file = session.artifact_dir / NAME
        self._data: dict[str, Any] = {
            "run": session.id,
            "command": session.command_name,
            "cleanup": cleanup,
            "pid": os.getpid(),
        }

    def add(self, **things: Any) -> None:
        """Durable when it returns."""
        self._data |= things
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = self._file.with_suffix(".new")
        with open(beside, "w", encoding="utf-8") as file:
            json.dump(self._data, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._file)

    def drop(self) -> None:
        """All was taken back, or is kept on purpose."""
        self._file.unlink(missing_ok=True)


class ClaimedWorktrees(GitWorktrees):
    """Git worktrees that are claimed before they are made."""

    def __init__(self, claims: Claims, settings: WorktreeSettings | None = None) -> None:
        super().__init__(settings)
        self._claims = claims

    async def create(self, project: Path, branch: str, base: str = "HEAD") -> Path:
        if await self.free(project, branch):  # else it is someone's, and making it fails
            self._claims.add(worktree=str(self.path(project, branch)), git_branch=branch)
        try:
            return await super().create(project, branch, base)
        except BaseException:
            self._claims.add(worktree=None, git_branch=None)  # nothing is left of it
            raise


class ClaimedTerminals:
    """tmux sessions that are claimed before they are made."""

    def __init__(self, claims: Claims, terminals: Terminals) -> None:
        self._claims, self._terminals = claims, terminals

    async def create(self, name: str, *, cwd: Path, env: dict[str, str], command: str | None) -> str:
        self._claims.add(tmux=name)
        return await self._terminals.create(name, cwd=cwd, env=env, command=command)

    async def kill(self, name: str) -> None:
        await self._terminals.kill(name)


def left(runs: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """(folder of the run, its claims) of every run that did not come to its end."""
    for file in sorted(runs.glob(f"*/{NAME}")):
        try:
            data = json.loads(file.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(data, dict):
            yield file.parent, data
