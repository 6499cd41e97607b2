"""An event as a person reads it in a terminal: when, which turn, what, and its text."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from zwarm_tui.cli.plain import one_line, plain
from zwarm_tui.cli.words import duration
from zwarm_tui.core import events as e
from zwarm_tui.core.checks import Check, in_words

_OUTPUT_LINES = 12
"""Of a command's output, this many lines at the end are shown."""

_STARTS = frozenset({"command.started", "tool.started", "turn.started", "gate.started", "review.started"})
_LABEL = 11


def lines(record: e.Record, *, starts: bool = False) -> Iterator[str]:
    """The lines of a record; none for those that a later record says better (pieces of
    a text, and the `starts` of what has ended since, unless wanted)."""
    kind = record.event.kind
    start = kind in _STARTS or getattr(record.event, "status", "") == "in_progress"
    if kind in e.DELTAS or (start and not starts):
        return
    label, text, colour = describe(record.event)
    if not text and not label:
        return
    clock = time.strftime("%H:%M:%S", time.localtime(record.time))
    turn = f"{record.turn:>3}" if record.turn else "   "
    first, *rest = plain(text).split("\n")
    head = click.style(f"{clock} {turn}", dim=True) + "  " + click.style(f"{label:<{_LABEL}}", fg=colour)
    margin = " " * (len(clock) + len(turn) + _LABEL + 4)
    yield f"{head} {first}".rstrip()
    for line in rest:
        yield (margin + line).rstrip()


def describe(event: e.Event) -> tuple[str, str, str | None]:
    """(label, text, colour); both texts empty for what only machines want to know."""
    match event:
        case e.SessionCreated():
            return "session", f"{event.executor} in {event.working_dir}: {event.task}", "blue"
        case e.UserMessage():
            return "pilot" if event.origin == "pilot" else "you", event.text, "blue"
        case e.ThreadBound(how=how):
            return "thread", how, None
        case e.TurnStarted():
            return "started", "", None
        case e.TurnEnded():
            return "ended", _ending(event), "green" if event.status == "completed" else "red"
        case e.AttentionRaised():
            return "wants you", " · ".join(filter(None, (event.reason, event.detail))), "yellow"
        case e.Acknowledged(by=by):
            return "seen", f"by {by}", None
        case e.SessionEnded(reason=reason):
            return "closed", reason or "", None
        case e.Text(text=text):
            return "says", text, "cyan"
        case e.Reasoning(text=text):
            return "thinks", text, None
        case e.CommandStarted(command=command):
            return "runs", f"$ {command}", "magenta"
        case e.CommandDone():
            return "ran", _command(event), "magenta" if event.exit_code in (0, None) else "red"
        case e.FilesChanged(changes=changes):
            what = "\n".join(f"{change.change} {one_line(change.path)}" for change in changes)
            return "files", what if event.status == "completed" else f"{what}\n({event.status})", "green"
        case e.Plan(steps=steps):
            return "plan", "\n".join(f"{step}  ({state})" for step, state in steps), None
        case e.ToolStarted(tool=tool):
            return "calls", tool, "magenta"
        case e.ToolDone():
            called = f"{event.tool} {event.arguments}\n{_last(event.result)}".rstrip()
            return "called", called, "magenta" if event.ok else "red"
        case e.ApprovalRequested():
            label = {"budget": "over budget", "review": "asks review"}.get(event.what, "asks leave")
            return label, "\n".join(filter(None, (event.text, event.reason))), "yellow"
        case e.ApprovalResolved():
            return "decided", f"{event.decision} by {event.by}: {event.text}", "yellow"
        case e.QuestionAsked():
            return "asks", "\n".join((event.text, *(f"- {option}" for option in event.options))), "yellow"
        case e.QuestionAnswered(answer=answer):
            return "answered", answer if answer is not None else "(the turn ended first)", "yellow"
        case e.Usage():
            return "tokens", f"{event.input:,} in, {event.cached:,} cached, {event.output:,} out", None
        case e.UsageUnknown(why=why):
            return "tokens", f"unknown: {why}", "yellow"
        case e.Notice():
            return event.level, event.text, {"error": "red", "warning": "yellow"}.get(event.level)
        case e.GateStarted() | e.GateDone() | e.ReviewStarted() | e.ReviewDone() | e.RetryScheduled():
            return _check(event)
        case e.Unknown():
            return "unknown", one_line(event.raw)[:200], None
        case _:
            return "", "", None


def _check(event: Check) -> tuple[str, str, str | None]:
    head, body = in_words(event)
    colour = {True: "green", False: "red", None: "yellow"}[getattr(event, "passed", None)]
    return event.kind.split(".")[0], "\n".join(filter(None, (head, _last(body)))), colour


def _ending(event: e.TurnEnded) -> str:
    facts = [event.status]
    if event.exit_code is not None:
        facts.append(f"exit status {event.exit_code}")
    return "\n".join(filter(None, (", ".join(facts), event.error, event.stderr)))


def _command(event: e.CommandDone) -> str:
    facts = [event.status] if event.status != "completed" else []
    if event.exit_code:
        facts.append(f"exit status {event.exit_code}")
    if event.seconds is not None:
        facts.append(duration(event.seconds))
    head = f"$ {event.command}" + (f"   ({', '.join(facts)})" if facts else "")
    return "\n".join(filter(None, (head, _last(event.output))))


def _last(output: str) -> str:
    rows = output.rstrip("\n").split("\n")
    hidden = len(rows) - _OUTPUT_LINES
    return "\n".join([f"… {hidden} lines above", *rows[hidden:]] if hidden > 1 else rows)
