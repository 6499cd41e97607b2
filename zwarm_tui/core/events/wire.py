"""Events as JSON text, and back."""

from __future__ import annotations

import json
from dataclasses import fields

from zwarm_tui.core.events.agent import (
    ApprovalRequested,
    FileChange,
    FilesChanged,
    Plan,
    QuestionAsked,
    Unknown,
)
from zwarm_tui.core.events.base import Event
from zwarm_tui.core.events.checks import ReviewDone, ReviewFinding
from zwarm_tui.core.events.runs import StageStarted


def _event_types() -> dict[str, type[Event]]:
    return {t.kind: t for t in Event.__subclasses__()}


TYPES: dict[str, type[Event]] = _event_types()
_FIELDS: dict[str, tuple[str, ...]] = {kind: tuple(f.name for f in fields(t)) for kind, t in TYPES.items()}
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), default=lambda o: _plain(o)).encode


def _plain(value: object) -> object:
    if isinstance(value, FileChange):
        return {"path": value.path, "change": value.change, "diff": value.diff}
    if isinstance(value, ReviewFinding):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    raise TypeError(f"{type(value).__name__} is not part of any event")


def dump(event: Event) -> str:
    """The event's fields as compact ASCII JSON (its kind is kept beside it)."""
    return _encode({name: getattr(event, name) for name in _FIELDS[event.kind]})


def load(kind: str, data: str) -> Event:
    """The event that `dump` wrote. A kind or a shape from another version comes
    back as `Unknown`, never as an exception: a log can always be read."""
    cls = TYPES.get(kind)
    try:
        values = json.loads(data)
        if cls is None:
            return Unknown(kind, data)
        if cls is FilesChanged:
            values["changes"] = tuple(FileChange(**c) for c in values["changes"])
        elif cls is Plan:
            values["steps"] = tuple((str(a), str(b)) for a, b in values["steps"])
        elif cls is ApprovalRequested:
            values["choices"] = tuple(values["choices"])
        elif cls is QuestionAsked:
            values["options"] = tuple(values["options"])
        elif cls is ReviewDone:
            values["findings"] = tuple(ReviewFinding(**f) for f in values["findings"])
        elif cls is StageStarted:
            values["parents"] = tuple(values["parents"])
        return cls(**values)
    except (ValueError, TypeError, KeyError):
        return Unknown(kind, data)
