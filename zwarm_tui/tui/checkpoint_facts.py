"""What the log holds of one checkpoint beside its row: read when it is looked at, once."""

from __future__ import annotations

from typing import Any, NamedTuple

from zwarm_tui.core.events import GateDone
from zwarm_tui.core.model import CheckpointView
from zwarm_tui.core.value import Value, value
from zwarm_tui.store.reader import Reader

Json = dict[str, Any]


class Files(NamedTuple):
    """A worktree as a checkpoint holds it. `commit` is None where it was not captured:
    `problem` says why."""

    path: str
    commit: str | None
    mid_turn: bool
    uncovered: tuple[tuple[str, str], ...]
    problem: str


@value()
class CheckpointFacts(Value):
    """`root` is the branch's own worktree, `worktrees` those of sessions by id; `problem`
    why there are no files at all. `turns`: session id -> (turn, status), of those that
    ended since the checkpoint before. `known` is False for a checkpoint of a version
    that recorded no files."""

    known: bool
    root: Files | None
    worktrees: dict[str, Files]
    problem: str
    turns: dict[str, tuple[int, str]]
    checks: tuple[GateDone, ...]

    @property
    def files(self) -> bool | None:
        """Captured, all of them, or not; None where there is nothing to capture."""
        taken = [f for f in (self.root, *self.worktrees.values()) if f is not None]
        return all(f.commit for f in taken) if taken else None

    @property
    def mid_turn(self) -> bool:
        """An agent wrote while the files were captured."""
        return any(f.mid_turn for f in (self.root, *self.worktrees.values()) if f is not None)

    @property
    def gates(self) -> bool | None:
        """All passed in the end, or not; None where none ran."""
        last = {check.gate: check.passed for check in self.checks}
        return all(last.values()) if last else None


class FactsBook:
    """Facts by checkpoint. A checkpoint never changes, so each is read once."""

    def __init__(self) -> None:
        self._known: dict[int, CheckpointFacts] = {}
        self._before: dict[int, int] = {}

    def learn(self, checkpoints: list[CheckpointView]) -> None:
        """Which checkpoints there are: a gate counts for the first one after it."""
        if len(self._before) != len(checkpoints):
            last: dict[int, int] = {}
            for c in checkpoints:
                self._before[c.id] = last.get(c.branch, 0)
                last[c.branch] = c.seq

    def of(self, reader: Reader | None, checkpoint: CheckpointView) -> CheckpointFacts:
        found = self._known.get(checkpoint.id)
        if found is None:
            if reader is None:
                return facts_of({}, ())
            state = reader.checkpoint_state(checkpoint.id)
            gates = reader.gates(checkpoint.branch, self._before.get(checkpoint.id, 0), checkpoint.seq)
            found = self._known[checkpoint.id] = facts_of(state, tuple(gates))
        return found


def facts_of(state: Json, checks: tuple[GateDone, ...]) -> CheckpointFacts:
    """From a checkpoint's state; whatever is missing in it is not there."""
    files = state.get("files")
    held: Json = files if isinstance(files, dict) else {}
    worktrees = held.get("sessions") or {}
    sessions = state.get("sessions") or {}
    return CheckpointFacts(
        known=isinstance(files, dict),
        root=_files(held.get("root")),
        worktrees={str(s): f for s, one in worktrees.items() if (f := _files(one)) is not None},
        problem=str(held.get("problem") or ""),
        turns={str(s): (int(p.get("turn") or 0), str(p.get("status") or "")) for s, p in sessions.items()},
        checks=checks,
    )


def _files(value: object) -> Files | None:
    if not isinstance(value, dict):
        return None
    uncovered = tuple((str(u.get("path", "")), str(u.get("why", ""))) for u in value.get("uncovered") or ())
    return Files(
        str(value.get("path") or ""),
        value.get("commit") or None,
        bool(value.get("mid_turn")),
        uncovered,
        str(value.get("problem") or ""),
    )
