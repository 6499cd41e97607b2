"""How an amount of money is written."""

from __future__ import annotations


def format_cost(cost: float | None) -> str:
    """ "?" for None; four decimals below a cent, three below a dollar, else two."""
    if cost is None:
        return "?"
    return f"${cost:.{4 if cost < 0.01 else 3 if cost < 1 else 2}f}"
