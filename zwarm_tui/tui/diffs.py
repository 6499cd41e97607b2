"""Diffs between places of the timeline: read from git, without the engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from zwarm_tui.core.errors import UsageError
from zwarm_tui.core.model import CheckpointView

if TYPE_CHECKING:
    from zwarm_tui.tui.board import Board
    from zwarm_tui.tui.checkpoint_facts import CheckpointFacts

Json = dict[str, Any]
_LETTERS = {"added": "A", "deleted": "D", "modified": "M", "renamed": "R", "type": "T"}
_MOST = 4_000_000
"""Characters of a diff that are shown: more is for a tool."""


async def patch_between(path: str, a: str, b: str, *, paths: tuple[str, ...] = ()) -> str:
    """What changed from commit `a` to `b` in the repository at `path`, as a unified diff."""
    from zwarm_tui.git import diff, repo  # git's side of things: not needed for the first paint

    found = await repo.find(Path(path))
    if found is None:
        raise UsageError(f"{path} is no git repository any more")
    text = await diff.patch(found, a, b, paths=paths)
    return text if len(text) <= _MOST else text[: text.rfind("\n", 0, _MOST) + 1]


async def changed_since(board: Board, checkpoint: CheckpointView) -> tuple[list[Json], str]:
    """The files that a checkpoint's worktree differs in from its parent's; or why that
    can't be said."""
    ends = commits(board, checkpoint)
    if isinstance(ends, str):
        return [], ends
    from zwarm_tui.git import diff, repo

    path, a, b = ends
    if a == b:
        return [], ""
    found = await repo.find(Path(path))
    if found is None:
        return [], f"{path} is no git repository any more."
    return [
        {
            "path": one.path,
            "status": _LETTERS[one.kind],
            "added": None if one.binary else one.added,
            "deleted": None if one.binary else one.removed,
        }
        for one in await diff.changed(found, a, b)
    ], ""


def commits(board: Board, checkpoint: CheckpointView) -> tuple[str, str, str] | str:
    """(repository, the parent's commit, the checkpoint's), or a sentence that says why
    there is none."""
    facts = board.facts_of(checkpoint)
    if (end := commit_of(facts)) is None:
        return no_files(facts)
    parent = next((c for c in board.checkpoints if c.id == checkpoint.parent), None)
    if parent is None:
        return "It is the first one: there is nothing to compare its files with."
    start = commit_of(board.facts_of(parent))
    if start is None:
        return f"The files of {parent.label} were not captured: there is nothing to compare with."
    # Commits are the repository's, so its worktrees may be gone: the project's own folder does.
    return str(board.project), start, end


def commit_of(facts: CheckpointFacts) -> str | None:
    return facts.root.commit if facts.root is not None else None


def no_files(facts: CheckpointFacts) -> str:
    """Why a checkpoint has no files, as a sentence."""
    if not facts.known:
        return "This checkpoint holds no files: it is of a version that recorded none."
    why = facts.root.problem if facts.root is not None else facts.problem
    return f"Its files were not captured: {why}" if why else "Its files were not captured."
