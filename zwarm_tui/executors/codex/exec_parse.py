"""What `codex exec --json` prints, as events. Pure and total, like `parse`.

Its items are those of app-server under other names, and are read by the same code.
"""

from __future__ import annotations

import json
from typing import Any

from zwarm_tui.core import events as e
from zwarm_tui.executors.codex.items import completed, started
from zwarm_tui.executors.codex.usage import Tokens
from zwarm_tui.executors.codex.values import obj, seq, text

_COUNTS = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
)

# What the turn's driver takes itself.
_TAKEN = frozenset({"thread.started", "turn.started", "turn.completed", "turn.failed"})

_TYPES = {
    "agent_message": "agentMessage",
    "reasoning": "reasoning",
    "command_execution": "commandExecution",
    "file_change": "fileChange",
    "mcp_tool_call": "mcpToolCall",
    "collab_tool_call": "collabAgentToolCall",
    "web_search": "webSearch",
}
_KEYS = {
    "aggregated_output": "aggregatedOutput",
    "exit_code": "exitCode",
    "agents_states": "agentsStates",
}


def decode(line: str) -> dict[str, Any] | None:
    """The message in a line, None where there is none."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) and isinstance(message.get("type"), str) else None


def parse(message: dict[str, Any], line: str, tag: str) -> list[e.Event]:
    """The events of one message. `tag` sets this process's items apart: codex begins
    at item_0 in each."""
    kind = text(message, "type")
    if kind in _TAKEN:
        return []
    if kind == "error":
        return [e.Notice("warning", text(message, "message") or "codex reports an error without a text")]
    found: list[e.Event] | None = None
    item = obj(message, "item")
    if kind in ("item.started", "item.updated", "item.completed"):
        found = _item(kind, item, tag)
    return [e.Unknown(kind or "message", line)] if found is None else found


def _item(kind: str, item: dict[str, Any], tag: str) -> list[e.Event] | None:
    name = text(item, "type")
    if name == "error":
        return [e.Notice("warning", text(item, "message"))]
    if name == "todo_list":
        steps = [
            (text(s, "text"), "completed" if s.get("completed") else "pending") for s in _dicts(item, "items")
        ]
        return [e.Plan(tuple(steps))]
    if name not in _TYPES:
        return None
    same = {_KEYS.get(key, key): value for key, value in item.items()}
    same |= {"type": _TYPES[name], "id": f"{tag}:{text(item, 'id')}"}
    if name == "reasoning":
        same["summary"] = [text(item, "text")]
    if kind == "item.started":
        return started(same)
    return completed(same) if kind == "item.completed" else []


def _dicts(value: dict[str, Any], key: str) -> list[dict[str, Any]]:
    return [one for one in seq(value, key) if isinstance(one, dict)]


def total(message: dict[str, Any]) -> Tokens:
    """The running total in a `turn.completed`."""
    return Tokens.read(obj(message, "usage"), _COUNTS)
