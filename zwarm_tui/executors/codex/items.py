"""Codex's items (a message, a command, a patch, a tool call …) as events."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any

from zwarm_tui.core import events as e
from zwarm_tui.executors.codex.values import obj, seconds, seq, text, whole

Item = dict[str, Any]
Events = list[e.Event] | None
"""None: not understood."""

_SHELLS = ("bash", "sh", "zsh", "dash", "fish")
_CHANGES = {"add": "add", "delete": "delete", "update": "update"}
_STATUS = {
    "inProgress": "in_progress",
    "in_progress": "in_progress",
    "failed": "failed",
    "declined": "declined",
}


def started(item: Item) -> Events:
    """The events of an item that begins."""
    kind = text(item, "type")
    if kind in _TOOLS:
        tool, arguments = _TOOLS[kind](item)
        return [e.ToolStarted(text(item, "id"), tool, arguments)]
    if kind == "commandExecution":
        return [e.CommandStarted(text(item, "id"), bare(text(item, "command")), text(item, "cwd"))]
    if kind == "fileChange":
        return [e.FilesChanged(text(item, "id"), file_changes(item), "in_progress")]
    return [] if kind in _DONE else None


def completed(item: Item) -> Events:
    """The events of an item that is complete."""
    kind = text(item, "type")
    if kind in _TOOLS:
        return [_tool_done(item, *_TOOLS[kind](item))]
    read = _DONE.get(kind)
    return None if read is None else read(item)


def bare(command: str) -> str:
    """The script in `/bin/bash -lc 'script'`, which is how codex runs a command."""
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    if len(words) == 3 and words[1] in ("-lc", "-c") and words[0].rpartition("/")[2] in _SHELLS:
        return words[2]
    return command


def file_changes(value: Any) -> tuple[e.FileChange, ...]:
    """The files of a patch."""
    return tuple(_file_change(change) for change in seq(value, "changes"))


def _file_change(change: Any) -> e.FileChange:
    kind = obj(change, "kind")
    name = text(kind, "type") or text(change, "kind")  # exec gives just the name
    path, target = text(change, "path"), text(kind, "move_path")
    if target:
        return e.FileChange(f"{path} → {target}", "move", text(change, "diff"))
    return e.FileChange(path, _CHANGES.get(name, "update"), text(change, "diff"))


def status(item: Item) -> str:
    """completed, failed, declined or in_progress."""
    return _STATUS.get(text(item, "status"), "completed")


# -- what an item says when it is complete ---------------------------------------------


def _nothing(item: Item) -> Events:
    return []


def _message(item: Item) -> Events:
    return [e.Text(text(item, "id"), text(item, "text"))]


def _reasoning(item: Item) -> Events:
    parts = [s for s in seq(item, "summary") or seq(item, "content") if isinstance(s, str)]
    return [e.Reasoning(text(item, "id"), "\n\n".join(parts))] if parts else []


def _command(item: Item) -> Events:
    done = e.CommandDone(
        item=text(item, "id"),
        command=bare(text(item, "command")),
        cwd=text(item, "cwd"),
        output=text(item, "aggregatedOutput"),
        exit_code=whole(item, "exitCode"),
        status=status(item),
        seconds=seconds(item, "durationMs"),
    )
    return [done]


def _files(item: Item) -> Events:
    return [e.FilesChanged(text(item, "id"), file_changes(item), status(item))]


def _compaction(item: Item) -> Events:
    return [e.Notice("info", "codex condensed the conversation so far, to make room")]


def _review(item: Item) -> Events:
    return [e.Text(text(item, "id"), text(item, "review"))]


def _sub_agent(item: Item) -> Events:
    return [e.Notice("info", f"sub-agent {text(item, 'agentPath')}: {text(item, 'kind')}")]


_DONE: dict[str, Callable[[Item], Events]] = {
    "userMessage": _nothing,  # the engine wrote it before it was sent
    "hookPrompt": _nothing,
    "enteredReviewMode": _nothing,
    "agentMessage": _message,
    "plan": _message,
    "reasoning": _reasoning,
    "commandExecution": _command,
    "fileChange": _files,
    "contextCompaction": _compaction,
    "exitedReviewMode": _review,
    "subAgentActivity": _sub_agent,
}


# -- tools -----------------------------------------------------------------------------


def _mcp(item: Item) -> tuple[str, Item]:
    return f"{text(item, 'server')}.{text(item, 'tool')}", obj(item, "arguments")


def _dynamic(item: Item) -> tuple[str, Item]:
    space = text(item, "namespace")
    return f"{space}.{text(item, 'tool')}" if space else text(item, "tool"), obj(item, "arguments")


def _collaboration(item: Item) -> tuple[str, Item]:
    return f"agents.{text(item, 'tool')}", {"prompt": text(item, "prompt")}


def _search(item: Item) -> tuple[str, Item]:
    action = obj(item, "action")
    said = {key: action[key] for key in ("url", "pattern") if isinstance(action.get(key), str)}
    return "web_search", {"query": text(item, "query"), **said}


def _view(item: Item) -> tuple[str, Item]:
    return "view_image", {"path": text(item, "path")}


def _sleep(item: Item) -> tuple[str, Item]:
    return "sleep", {"seconds": seconds(item, "durationMs")}


def _image(item: Item) -> tuple[str, Item]:
    return "generate_image", {"prompt": text(item, "revisedPrompt"), "path": text(item, "savedPath")}


def _function(item: Item) -> tuple[str, Item]:
    return text(item, "name"), {}


_TOOLS: dict[str, Callable[[Item], tuple[str, Item]]] = {
    "mcpToolCall": _mcp,
    "dynamicToolCall": _dynamic,
    "collabAgentToolCall": _collaboration,
    "webSearch": _search,
    "imageView": _view,
    "sleep": _sleep,
    "imageGeneration": _image,
    "functionCallOutput": _function,
}


def _tool_done(item: Item, tool: str, arguments: Item) -> e.ToolDone:
    ok = status(item) != "failed" and item.get("success") is not False
    result = (
        text(obj(item, "error"), "message")
        or content(seq(item, "contentItems") or seq(obj(item, "result"), "content") or seq(item, "output"))
        or text(item, "output")
        or _agents(obj(item, "agentsStates"))
    )
    return e.ToolDone(
        item=text(item, "id"),
        tool=tool,
        arguments=arguments,
        result=result,
        ok=ok,
        seconds=seconds(item, "durationMs"),
    )


def content(parts: list[Any]) -> str:
    """The text of a tool's result; what is no text is named by its type."""
    return "\n".join(text(part, "text") or f"({text(part, 'type') or 'unknown'})" for part in parts)


def _agents(states: Item) -> str:
    return json.dumps(states) if states else ""
