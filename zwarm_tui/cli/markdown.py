"""A session's transcript as Markdown that reads well in any viewer.

What agents and commands wrote can't break out of its place: code is fenced by more
backticks than it holds, and control characters are shown, not sent.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator

from zwarm_tui.cli.plain import one_line, plain
from zwarm_tui.cli.words import duration, money
from zwarm_tui.core import events as e
from zwarm_tui.core.checks import in_words
from zwarm_tui.core.model import Block, SessionView

_TICKS = re.compile("`{3,}")


def transcript(session: SessionView, blocks: Iterable[Block]) -> Iterator[str]:
    """The transcript in parts, each without a trailing newline."""
    yield f"# {one_line(session.task)}\n"
    yield f"- session: `{session.id}`, {session.status.value.replace('_', ' ')}"
    yield f"- agent: {one_line(' '.join(filter(None, (session.executor, session.model))))}"
    yield f"- branch: {one_line(session.branch)}"
    yield f"- folder: `{one_line(session.working_dir)}`"
    yield f"- cost: {money(session.cost)}"
    turn = 0
    for block in blocks:
        if block.turn != turn:
            turn = block.turn
            yield f"\n## Turn {turn}"
        part = _part(block)
        if part:
            yield f"\n{part}"
    yield ""


def _part(block: Block) -> str:
    event = block.event
    match event:
        case e.UserMessage():
            who = "Pilot" if event.origin == "pilot" else "You"
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(block.time))
            when += ", into the running turn" if event.steer else ""
            return f"**{who}** ({when})\n\n{_quote(event.text)}"
        case e.Text(text=text, plain=True):
            return _fence(text)
        case e.Text(text=text) if event.parent is None:
            return plain(text).strip()
        case e.Text(text=text):
            return f"**Sub-agent**\n\n{_quote(text)}"
        case e.TextDelta():
            return plain(block.text).strip()
        case e.Reasoning(text=text):
            return f"*Thinking*\n\n{_quote(text)}" if text.strip() else ""
        case e.ReasoningDelta():
            return f"*Thinking*\n\n{_quote(block.text)}"
        case e.CommandStarted(command=command):
            return f"{_fence(f'$ {command}', 'console')}\n\n*running*"
        case e.CommandDone():
            shown = _fence(f"$ {event.command}\n{event.output}", "console")
            return f"{shown}\n\n*{_outcome(event.status, event.exit_code, event.seconds)}*"
        case e.FilesChanged():
            return _files(event)
        case e.Plan(steps=steps):
            return "\n".join(f"- {one_line(step)} ({one_line(state)})" for step, state in steps)
        case e.ToolStarted() | e.ToolDone():
            return _tool(event)
        case e.ApprovalRequested(text=text):
            return f"**Waits for leave**\n\n{_fence(text)}"
        case e.ApprovalResolved():
            decided = f"{one_line(event.decision)} by {one_line(event.by)}"
            return f"**Asked for leave**: {decided}\n\n{_fence(event.text)}"
        case e.QuestionAsked(text=text):
            return f"**Asks**\n\n{_quote(text)}"
        case e.QuestionAnswered():
            answer = event.answer if event.answer is not None else "(none: the turn ended first)"
            return f"**Asked**\n\n{_quote(event.question)}\n\n**Answer**\n\n{_quote(answer)}"
        case e.ThreadBound(how=how) if how not in ("fresh", "continued"):
            return f"*Thread: {one_line(how)}*"
        case e.Notice():
            return f"*{one_line(event.level)}: {one_line(event.text)}*"
        case e.GateStarted() | e.GateDone() | e.ReviewStarted() | e.ReviewDone() | e.RetryScheduled():
            head, body = in_words(event)
            return f"**{one_line(head)}**" + (f"\n\n{_fence(body, 'console')}" if body.strip() else "")
        case e.UsageUnknown(why=why):
            return f"*tokens unknown: {one_line(why)}*"
        case e.SessionEnded(reason=reason):
            return f"*Session ended{': ' + one_line(reason) if reason else ''}*"
        case e.TurnEnded() if event.status != "completed":
            said = "\n".join(filter(None, (event.error, event.stderr)))
            return f"**Turn {event.status}**" + (f"\n\n{_fence(said)}" if said else "")
        case e.Unknown():
            return f"*Unrecognised event*\n\n{_fence(event.raw)}"
        case _:
            return ""


def _outcome(status: str, exit_code: int | None, seconds: float | None) -> str:
    facts = [status]
    if exit_code is not None:
        facts.append(f"exit status {exit_code}")
    if seconds is not None:
        facts.append(duration(seconds))
    return ", ".join(facts)


def _files(event: e.FilesChanged) -> str:
    parts = [f"**Files** ({event.status.replace('_', ' ')})"]
    for change in event.changes:
        parts.append(f"{change.change} `{one_line(change.path)}`")
        if change.diff.strip():
            parts.append(_fence(change.diff, "diff"))
    return "\n\n".join(parts)


def _tool(event: e.ToolStarted | e.ToolDone) -> str:
    parts = [f"**Tool** `{one_line(event.tool)}`", _fence(json.dumps(event.arguments, indent=2), "json")]
    if isinstance(event, e.ToolDone):
        parts[0] += "" if event.ok else " (failed)"
        if event.result.strip():
            parts.append(_fence(event.result))
    return "\n\n".join(parts)


def _quote(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in plain(text).strip("\n").split("\n"))


def _fence(text: str, language: str = "") -> str:
    longest = max((len(run) for run in _TICKS.findall(text)), default=2)
    ticks = "`" * (longest + 1)
    return f"{ticks}{language}\n{plain(text).rstrip()}\n{ticks}"
