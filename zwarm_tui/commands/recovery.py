"""What a dead process's runs left behind: found at the next start, and taken back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from zwarm_tui.commands import claims
from zwarm_tui.commands.run import RUNS
from zwarm_tui.commands.session import Terminals
from zwarm_tui.commands.terminals import TmuxTerminals
from zwarm_tui.commands.worktrees import GitWorktrees
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ZwarmError
from zwarm_tui.executors.process import RUN_MARK
from zwarm_tui.executors.sweep import sweep
from zwarm_tui.store.log import Store
from zwarm_tui.store.reader import Reader
from zwarm_tui.workflow.runs import KINDS, RunView, fold

DIED = "zwarm_tui stopped while it ran"


async def recover(
    project: Path, state: Path, store: Store, reader: Reader, *, terminals: Terminals | None = None
) -> list[str]:
    """End what unfinished runs of commands left: their processes, their tmux session,
    their worktree where nothing is lost with it. They count as interrupted then. For who
    holds the project's lock, before anything runs. Returns a sentence on each."""
    said = []
    runs: dict[str, RunView] | None = None
    branches: dict[str, int] = {}
    for folder, claimed in claims.left(state / RUNS):
        if runs is None:
            records = reader.project_records(KINDS)
            runs = fold(records)
            branches = {getattr(r.event, "run", ""): r.branch for r in records}
        kept, errors = await _take_back(project, folder.name, claimed, terminals)
        view = runs.get(folder.name)
        if view is not None and view.ended is None:
            error = "; ".join([DIED, *kept, *errors])
            for event in _ends(view, claimed, kept, errors, error):
                store.append(e.Record(event, branch=branches[view.id], time=time.time()))
            store.flush()
        what = "; ".join([*kept, *errors]) or "nothing of it is left"
        said.append(f"run {folder.name} of {claimed.get('command')} was cut off: {what}")
        if not errors:
            (folder / claims.NAME).unlink(missing_ok=True)
    return said


def _ends(
    view: RunView, claimed: dict[str, Any], kept: list[str], errors: list[str], error: str
) -> list[e.Event]:
    stages = [s.name for s in view.stages.values() if s.status == "running"]
    result = {
        "worktree": claimed.get("worktree"),
        "git_branch": claimed.get("git_branch"),
        "tmux_session": claimed.get("tmux"),
        "kept": kept,
        "cleanup_errors": errors,
    }
    ends = [e.StageEnded(run=view.id, stage=name, status="interrupted", error=DIED) for name in stages]
    return [*ends, e.RunEnded(run=view.id, status="interrupted", result=result, error=error)]


async def _take_back(
    project: Path, run: str, claimed: dict[str, Any], terminals: Terminals | None
) -> tuple[list[str], list[str]]:
    """(what is kept, and why; what went wrong)."""
    kept: list[str] = []
    errors: list[str] = []
    keep = claimed.get("cleanup") in ("never", "on_success")
    name, path, branch = claimed.get("tmux"), claimed.get("worktree"), claimed.get("git_branch")
    if name and keep:
        kept.append(f"tmux session {name} is kept: this command's cleanup = {claimed['cleanup']}")
    elif name:
        try:
            await (terminals or TmuxTerminals(project)).kill(name)
        except ZwarmError as error:
            errors.append(f"tmux session {name} was not ended: {error}")
    await sweep({RUN_MARK: run})
    if path and branch and keep:
        kept.append(f"worktree {path} is kept: this command's cleanup = {claimed['cleanup']}")
    elif path and branch:
        try:
            if (why := await GitWorktrees().discard(project, Path(path), branch)) is not None:
                kept.append(why)
        except (ZwarmError, OSError) as error:
            errors.append(f"worktree {path} was not removed: {error}")
    return kept, errors
