"""`[agents.NAME]`: programs in a terminal that a person uses as agents."""

from __future__ import annotations

import re
from dataclasses import field
from typing import Any

from zwarm_tui.config import checks
from zwarm_tui.core.value import Value, value

TAKEN = ("codex", "demo", "api", "pilot", "auto")
_KEYS = ("command", "ready", "asks", "approve", "deny", "env")


@value(kw_only=True)
class AgentSettings(Value):
    """One of them. `ready` and `asks` are regular expressions for what the terminal shows
    when it waits for a message, and for an answer; `approve` and `deny` are what to type
    for a decision (without `approve`, what it asks is a question)."""

    command: tuple[str, ...]
    ready: str | None = None
    asks: tuple[str, ...] = ()
    approve: str | None = None
    deny: str | None = None
    env: dict[str, str] = field(default_factory=dict)


def agent(given: Any) -> AgentSettings:
    """Check one table."""
    if not isinstance(given, dict):
        raise checks.Wrong("a table is wanted, with at least its command")
    for key in given:
        if key not in _KEYS:
            raise checks.Wrong(f"unknown setting '{key}'; there are: {', '.join(_KEYS)}", key)
    if not given.get("command"):
        raise checks.Wrong('its command is missing, like command = ["my-agent", "--chat"]')
    return AgentSettings(
        command=_at("command", checks.texts, given["command"]),
        ready=_at("ready", _pattern, given["ready"]) if "ready" in given else None,
        asks=tuple(_at("asks", _pattern, one) for one in _at("asks", checks.texts, given.get("asks", []))),
        approve=_at("approve", checks.any_text, given["approve"]) if "approve" in given else None,
        deny=_at("deny", checks.any_text, given["deny"]) if "deny" in given else None,
        env={
            str(k): _at("env", checks.any_text, v)
            for k, v in _at("env", _table, given.get("env", {})).items()
        },
    )


def _at(key: str, check: checks.Check, given: Any) -> Any:
    try:
        return check(given)
    except checks.Wrong as wrong:
        raise checks.Wrong(f"{key}: {wrong}", key) from None


def _table(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise checks.Wrong("a table of texts is wanted")
    return given


def _pattern(given: Any) -> str:
    text = checks.text(given)
    try:
        re.compile(text)
    except re.error as error:
        raise checks.Wrong(f"{text!r} is no regular expression: {error}") from None
    return text
