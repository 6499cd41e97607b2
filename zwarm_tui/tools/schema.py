"""The nine tools as an agent sees them: names, descriptions, JSON Schema; and the
one dispatcher from a call by name to `DelegationTools`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from zwarm_tui.executors.base import Tool, ToolHandler
from zwarm_tui.tools.delegation import DelegationTools

_ID = {"type": "string", "description": "A session's id (a unique prefix is enough)."}


def _tool(
    name: str, description: str, required: dict[str, Any], optional: dict[str, Any] | None = None
) -> Tool:
    return Tool(
        name,
        description,
        {
            "type": "object",
            "properties": {**required, **(optional or {})},
            "required": list(required),
            "additionalProperties": False,
        },
    )


TOOLS: tuple[Tool, ...] = (
    _tool(
        "delegate",
        "Start an executor (a coding agent) on a task in the repository. Returns its session_id at once; it works on "
        "its own. Write the task so that someone who knows nothing of this conversation can do it.",
        {"task": {"type": "string", "description": "What to do, where, and how to tell that it is done."}},
        {
            "working_dir": {"type": "string", "description": "Folder to work in, relative to the project."},
            "model": {"type": "string", "description": "Model to use instead of the executor's default."},
        },
    ),
    _tool(
        "converse",
        "Say more to a session whose turn has ended; it keeps its full context. Returns at once.",
        {"session_id": _ID, "message": {"type": "string"}},
    ),
    _tool("peek_session", "A session's status and latest message, in short.", {"session_id": _ID}),
    _tool(
        "check_session",
        "Everything of a session: all messages, token usage, runtime, error. Clears its attention flag.",
        {"session_id": _ID},
    ),
    _tool(
        "list_sessions",
        "All sessions, with status and needs_attention.",
        {},
        {
            "status": {
                "type": "string",
                "enum": [
                    "pending",
                    "running",
                    "awaiting_input",
                    "completed",
                    "failed",
                    "killed",
                    "interrupted",
                ],
            }
        },
    ),
    _tool(
        "end_session",
        "Stop a running session, or let a finished one go. With delete it leaves the lists.",
        {"session_id": _ID},
        {"reason": {"type": "string"}, "delete": {"type": "boolean"}},
    ),
    _tool(
        "sleep",
        "Wait up to 300 seconds; wakes early as soon as a session needs attention.",
        {"seconds": {"type": "number", "minimum": 0, "maximum": 300}},
    ),
    _tool(
        "bash",
        "Run a shell command in the project to verify results (tests, git diff, …), not to do the work yourself. "
        "Returns exit_code, stdout, stderr.",
        {"command": {"type": "string"}},
    ),
    _tool(
        "chat",
        "Say something to the person. Wait for an answer only where you can't go on without it.",
        {"message": {"type": "string"}},
        {"wait_for_user_input": {"type": "boolean"}},
    ),
)


def handler(tools: DelegationTools) -> ToolHandler:
    """Calls by name: (JSON text for the model, success)."""
    known: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
        t.name: getattr(tools, t.name) for t in TOOLS
    }

    async def call(name: str, arguments: dict[str, Any]) -> tuple[str, bool]:
        method = known.get(name)
        if method is None:
            result: dict[str, Any] = {"error": f"no tool '{name}': there are {', '.join(known)}"}
        else:
            schema = next(t.schema for t in TOOLS if t.name == name)
            missing = [k for k in schema["required"] if k not in arguments]
            unknown = [k for k in arguments if k not in schema["properties"]]
            wrong = [
                k for k in arguments if k not in unknown and not _fits(arguments[k], schema["properties"][k])
            ]
            if missing or unknown or wrong:
                said = [f"{k} is missing" for k in missing] + [f"there is no {k}" for k in unknown]
                said += [f"{k} must be a {schema['properties'][k]['type']}" for k in wrong]
                result = {"error": f"{name}: {'; '.join(said)}"}
            else:
                result = await method(**arguments)
        return json.dumps(result), set(result) != {"error"}

    return call


def _fits(value: object, schema: dict[str, Any]) -> bool:
    kinds: dict[str, tuple[type, ...]] = {"string": (str,), "number": (int, float), "boolean": (bool,)}
    if value is None:
        return True
    return isinstance(value, kinds[schema["type"]]) and (
        schema["type"] == "boolean" or not isinstance(value, bool)
    )
