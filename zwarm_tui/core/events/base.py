"""What every event is, and a record: an event in its place."""

from __future__ import annotations

from typing import ClassVar

from zwarm_tui.core.value import Value, value


@value()
class Event(Value):
    """Base of all events; `kind` names the type in the log."""

    kind: ClassVar[str] = "event"


@value()
class Record(Value):
    """An event in its place. `seq` is 0 until the log gave it one; `time` is in
    seconds since the epoch; `session` is "" for what concerns the whole project;
    `turn` counts from 1 within a session (0: before the first)."""

    event: Event
    session: str = ""
    branch: int = 1
    turn: int = 0
    time: float = 0.0
    seq: int = 0
