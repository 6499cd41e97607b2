"""The tree of checkpoints as the log has it, and what a label leads to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from zwarm_tui.core.checkpoints import CheckpointManager
from zwarm_tui.core.errors import UsageError
from zwarm_tui.core.model import BranchView, CheckpointView, Path, TurnView
from zwarm_tui.store.reader import Reader

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a jump leads: a checkpoint (0: the root), or with None a branch's tip."""

    branch: int
    checkpoint: int | None
    label: str
    path: Path


def load(reader: Reader) -> CheckpointManager:
    """The tree as the log has it, at the project's current position."""
    tree = CheckpointManager.from_dict(
        {
            "checkpoints": [
                {
                    "checkpoint_id": c.id,
                    "label": c.label,
                    "description": c.description,
                    "timestamp": c.time,
                    "state": reader.checkpoint_state(c.id),
                    "metadata": c.metadata,
                    "parent_id": c.parent,
                }
                for c in reader.checkpoints()
            ],
            "label_prefix": "T",
            "next_id": 1,
            "active": {},
            "current": 0,
        }
    )
    tree.goto(reader.position().checkpoint)
    return tree


def branch_view(reader: Reader, branch: int) -> BranchView:
    """A branch by its id."""
    return next(b for b in reader.branches() if b.id == branch)


def last(reader: Reader, branch: int) -> tuple[int, int]:
    """(id, seq) of the last checkpoint on a branch, or of its fork."""
    view = branch_view(reader, branch)
    forked_only = view.tip == view.checkpoint  # its first checkpoint is still to come
    return view.tip, view.cut if forked_only else reader.checkpoint_seq(view.tip)


def changed(reader: Reader, branch: int) -> bool:
    """Did a turn end on the branch since its last checkpoint?"""
    return bool(reader.ended(branch, last(reader, branch)[1]))


def target(reader: Reader, label: str) -> Target:
    """What a label ("T3", "root"), a checkpoint's name or a branch's leads to."""
    wanted = label.strip()
    for b in reader.branches():
        if b.name == wanted:
            return Target(b.id, None, b.name, reader.path(b.id))
    if wanted.lower() == "root":
        return Target(1, 0, "root", reader.path_at(0))
    try:
        found = checkpoint(reader, wanted)
    except UsageError:
        raise UsageError(f"no checkpoint or branch '{wanted}' (zwarm-tui checkpoints shows them)") from None
    if branch_view(reader, found.branch).tip == found.id and not changed(reader, found.branch):
        return Target(found.branch, None, found.label, reader.path(found.branch))
    return Target(found.branch, found.id, found.label, reader.path_at(found.id))


def checkpoint(reader: Reader, wanted: str) -> CheckpointView:
    """The one with this label, in any case, or else with this name."""
    wanted, all_of_them = wanted.strip(), reader.checkpoints()
    found = next((c for c in all_of_them if c.label.lower() == wanted.lower()), None)
    found = found or next((c for c in all_of_them if wanted and c.name == wanted), None)
    if found is None:
        raise UsageError(f"no checkpoint '{wanted}' (zwarm-tui checkpoints shows them)")
    return found


def pointer(turn: TurnView) -> Json:
    """What a checkpoint holds of a session: its thread, at a turn."""
    return {
        "thread": turn.thread,
        "native_turn": turn.native_turn,
        "turn": turn.turn,
        "status": turn.status.value,
        "seq": turn.end_seq,
    }


def describe(texts: Iterable[str]) -> str:
    """One line for the timeline, of what was said."""
    words = " ".join(" ".join(texts).split())
    return words if len(words) <= 80 else words[:79] + "…"
