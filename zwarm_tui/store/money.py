"""Reading money: the ledger and the sums over it, on a line through the tree or on all."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from zwarm_tui.core.model import TIP, Cost, Path, Tokens, Totals
from zwarm_tui.store.queries import cost, marks

SUMS = "coalesce(sum(cost), 0), coalesce(sum(cost IS NULL), 0), coalesce(max(simulated), 0)"
"""Of rows of the ledger: dollars, how many have no price, whether any is simulated."""

_TOKENS = ("input", "cached", "cache_write", "output", "reasoning")


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens and money of a part of the ledger; `unknown` counts rows without a price."""

    tokens: Tokens
    usd: float
    unknown: int
    simulated: bool

    @property
    def cost(self) -> Cost:
        return cost(self.usd, self.unknown, self.simulated)

    def __sub__(self, other: Spent) -> Spent:
        """What is left of a part without one that lies in it."""
        counts = (getattr(self.tokens, f) - getattr(other.tokens, f) for f in _TOKENS)
        left = _left(self.usd, other.usd)
        return Spent(Tokens(*counts), left, self.unknown - other.unknown, self.simulated)


class _Sum(NamedTuple):
    usd: float
    unknown: int
    simulated: int


_NOTHING = _Sum(0.0, 0, 0)


def spent(db: sqlite3.Connection, path: Path) -> Spent:
    """Tokens and money of a line through the tree."""
    where = " OR ".join("(branch = ? AND seq <= ?)" for _ in path)
    counts = ", ".join(f"coalesce(sum({name}), 0)" for name in _TOKENS)
    *tokens, usd, unknown, simulated = db.execute(
        f"SELECT {counts}, {SUMS} FROM ledger WHERE {where}", [value for pair in path for value in pair]
    ).fetchone()
    return Spent(Tokens(*tokens), usd, unknown, bool(simulated))


def totals(db: sqlite3.Connection, path: Path) -> Totals:
    """Money spent: in all, on the path, off it; by session, model and day."""
    scopes: dict[str, dict[str, _Sum]] = {}
    for scope, key, *part in db.execute("SELECT * FROM totals"):
        scopes.setdefault(scope, {})[key] = _Sum(*part)
    total = scopes.get("all", {}).get("", _NOTHING)
    usd, unknown = 0.0, 0
    for branch, cut in path:
        if cut == TIP:
            part_usd, part_unknown, _ = scopes.get("branch", {}).get(str(branch), _NOTHING)
        else:  # of what the index alone holds
            part_usd, part_unknown = db.execute(
                "SELECT coalesce(sum(cost), 0), coalesce(sum(cost IS NULL), 0) FROM ledger "
                "WHERE branch = ? AND seq <= ?",
                (branch, cut),
            ).fetchone()
        usd, unknown = usd + part_usd, unknown + part_unknown
    return Totals(
        total=cost(*total),
        branch=cost(usd, unknown, total.simulated),
        abandoned=cost(_left(total.usd, usd), total.unknown - unknown, total.simulated),
        by_session=_costs(scopes.get("session")),
        by_model=_costs(scopes.get("model")),
        by_day=_costs(scopes.get("day")),
    )


def turn_costs(db: sqlite3.Connection, sessions: Collection[str]) -> dict[tuple[str, int, int], Cost]:
    """What each turn of these sessions cost, on all branches: by (session, branch, turn)."""
    rows = db.execute(
        "SELECT t.session, t.branch, t.turn, t.cost, t.unknown, coalesce(s.simulated, 0) FROM turns t "
        "LEFT JOIN sessions s ON s.id = t.session AND s.branch = t.branch "
        f"WHERE t.session IN {marks(sessions)}",
        [*sessions],
    )
    return {(r[0], r[1], r[2]): cost(r[3], r[4], r[5]) for r in rows}


def _left(usd: float, part: float) -> float:
    """Of sums in another order: nothing may look like a little."""
    left = usd - part
    return left if left > 1e-9 else 0.0


def _costs(sums: dict[str, _Sum] | None) -> dict[str, Cost]:
    return {key: cost(*part) for key, part in (sums or {}).items()}
