"""What codex asks of us while a turn waits, and how our answers are said to it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from zwarm_tui.core import events as e
from zwarm_tui.executors.base import Decision
from zwarm_tui.executors.codex.values import obj, seq, text

COMMAND = "item/commandExecution/requestApproval"
FILES = "item/fileChange/requestApproval"
MCP = "mcpServer/elicitation/request"
PERMISSIONS = "item/permissions/requestApproval"
QUESTION = "item/tool/requestUserInput"
TOOL = "item/tool/call"

_DECISIONS = {
    "accept": "accept",
    "accept_session": "acceptForSession",
    "decline": "decline",
    "cancel": "cancel",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that waits for a person. `number` is codex's own id of it."""

    number: Any
    method: str
    params: dict[str, Any]
    event: e.ApprovalRequested | e.QuestionAsked


def asked(
    name: str, number: Any, method: str, params: dict[str, Any], files: tuple[e.FileChange, ...]
) -> Asked | None:
    """A server's request as an event named `name`, None where it is no such question.
    `files` are those of the patch that it is about."""
    item = text(params, "itemId") or None
    why = text(params, "reason")
    event: e.ApprovalRequested | e.QuestionAsked
    if method == COMMAND:
        command = text(params, "command")
        host = text(obj(params, "networkApprovalContext"), "host")
        what = command or (f"network access to {host}" if host else "(codex did not say which command)")
        event = e.ApprovalRequested(
            request=name, what="command", text=what, cwd=text(params, "cwd"), reason=why, item=item
        )
    elif method == FILES:
        event = e.ApprovalRequested(
            request=name, what="files", text=_patch(files, params), reason=why, item=item
        )
    elif method == PERMISSIONS:
        wanted = json.dumps(obj(params, "permissions"), indent=2)
        event = e.ApprovalRequested(
            request=name,
            what="tool",
            text=f"wider permissions: {wanted}",
            cwd=text(params, "cwd"),
            reason=why,
            item=item,
        )
    elif method == MCP:
        event = e.ApprovalRequested(request=name, what="tool", text=_elicitation(params), reason=why)
    elif method == QUESTION:
        questions = seq(params, "questions")
        first = questions[0] if questions else {}
        options = tuple(text(o, "label") for o in seq(first, "options")) if len(questions) == 1 else ()
        event = e.QuestionAsked(name, "\n".join(text(q, "question") for q in questions), options)
    else:
        return None
    return Asked(number, method, params, event)


def answer(asked: Asked, decision: Decision, message: str) -> dict[str, Any]:
    """The result that codex expects for our decision (or the answer, in `message`)."""
    accepted = decision in ("accept", "accept_session")
    if asked.method == QUESTION:
        # One line of the answer for each question; a single question takes it whole.
        ids = [text(q, "id") for q in seq(asked.params, "questions")]
        lines = message.split("\n") if len(ids) > 1 else [message]
        lines += [lines[-1]] * (len(ids) - len(lines))
        return {"answers": {i: {"answers": [line]} for i, line in zip(ids, lines, strict=False)}}
    if asked.method == MCP:
        action = "accept" if accepted else "cancel" if decision == "cancel" else "decline"
        meta = {"persist": "session"} if decision == "accept_session" else None
        return {"action": action, "content": {} if accepted else None, "_meta": meta}
    if asked.method == PERMISSIONS:
        given = obj(asked.params, "permissions") if accepted else {}
        return {"permissions": given, "scope": "session" if decision == "accept_session" else "turn"}
    return {"decision": _DECISIONS[decision]}


def _patch(files: tuple[e.FileChange, ...], params: dict[str, Any]) -> str:
    root = text(params, "grantRoot")
    parts = [f"{f.change} {f.path}" for f in files] or ["(codex did not say which files)"]
    if root:
        parts.append(f"and from now on anything under {root}")
    return "\n".join(parts + [""] + [f.diff.rstrip("\n") for f in files if f.diff]).rstrip("\n")


def _elicitation(params: dict[str, Any]) -> str:
    meta = obj(params, "_meta")
    arguments = meta.get("tool_params")
    shown = f"\n{json.dumps(arguments, indent=2)}" if arguments else ""
    url = text(params, "url")
    return f"{text(params, 'serverName')}: {text(params, 'message')}{shown}" + (f"\n{url}" if url else "")
