"""Git worktrees for runs of commands: each with a git branch of its own, beside the
project, and removed only when nothing goes with it."""

from __future__ import annotations

from pathlib import Path

from zwarm_tui.config.project import claim
from zwarm_tui.config.settings import WorktreeSettings
from zwarm_tui.core.errors import ConfirmationNeededError, GitError, UsageError
from zwarm_tui.git import branches, worktree
from zwarm_tui.git.repo import Repo, find
from zwarm_tui.sessions.setup import run_setup


class GitWorktrees:
    """Worktrees in the folder of the settings, by default `../worktrees` of the project,
    prepared by the settings' set-up command."""

    def __init__(self, settings: WorktreeSettings | None = None) -> None:
        self._settings = settings or WorktreeSettings()

    def path(self, project: Path, branch: str) -> Path:
        """Where the worktree of a git branch is made: {project}-{branch}."""
        given = self._settings.dir
        folder = Path(given).expanduser().absolute() if given else project.parent / "worktrees"
        return folder / f"{project.name}-{branch.replace('/', '-')}"

    async def free(self, project: Path, branch: str) -> bool:
        """Neither the git branch nor the folder of its worktree is anybody's yet."""
        repo = await find(project)
        return repo is not None and not (
            self.path(project, branch).exists() or await branches.exists(repo, branch)
        )

    async def create(self, project: Path, branch: str, base: str = "HEAD") -> Path:
        """A new worktree with a new git branch at `base`. `UsageError`, `GitError`; nothing
        is left where it can't be made or prepared."""
        repo, path = await _repo(project), self.path(project, branch)
        await branches.add(repo, path, branch=branch, base=base)
        try:
            claim(path, project)
            problem = self._settings.setup and await run_setup(
                self._settings.setup, path, timeout=self._settings.setup_timeout
            )
            if problem:
                raise UsageError(problem)
        except BaseException:
            await worktree.discard(repo, path)
            await branches.delete(repo, branch)
            raise
        return path

    async def remove(self, project: Path, path: Path, branch: str) -> str | None:
        """Remove a worktree and its git branch. Uncommitted changes and commits that no
        other branch has keep both: the reason is returned."""
        repo = await _repo(project)
        if not any(tree.path in (path, path.resolve()) for tree in await worktree.list_(repo)):
            return None  # a step, or the person, removed it
        if commits := await branches.unmerged(repo, branch):
            more = f" and {len(commits) - 1} more" if len(commits) > 1 else ""
            return f"{path} is kept: '{branch}' has commits that no other branch has ({commits[0]}{more})"
        try:
            await worktree.remove(repo, path)
        except ConfirmationNeededError as refusal:
            return f"{path} is kept: {refusal}"
        await branches.delete(repo, branch)
        return None

    async def discard(self, project: Path, path: Path, branch: str) -> str | None:
        """What `remove` does, for one whose making may have been cut short."""
        repo = await find(project)
        if repo is None:
            return None
        if path.exists() and not (path / ".git").is_file():
            return f"{path} is kept: it is no worktree any more"
        reason = await self.remove(project, path, branch)
        if reason is None and not await branches.unmerged(repo, branch):
            await branches.delete(repo, branch)
        return reason


async def _repo(project: Path) -> Repo:
    repo = await find(project)
    if repo is None:
        raise UsageError(f"{project} is no git repository: it can have no worktrees")
    if repo.head is None:
        raise GitError(f"{repo.top} has no commit yet: a worktree needs one to begin with")
    return repo
