"""Worktrees with a git branch of their own, and what only such a branch holds."""

from __future__ import annotations

import os
from pathlib import Path

from zwarm_tui.core.errors import GitError, TakenError, UsageError
from zwarm_tui.git.command import attempt, git
from zwarm_tui.git.include import copy_included
from zwarm_tui.git.repo import Repo, alone
from zwarm_tui.git.worktree import clear


async def add(repo: Repo, path: Path, *, branch: str, base: str = "HEAD") -> Path:
    """Make a worktree at `path` (nothing may lie there) with a new git branch at `base`.
    Files of the user's checkout that `.worktreeinclude` names are copied. Nothing is
    left where it fails: `UsageError` for a wrong name, a taken one, or no such base."""
    if path.exists():
        raise TakenError(f"{path} is there already: remove it, or name another branch")
    async with alone(repo):
        if (await attempt(repo.top, "check-ref-format", "--branch", branch)).code:
            raise UsageError(f"'{branch}' can't be the name of a git branch")
        if await exists(repo, branch):
            raise TakenError(f"there is a git branch '{branch}' already: name another one")
        start = await _commit(repo, base)
        if start is None:
            raise UsageError(f"'{base}' is no commit of {repo.top}: a worktree can't begin there")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise GitError(f"{path.parent} can't be made: {error.strerror}") from error
        try:
            await git(repo.top, "worktree", "add", "-b", branch, os.fspath(path), start, finish=True)
            await copy_included(repo.top, path)
        except BaseException:
            await clear(repo, path)
            await attempt(repo.top, "branch", "-D", branch, finish=True)
            raise
    return path


async def exists(repo: Repo, branch: str) -> bool:
    """Is there a git branch of that name?"""
    return await _commit(repo, f"refs/heads/{branch}") is not None


async def unmerged(repo: Repo, branch: str) -> list[str]:
    """The commits ("id subject") that only this branch holds; [] where there is no such
    branch. What the worktrees' HEADs are at counts as held."""
    if not await exists(repo, branch):
        return []
    others = (f"--exclude={branch}", "--branches", "--tags", "--remotes", "HEAD")
    log = ("log", "--no-color", "--no-decorate", "--format=%h %s", f"refs/heads/{branch}", "--not", *others)
    return (await git(repo.top, *log)).decode(errors="replace").splitlines()


async def delete(repo: Repo, branch: str) -> None:
    """Delete a branch that nothing is lost with (see `unmerged`). A branch that some
    worktree has checked out stays."""
    async with alone(repo):
        await attempt(repo.top, "branch", "-D", branch, finish=True)


async def _commit(repo: Repo, name: str) -> str | None:
    done = await attempt(
        repo.top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
    )
    return None if done.code else done.out.decode().strip()
