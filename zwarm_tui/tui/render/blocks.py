"""Which renderer draws which block, and what a copy of a block holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from zwarm_tui.core import events as e
from zwarm_tui.core.checks import CHECKS, Check, in_words
from zwarm_tui.core.model import Block
from zwarm_tui.tui.render import calls, checks, commands, facts, messages, requests
from zwarm_tui.tui.render.diff import as_hunks
from zwarm_tui.tui.render.growing import Growing
from zwarm_tui.tui.render.rows import Part

_PARTS: dict[type[e.Event], Callable[[Block, bool], list[Part]]] = {
    e.UserMessage: messages.user_parts,
    e.Reasoning: messages.thought_parts,
    e.ReasoningDelta: messages.thought_parts,
    e.CommandStarted: commands.command_parts,
    e.CommandOutput: commands.command_parts,
    e.CommandDone: commands.command_parts,
    e.FilesChanged: facts.files_parts,
    e.TurnDiff: facts.turn_diff_parts,
    e.Plan: facts.plan_parts,
    e.ToolStarted: calls.call_parts,
    e.ToolDone: calls.call_parts,
    e.ApprovalRequested: requests.request_parts,
    e.ApprovalResolved: requests.request_parts,
    e.QuestionAsked: requests.request_parts,
    e.QuestionAnswered: requests.request_parts,
    e.TurnEnded: facts.turn_end_parts,
    e.ThreadBound: facts.thread_parts,
    e.SessionEnded: facts.ended_parts,
    e.Notice: facts.notice_parts,
    e.UsageUnknown: facts.usage_parts,
    **dict.fromkeys(CHECKS, checks.check_parts),
}

_STEPS = frozenset(
    {
        *("command", "command.started", "command.output", "tool", "tool.started", "files"),
        *("reasoning", "reasoning.delta", "thread.bound", "diff", "unknown", "notice", "approval"),
        "usage.unknown",
    }
)


def block_parts(block: Block, *, open: bool, live: Growing | None = None) -> list[Part]:
    """The parts of a block, top to bottom; none for a block that shows nothing.

    `open`: unfolded. `live` is the block's `Growing`, kept while its text streams.
    """
    if isinstance(block.event, (e.Text, e.TextDelta)):
        return messages.text_parts(block, live)
    return _PARTS.get(type(block.event), facts.unknown_parts)(block, open)


def is_live(block: Block) -> bool:
    """Its text streams and is shown as it comes."""
    return isinstance(block.event, e.TextDelta)


def request_of(block: Block) -> str | None:
    """The open request that a block is, if it is one."""
    event = block.event
    return event.request if isinstance(event, (e.ApprovalRequested, e.QuestionAsked)) else None


def gap(above: Block, block: Block) -> bool:
    """A blank row goes between two blocks, unless both are small steps of the same work."""
    one, two = above.event.kind, block.event.kind
    if one == two and one in ("text", "user"):
        return True
    if two == "turn.ended":
        return one not in _STEPS
    return not (one in _STEPS and two in _STEPS)


def copy_of(block: Block) -> str:
    """The text of a block as it was, for the clipboard."""
    event = block.event
    if isinstance(event, e.CommandDone):
        return f"$ {event.command}\n{event.output}"
    if isinstance(event, e.CommandStarted):
        return f"$ {event.command}\n{block.text}"
    if isinstance(event, e.FilesChanged):
        return "\n".join(f"{c.path}\n{as_hunks(c.diff, c.change)}" for c in event.changes)
    if isinstance(event, (e.ToolStarted, e.ToolDone)):
        result = event.result if isinstance(event, e.ToolDone) else ""
        return f"{event.tool} {calls.arguments_of(event)}\n{calls.pretty(result)}"
    if isinstance(event, e.QuestionAnswered):
        return f"{event.question}\n{event.answer or ''}"
    if isinstance(event, e.TurnEnded):
        return "\n".join(filter(None, (event.status, event.error, event.stderr)))
    if isinstance(event, e.Plan):
        return "\n".join(f"[{'x' if status == 'completed' else ' '}] {step}" for step, status in event.steps)
    if isinstance(event, e.Unknown):
        return event.raw
    if isinstance(event, CHECKS):
        return "\n".join(in_words(cast("Check", event)))
    if block.streaming and block.text:
        return block.text
    return getattr(event, "text", "") or event.kind
