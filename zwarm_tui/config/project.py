"""Which project a folder belongs to. Looks at files only: starting git would cost more
than most verbs do."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_OWNER = "zwarm-project"
"""A file in git's folder of a worktree that we made: the path of the project it is of. Git
removes it with the worktree."""


def find_project(start: Path) -> Path:
    """The top level of the git checkout around `start`, or `start` itself. In a worktree
    that was made for a project's agents it is that project; one that the person made is
    a project of its own."""
    start = start.resolve()
    for folder in (start, *start.parents):
        git = folder / ".git"
        if git.is_file():  # a linked worktree's
            return _owner(git) or folder
        if (git / "HEAD").exists():
            return folder
    return start


def claim(worktree: Path, project: Path) -> None:
    """Let `find_project` find the project from one of its worktrees; where that can't be
    written, it is a project of its own."""
    with contextlib.suppress(OSError):
        (_git_dir(worktree / ".git") / _OWNER).write_bytes(os.fsencode(project.resolve()))


def _owner(git: Path) -> Path | None:
    try:
        project = Path(os.fsdecode((_git_dir(git) / _OWNER).read_bytes()))
    except (OSError, ValueError):
        return None
    return project if project.is_absolute() and project.is_dir() else None


def _git_dir(git: Path) -> Path:
    """What a worktree's `.git` file names; it may be relative."""
    return git.parent / os.fsdecode(git.read_bytes().removeprefix(b"gitdir: ").rstrip(b"\n"))
