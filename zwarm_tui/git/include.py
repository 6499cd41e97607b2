"""`.worktreeinclude`: files that no commit holds and a new worktree needs (such as .env)."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from zwarm_tui.git.command import git, in_thread, names

NAME = ".worktreeinclude"


async def copy_included(checkout: Path, worktree: Path) -> list[str]:
    """Copy what the checkout's `.worktreeinclude` names, in the syntax of .gitignore, of
    its untracked and ignored files. What the worktree has is never overwritten, and
    nothing is written through a link. The paths copied."""
    if not (checkout / NAME).is_file():
        return []
    listing = ("ls-files", "-z", "--others", "--ignored", f"--exclude-from={NAME}")
    return await in_thread(_copy, checkout, worktree, names(await git(checkout, *listing)))


def _copy(checkout: Path, worktree: Path, paths: list[str]) -> list[str]:
    copied = []
    for path in paths:
        target = worktree / path
        if path.endswith("/") or os.path.lexists(target) or not _within(target.parent, worktree):
            continue
        kind = os.lstat(checkout / path).st_mode
        if stat.S_ISREG(kind) or stat.S_ISLNK(kind):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / path, target, follow_symlinks=False)
            copied.append(path)
    return copied


def _within(folder: Path, worktree: Path) -> bool:
    """Whether a folder (or where it will be) lies in the worktree without any link or
    file on the way."""
    while folder != worktree:
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            return False
        folder = folder.parent
    return True
