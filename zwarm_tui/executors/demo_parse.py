"""What the demo agent prints, line by line, as events.

A line is a JSON object whose "type" is nearly the event's kind. Pure and total: what it
does not know is `Unknown`, and nothing that an agent prints raises.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from zwarm_tui.core import events as e

WINDOW = 272_000
"""Tokens that the scripted model's context holds."""


def parse(line: bytes | str) -> e.Event:
    """The event of one line, with or without its end.

    A call of a tool comes back as `ToolStarted`, whose item is the name that its result goes
    to; a message that was put into the turn comes back once the agent has taken it in. Counts
    are normalised: the agent's input includes the cached tokens."""
    text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
    text = text.rstrip("\r\n")
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        return e.Unknown("not JSON", text)
    kind = raw.get("type") if isinstance(raw, dict) else None
    make = _EVENTS.get(kind) if isinstance(kind, str) else None
    if make is None:
        return e.Unknown(str(kind)[:80] if kind else "no type", text)
    try:
        return make(raw)
    except (KeyError, TypeError, ValueError):
        return e.Unknown(str(kind), text)


def _str(raw: dict[str, Any], key: str) -> str:
    value = raw[key]
    if not isinstance(value, str):
        raise TypeError(key)
    return value


def _count(raw: dict[str, Any], key: str) -> int:
    value = raw[key]
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(key)
    return value


def _optional(raw: dict[str, Any], key: str) -> str | None:
    return None if raw.get(key) is None else _str(raw, key)


def _command(raw: dict[str, Any]) -> e.CommandDone:
    code = raw.get("exit_code")
    if code is not None and (not isinstance(code, int) or isinstance(code, bool)):
        raise TypeError("exit_code")
    return e.CommandDone(
        item=_str(raw, "item"),
        command=_str(raw, "command"),
        cwd=_str(raw, "cwd"),
        output=_str(raw, "output"),
        exit_code=code,
        status=_str(raw, "status"),
    )


def _files(raw: dict[str, Any]) -> e.FilesChanged:
    changes = tuple(
        e.FileChange(_str(c, "path"), _str(c, "change"), _optional(c, "diff") or "") for c in raw["changes"]
    )
    return e.FilesChanged(_str(raw, "item"), changes, _str(raw, "status"))


def _tool_call(raw: dict[str, Any]) -> e.ToolStarted:
    if not isinstance(raw["arguments"], dict):
        raise TypeError("arguments")
    return e.ToolStarted(_str(raw, "id"), _str(raw, "name"), raw["arguments"])


def _usage(raw: dict[str, Any]) -> e.Usage:
    total, cached = _count(raw, "input"), _count(raw, "cached")
    return e.Usage(
        model=_optional(raw, "model"),
        input=max(0, total - cached),
        cached=cached,
        output=_count(raw, "output"),
        reasoning=_count(raw, "reasoning"),
        context=total,
        window=WINDOW,
    )


def _approval(raw: dict[str, Any]) -> e.ApprovalRequested:
    return e.ApprovalRequested(
        request=_str(raw, "id"),
        what=_str(raw, "what"),
        text=_str(raw, "text"),
        cwd=_str(raw, "cwd"),
        reason=_str(raw, "reason"),
        item=_optional(raw, "item"),
    )


def _turn_ended(raw: dict[str, Any]) -> e.TurnEnded:
    status = _str(raw, "status")
    if status not in ("completed", "failed", "interrupted"):
        raise ValueError(status)
    return e.TurnEnded(status=status, turn_id=_str(raw, "turn"), error=_optional(raw, "error"))


_EVENTS: dict[str, Callable[[dict[str, Any]], e.Event]] = {
    "message": lambda raw: e.UserMessage(_str(raw, "text"), steer=True),
    "turn.started": lambda raw: e.TurnStarted(_str(raw, "turn")),
    "text.delta": lambda raw: e.TextDelta(_str(raw, "item"), _str(raw, "text")),
    "text": lambda raw: e.Text(_str(raw, "item"), _str(raw, "text")),
    "reasoning.delta": lambda raw: e.ReasoningDelta(_str(raw, "item"), _str(raw, "text")),
    "reasoning": lambda raw: e.Reasoning(_str(raw, "item"), _str(raw, "text")),
    "command.started": lambda raw: e.CommandStarted(
        _str(raw, "item"), _str(raw, "command"), _str(raw, "cwd")
    ),
    "command.output": lambda raw: e.CommandOutput(_str(raw, "item"), _str(raw, "text")),
    "command": _command,
    "files": _files,
    "diff": lambda raw: e.TurnDiff(_str(raw, "text")),
    "tool_call": _tool_call,
    "approval": _approval,
    "question": lambda raw: e.QuestionAsked(_str(raw, "id"), _str(raw, "text")),
    "usage": _usage,
    "turn.ended": _turn_ended,
}
