"""Budgets and what was spent of them, in USD."""

from __future__ import annotations

from typing import Any, Protocol

from zwarm_tui.core.model import Cost, Totals
from zwarm_tui.core.money import format_cost
from zwarm_tui.core.value import Value, value

WARN_AT = 0.8
"""The part of a budget from which on its person is told."""

Key = tuple[str, str]
"""Which budget, and of what: ("usd", ""), ("branch_usd", "2"), ("session_usd", id)."""

_WHOSE = {"usd": "the project", "branch_usd": "this branch", "session_usd": "this session"}


class Limits(Protocol):
    """The `[budget]` of the settings; None is without limit."""

    @property
    def usd(self) -> float | None: ...
    @property
    def branch_usd(self) -> float | None: ...
    @property
    def session_usd(self) -> float | None: ...


@value()
class Budget(Value):
    """One budget, and what was spent of it."""

    key: Key
    limit: float
    spent: Cost

    @property
    def share(self) -> float:
        """1.0 is all of it."""
        return self.spent.usd / self.limit if self.limit else 1.0

    @property
    def reached(self) -> bool:
        return self.spent.usd >= self.limit

    @property
    def near(self) -> bool:
        """So much is spent that its person is told, or more."""
        return self.spent.usd >= self.limit * WARN_AT

    @property
    def about(self) -> str:
        """Its name where it is warned of once: with another limit it is another one."""
        return f"budget {' '.join(self.key)} {self.limit:g}"

    def __str__(self) -> str:
        least = "" if self.spent.complete else "at least "
        label = "simulated " if self.spent.simulated else ""
        money = f"{least}{label}{format_cost(self.spent.usd)} of {format_cost(self.limit)}"
        return f"{_WHOSE[self.key[0]]} has spent {money} ([budget] {self.key[0]})"

    def to_json(self) -> dict[str, Any]:
        return {
            "limit_usd": self.limit,
            "spent_usd": self.spent.usd,
            "complete": self.spent.complete,
            "state": "reached" if self.reached else "near" if self.near else "ok",
        }


def budgets(limits: Limits, totals: Totals, branch: int, session: str | None = None) -> list[Budget]:
    """All that are set: the project's, that of the path to `branch` (which `totals` are
    for), and of a session on all branches, where one is named."""
    found: list[tuple[Key, float | None, Cost]] = [
        (("usd", ""), limits.usd, totals.total),
        (("branch_usd", str(branch)), limits.branch_usd, totals.branch),
    ]
    if session is not None:
        spent = totals.by_session.get(session, Cost(simulated=totals.total.simulated))
        found.append((("session_usd", session), limits.session_usd, spent))
    return [Budget(key, limit, spent) for key, limit, spent in found if limit is not None]
