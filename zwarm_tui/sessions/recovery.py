"""What a dead engine left: its unfinished turns end as interrupted, and what they cost
is made up from the agent's own records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from zwarm_tui.core import events as e
from zwarm_tui.core.attention import Reason
from zwarm_tui.core.model import SessionStatus, TurnView
from zwarm_tui.executors.base import ExecutorSettings
from zwarm_tui.executors.codex import rollout
from zwarm_tui.sessions.agents import Agents
from zwarm_tui.sessions.roles import RUN
from zwarm_tui.sessions.runner import TurnRunner
from zwarm_tui.sessions.turn import Turn, withdrawn
from zwarm_tui.store.reader import Reader


def take_up(runner: TurnRunner, agents: Agents) -> list[str]:
    """Go on holding what a budget held, and end all else that has no end: its sessions' ids."""
    held = held_by_budget(runner.reader)
    for was, asked in held:
        adapter = agents.get(runner.view(was.session, was.branch).executor)
        turn = Turn(was.session, was.branch, was.turn, was.prompt, was.origin, adapter)
        runner.take_up(turn, asked)
    besides = {(was.session, was.branch) for was, _ in held}
    left = endings(runner.reader, agents.settings("codex"), besides=besides)
    for was, events in left:
        runner.record(was.session, was.turn, *events, branch=was.branch)
    return [was.session for was, _ in left]


def held_by_budget(reader: Reader) -> list[tuple[TurnView, e.ApprovalRequested]]:
    """The turns that never began since a budget held them, and what their person is asked;
    but those whose run ended with its engine."""
    asked = {(r.session, r.branch, r.turn): r.event for r in reader.requests()}
    found = []
    for turn in (t for t in reader.unfinished() if t.held and t.origin != "workflow"):
        event = asked.get((turn.session, turn.branch, turn.turn))
        if isinstance(event, e.ApprovalRequested) and event.what == "budget":
            found.append((turn, event))
    return found


def endings(
    reader: Reader, codex: ExecutorSettings, *, besides: Collection[tuple[str, int]] = ()
) -> list[tuple[TurnView, list[e.Event]]]:
    """The turns that have no end, and the events that give them one; `besides` those of
    these sessions on these branches."""
    left = [turn for turn in reader.unfinished() if (turn.session, turn.branch) not in besides]
    began = [turn.started_at for turn in left if turn.started_at is not None]
    rollouts = rollout.recent(rollout.home(codex), min(began)) if began and _any_codex(reader, left) else []
    return [
        (turn, [*_unanswered(reader, turn), *_costs(reader, turn, rollouts), *_end(turn)]) for turn in left
    ]


def _unanswered(reader: Reader, turn: TurnView) -> list[e.Event]:
    """The ends of what it asked for: nobody can decide that any more."""
    return [
        withdrawn(request.id, request.event)
        for request in reader.requests(turn.session)
        if (request.branch, request.turn) == (turn.branch, turn.turn)
    ]


def _end(turn: TurnView) -> list[e.Event]:
    error = f"interrupted at turn {turn.turn}: zwarm_tui stopped while it ran"
    return [
        e.TurnEnded(status="interrupted", error=error),
        e.AttentionRaised(Reason.INTERRUPTED.value, error),
    ]


def _costs(reader: Reader, turn: TurnView, rollouts: list[rollout.Rollout]) -> list[e.Event]:
    """What the log lacks of the turn's costs."""
    path = reader.path(turn.branch)
    of = reader.session(turn.session, path)
    if turn.status is SessionStatus.PENDING or (of is not None and of.role == RUN):
        return []
    known = {t.native_turn for t in reader.turns(turn.session, path) if t.native_turn}
    told = rollout.spent(rollouts, turn.thread, turn.native_turn, known) if turn.thread else None
    if told is None:
        return [e.UsageUnknown("the turn was cut off")]
    logged = Counter(
        rollout.counts(record.event)
        for record in reader.records(turn.session, path, since=turn.queued_seq)
        if isinstance(record.event, e.Usage) and (record.branch, record.turn) == (turn.branch, turn.turn)
    )
    missing: list[e.Event] = [*told.besides(logged)]
    if not told.reported:
        missing.append(e.UsageUnknown("the turn was cut off in the middle of a response"))
    return missing


def _any_codex(reader: Reader, turns: list[TurnView]) -> bool:
    bound = [reader.bound(turn.session, turn.thread) for turn in turns if turn.thread]
    return any(b is not None and b.executor == "codex" for b in bound)
