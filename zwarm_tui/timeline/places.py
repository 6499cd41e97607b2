"""What a label or a name leads to, read from the log alone (no engine is needed)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

from zwarm_tui.core.errors import UsageError
from zwarm_tui.core.model import BranchView, CheckpointView, Path
from zwarm_tui.store.reader import Reader


@dataclass(frozen=True, slots=True)
class Place:
    """A checkpoint (0: the root), or a branch's growing tip. `checkpoint` is the last one
    passed; at a tip there may be more than it holds."""

    label: str
    branch: BranchView
    checkpoint: int
    tip: bool
    path: Path


def find_place(reader: Reader, wanted: str) -> Place:
    """What "T3", a checkpoint's name, a branch's name or "root" leads to; `UsageError`."""
    name, branches = wanted.strip(), reader.branches()
    for b in branches:
        if b.name == name:
            return Place(b.name, b, b.tip, True, reader.path(b.id))
    if name.lower() == "root":
        return Place("root", branches[0], 0, False, reader.path_at(0))
    taken = reader.checkpoints()
    found = next((c for c in taken if c.label.lower() == name.lower()), None)
    found = found or next((c for c in taken if name and c.name == name), None)
    if found is None:
        raise UsageError(f"no checkpoint or branch '{wanted}' (zwarm-tui checkpoints shows them)")
    branch = next(b for b in branches if b.id == found.branch)
    return Place(found.label, branch, found.id, False, reader.path_at(found.id))


def common(a: Path, b: Path) -> Path:
    """The line that two lines share."""
    pairs = list(takewhile(lambda pair: pair[0][0] == pair[1][0], zip(a, b, strict=False)))
    # Where their cuts differ, they part within that branch.
    shared = takewhile(lambda pair: pair[0] == pair[1], pairs)
    line = [one for one, _ in shared]
    if len(line) < len(pairs):
        one, other = pairs[len(line)]
        line.append((one[0], min(one[1], other[1])))
    return tuple(line)


def last_checkpoint(taken: list[CheckpointView], path: Path) -> CheckpointView | None:
    """The last checkpoint on a line."""
    cuts = dict(path)
    return max(
        (c for c in taken if c.branch in cuts and c.seq <= cuts[c.branch]), key=lambda c: c.id, default=None
    )
