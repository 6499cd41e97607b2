"""What events mean for sessions: their turns, what they wait for, what asks for a person."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable

from zwarm_tui.core import events as e
from zwarm_tui.store.fold.write import TURN, mark, put, turn_of


def _session_created(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.SessionCreated)
    put(
        db,
        "INSERT INTO sessions (id, role, task, executor, model, working_dir, worktree, parent, settings, "
        "simulated, branch, created_seq, created_at, updated_seq) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        # A role's session is made again with another brain: it stays one session.
        "ON CONFLICT DO UPDATE SET executor = excluded.executor, model = excluded.model, "
        "settings = excluded.settings, simulated = excluded.simulated, updated_seq = excluded.updated_seq",
        (
            r.session,
            v.role,
            v.task,
            v.executor,
            v.model,
            v.working_dir,
            v.worktree,
            v.parent,
            json.dumps(v.settings),
            v.simulated,
            r.branch,
            r.seq,
            r.time,
            r.seq,
        ),
    )


def _user(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.UserMessage)
    if v.steer:
        return
    put(
        db,
        "INSERT INTO turns (session, branch, turn, prompt, origin, status, queued_seq) VALUES (?, ?, ?, ?, ?, "
        "'pending', ?) ON CONFLICT DO NOTHING",
        (r.session, r.branch, r.turn, v.text, v.origin, r.seq),
    )
    _acknowledged(db, r)


def _thread_bound(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.ThreadBound)
    put(db, f"UPDATE turns SET thread = ?, how = ? {TURN}", (v.thread, v.how, *turn_of(r)))


def _turn_started(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.TurnStarted)
    put(
        db,
        "UPDATE turns SET status = CASE status WHEN 'pending' THEN 'running' ELSE status END, "
        f"started_at = coalesce(started_at, ?), native_turn = coalesce(?, native_turn) {TURN}",
        (r.time, v.turn_id, *turn_of(r)),
    )


def _turn_ended(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.TurnEnded)
    put(
        db,
        "UPDATE turns SET status = ?, native_turn = coalesce(?, native_turn), error = ?, exit_code = ?, "
        f"stderr = ?, end_seq = ?, ended_at = ? {TURN} AND end_seq IS NULL",
        (v.status, v.turn_id, v.error, v.exit_code, v.stderr, r.seq, r.time, *turn_of(r)),
    )
    db.execute(f"DELETE FROM requests {TURN}", turn_of(r))
    db.execute(
        "DELETE FROM attention WHERE session = ? AND branch = ? "
        "AND reason IN ('approval', 'question', 'budget', 'silent')",
        (r.session, r.branch),
    )
    mark(db, "requests", r.seq)


def _session_ended(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.SessionEnded)
    db.execute("INSERT INTO ends VALUES (?, ?, ?, ?)", (r.session, r.seq, r.branch, v.hidden))
    db.execute(f"DELETE FROM requests {TURN}", turn_of(r))
    mark(db, "requests", r.seq)
    put(
        db,
        f"UPDATE turns SET status = 'killed', error = ?, end_seq = ?, ended_at = ? {TURN} AND end_seq IS NULL",
        (v.reason, r.seq, r.time, *turn_of(r)),
    )


# -- attention and requests -------------------------------------------------------


def _notice(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.Notice)
    if v.about:
        put(db, "INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"said {v.about}", r.seq))


def _attention(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.AttentionRaised)
    put(
        db,
        "INSERT INTO attention VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET detail = excluded.detail, "
        "since = excluded.since, seq = excluded.seq",
        (r.session, r.branch, v.reason, v.detail, r.time, r.seq),
    )


def _acknowledged(db: sqlite3.Connection, r: e.Record) -> None:
    # Seen on a branch is seen on the line that leads to it.
    db.execute(
        "WITH RECURSIVE line (id) AS (SELECT ? UNION SELECT b.parent FROM branches b JOIN line ON b.id = line.id "
        "WHERE b.parent IS NOT NULL) DELETE FROM attention WHERE session = ? AND branch IN line",
        (r.branch, r.session),
    )


def _requested(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.ApprovalRequested | e.QuestionAsked)
    put(
        db,
        "INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (v.request, r.session, r.branch, r.turn, r.seq, r.time, v.kind, e.dump(v)),
    )
    db.execute(
        f"UPDATE turns SET status = 'awaiting_input' {TURN} AND end_seq IS NULL",
        turn_of(r),
    )
    mark(db, "requests", r.seq)


def _resolved(db: sqlite3.Connection, r: e.Record) -> None:
    v = r.event
    assert isinstance(v, e.ApprovalResolved | e.QuestionAnswered)
    put(
        db,
        "DELETE FROM requests WHERE session = ? AND branch = ? AND id = ?",
        (r.session, r.branch, v.request),
    )
    left = db.execute(f"SELECT 1 FROM requests {TURN} LIMIT 1", turn_of(r)).fetchone()
    if left is None:
        db.execute(
            # One that a budget held has yet to begin.
            "UPDATE turns SET status = CASE WHEN thread IS NULL THEN 'pending' ELSE 'running' END "
            f"{TURN} AND status = 'awaiting_input'",
            turn_of(r),
        )
    mark(db, "requests", r.seq)


SESSIONS: dict[str, Callable[[sqlite3.Connection, e.Record], None]] = {
    "session.created": _session_created,
    "user": _user,
    "thread.bound": _thread_bound,
    "turn.started": _turn_started,
    "turn.ended": _turn_ended,
    "session.ended": _session_ended,
    "attention": _attention,
    "notice": _notice,
    "acknowledged": _acknowledged,
    "approval.requested": _requested,
    "question.asked": _requested,
    "approval": _resolved,
    "question": _resolved,
}
