"""What events mean for the timeline: branches, checkpoints, and the files of both."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable

from zwarm_tui.core import events as e
from zwarm_tui.store.fold.write import mark, put
from zwarm_tui.store.money import SUMS


def _branch_created(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.BranchCreated)
    put(
        db,
        "INSERT OR IGNORE INTO branches VALUES (?, ?, ?, ?, ?, ?)",
        (v.branch, v.name, v.parent, v.checkpoint, v.cut, v.checkpoint),
    )
    mark(db, "timeline", r.seq)


def _branch_renamed(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.BranchRenamed)
    put(db, "UPDATE branches SET name = ? WHERE id = ?", (v.name, v.branch))
    mark(db, "timeline", r.seq)


def _checkpoint(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.CheckpointTaken)
    # What ended while its files were captured is not of it.
    seq = v.state.get("log", r.seq)
    last = db.execute(
        "SELECT coalesce((SELECT max(seq) FROM checkpoints WHERE branch = b.id), b.cut) FROM branches b "
        "WHERE id = ?",
        (r.branch,),
    ).fetchone()
    since = last[0] if last else 0
    cost = db.execute(
        f"SELECT {SUMS} FROM ledger WHERE branch = ? AND seq > ? AND seq <= ?", (r.branch, since, seq)
    ).fetchone()
    put(
        db,
        "INSERT OR IGNORE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?, '', '', ?, ?, ?, ?, ?)",
        (
            v.checkpoint,
            v.label,
            v.parent,
            r.branch,
            v.description,
            v.time,
            seq,
            json.dumps(v.metadata),
            json.dumps(v.state),
            *cost,
        ),
    )
    db.execute("UPDATE branches SET tip = ? WHERE id = ?", (v.checkpoint, r.branch))
    mark(db, "timeline", r.seq)


def _checkpoint_named(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.CheckpointNamed)
    put(db, "UPDATE checkpoints SET name = ? WHERE id = ?", (v.name, v.checkpoint))
    mark(db, "timeline", r.seq)


def _checkpoint_noted(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.CheckpointNoted)
    put(db, "UPDATE checkpoints SET note = ? WHERE id = ?", (v.text, v.checkpoint))
    mark(db, "timeline", r.seq)


def _moved(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.Moved)
    db.executemany(
        "UPDATE meta SET value = ? WHERE key = ?", [(v.branch, "branch"), (v.checkpoint, "checkpoint")]
    )
    mark(db, "timeline", r.seq)


# -- files ----------------------------------------------------------------------------


def _files_at_root(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.FilesAtRoot)
    put(db, "INSERT OR REPLACE INTO meta VALUES ('root files', ?)", (json.dumps(v.files),))


def _worktree_begun(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.WorktreeBegun)
    put(
        db,
        "INSERT OR REPLACE INTO worktrees VALUES (?, ?, ?, ?, ?, ?, 'begun', 0, NULL, ?)",
        (v.path, v.branch, v.session, v.snapshot, v.head, v.checkout, r.seq),
    )


def _worktree_made(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.WorktreeMade)
    put(db, "UPDATE worktrees SET state = 'made' WHERE path = ?", (v.path,))
    mark(db, "timeline", r.seq)


def _worktree_ready(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.WorktreeReady)
    put(db, "UPDATE worktrees SET ready = 1, problem = ? WHERE path = ?", (v.problem, v.path))


def _worktree_gone(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.WorktreeGone)
    put(db, "UPDATE worktrees SET state = ? WHERE path = ?", ("left" if v.kept else "gone", v.path))
    mark(db, "timeline", r.seq)


def _checkout_taken(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.CheckoutTaken)
    put(db, "INSERT OR REPLACE INTO meta VALUES ('checkout', ?)", (v.branch,))
    mark(db, "timeline", r.seq)


def _restore_begun(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.RestoreBegun)
    value = json.dumps({"path": v.path, "come": v.come, "go": v.go})
    put(db, "INSERT OR REPLACE INTO meta VALUES ('restore', ?)", (value,))


def _restore_ended(db: sqlite3.Connection, r: e.Record) -> None:
    put(db, "DELETE FROM meta WHERE key = 'restore'", ())


TIMELINE: dict[str, Callable[[sqlite3.Connection, e.Record], None]] = {
    "branch.created": _branch_created,
    "branch.renamed": _branch_renamed,
    "checkpoint": _checkpoint,
    "checkpoint.named": _checkpoint_named,
    "checkpoint.noted": _checkpoint_noted,
    "moved": _moved,
    "files.root": _files_at_root,
    "worktree.begun": _worktree_begun,
    "worktree.made": _worktree_made,
    "worktree.ready": _worktree_ready,
    "worktree.gone": _worktree_gone,
    "checkout.taken": _checkout_taken,
    "restore.begun": _restore_begun,
    "restore.ended": _restore_ended,
}
