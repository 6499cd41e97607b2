"""Codex's token counts: which of its reports are new spending.

A report holds the thread's running total and the last response's own count. The total
is inherited by a fork, falls on a revert, and is repeated on an interrupt, a failure
and a resume; so neither number can simply be added up.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

from zwarm_tui.core.events import Usage


@dataclass(frozen=True, slots=True)
class Tokens:
    """Counts as codex gives them: `input` includes `cached` and `cache_write`,
    `output` includes `reasoning`."""

    input: int = 0
    cached: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0

    @classmethod
    def read(cls, value: Any, names: tuple[str, str, str, str, str]) -> Tokens:
        """From a JSON object with these keys; what is missing or odd counts as 0."""
        given = [value.get(name) for name in names] if isinstance(value, dict) else [0] * 5
        return cls(*(n if type(n) is int and 0 < n < 2**53 else 0 for n in given))

    def __sub__(self, other: Tokens) -> Tokens:
        return Tokens(*(a - b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __bool__(self) -> bool:
        return bool(self.input or self.output)

    def covers(self, other: Tokens) -> bool:
        """No count is smaller than the other's."""
        return all(a >= b for a, b in zip(astuple(self), astuple(other), strict=True))

    def usage(self, model: str | None, *, context: int | None = None, window: int | None = None) -> Usage:
        """As an event, in our one meaning."""
        return Usage(
            model=model,
            input=max(0, self.input - self.cached - self.cache_write),
            cached=self.cached,
            cache_write=self.cache_write,
            output=self.output,
            reasoning=self.reasoning,
            context=context,
            window=window,
        )


class Lineage:
    """The totals of app-server threads, and what each report adds."""

    def __init__(self) -> None:
        self._total: dict[str, Tokens] = {}
        self._after: dict[tuple[str, str], Tokens] = {}
        """A thread's total after a turn: what a fork at that turn inherits."""

    def begin(self, thread: str, inherited: Tokens | None) -> None:
        """A thread was made, by a start (nothing inherited: `Tokens()`) or a fork;
        None: what it inherits isn't known, and codex will say it in a snapshot."""
        if inherited is not None:
            self._total[thread] = inherited

    def spent(self, thread: str, turn: str, total: Tokens, last: Tokens, *, ours: bool) -> Tokens | None:
        """What a report adds, None for nothing. `ours`: its turn was begun through this
        server; otherwise it is a snapshot, which only tells what was missed."""
        before = self._total.get(thread)
        self._total[thread] = self._after[thread, turn] = total
        if total == before:
            return None
        if ours:
            return last
        return total - before if before is not None and total.covers(before) else None

    def ended(self, thread: str, turn: str) -> None:
        """The turn is over; it may have had no report at all."""
        if thread in self._total:
            self._after[thread, turn] = self._total[thread]

    def after(self, thread: str, turn: str | None) -> Tokens | None:
        """The thread's total after that turn (None: now), None where it isn't known."""
        return self._total.get(thread) if turn is None else self._after.get((thread, turn))

    def forget(self, thread: str, turn: str | None = None) -> None:
        """The thread's total is another one now, that isn't known (and so is that after
        `turn`, where it ended in the middle): the next report tells it, and adds nothing."""
        self._total.pop(thread, None)
        if turn is not None:
            self._after.pop((thread, turn), None)


class Running:
    """The running total of a `codex exec` thread, which reports nothing else."""

    def __init__(self, total: Tokens | None) -> None:
        self.total = total
        """None: not known (a thread of before); the first report is then a baseline."""

    def spent(self, total: Tokens) -> Tokens | None:
        """What a turn that ended at `total` cost, None where that can't be told."""
        before, self.total = self.total, total
        if before is None:
            return None
        return total - before if total.covers(before) else total
