"""Reading the tree of branches and checkpoints, and the lines through it."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from zwarm_tui.core.errors import StoreError
from zwarm_tui.core.model import TIP, BranchView, CheckpointView, Path, Position
from zwarm_tui.store import places
from zwarm_tui.store.queries import cost, meta


def position(db: sqlite3.Connection) -> Position:
    """Where the project is."""
    known = meta(db)
    branch, checkpoint = known["branch"], known["checkpoint"]
    name, tip = db.execute("SELECT name, tip FROM branches WHERE id = ?", (branch,)).fetchone()
    detached = checkpoint is not None
    return Position(
        branch=branch,
        branch_name=name,
        checkpoint=checkpoint if detached else tip,
        detached=detached,
        path=line_at(db, checkpoint) if detached else line(db, branch),
    )


def line(db: sqlite3.Connection, branch: int, cut: int = TIP) -> Path:
    """The line from the root to a branch, up to `cut`."""
    rows = {row[0]: row for row in db.execute("SELECT id, parent, cut FROM branches")}
    path = [(branch, cut)]
    while (row := rows[path[0][0]])[1] is not None:
        path.insert(0, (row[1], row[2]))
    return tuple(path)


def line_at(db: sqlite3.Connection, checkpoint: int) -> Path:
    """The line from the root to a checkpoint; 0 is the root itself."""
    if checkpoint == 0:
        return ((1, 0),)
    return line(db, *_checkpoint(db, checkpoint, "branch, seq"))


def branches(db: sqlite3.Connection) -> list[BranchView]:
    """All branches, oldest first."""
    where = places.read(db)
    rows = db.execute(
        "SELECT b.id, b.name, b.parent, b.checkpoint, b.cut, b.tip, coalesce(t.cost, 0), coalesce(t.unknown, 0), "
        "coalesce(t.simulated, 0) FROM branches b "
        "LEFT JOIN totals t ON t.scope = 'branch' AND t.key = CAST(b.id AS TEXT) ORDER BY b.id"
    )
    return [
        BranchView(
            id=r[0],
            name=r[1],
            parent=r[2],
            checkpoint=r[3],
            cut=r[4],
            tip=r[5],
            cost=cost(r[6], r[7], r[8]),
            worktree=own.path if (own := where.of_branch(r[0])) else None,
            checkout=r[0] == where.checkout_branch,
        )
        for r in rows
    ]


def checkpoints(db: sqlite3.Connection) -> list[CheckpointView]:
    """All checkpoints of all branches, oldest first."""
    rows = db.execute(
        "SELECT id, label, parent, branch, description, time, seq, name, note, metadata, cost, unknown, simulated "
        "FROM checkpoints ORDER BY id"
    )
    return [
        CheckpointView(
            id=r[0],
            label=r[1],
            parent=r[2],
            branch=r[3],
            description=r[4],
            time=r[5],
            seq=r[6],
            name=r[7],
            note=r[8],
            metadata=json.loads(r[9]),
            cost=cost(r[10], r[11], r[12]),
        )
        for r in rows
    ]


def state(db: sqlite3.Connection, checkpoint: int) -> dict[str, Any]:
    """The pointers that a checkpoint holds; of the root (0) only its `files`, where
    they are known."""
    if checkpoint == 0:
        at_root = meta(db).get("root files")
        return {"files": json.loads(at_root)} if at_root else {}
    pointers: dict[str, Any] = json.loads(_checkpoint(db, checkpoint, "state")[0])
    return pointers


def _checkpoint(db: sqlite3.Connection, checkpoint: int, columns: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = db.execute(
        f"SELECT {columns} FROM checkpoints WHERE id = ?", (checkpoint,)
    ).fetchone()
    if row is None:
        raise StoreError(f"there is no checkpoint {checkpoint}")
    return row
