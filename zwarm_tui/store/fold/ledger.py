"""What events mean for money: the ledger, a row a response, and the sums over it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime

from zwarm_tui.core import events as e
from zwarm_tui.core.costs import Priced
from zwarm_tui.store.fold.write import TURN, mark, put, turn_of
from zwarm_tui.store.schema import sql_text

Price = Callable[[str | None, e.Usage], Priced]


class Ledger:
    """Folds usage. `paid` is what a response cost when it was recorded, by seq: a new
    price table changes no past."""

    def __init__(self, connection: sqlite3.Connection, price: Price, paid: Mapping[int, Priced]) -> None:
        self._db = connection
        self._price = price
        self._paid = paid
        self._sessions: dict[tuple[str, int], tuple[str, str | None, int]] = {}

    def forget(self) -> None:
        """Sessions were made: what is known of them by heart may be old."""
        self._sessions.clear()

    def usage(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.Usage)
        executor, session_model, simulated = self._about(r)
        model = sql_text(v.model) if v.model else session_model
        priced = self._paid.get(r.seq) or self._price(model, v)
        counts = (v.input, v.cached, v.cache_write, v.output, v.reasoning)
        put(
            self._db,
            "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(r.seq, r.time, *turn_of(r)),
                executor,
                model,
                *counts,
                priced.cost,
                priced.source,
                json.dumps(priced.rates),
                v.provider_cost,
                simulated,
            ),
        )
        self._db.execute(
            "UPDATE turns SET input = input + ?, cached = cached + ?, cache_write = cache_write + ?, "
            "output = output + ?, reasoning = reasoning + ?, cost = cost + ?, unknown = unknown + ?, "
            f"context = coalesce(?, context), window = coalesce(?, window) {TURN}",
            (
                *counts,
                priced.cost or 0.0,
                priced.cost is None,
                v.context,
                v.window,
                *turn_of(r),
            ),
        )
        self._total(r, model, priced.cost, simulated)

    def usage_unknown(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.UsageUnknown)
        executor, model, simulated = self._about(r)
        put(
            self._db,
            "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, NULL, ?, '{}', NULL, ?)",
            (r.seq, r.time, *turn_of(r), executor, model, v.why, simulated),
        )
        self._db.execute(f"UPDATE turns SET unknown = unknown + 1 {TURN}", turn_of(r))
        self._total(r, model, None, simulated)

    def _total(self, r: e.Record, model: str | None, cost: float | None, simulated: int) -> None:
        day = datetime.fromtimestamp(r.time).astimezone().date().isoformat()
        scopes = (
            ("all", ""),
            ("branch", str(r.branch)),
            ("session", r.session),
            ("model", model or "unknown"),
            ("day", day),
        )
        self._db.executemany(
            "INSERT INTO totals VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET cost = cost + excluded.cost, "
            "unknown = unknown + excluded.unknown, simulated = max(simulated, excluded.simulated)",
            [(scope, key, cost or 0.0, cost is None, simulated) for scope, key in scopes],
        )
        mark(self._db, "money", r.seq)

    def _about(self, r: e.Record) -> tuple[str, str | None, int]:
        """(executor, model, simulated) of a record's session, as its own branch made it."""
        known = self._sessions.get((r.session, r.branch))
        if known is None:
            row = self._db.execute(
                "SELECT executor, model, simulated FROM sessions WHERE id = ? "
                "ORDER BY branch = ? DESC, created_seq DESC LIMIT 1",
                (r.session, r.branch),
            ).fetchone()
            known = self._sessions[r.session, r.branch] = row or ("", None, 0)
        return known
