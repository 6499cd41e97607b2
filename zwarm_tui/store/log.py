"""`Store`: appends records to the log, from one thread of its own.

An append costs its caller nothing but a place in a queue. The writer puts a batch of
records and all that is folded from them into one transaction: at once when it was
idle or someone waits for it, else about every 50 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from zwarm_tui.core import events as e
from zwarm_tui.core.costs import Priced, price_usage
from zwarm_tui.core.errors import StoreError
from zwarm_tui.core.secrets import Veil
from zwarm_tui.store import schema
from zwarm_tui.store.fold.batch import Fold
from zwarm_tui.store.fold.ledger import Price
from zwarm_tui.store.queries import read_records

INTERVAL = 0.05
"""Seconds between commits while records keep coming."""
RETRY = 1.0
"""Seconds until a batch that could not be written is tried again."""


class Store:
    """The writer of one project's log. Make one with `open`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, price: Price | None, veil: Veil) -> None:
        self.path = path
        self.notices: list[str] = []
        self.error: str | None = None
        """Why nothing can be written just now; None again as soon as it can."""
        self._db = connection
        self._fold = Fold(connection, price or price_usage)
        self._veil = veil
        self._queue: deque[e.Record] = deque()
        self._held: list[e.Record] = []
        """Ends of deltas that wait for what follows: they may be the beginning of a key."""
        self._waiters: list[Callable[[int, str | None], None]] = []
        self._subscribers: list[Callable[[int], None]] = []
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._hurry = threading.Event()
        self._closing = False
        self._seq: int = _last(connection)
        self._thread = threading.Thread(target=self._run, name="zwarm log", daemon=True)
        self._thread.start()

    @classmethod
    def open(
        cls, path: Path, *, price: Price | None = None, given: Iterable[Mapping[str, str]] = ()
    ) -> Store:
        """Open or make a log; its folder is private and ignores itself in git.

        `price` says what a model response cost; keys in the environment, and in those
        that agents are `given`, are not written. `StoreError`: the folder can't be
        written, or the file is of a newer version. A file that is no database any
        more is set aside under another name, which `notices` tell.
        """
        notices = []
        try:
            private_folder(path.parent)
            try:
                connection = _open(path)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                aside = _set_aside(path)
                notices.append(
                    f"{path} was damaged ({error}): it is kept as {aside.name}, and a new log begins"
                )
                connection = _open(path)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{path} can't be written ({error}): nothing can be recorded here") from error
        store = cls(path, connection, price, Veil(os.environ, *given))
        store.notices += notices
        return store

    # -- appending ------------------------------------------------------------------

    def append(self, *records: e.Record) -> None:
        """Queue records, in this order. Any thread; never blocks: what can't be written
        now is kept and tried again (see `error`). `StoreError` once the log is closed."""
        if self._closing:
            raise StoreError("the log is closed: nothing more can be recorded")
        self._queue.extend(records)
        if not self._news.is_set():
            self._news.set()

    async def commit(self, *records: e.Record) -> int:
        """Append, and wait until all that was appended is durable: the log's last seq.
        `StoreError` where it can't be written."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[int] = loop.create_future()

        def settle(seq: int, error: str | None) -> None:
            def set_result() -> None:
                if not done.done():
                    if error is None:
                        done.set_result(seq)
                    else:
                        done.set_exception(StoreError(error))

            with contextlib.suppress(RuntimeError):  # its loop has ended: nobody waits any more
                loop.call_soon_threadsafe(set_result)

        self._wait_for(settle, records)
        return await done

    def flush(self) -> int:
        """`commit` for callers without an event loop; blocks for milliseconds."""
        done = threading.Event()
        result: list[tuple[int, str | None]] = []

        def settle(seq: int, error: str | None) -> None:
            result.append((seq, error))
            done.set()

        self._wait_for(settle, ())
        done.wait()
        seq, error = result[0]
        if error is not None:
            raise StoreError(error)
        return seq

    def _wait_for(self, settle: Callable[[int, str | None], None], records: tuple[e.Record, ...]) -> None:
        with self._lock:
            if self._closing:
                raise StoreError("the log is closed: nothing more can be recorded")
            self._queue.extend(records)
            self._waiters.append(settle)
        self._hurry.set()
        self._news.set()

    def subscribe(self, fn: Callable[[int], None]) -> Callable[[], None]:
        """Call `fn` with the last seq after each commit, on the writer's thread.
        Returns what ends it."""
        self._subscribers.append(fn)
        return lambda: self._subscribers.remove(fn) if fn in self._subscribers else None

    def close(self) -> None:
        """Write what is queued, and end. Idempotent. `StoreError` where some of it could
        not be written: it is lost."""
        with self._lock:
            self._closing = True
        self._hurry.set()
        self._news.set()
        self._thread.join()
        if self._queue:
            lost, why = len(self._queue), self.error
            self._queue.clear()
            raise StoreError(f"the last {lost} records are lost: {why}")

    # -- the writer's thread --------------------------------------------------------

    def _run(self) -> None:
        tries_left = 3  # of a log that can't be written when it shall be closed
        while True:
            self._news.wait()
            self._news.clear()
            self._hurry.clear()  # before the waiters are taken: who comes later hurries the next batch
            with self._lock:
                batch = [self._queue.popleft() for _ in range(len(self._queue))]
                waiters, self._waiters = self._waiters, []
            error = self._write(batch)
            if error is not None:
                self._queue.extendleft(reversed(batch))
                tries_left -= self._closing
            self.error = error
            for settle in waiters:
                settle(self._seq, error)
            if batch or error:
                self._tell()
            with self._lock:
                done = self._closing and not self._waiters and (not self._queue or tries_left <= 0)
            if done:
                self._db.close()
                return
            if error is not None:
                self._hurry.wait(RETRY)
                self._news.set()
            elif batch:
                self._hurry.wait(INTERVAL)
            if self._closing:
                self._news.set()

    def _tell(self) -> None:
        for fn in list(self._subscribers):
            try:
                fn(self._seq)
            except Exception as error:  # a listener's bug must not stop the log
                self._subscribers.remove(fn)
                self.notices.append(f"{fn!r} no longer hears of new records: {type(error).__name__}: {error}")

    def _write(self, batch: list[e.Record]) -> str | None:
        """One transaction; None, or why it could not be."""
        records, latest = _joined([*self._held, *batch])
        held = [] if self._closing else _hold(records, latest, self._veil)
        if not records:
            self._held = held
            return None
        db = self._db
        try:
            db.execute("BEGIN IMMEDIATE")
            try:
                last = _last(db)
                if last != self._seq:
                    self._fold.forget()
                records = _numbered(records, last)
                db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", _rows(records, self._veil))
                self._fold.apply(records)
                db.execute("COMMIT")
            except BaseException:
                self._fold.forget()
                if db.in_transaction:  # a full disk makes SQLite do it by itself
                    db.execute("ROLLBACK")
                raise
        except (sqlite3.Error, OSError) as error:
            return f"{self.path} can't be written ({error}): what happens is kept in memory until it can"
        self._seq = records[-1].seq
        self._held = held
        return None


def _rows(records: list[e.Record], veil: Veil) -> list[tuple[int, float, str, int, int, str, str]]:
    """Rows of `events`, without keys of the environment, which go from `records` too. A
    record whose values are not JSON takes its place as Unknown, there as well: one wrong
    value must not stop all the others."""
    rows = []
    for i, r in enumerate(records):
        try:
            data = e.dump(r.event)
        except (TypeError, ValueError, RecursionError) as error:
            r = records[i] = replace(r, event=e.Unknown(r.event.kind, f"could not be recorded: {error}"))
            data = e.dump(r.event)
        if (veiled := veil.over(data)) is not data:
            event = e.load(r.event.kind, veiled)
            if not isinstance(event, e.Unknown):  # else a key is spelled like a part of JSON
                r, data = replace(r, event=event), veiled
                records[i] = r
        rows.append((r.seq, r.time, r.session, r.branch, r.turn, r.event.kind, data))
    return rows


def _joined(batch: list[e.Record]) -> tuple[list[e.Record], dict[str, int]]:
    """The records, with deltas of one item in one record, where nothing else of their
    session comes between them; and the places of those after which nothing else of their
    session comes."""
    out: list[e.Record] = []
    pieces: dict[int, list[str]] = {}  # place in `out` -> the texts that follow its own
    latest: dict[str, int] = {}  # session -> place of its last record, if that is a delta
    for r in batch:
        event = r.event
        if event.kind in e.DELTAS:
            place = latest.get(r.session)
            if place is not None and _continues(out[place], r):
                pieces.setdefault(place, []).append(event.text)  # type: ignore[attr-defined]
                continue
            latest[r.session] = len(out)
        else:
            latest.pop(r.session, None)
        out.append(r)
    for place, texts in pieces.items():
        first: Any = out[place].event
        out[place] = replace(out[place], event=replace(first, text=first.text + "".join(texts)))
    return out, latest


def _hold(records: list[e.Record], latest: dict[str, int], veil: Veil) -> list[e.Record]:
    """Take from the ends of deltas what may be the beginning of a key, and return it: with
    what follows it is one record, and known for a key or for none."""
    held = []
    for place in sorted(latest.values(), reverse=True):
        r: Any = records[place]
        if count := veil.begun(r.event.text):
            before, rest = r.event.text[:-count], r.event.text[-count:]
            held.append(replace(r, event=replace(r.event, text=rest)))
            records[place : place + 1] = [replace(r, event=replace(r.event, text=before))] if before else []
    return held


def _numbered(records: list[e.Record], last: int) -> list[e.Record]:
    """The records with their seq and time."""
    now = time.time()
    return [
        e.Record(r.event, r.session, r.branch, r.turn, r.time or now, seq)
        for seq, r in enumerate(records, last + 1)
    ]


def _continues(before: e.Record, r: e.Record) -> bool:
    a: Any = before.event
    b: Any = r.event
    return bool(a.kind == b.kind and a.item == b.item and (before.branch, before.turn) == (r.branch, r.turn))


def rebuild(path: Path, *, price: Price | None = None) -> None:
    """Make all read models anew from the log; what a response cost stays as it was
    recorded. Other writers wait meanwhile."""
    db = schema.connect(path, write=True)
    try:
        db.execute("BEGIN IMMEDIATE")
        paid = {
            seq: Priced(cost, source, json.loads(rates))
            for seq, cost, source, rates in db.execute("SELECT seq, cost, source, rates FROM ledger")
        }
        schema.empty(db)
        fold, seq = Fold(db, price or price_usage, paid), 0
        while True:
            records = read_records(db, "events e WHERE e.seq > ? ORDER BY e.seq LIMIT 5000", (seq,))
            if not records:
                break
            fold.apply(records)
            seq = records[-1].seq
        db.execute("COMMIT")
    finally:
        db.close()


def _last(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT max(seq) FROM events").fetchone()
    return row[0] or 0


def _open(path: Path) -> sqlite3.Connection:
    # Private from its first moment; SQLite gives its companions the same mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = schema.connect(path, write=True)
    try:
        schema.check_version(connection, path)
        if schema.version(connection) == 0:
            schema.prepare(connection)
        schema.use_wal(connection)
        _last(connection)  # a file that is damaged at the root says so now
    except BaseException:
        connection.close()
        raise
    return connection


def private_folder(folder: Path) -> None:
    """Make the folder, for its owner only, and ignored by git from the first file on."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    ignore = folder / ".gitignore"
    if not ignore.exists() or not ignore.stat().st_size:  # who began to write it was killed
        ignore.write_text("*\n")


def _set_aside(path: Path) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside
