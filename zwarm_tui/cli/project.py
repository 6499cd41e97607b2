"""The project that a verb was given, and a project's private folder."""

from __future__ import annotations

from pathlib import Path

from zwarm_tui.config.paths import state_dir
from zwarm_tui.core.errors import UsageError


def given_project(folder: Path) -> Path:
    """The folder that the user named; UsageError where it isn't one."""
    if not folder.is_dir():
        raise UsageError(f"--project {folder}: no such folder")
    return folder.resolve()


def make_private(project: Path) -> Path:
    """Make `.zwarm/`: for its owner only, and ignored by git. Returns it."""
    state = state_dir(project)
    state.mkdir(mode=0o700, exist_ok=True)
    state.chmod(0o700)
    ignore = state / ".gitignore"
    if not ignore.exists() or not ignore.stat().st_size:  # who began to write it was killed
        ignore.write_text("*\n", encoding="utf-8")
    return state
