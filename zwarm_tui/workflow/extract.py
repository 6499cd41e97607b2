"""The text of an agent's answer from what its program printed, for every provider."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from zwarm_tui.workflow.errors import EmptyResponseError

Line = dict[str, Any]


def extract_text(provider: str, raw: str | list[Line]) -> str:
    """All that the agent itself said in a turn: its non-empty texts, a blank line between.
    `raw` is the JSON lines that its program printed, as text or parsed. What sub-agents
    said and what is no text is left out (F1–F3).

    ValueError for a provider nobody knows, TypeError for a wrong shape (F4),
    `EmptyResponseError` where nothing was said or the output ends before its turn does.
    """
    if provider not in _PROVIDERS:
        raise ValueError(f"Unsupported provider '{provider}'. Available: {', '.join(_PROVIDERS)}")
    texts, ended = _PROVIDERS[provider]
    lines = _lines(provider, raw)
    if not any(ended(line) for line in lines):
        raise EmptyResponseError(f"{provider}: its output ends before its turn does")
    said = [text.strip() for line in lines for text in texts(line) if text.strip()]
    if not said:
        raise EmptyResponseError(f"{provider}: completed, no text")
    return "\n\n".join(said)


def _lines(provider: str, raw: str | list[Line]) -> list[Line]:
    lines: Any = raw
    if isinstance(raw, str):
        try:
            lines = [json.loads(line) for line in raw.splitlines() if line.strip()]
        except ValueError as error:
            raise TypeError(f"{provider}: a line of its output is no JSON ({error})") from error
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise TypeError(f"{provider}: its output is not a list of JSON objects")
    if provider == "gemini":
        return _joined(lines)
    return lines


def _get(line: Any, *keys: str) -> Any:
    for key in keys:
        line = line.get(key) if isinstance(line, dict) else None
    return line


def _text(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else []


def _codex(line: Line) -> Iterable[str]:
    item = _get(line, "item")
    if line.get("type") == "item.completed" and _get(item, "type") == "agent_message":
        return _text(_get(item, "text"))
    return []


def _demo(line: Line) -> Iterable[str]:
    return _text(line.get("text")) if line.get("type") == "text" and not line.get("parent") else []


def _claude(line: Line) -> Iterable[str]:
    if line.get("type") != "assistant" or line.get("parent_tool_use_id"):
        return []
    parts = _get(line, "message", "content")
    parts = parts if isinstance(parts, list) else []
    return [text for part in parts if _get(part, "type") == "text" for text in _text(_get(part, "text"))]


def _copilot(line: Line) -> Iterable[str]:
    if line.get("type") != "assistant.message" or _get(line, "data", "parentToolCallId"):
        return []
    return _text(_get(line, "data", "content"))


def _opencode(line: Line) -> Iterable[str]:
    return _text(_get(line, "part", "text")) if line.get("type") == "text" else []


def _gemini(line: Line) -> Iterable[str]:
    said = line.get("type") == "message" and line.get("role") == "assistant"
    return _text(line.get("content")) if said else []


def _joined(lines: list[Line]) -> list[Line]:
    """Gemini's pieces of one message as one line."""
    out: list[Line] = []
    for line in lines:
        last = out[-1] if out else {}
        piece = line.get("delta") and last.get("delta") and line.get("role") == last.get("role")
        if piece and isinstance(line.get("content"), str) and isinstance(last.get("content"), str):
            out[-1] = {**last, "content": last["content"] + line["content"]}
        else:
            out.append(line)
    return out


def _is(*types: str) -> Callable[[Line], bool]:
    return lambda line: line.get("type") in types


def _opencode_end(line: Line) -> bool:
    return line.get("type") == "error" or (
        line.get("type") == "step_finish" and _get(line, "part", "reason") != "tool-calls"
    )


_PROVIDERS: dict[str, tuple[Callable[[Line], Iterable[str]], Callable[[Line], bool]]] = {
    "claude": (_claude, _is("result")),
    "codex": (_codex, _is("turn.completed")),
    "copilot": (_copilot, _is("result")),
    "demo": (_demo, _is("turn.ended", "turn.completed", "end")),
    "gemini": (_gemini, _is("result")),
    "opencode": (_opencode, _opencode_end),
    "qwen": (_claude, _is("result")),
}
