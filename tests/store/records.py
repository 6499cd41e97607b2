"""Records as the engine writes them, for the tests of the store."""

from __future__ import annotations

from typing import Any

from zwarm_tui.core import events as e
from zwarm_tui.core.costs import Priced
from zwarm_tui.core.events import Record

HOSTILE = "[/tmp/x] [red]list[int]\x1b[2J \x00 \ud83d \u202e é ẞ % _ \\ \" '"


def price(model: str | None, usage: e.Usage) -> Priced:
    """A dollar a token; nothing is known about the model "mystery"."""
    if model == "mystery":
        return Priced(None, "unknown")
    return Priced(float(usage.input + usage.output), "test", {"input": 1e6, "output": 1e6})


def created(session: str, *, branch: int = 1, **values: Any) -> Record:
    """A session's beginning."""
    about = {"task": f"task of {session}", "executor": "codex", "model": "m", **values}
    return Record(e.SessionCreated(**about), session, branch)


def turn(
    session: str,
    number: int,
    *middle: e.Event,
    branch: int = 1,
    status: str | None = "completed",
    prompt: str = "go on",
) -> list[Record]:
    """A turn; with `status` None it still runs."""
    events: list[e.Event] = [
        e.UserMessage(prompt),
        e.ThreadBound(f"thread-{branch}", "continued", executor="codex"),
        e.TurnStarted(f"native-{number}"),
        *middle,
    ]
    if status is not None:
        events.append(e.TurnEnded(status=status, turn_id=f"native-{number}"))
    return [Record(event, session, branch, number) for event in events]


def checkpoint(number: int, parent: int, *, branch: int = 1) -> Record:
    """T`number`, at the tip of a branch."""
    taken = e.CheckpointTaken(
        checkpoint=number,
        label=f"T{number}",
        description=f"after {number}",
        parent=parent,
        time="2026-01-01T00:00:00+00:00",
        state={"n": number},
        metadata={"n": number},
    )
    return Record(taken, branch=branch)


def spent(tokens: int, model: str | None = "m") -> e.Usage:
    """A response that cost so many dollars."""
    return e.Usage(model=model, input=tokens)
