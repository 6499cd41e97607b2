"""What could stand at the cursor of the composer: commands, and files after "@"."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from zwarm_tui.tui.board import PILOT
from zwarm_tui.tui.commands import complete

if TYPE_CHECKING:
    from zwarm_tui.tui.app import ZwarmApp

_MOST = 50


def completions(app: ZwarmApp, prefix: str) -> list[str]:
    """Whole replacements for `prefix`, best first."""
    if prefix.startswith("@"):
        return files(app.project, prefix)
    words = {
        "place": app.board.places(),
        "checkpoint": (c.label for c in reversed(app.board.checkpoints)),
        "branch": (b.name for b in app.board.branches if b.id != app.board.position.branch),
        "session": (s.id for s in app.board.ordered() if s.id != PILOT),
        "theme": sorted(app.available_themes),
    }
    return complete(prefix, words)[:_MOST]


def files(project: Path, prefix: str) -> list[str]:
    """Files and folders of one folder of the project that begin with "@path"."""
    folder, _, name = prefix[1:].rpartition("/")
    if folder.startswith("/") or ".." in folder.split("/"):
        return []
    try:
        with os.scandir(project / folder) as entries:
            found = [
                f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
                for entry in entries
                if entry.name.lower().startswith(name.lower())
                and (name.startswith(".") or entry.name[0] != ".")
            ]
    except OSError:  # no such folder, or not a readable one: nothing to offer
        return []
    start = f"@{folder}/" if folder else "@"
    return [start + entry for entry in sorted(found, key=lambda e: (e.startswith("_"), e))[:_MOST]]
