"""What codex itself recorded of a turn's tokens: its rollout files, one a thread.

They hold a `token_usage_record` for each model response, with an id of its own, and
outlive a kill of codex, and of whoever drove it. Codex writes one down at once, and tells
it only after the commands that the response asked for. So what it did not get to tell, or
a dead engine to record, can be made up for. Whether a response was cut off can be told where
codex came to record the turn's end, as it does when it is hung up on: of one that was killed
what it did last may be missing.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zwarm_tui.core.events import Usage
from zwarm_tui.executors.base import ExecutorSettings
from zwarm_tui.executors.codex.usage import Tokens
from zwarm_tui.executors.codex.values import obj, seq, text

_COUNTS = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
)

_SLACK = 60.0
"""Seconds by which a file's time may lie before ours (clocks of file systems)."""

_ABORTED = re.compile(r"(Wall time: [\d.]+ seconds\n)?aborted( by user( after [\d.]+s)?)?")
"""What codex puts in the place of an output when the turn is aborted."""

_MARKER = "<turn_aborted>"
"""So begins the message by which the agent learns of that later."""

_ENDS = ("task_complete", "turn_aborted")

Counts = tuple[int, ...]


def counts(usage: Usage) -> Counts:
    """By which a response is known again."""
    return (usage.input, usage.cached, usage.cache_write, usage.output, usage.reasoning)


def home(codex: ExecutorSettings) -> Path:
    """The CODEX_HOME of a codex with these settings."""
    given = codex.env.get("CODEX_HOME") or os.environ.get("CODEX_HOME")
    return Path(given).expanduser() if given else Path.home() / ".codex"


@dataclass
class Turn:
    """A turn as a rollout has it: its responses by id; `reported` is False where another
    one may have been under way when the turn, or the file, ended."""

    responses: dict[str, Usage] = field(default_factory=dict)
    reported: bool = False
    between: bool = False
    """So far: after a response, and before the next one."""

    def besides(self, booked: Counter[Counts]) -> list[Usage]:
        """Its responses without those that are booked. A report names no response, so
        they are told by their counts: of those that are alike, as many as were booked."""
        left, found = booked.copy(), []
        for usage in self.responses.values():
            if left[counts(usage)]:
                left[counts(usage)] -= 1
            else:
                found.append(usage)
        return found


@dataclass
class Rollout:
    """One file: its thread, and its own turns in their order. Responses of a sub-agent
    stand under the turn that the person's message began (`roots`)."""

    thread: str = ""
    turns: dict[str, Turn] = field(default_factory=dict)
    roots: dict[str, dict[str, Usage]] = field(default_factory=dict)


def read(lines: Iterator[str]) -> Rollout:
    """Read a rollout. What is not understood (a torn last line) is passed over."""
    found = Rollout()
    model: str | None = None
    current: Turn | None = None
    calls: set[str] = set()
    for line in lines:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        payload = obj(entry, "payload")
        kind, what = text(entry, "type"), text(payload, "type")
        if kind == "session_meta":
            found.thread = text(payload, "id") or found.thread
        elif kind == "turn_context":
            model = text(payload, "model") or model
        elif what == "task_started":
            current = found.turns.setdefault(text(payload, "turn_id"), Turn())
            calls.clear()
        elif kind == "token_usage_record":
            turn, root = text(payload, "turn_id"), text(payload, "root_turn_id")
            usage = Tokens.read(payload.get("usage"), _COUNTS)
            response = text(payload, "response_id") or line
            made = usage.usage(model, context=usage.input)
            found.turns.setdefault(turn, Turn()).responses[response] = made
            found.roots.setdefault(root or turn, {})[response] = made
            if current is not None:
                current.between = True
        elif what in _ENDS and current is not None:
            current.reported = current.between
        elif kind == "response_item" and current is not None:
            _heed(payload, what, calls, current)
    return found


def _heed(payload: dict[str, Any], what: str, calls: set[str], turn: Turn) -> None:
    """The next response begins after the last output that one asked for, and after a message
    that was put into the turn; not so after what codex puts there as it aborts the turn."""
    if what.endswith("_call_output"):
        calls.discard(text(payload, "call_id"))
        if not calls and not _ABORTED.fullmatch(text(payload, "output")):
            turn.between = False
    elif what.endswith("_call") and text(payload, "call_id"):
        calls.add(text(payload, "call_id"))
    elif what == "message" and text(payload, "role") == "user":
        said = "".join(text(part, "text") for part in seq(payload, "content"))
        turn.between = turn.between and said.startswith(_MARKER)


def recent(folder: Path, since: float) -> list[Rollout]:
    """The rollouts below a CODEX_HOME that were written to after `since` (seconds since
    the epoch), in the order of their names."""
    since -= _SLACK
    found = []
    for file in sorted((folder / "sessions").glob("*/*/*/rollout-*.jsonl")):
        try:
            if file.stat().st_mtime >= since:
                with file.open(encoding="utf-8", errors="replace") as lines:
                    found.append(read(lines))
        except OSError:
            continue  # taken away meanwhile, or not ours to read: what is missing stays unknown
    return found


def spent(rollouts: list[Rollout], thread: str, turn: str | None, known: set[str]) -> Turn | None:
    """All that a turn of a thread cost, sub-agents included; None where no rollout tells.
    Without `turn`, its id: the thread's last one, unless that is `known` to be another."""
    own = [r for r in rollouts if r.thread == thread]
    if turn is None:
        last = next((t for r in reversed(own) for t in reversed(r.turns)), None)
        if last is None or last in known:
            return None
        turn = last
    parts = [r.turns[turn] for r in own if turn in r.turns]
    if not parts:
        return None
    responses: dict[str, Usage] = {}
    for rollout in rollouts:
        responses |= rollout.roots.get(turn, {})
    return Turn(responses, parts[-1].reported)
