"""Reading values of JSON that may hold anything."""

from __future__ import annotations

from typing import Any


def obj(value: Any, key: str) -> dict[str, Any]:
    """The object at `key`, {} where there is none."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def seq(value: Any, key: str) -> list[Any]:
    """The list at `key`, [] where there is none."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def text(value: Any, key: str) -> str:
    """The string at `key`, "" where there is none."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def whole(value: Any, key: str) -> int | None:
    """The integer at `key` (of a size that a database takes)."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if type(found) is int and abs(found) < 2**53 else None


def seconds(value: Any, key: str) -> float | None:
    """The milliseconds at `key`, in seconds."""
    found = whole(value, key)
    return None if found is None else found / 1000
