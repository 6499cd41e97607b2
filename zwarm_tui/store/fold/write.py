"""How a fold writes a row."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from zwarm_tui.core import events as e
from zwarm_tui.store.schema import sql_text

Turn = tuple[str, int, int]
"""(session, branch, turn)."""

TURN = "WHERE session = ? AND branch = ? AND turn = ?"
"""The rows of one turn, in every table that has turns."""


def turn_of(r: e.Record) -> Turn:
    return r.session, r.branch, r.turn


def put(db: sqlite3.Connection, sql: str, values: Sequence[object]) -> None:
    """Execute what holds texts from outside."""
    try:
        db.execute(sql, values)
    except UnicodeEncodeError:  # rare, so nobody else pays for the look at every text
        db.execute(sql, [sql_text(v) if isinstance(v, str) else v for v in values])


def mark(db: sqlite3.Connection, what: str, seq: int) -> None:
    """Note that the "timeline", the "money" or the "requests" changed (`Reader.changes`)."""
    db.execute("UPDATE meta SET value = ? WHERE key = ?", (seq, what))
