"""A batch of records into the tables.

All state is in the tables, so that several processes may append; what is cached here
is dropped as soon as another process has written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from zwarm_tui.core import events as e
from zwarm_tui.core.costs import Priced
from zwarm_tui.core.transcript import block_key, is_open
from zwarm_tui.store.fold.ledger import Ledger, Price
from zwarm_tui.store.fold.sessions import SESSIONS
from zwarm_tui.store.fold.timeline import TIMELINE
from zwarm_tui.store.fold.write import TURN, Turn, turn_of
from zwarm_tui.store.schema import sql_text

NewItem = tuple[str, int, int, int, str, int, int, int]
ChangedItem = tuple[int | None, int, int | None]


class Fold:
    """Folds batches of records, each within the caller's transaction."""

    def __init__(
        self, connection: sqlite3.Connection, price: Price, paid: Mapping[int, Priced] | None = None
    ) -> None:
        self._db = connection
        self._ledger = Ledger(connection, price, paid or {})
        self._folds: dict[str, Callable[[e.Record], None]] = {
            **{kind: partial(fold, connection) for kind, fold in {**SESSIONS, **TIMELINE}.items()},
            "usage": self._ledger.usage,
            "usage.unknown": self._ledger.usage_unknown,
        }
        self._items: dict[Turn, dict[str, int]] = {}

    def forget(self) -> None:
        """Another process wrote: what is known by heart may be old."""
        self._items.clear()
        self._ledger.forget()

    def apply(self, records: Sequence[e.Record]) -> None:
        """Fold records that have their seq."""
        touched: dict[str, int] = {}
        texts: dict[Turn, int] = {}
        new: list[NewItem] = []
        changed: dict[tuple[str, int], ChangedItem] = {}
        for record in records:
            event, session, seq = record.event, record.session, record.seq
            touched[session] = seq
            key = block_key(record)
            if key is not None:
                names = self._names(turn_of(record))
                name = sql_text(key[2])
                first = names.get(name)
                delta = event.kind in e.DELTAS
                if first is None:
                    names[name] = seq
                    new.append(
                        (session, seq, record.branch, record.turn, name, seq, seq, int(is_open(event)))
                    )
                elif delta:
                    was = changed.get((session, first), (None, 0, None))
                    changed[session, first] = (was[0], seq, was[2])
                else:
                    changed[session, first] = (seq, seq, int(is_open(event)))
            if isinstance(event, e.Text):
                if event.parent is None and event.text.strip():
                    texts[turn_of(record)] = seq
            elif not (key is not None and event.kind in e.DELTAS):
                fold = self._folds.get(event.kind)
                if fold is not None:
                    fold(record)
                    if isinstance(event, e.SessionCreated):
                        self._ledger.forget()
            if isinstance(event, e.TurnEnded):  # what still streams in it is as complete as it will be
                self._put_items(new, changed)
                self._db.execute(f"UPDATE items SET open = ? {TURN} AND open = 1", (seq, *turn_of(record)))
        self._put_items(new, changed)
        self._db.executemany(
            # Not of a turn that was queued only later in this batch: no batch may matter.
            f"UPDATE turns SET text_seq = ? {TURN} AND queued_seq < ?",
            [(seq, *turn, seq) for turn, seq in texts.items()],
        )
        self._db.executemany(
            "UPDATE sessions SET updated_seq = ? WHERE id = ?", [(seq, s) for s, seq in touched.items() if s]
        )
        if len(self._items) > 2000:  # not earlier: until here, the batch's own names are nowhere else
            self._items.clear()

    def _put_items(self, new: list[NewItem], changed: dict[tuple[str, int], ChangedItem]) -> None:
        """Write what the batch did to items so far, and start over."""
        self._db.executemany("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?)", new)
        self._db.executemany(
            "UPDATE items SET event_seq = coalesce(?, event_seq), last_seq = ?, open = coalesce(?, open) "
            "WHERE session = ? AND first_seq = ?",
            [(*value, *where) for where, value in changed.items()],
        )
        new.clear()
        changed.clear()

    def _names(self, turn: Turn) -> dict[str, int]:
        """Items of a turn by name: the first seq of each."""
        names = self._items.get(turn)
        if names is None:
            rows = self._db.execute(f"SELECT name, first_seq FROM items {TURN}", turn)
            names = self._items[turn] = dict(rows.fetchall())
        return names
