"""The tables: one log, and what is folded from it.

Only `events` is the truth. Every other table is a read model that `fold` keeps in
the transaction that appends, and that `rebuild` can make anew.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from zwarm_tui.core.errors import StoreError

VERSION = 1

_PATIENCE = 10.0
"""Seconds that one waits for another process's transaction."""

READ_MODELS = (
    "sessions",
    "ends",
    "turns",
    "attention",
    "requests",
    "items",
    "ledger",
    "totals",
    "branches",
    "checkpoints",
    "worktrees",
    "meta",
)

_TABLES = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, time REAL NOT NULL, session TEXT NOT NULL, branch INTEGER NOT NULL,
    turn INTEGER NOT NULL, kind TEXT NOT NULL, data TEXT NOT NULL
);
CREATE INDEX events_session ON events (session, seq);
CREATE INDEX events_bound ON events (session, seq) WHERE kind = 'thread.bound';
CREATE INDEX events_unknown ON events (session) WHERE kind = 'unknown';
CREATE INDEX events_gates ON events (branch, seq) WHERE kind = 'gate';
CREATE TABLE sessions (
    id TEXT, role TEXT, task TEXT, executor TEXT, model TEXT, working_dir TEXT, worktree TEXT,
    parent TEXT, settings TEXT, simulated INTEGER, branch INTEGER, created_seq INTEGER, created_at REAL,
    updated_seq INTEGER, PRIMARY KEY (id, branch)
);
CREATE TABLE ends (
    session TEXT, seq INTEGER, branch INTEGER, hidden INTEGER, PRIMARY KEY (session, seq)
) WITHOUT ROWID;
CREATE INDEX sessions_updated ON sessions (updated_seq);
CREATE TABLE turns (
    session TEXT, branch INTEGER, turn INTEGER, prompt TEXT, origin TEXT, status TEXT, thread TEXT,
    native_turn TEXT, how TEXT, queued_seq INTEGER, end_seq INTEGER, started_at REAL, ended_at REAL,
    error TEXT, exit_code INTEGER, stderr TEXT, text_seq INTEGER,
    input INTEGER DEFAULT 0, cached INTEGER DEFAULT 0, cache_write INTEGER DEFAULT 0, output INTEGER DEFAULT 0,
    reasoning INTEGER DEFAULT 0, cost REAL DEFAULT 0, unknown INTEGER DEFAULT 0, context INTEGER, window INTEGER,
    PRIMARY KEY (session, branch, turn)
) WITHOUT ROWID;
CREATE INDEX turns_branch ON turns (branch, end_seq);
CREATE TABLE attention (
    session TEXT, branch INTEGER, reason TEXT, detail TEXT, since REAL, seq INTEGER,
    PRIMARY KEY (session, branch, reason)
) WITHOUT ROWID;
CREATE TABLE requests (
    id TEXT, session TEXT, branch INTEGER, turn INTEGER, seq INTEGER, time REAL, kind TEXT, data TEXT,
    PRIMARY KEY (session, branch, id)
) WITHOUT ROWID;
CREATE TABLE items (
    session TEXT, first_seq INTEGER, branch INTEGER, turn INTEGER, name TEXT, event_seq INTEGER,
    last_seq INTEGER, open INTEGER, PRIMARY KEY (session, first_seq)
) WITHOUT ROWID;
CREATE TABLE ledger (
    seq INTEGER PRIMARY KEY, time REAL, session TEXT, branch INTEGER, turn INTEGER, executor TEXT, model TEXT,
    input INTEGER, cached INTEGER, cache_write INTEGER, output INTEGER, reasoning INTEGER,
    cost REAL, source TEXT, rates TEXT, provider_cost REAL, simulated INTEGER
);
CREATE INDEX ledger_branch ON ledger (branch, seq, cost);
CREATE TABLE totals (
    scope TEXT, key TEXT, cost REAL DEFAULT 0, unknown INTEGER DEFAULT 0, simulated INTEGER DEFAULT 0,
    PRIMARY KEY (scope, key)
) WITHOUT ROWID;
CREATE TABLE branches (
    id INTEGER PRIMARY KEY, name TEXT, parent INTEGER, checkpoint INTEGER, cut INTEGER, tip INTEGER
);
CREATE TABLE checkpoints (
    id INTEGER PRIMARY KEY, label TEXT, parent INTEGER, branch INTEGER, description TEXT, time TEXT,
    seq INTEGER, name TEXT, note TEXT, metadata TEXT, state TEXT, cost REAL, unknown INTEGER, simulated INTEGER
);
CREATE TABLE worktrees (
    path TEXT PRIMARY KEY, branch INTEGER, session TEXT, snapshot TEXT, head TEXT, checkout TEXT, state TEXT,
    ready INTEGER, problem TEXT, seq INTEGER
);
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""

_START = """
INSERT INTO branches VALUES (1, 'main', NULL, 0, 0, 0);
INSERT INTO meta VALUES ('branch', 1), ('checkpoint', NULL), ('timeline', 0), ('money', 0), ('requests', 0);
"""


def sql_text(text: str) -> str:
    """The text as a table can hold it: SQLite takes no lone surrogates, so they are
    spelled out. The log itself, which is ASCII JSON, keeps them as they came."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def connect(path: Path, *, write: bool) -> sqlite3.Connection:
    """A connection in autocommit mode; a reader's can't change anything."""
    uri = f"{path.absolute().as_uri()}?mode={'rwc' if write else 'ro'}"
    if not write and not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists():
        # SQLite would make the file that readers and writers share. Where it can't,
        # nobody writes either, but that must be said.
        uri += "&immutable=1"
    connection = sqlite3.connect(
        uri,
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=_PATIENCE,
    )
    if write:
        connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def use_wal(connection: sqlite3.Connection) -> None:
    """Let readers and a writer work at once. It makes an empty file one that isn't, so the
    tables come first (`prepare`): a file without them is no log, to who reads it meanwhile.

    Two processes that make one file at the same time both read it and both want it alone:
    SQLite tells one of them at once that it is locked, whatever the timeout, lest they wait
    for each other. By then its own read is over, so that asking again is safe."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(0.01)


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables that the file lacks, unless another process just did."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if version(connection) == 0:
            for statement in (_TABLES + _START).split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # where there is no room SQLite takes it back by itself
            connection.execute("ROLLBACK")
        raise


def empty(connection: sqlite3.Connection) -> None:
    """Empty the read models, as before the first event."""
    for table in READ_MODELS:
        connection.execute(f"DELETE FROM {table}")
    for statement in _START.split(";"):
        connection.execute(statement)


def version(connection: sqlite3.Connection) -> int:
    row: tuple[int] = connection.execute("PRAGMA user_version").fetchone()
    return row[0]


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """`StoreError` where the file was written by a newer version of zwarm_tui."""
    found = version(connection)
    if found > VERSION:
        raise StoreError(
            f"{path} was written by a newer zwarm_tui (its format is {found}, this one knows {VERSION}): "
            "update zwarm_tui; nothing was changed"
        )
