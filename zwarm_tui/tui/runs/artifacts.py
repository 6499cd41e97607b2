"""What a stage left behind: its result, its transcript and error as files, and the two
files of a program's stage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zwarm_tui.config.paths import state_dir
from zwarm_tui.tui.runs.book import Run

_MOST = 200_000
"""Bytes of a file that are shown."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """`path` is None for what is in the log only."""

    name: str
    text: str
    path: Path | None = None
    size: int = 0

    @property
    def markdown(self) -> bool:
        return self.path is not None and self.path.suffix == ".md"


def artifacts(run: Run, stage: str, project: Path) -> list[Artifact]:
    """All of a stage's. Reads files: not for the thread of the screen."""
    view = run.view.stages[stage]
    found: list[Artifact] = []
    if view.result is not None and not run.view.open_ended:
        text = (
            view.result
            if isinstance(view.result, str)
            else json.dumps(view.result, indent=2, ensure_ascii=False)
        )
        found.append(Artifact("result", text, size=len(text.encode("utf-8", "replace"))))
    for path in _files(run, stage, project):
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                text = file.read(_MOST).decode("utf-8", "replace")
        except OSError:  # it was never written, or it is gone
            continue
        left = f"\n[… {size - _MOST:,} more bytes in {path} …]" if size > _MOST else ""
        found.append(Artifact(path.name, text + left, path, size))
    return found


def _files(run: Run, stage: str, project: Path) -> Iterator[Path]:
    view, folder = run.view.stages[stage], state_dir(project) / "runs" / run.view.id
    if run.view.open_ended and isinstance(view.result, dict):  # a program's: written by us
        for key in ("input", "output"):
            if isinstance(path := view.result.get(key), str):
                yield Path(path)
    if view.what and run.view.artifacts and isinstance(view.result, dict):  # a command's step
        log = Path(str(view.result.get("log", "")))
        if log.is_relative_to(run.view.artifacts):
            yield log
    yield folder / f"{stage}.md"
    yield folder / f"{stage}.error.txt"
