"""What app-server says, as events. Pure and total: nothing in a message can raise.

A message that says nothing to a person (`NOISE`) gives no event; one that is not
understood gives `Unknown`, with the line as it came.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zwarm_tui.core import events as e
from zwarm_tui.executors.codex.items import completed, file_changes, started
from zwarm_tui.executors.codex.values import obj, seq, text, whole

NOISE = frozenset(
    {
        # a thread's own life; what matters of it is known from the calls that we make
        "thread/started",
        "thread/status/changed",
        "thread/readState/changed",
        "thread/archived",
        "thread/unarchived",
        "thread/deleted",
        "thread/closed",
        "thread/reverted",
        "thread/compacted",  # the item contextCompaction says it
        "thread/name/updated",
        "thread/attachment/updated",
        "thread/goal/updated",
        "thread/goal/cleared",
        "thread/prediction/updated",
        "thread/queue/changed",
        "thread/project/updated",
        "thread/section/changed",
        "thread/settings/updated",
        "thread/environment/connected",
        "thread/environment/disconnected",
        "project/changed",
        # taken by the ledger and the open requests
        "thread/tokenUsage/updated",
        "serverRequest/resolved",
        # for other kinds of clients
        "account/updated",
        "account/rateLimits/updated",
        "account/gatewayOAuth/changed",
        "account/login/completed",
        "app/list/updated",
        "autoApprovalReview/strictReviewRequired",
        "command/exec/outputDelta",
        "deprecationNotice",
        "externalAgentConfig/import/completed",
        "externalAgentConfig/import/progress",
        "fs/changed",
        "fuzzyFileSearch/sessionCompleted",
        "fuzzyFileSearch/sessionUpdated",
        "hook/completed",
        "hook/started",
        "item/autoApprovalReview/completed",
        "item/autoApprovalReview/started",
        "item/commandExecution/terminalInteraction",
        "item/fileChange/outputDelta",
        "mcpServer/event/stream/notification",
        "mcpServer/oauthLogin/completed",
        "model/safetyBuffering/updated",
        "model/verification",
        "modelProvider/authRecoveryCompleted",
        "modelProvider/authRecoveryStarted",
        "process/exited",
        "process/outputDelta",
        "remoteControl/status/changed",
        "skills/changed",
        "turn/moderationMetadata",
        "windows/worldWritableWarning",
        "windowsSandbox/setupCompleted",
    }
)

_STATUS = {"completed": "completed", "interrupted": "interrupted", "failed": "failed"}
_STEP = {"inProgress": "in_progress"}


def parse(message: dict[str, Any], line: str) -> list[e.Event]:
    """The events of one notification; `line` is kept where it isn't understood."""
    method, params = message.get("method"), message.get("params")
    if not isinstance(method, str):
        return [e.Unknown("message", line)]
    if method in NOISE:
        return []
    read = _READ.get(method)
    if read is None or not isinstance(params, dict):
        return [e.Unknown(method, line)]
    found = read(params)
    return [e.Unknown(method, line)] if found is None else found


def turn_ended(params: Any) -> e.TurnEnded:
    """The terminal fact in a `turn/completed`."""
    turn = obj(params, "turn")
    error = obj(turn, "error")
    why = text(error, "message") or None
    if why and (detail := text(error, "additionalDetails")):
        why = f"{why}: {detail}"
    given = text(turn, "status")
    status = _STATUS.get(given, "failed")
    if given not in _STATUS and why is None:
        why = f"codex ended the turn with the unknown status '{given}'"
    return e.TurnEnded(status=status, turn_id=text(turn, "id") or None, error=why)


def http_status(error: Any) -> int | None:
    """The HTTP status in a codexErrorInfo: the provider refused, nothing was spent."""
    info = error.get("codexErrorInfo") if isinstance(error, dict) else None
    for value in info.values() if isinstance(info, dict) else ():
        if (status := whole(value, "httpStatusCode")) is not None:
            return status
    return None


def _item_started(p: dict[str, Any]) -> list[e.Event] | None:
    return started(obj(p, "item"))


