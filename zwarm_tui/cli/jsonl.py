"""A record of the log as one JSON object."""

from __future__ import annotations

import json
from typing import Any

from zwarm_tui.core.events import Record, dump
from zwarm_tui.core.model import iso


def as_object(record: Record) -> dict[str, Any]:
    """{seq, time, session, turn, branch, kind, …} and the event's own fields; where
    an event of the timeline has a field of the same name (the branch that it is
    about), that is the one shown."""
    place = {
        "seq": record.seq,
        "time": iso(record.time),
        "session": record.session,
        "turn": record.turn,
        "branch": record.branch,
        "kind": record.event.kind,
    }
    own: dict[str, Any] = json.loads(dump(record.event))
    return place | own


def line(record: Record) -> str:
    """The object in one line of ASCII."""
    return json.dumps(as_object(record))
