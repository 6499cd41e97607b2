"""How a turn ends: what is recorded of that, and what becomes of messages that came too late
for it. None is lost: they begin the next turn, or, where that is not for us to begin, their
person is told."""

from __future__ import annotations

from dataclasses import replace

from zwarm_tui.core import events as e
from zwarm_tui.core.attention import Reason
from zwarm_tui.sessions.turn import Turn, first_line, withdrawn


def outcome(turn: Turn, ended: e.TurnEnded) -> e.TurnEnded:
    """How it ended, where someone decided to stop it: with the status that they gave it."""
    if not turn.stop or ended.status not in ("interrupted", "failed"):
        return ended
    error = turn.why if ended.status == "interrupted" else ended.error or turn.why
    return replace(ended, status=turn.stop, error=error)


def next_turn(turn: Turn, ended: e.TurnEnded) -> Turn | None:
    """The turn that late messages begin. None where there are none, where it did not complete
    or was to be stopped, or where a workflow decides what comes next."""
    messages = _late(turn, ended)
    if not messages or ended.status != "completed" or turn.stop or turn.origin == "workflow":
        return None
    text = "\n\n".join(messages)
    return Turn(turn.session, turn.branch, turn.number + 1, text, "person", turn.executor)


def closing(turn: Turn, ended: e.TurnEnded, *, goes_on: bool) -> list[e.Event]:
    """The last events of a turn, in order."""
    events: list[e.Event] = [withdrawn(request, event) for request, event in turn.requests.items()]
    if goes_on:
        return [*events, ended]
    if messages := _late(turn, ended):
        said = ", ".join(f"“{first_line(message)}”" for message in messages)
        events.append(
            e.Notice("warning", f"The turn ended before its agent could answer {said}: say it again.")
        )
    events.append(ended)
    if (reason := _REASONS.get(ended.status)) is not None:
        events.append(e.AttentionRaised(reason.value, ended.error or ""))
    return events


_REASONS = {"completed": Reason.COMPLETED, "failed": Reason.FAILED}


def _late(turn: Turn, ended: e.TurnEnded) -> list[str]:
    """The messages that it ended without answering, oldest first."""
    count = min(max(ended.late, turn.untold), len(turn.steers))
    return turn.steers[len(turn.steers) - count :]
