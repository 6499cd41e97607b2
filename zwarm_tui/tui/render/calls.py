"""Tool calls: the nine tools of the pilot in words, any other as `name(key=value)`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from textual.strip import Strip

from zwarm_tui.core import events as e
from zwarm_tui.core.model import Block
from zwarm_tui.tui.render.commands import BODY, folded, outcome, output_parts
from zwarm_tui.tui.render.literal import line_of, literal
from zwarm_tui.tui.render.palette import Palette
from zwarm_tui.tui.render.rows import FOLD, GUTTER, Part, header, long_part, prose

_SHOWN = 400
Arguments = dict[str, Any]


def call_parts(block: Block, open: bool) -> list[Part]:
    """One line for the call; its arguments and its result folded to one line more,
    or, `open`, whole."""
    event = block.event
    assert isinstance(event, (e.ToolStarted, e.ToolDone))
    parts = [Part(lambda width, palette: _draw_call(event, width, palette))]
    result = event.result if isinstance(event, e.ToolDone) else ""
    if open:
        arguments = arguments_of(event)
        parts += long_part(arguments, _draw_arguments) if arguments else []
        return parts + output_parts(pretty(result)) if result else parts
    if not result:
        return parts
    lines = 3 if isinstance(event, e.ToolDone) and not event.ok else 1
    return parts + folded(gist(event.tool, result), lines, 0)


def _draw_call(event: e.ToolStarted | e.ToolDone, width: int, palette: Palette) -> list[Strip]:
    left = [
        (" " * GUTTER, None),
        ("◆ ", palette.pilot + FOLD),
        (line_of(event.tool[:80]), palette.pilot + FOLD),
        (f"  {summary(event.tool, event.arguments)}", palette.text),
    ]
    return [header(left, outcome(event, palette), width)]


def _draw_arguments(arguments: str, width: int, palette: Palette) -> list[Strip]:
    return prose(literal(arguments), width, palette.code, first=(" " * BODY, None))


def summary(tool: str, arguments: Arguments) -> str:
    """What a call does, on one line."""
    words = _WORDS.get(tool)
    if words is not None:
        try:
            return line_of(words(arguments)[:_SHOWN])
        except (KeyError, TypeError, ValueError):  # a model may leave out or mistype anything
            return _generic(arguments)
    return _generic(arguments)


def _generic(arguments: Arguments) -> str:
    shown = ", ".join(f"{key}={_json(_short(value))[:_SHOWN]}" for key, value in list(arguments.items())[:12])
    return line_of(f"({shown[:_SHOWN]})")


def _short(value: object) -> object:
    return value[:_SHOWN] if isinstance(value, str) else value


def _where(a: Arguments) -> str:
    extra = [str(a[key]) for key in ("model", "working_dir") if a.get(key)]
    return f" ({', '.join(extra)})" if extra else ""


_WORDS: dict[str, Callable[[Arguments], str]] = {
    "delegate": lambda a: f"“{a['task']}”{_where(a)}",
    "converse": lambda a: f"→ {a['session_id']}: “{a['message']}”",
    "peek_session": lambda a: f"{a['session_id']}",
    "check_session": lambda a: f"{a['session_id']}",
    "list_sessions": lambda a: f"only {a['status']}" if a.get("status") else "all",
    "end_session": lambda a: f"{a['session_id']}" + (f": {a['reason']}" if a.get("reason") else ""),
    "sleep": lambda a: f"up to {float(a['seconds']):g} s",
    "bash": lambda a: f"$ {a['command']}",
    "chat": lambda a: f"“{a['message']}”" + (" (waits for you)" if a.get("wait_for_user_input") else ""),
}

_TOLD = (
    "error",
    "session_id",
    "status",
    "message",
    "last_message",
    "reason",
    "exit_code",
    "stdout",
    "stderr",
)


def gist(tool: str, result: str) -> str:
    """A result in few lines: the telling fields where it is JSON, else as it came."""
    value = _loaded(result)
    if isinstance(value, dict):
        told = [f"{key}: {_plain(value[key])}" for key in _TOLD if value.get(key) not in (None, "")]
        return " · ".join(told) if told else line_of(result[:_SHOWN])
    if isinstance(value, list):
        ids = ", ".join(_plain(v.get("id", "")) for v in value[:6] if isinstance(v, dict))
        return f"{len(value)} of them" + (f": {ids}" if ids else "")
    return result


def arguments_of(event: e.ToolStarted | e.ToolDone) -> str:
    """The arguments of a call, whole, as JSON."""
    return _json(event.arguments)


def pretty(result: str) -> str:
    """A result for reading whole: JSON indented."""
    value = _loaded(result)
    return json.dumps(value, indent=2, ensure_ascii=False) if isinstance(value, (dict, list)) else result


def _loaded(result: str) -> object:
    if result[:1] not in "{[" or len(result) > 200_000:
        return None
    try:
        return json.loads(result)
    except (ValueError, RecursionError):
        return None


def _plain(value: object) -> str:
    text = value if isinstance(value, str) else _json(value)
    text = text[:_SHOWN].strip()
    return text.replace("\n", " ⏎ ")


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False) if value not in ({}, None) else ""
    except (TypeError, ValueError, RecursionError):
        return repr(value)
