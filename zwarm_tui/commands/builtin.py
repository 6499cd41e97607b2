"""The seven built-in steps. Each may be run again: what is there already stays."""

from __future__ import annotations

import json
import shutil
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from zwarm_tui.commands.environment import variables
from zwarm_tui.commands.errors import PrerequisitesError
from zwarm_tui.commands.session import Session, Terminals, Worktrees
from zwarm_tui.commands.terminals import TmuxTerminals
from zwarm_tui.commands.worktrees import GitWorktrees
from zwarm_tui.core.errors import GitError, TakenError
from zwarm_tui.git.command import attempt
from zwarm_tui.git.repo import find

Builtin = Callable[[Session, Mapping[str, str]], Awaitable[str]]


class BuiltinSteps:
    """`steps` holds them by the names that files use. Each returns what it has to say,
    and raises where it fails. `terminals` None: the project's own tmux server."""

    def __init__(self, worktrees: Worktrees | None = None, terminals: Terminals | None = None) -> None:
        self.worktrees: Worktrees = worktrees or GitWorktrees()
        self._terminals = terminals
        self.steps: dict[str, Builtin] = {
            "setup-environment": self.setup_environment,
            "validate-prerequisites": self.validate_prerequisites,
            "create-worktree": self.create_worktree,
            "start-session": self.start_session,
            "gather-context": self.gather_context,
            "store-artifacts": self.store_artifacts,
            "cleanup": self.cleanup,
        }

    def terminals(self, session: Session) -> Terminals:
        """What makes the session's tmux session: by default the project's tmux server."""
        return self._terminals or TmuxTerminals(session.project_path)

    async def setup_environment(self, session: Session, args: Mapping[str, str] | None = None) -> str:
        """The folders of the run's artifacts: logs, outputs, specs."""
        for name in ("logs", "outputs", "specs"):
            (session.artifact_dir / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        return str(session.artifact_dir)

    async def validate_prerequisites(self, session: Session, args: Mapping[str, str] | None = None) -> str:
        """`PrerequisitesError` where the project is no git repository, or git is missing."""
        missing = []
        if not session.project_path.is_dir():
            missing.append(f"{session.project_path} is no folder")
        elif not (session.project_path / ".git").exists():
            missing.append(f"{session.project_path} is no git repository")
        if shutil.which("git") is None:
            missing.append("git is not on PATH")
        if missing:
            raise PrerequisitesError(f"Prerequisites not met: {'; '.join(missing)}")
        return "git, and a repository"

    async def create_worktree(self, session: Session, args: Mapping[str, str] | None = None) -> str:
        """The run's worktree. args: `branch` (its new git branch) and `base` (where that
        begins, HEAD by default)."""
        args = args or {}
        base = args.get("base") or await _head(session)
        if branch := args.get("branch"):
            return str(await session.create_worktree(self.worktrees, branch, base))
        branch = f"pj-{session.command_name}-{session.created_at:%Y%m%d-%H%M%S}"
        try:
            return str(await session.create_worktree(self.worktrees, branch, base))
        except TakenError:  # by another run of the same second
            branch = f"{branch}-{session.id}"
            return str(await session.create_worktree(self.worktrees, branch, base))

    async def start_session(self, session: Session, args: Mapping[str, str] | None = None) -> str:
        """The run's tmux session. args: `command`, what runs in it (a shell by default)."""
        env, command = variables(session), (args or {}).get("command")
        return await session.create_tmux_session(self.terminals(session), env=env, command=command)

    async def gather_context(self, session: Session, args: Mapping[str, str] | None = None) -> str:
        """specs/context.json: what there is to know of the project."""
        try:
            done = await attempt(session.top, "rev-parse", "--abbrev-ref", "HEAD")
            branch = done.out.decode(errors="replace").strip() if not done.code else None
        except GitError:
            branch = None
        context = {
            "project_name": session.project_path.name,
            "git_branch": branch,
            "timestamp": datetime.now(UTC).isoformat(),
            "command": session.command_name,
            "arguments": session.arguments,
            "worktree": str(session.worktree_path) if session.worktree_path else None,
        }
        file = session.artifact_dir / "specs" / "context.json"
        _write(file, context)
        session.set_shared_data("context", context)
        return str(file)

    async def store_artifacts(self, session: Session, args: Mapping[str, str] | None = None) -> str:
        """artifacts.json: what the run has made, and how its steps went. Where that can't
        be written, it is said, and the run goes on."""
        files = sorted(f for f in session.artifact_dir.rglob("*") if f.is_file())
        listed = [
            {"path": str(f.relative_to(session.artifact_dir)), "bytes": f.stat().st_size} for f in files
        ]
        file = session.artifact_dir / "artifacts.json"
        try:
            _write(file, {**session.get_context(), "files": listed})
        except OSError as error:
            return f"warning: {file} was not written: {error.strerror}"
        return str(file)

    async def cleanup(self, session: Session, args: Mapping[str, str] | None = None) -> str:
        """The tmux session, then the worktree, as at the run's end. Later steps have no
        place to work in then."""
        await self.end_session(session)
        return await self.remove_worktree(session) or "nothing is left"

    async def end_session(self, session: Session) -> None:
        """End the run's tmux session, where it has one."""
        if session.tmux_session_name is not None:
            await self.terminals(session).kill(session.tmux_session_name)

    async def remove_worktree(self, session: Session) -> str | None:
        """Remove the run's worktree, where it has one; why it is kept, where it is."""
        if session.worktree_path is None or session.git_branch is None:
            return None
        return await self.worktrees.remove(session.project_path, session.worktree_path, session.git_branch)


async def _head(session: Session) -> str:
    """The commit that a worktree begins at: that of the checkout the run would work in."""
    if session.checkout in (None, session.project_path):
        return "HEAD"
    repo = await find(session.top)
    return (repo and repo.head) or "HEAD"


def _write(file: Path, value: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.write_text(json.dumps(value, indent=2, default=str), encoding="utf-8")
