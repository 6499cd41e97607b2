"""Numbers as the screen shows them: money, tokens, ages. Short, and never wrong."""

from __future__ import annotations

from zwarm_tui.core.budgets import Budget
from zwarm_tui.core.model import Cost
from zwarm_tui.core.money import format_cost


def money(cost: Cost) -> str:
    """USD; "≥" in front where a price or a usage is unknown, "?" where all of it is."""
    if not cost.complete:
        return f"≥{format_cost(cost.usd)}" if cost.usd else "?"
    return format_cost(cost.usd) if cost.usd else "$0"


def budget_of(found: list[Budget]) -> tuple[str, float]:
    """The budget that is nearest to its end ("of $5.00"), and the part of it that is spent
    (1.0: all of it); nothing where there is none."""
    if not found:
        return "", 0.0
    tightest = max(found, key=lambda budget: budget.share)
    whose = "" if tightest.key[0] == "usd" else " on this branch"
    return f"of {format_cost(tightest.limit)}{whose}", tightest.share


def age(seconds: float) -> str:
    """How long ago, or for how long: "4s", "12m", "3h", "2d"."""
    seconds = max(0, int(seconds))
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def elapsed(seconds: float) -> str:
    """A stopwatch: "0:04", "12:31", "1:02:03"."""
    seconds = max(0, int(seconds))
    hours, rest = divmod(seconds, 3_600)
    if hours:
        return f"{hours}:{rest // 60:02}:{rest % 60:02}"
    return f"{rest // 60}:{rest % 60:02}"


def tokens(count: int) -> str:
    """ "940", "12.4k", "3.1M"."""
    if count < 1_000:
        return str(count)
    if count < 999_950:
        return f"{count / 1_000:.1f}k" if count < 99_950 else f"{count / 1_000:.0f}k"
    return f"{count / 1_000_000:.1f}M"