def _item_completed(p: dict[str, Any]) -> list[e.Event] | None:
    return completed(obj(p, "item"))


def _text_delta(p: dict[str, Any]) -> list[e.Event] | None:
    return [e.TextDelta(text(p, "itemId"), text(p, "delta"))]


def _reasoning_delta(p: dict[str, Any]) -> list[e.Event] | None:
    return [e.ReasoningDelta(text(p, "itemId"), text(p, "delta"))]


def _reasoning_part(p: dict[str, Any]) -> list[e.Event] | None:
    return [e.ReasoningDelta(text(p, "itemId"), "\n\n")] if whole(p, "summaryIndex") else []


def _output(p: dict[str, Any]) -> list[e.Event] | None:
    return [e.CommandOutput(text(p, "itemId"), text(p, "delta"))]


def _patch(p: dict[str, Any]) -> list[e.Event] | None:
    return [e.FilesChanged(text(p, "itemId"), file_changes(p), "in_progress")]


def _diff(p: dict[str, Any]) -> list[e.Event] | None:
    return [e.TurnDiff(text(p, "diff"))]


def _plan(p: dict[str, Any]) -> list[e.Event] | None:
    steps = [(text(s, "step"), text(s, "status")) for s in seq(p, "plan")]
    return [e.Plan(tuple((step, _STEP.get(status, status)) for step, status in steps))]


def _turn_started(p: dict[str, Any]) -> list[e.Event] | None:
    return [e.TurnStarted(text(obj(p, "turn"), "id") or None)]


def _turn_completed(p: dict[str, Any]) -> list[e.Event] | None:
    return [turn_ended(p)]


def _error(p: dict[str, Any]) -> list[e.Event] | None:
    error = obj(p, "error")
    if p.get("willRetry") is not True:
        return []  # the turn's end says it
    said = [s for s in (text(error, "message"), text(error, "additionalDetails")) if s]
    return [e.Notice("warning", ": ".join(said) or "codex tries again after an error")]


def _warning(p: dict[str, Any]) -> list[e.Event] | None:
    said = text(p, "message")
    return [e.Notice("warning", said)] if said else None


def _config_warning(p: dict[str, Any]) -> list[e.Event] | None:
    said = f"{text(p, 'summary')} {text(p, 'details')}".strip()
    # Said at every start wherever the system has none; codex then uses its own.
    return [e.Notice("info" if "bubblewrap" in said else "warning", said)]


def _rerouted(p: dict[str, Any]) -> list[e.Event] | None:
    return [e.Notice("warning", f"codex uses model {text(p, 'toModel')} instead of {text(p, 'fromModel')}")]


def _mcp_startup(p: dict[str, Any]) -> list[e.Event] | None:
    if text(p, "status") != "failed":
        return []
    return [e.Notice("warning", f"MCP server {text(p, 'name')} did not start: {text(p, 'error')}")]


def _mcp_progress(p: dict[str, Any]) -> list[e.Event] | None:
    return [e.Notice("info", text(p, "message"))]


_READ: dict[str, Callable[[dict[str, Any]], list[e.Event] | None]] = {
    "item/started": _item_started,
    "item/completed": _item_completed,
    "item/agentMessage/delta": _text_delta,
    "item/plan/delta": _text_delta,
    "item/reasoning/summaryTextDelta": _reasoning_delta,
    "item/reasoning/textDelta": _reasoning_delta,
    "item/reasoning/summaryPartAdded": _reasoning_part,
    "item/commandExecution/outputDelta": _output,
    "item/fileChange/patchUpdated": _patch,
    "item/mcpToolCall/progress": _mcp_progress,
    "turn/started": _turn_started,
    "turn/completed": _turn_completed,
    "turn/diff/updated": _diff,
    "turn/plan/updated": _plan,
    "error": _error,
    "warning": _warning,
    "guardianWarning": _warning,
    "configWarning": _config_warning,
    "model/rerouted": _rerouted,
    "mcpServer/startupStatus/updated": _mcp_startup,
}
