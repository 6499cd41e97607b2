"""How facts read for people: ages, durations, money, statuses."""

from __future__ import annotations

import time
from itertools import pairwise

from zwarm_tui.cli.table import Cell
from zwarm_tui.core.model import Cost, SessionStatus, SessionView

_COLOURS = {
    SessionStatus.PENDING: None,
    SessionStatus.RUNNING: "cyan",
    SessionStatus.AWAITING_INPUT: "yellow",
    SessionStatus.COMPLETED: "green",
    SessionStatus.FAILED: "red",
    SessionStatus.KILLED: "red",
    SessionStatus.INTERRUPTED: "magenta",
}
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def status(value: SessionStatus) -> Cell:
    return Cell(value.value.replace("_", " "), _COLOURS[value])


def count(number: int, what: str) -> str:
    """A number of things: "1 turn", "2 turns"."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def attention(session: SessionView) -> Cell:
    """The reason and the age of what the session wants; nothing where it wants nothing."""
    wanted = session.attention
    if wanted is None:
        return Cell("")
    return Cell(f"! {wanted.reason} {duration(time.time() - wanted.since)}", "yellow")


def duration(seconds: float) -> str:
    """Two units at most: "4.2s", "3m 20s", "2h 5m", "3d 4h"."""
    seconds = max(0.0, seconds)
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    for (size, unit), (smaller, rest_unit) in pairwise(_UNITS):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size}{unit}" + (f" {rest}{rest_unit}" if rest else "")
    return f"{whole}s"


def money(cost: Cost) -> str:
    """Like $0.0420; "≥" where a price or a usage is unknown; "~" for what a demo pretends."""
    from zwarm_tui.core.costs import format_cost

    text = format_cost(cost.usd)
    if not cost.complete:
        text = "≥" + text if cost.usd else format_cost(None)
    return f"~{text}" if cost.simulated else text
