"""The project that a verb was given."""

from __future__ import annotations

from pathlib import Path

from zwarm_tui.core.errors import UsageError


def given_project(folder: Path) -> Path:
    """The folder that the user named; UsageError where it isn't one."""
    if not folder.is_dir():
        raise UsageError(f"--project {folder}: no such folder")
    return folder.resolve()
