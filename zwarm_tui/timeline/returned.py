"""What an agent is told that goes on after a jump: where it is, and what changed under it."""

from __future__ import annotations

from collections.abc import Iterable

from zwarm_tui.core.errors import ZwarmError
from zwarm_tui.core.model import BranchView, SessionView, TurnView
from zwarm_tui.git.diff import changed
from zwarm_tui.store.reader import Reader
from zwarm_tui.timeline.snapshots import ROOT, Json, Snapshots, by_name

_SHOWN = 12


async def told(
    reader: Reader, snapshots: Snapshots, view: SessionView, branch: BranchView, last: TurnView
) -> str:
    """One line for the first turn of a session on a branch; `last` is its turn before
    that, on the line that leads there."""
    label = f"T{branch.checkpoint}" if branch.checkpoint else "the beginning"
    text = f"The project went back to {label}; from there this goes on as branch '{branch.name}'."
    now = _held(reader, branch.checkpoint, view)
    if now is None:
        return f"{text} Files did not go back: they are as they are now."
    text += f" Files are as they were at {label}."
    then = _held(reader, _after(reader, branch, last), view)
    if then is not None and then != now:
        try:
            repo = await snapshots.repo()
            assert repo is not None
            found = [delta.path for delta in await changed(repo, then, now)]
        except ZwarmError:
            found = []
        if found:
            text += f" Since your last turn these had changed: {few(found)}."
    return text + " What was done outside of these files since then stays done."


def few(paths: Iterable[str]) -> str:
    """Some names, on one line, and how many more."""
    shown = [name if name.isprintable() else ascii(name) for name in paths]
    more = len(shown) - _SHOWN
    return ", ".join(shown[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _held(reader: Reader, checkpoint: int, view: SessionView) -> str | None:
    files: Json | None = reader.checkpoint_state(checkpoint).get("files")
    name = view.id if view.settings.get("worktree") else ROOT
    commit: str | None = (by_name(files).get(name) or {}).get("commit")
    return commit


def _after(reader: Reader, branch: BranchView, last: TurnView) -> int:
    """The first checkpoint on the branch's line that holds a turn."""
    line = dict(reader.path_at(branch.checkpoint))
    on_line = [c for c in reader.checkpoints() if c.branch in line and c.seq <= line[c.branch]]
    return next(
        (c.id for c in on_line if c.branch == last.branch and c.seq >= (last.end_seq or 0)),
        branch.checkpoint,
    )
