"""Gates and reviews that a dead process was in the middle of: they get their end."""

from __future__ import annotations

import time

from zwarm_tui.core import events as e
from zwarm_tui.store.log import Store
from zwarm_tui.store.reader import Reader

DIED = "zwarm_tui stopped while it ran"


def recover(store: Store, reader: Reader) -> None:
    """Say of each check without an end that it has none. By whoever holds the project's
    lock, before anything runs."""
    left = reader.open_checks()
    for record in left:
        if (end := _end(record.event)) is not None:
            store.append(e.Record(end, record.session, record.branch, record.turn, time.time()))
    if left:
        store.flush()


def _end(event: e.Event) -> e.Event | None:
    if isinstance(event, e.GateStarted):
        return e.GateDone(
            item=event.item,
            gate=event.gate,
            command=event.command,
            passed=False,
            error=DIED,
            attempt=event.attempt,
            attempts=event.attempts,
        )
    if isinstance(event, e.ReviewStarted):
        return e.ReviewDone(
            item=event.item,
            reviewer=event.reviewer,
            passed=False,
            error=DIED,
            attempt=event.attempt,
            attempts=event.attempts,
        )
    return None
