"""Budgets: a turn that would begin beyond one waits until the person says so.

What counts is the ledger as it is when the turn would begin. Turns that run by then are
never cut, and go on spending: so many turns at once may go beyond a budget by what they
still take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from zwarm_tui.config.settings import BudgetSettings
from zwarm_tui.core.budgets import Budget, Key, budgets
from zwarm_tui.store.reader import Reader


@dataclass(slots=True, eq=False)
class Hold:
    """Why a turn does not begin. `decision` comes with (choice, the person's words)."""

    request: str
    budgets: list[Budget]
    decision: asyncio.Future[tuple[str, str]]


class Budgets:
    """The budgets of all turns. One that the person set aside holds nothing any more, as
    long as this engine lives."""

    def __init__(self, reader: Reader, limits: BudgetSettings) -> None:
        self._reader, self._limits = reader, limits
        self._aside: set[Key] = set()
        self._told: set[str] = set()
        self.any = limits != BudgetSettings()
        """Is there one at all?"""

    def _of(self, session: str, branch: int) -> list[Budget]:
        if not self.any:
            return []
        return budgets(self._limits, self._reader.totals(self._reader.path(branch)), branch, session)

    def reached(self, session: str, branch: int, leave: Collection[Key]) -> list[Budget]:
        """Those that hold a turn to which the person gave `leave` for some."""
        found = self._of(session, branch)
        return [b for b in found if b.reached and b.key not in leave and b.key not in self._aside]

    def set_aside(self, those: list[Budget]) -> None:
        self._aside.update(b.key for b in those)

    def warnings(self, session: str, branch: int) -> list[tuple[str, str]]:
        """(what it is about, a sentence) of all that has to be said now, each once."""
        news, found = [], self._of(session, branch)
        if any(not b.spent.complete for b in found):
            text = (
                "A price or a usage is unknown, so budgets count less than was spent: "
                "[prices] in the configuration names prices, `zwarm-tui cost` shows what is missing."
            )
            news.append(("budget unknown", text))
        near = [b for b in found if b.near and not b.reached]
        news += [(b.about, f"Budget: {b}; at 100 % no turn begins without your leave.") for b in near]
        news = [(a, text) for a, text in news if a not in self._told and not self._reader.said(a)]
        self._told.update(about for about, _ in news)
        return news
