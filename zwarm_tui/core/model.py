"""What a reader of the log sees: sessions, turns, requests, branches, totals.

These are values, made by `store.reader`; nothing here reads or writes anything.
Times are seconds since the epoch; their JSON is ISO 8601 with zone (spec §6).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from zwarm_tui.core.events import Event
from zwarm_tui.core.value import Value, value

Path = tuple[tuple[int, int], ...]
"""A line through the tree of branches, root first: (branch, cut) pairs. Of a branch
it holds the turns that had ended by the log's position `cut`; the last pair's cut is
`TIP` where the line goes to the growing end, running turns included."""

TIP = 2**62


class SessionStatus(str, Enum):
    """The status of a session is that of its last turn on the branch in view."""

    PENDING = "pending"
    RUNNING = "running"
    AWAITING_INPUT = "awaiting_input"
    COMPLETED = "completed"
    FAILED = "failed"
    KILLED = "killed"
    INTERRUPTED = "interrupted"

    @property
    def active(self) -> bool:
        """A turn is queued, runs or waits for a person."""
        return self in (SessionStatus.PENDING, SessionStatus.RUNNING, SessionStatus.AWAITING_INPUT)


@value()
class Tokens(Value):
    """Counts as the ledger adds them: `input` without cached ones, `output` with
    reasoning, `reasoning` a part of output."""

    input: int = 0
    cached: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def total(self) -> int:
        return self.input + self.cached + self.cache_write + self.output

    def to_json(self) -> dict[str, int]:
        return {
            "input": self.input,
            "cached": self.cached,
            "cache_write": self.cache_write,
            "output": self.output,
            "reasoning": self.reasoning,
        }


@value()
class Cost(Value):
    """Money in USD. `complete` is False where a price or a usage is unknown: the
    figure is then "at least". `simulated` money was never spent (the demo)."""

    usd: float = 0.0
    complete: bool = True
    simulated: bool = False


def iso(time: float | None) -> str | None:
    """Seconds since the epoch as ISO 8601 with the local zone."""
    return None if time is None else datetime.fromtimestamp(time).astimezone().isoformat()


@value(kw_only=True)
class Attention(Value):
    """`reason` is a value of `core.attention.Reason`."""

    reason: str
    since: float
    detail: str = ""


@value(kw_only=True)
class SessionView(Value):
    """One session as one branch of the timeline sees it (spec §6)."""

    id: str
    task: str
    status: SessionStatus
    executor: str
    model: str | None = None
    role: str = "executor"
    branch: str = "main"
    branch_id: int = 1
    """The branch of its last turn; an ancestor of the one in view where the session
    has not been spoken to since the fork."""
    working_dir: str = ""
    worktree: str | None = None
    turns: int = 0
    attention: Attention | None = None
    tokens: Tokens = Tokens()
    cost: Cost = Cost()
    context: int | None = None
    window: int | None = None
    thread: str | None = None
    native_turn: str | None = None
    how: str | None = None
    error: str | None = None
    exit_code: int | None = None
    stderr: str | None = None
    created_at: float = 0.0
    started_at: float | None = None
    completed_at: float | None = None
    last_message: str = ""
    no_text: bool = False
    """The last turn completed without any text of its own (F1)."""
    parent: str | None = None
    ended: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    updated_seq: int = 0

    @property
    def needs_attention(self) -> bool:
        return self.attention is not None

    def to_json(self) -> dict[str, Any]:
        """The session as spec §6 pins it."""
        a = self.attention
        return {
            "id": self.id,
            "task": self.task,
            "status": self.status.value,
            "executor": self.executor,
            "model": self.model,
            "role": self.role,
            "branch": self.branch,
            "working_dir": self.working_dir,
            "worktree": self.worktree,
            "turns": self.turns,
            "needs_attention": a is not None,
            "attention_reason": a.reason if a else None,
            "attention_detail": a.detail if a else None,
            "attention_since": iso(a.since) if a else None,
            "usage": self.tokens.to_json(),
            "cost_usd": self.cost.usd,
            "cost_known": self.cost.complete,
            "cost_simulated": self.cost.simulated,
            "error": self.error,
            "exit_code": self.exit_code,
            "created_at": iso(self.created_at),
            "started_at": iso(self.started_at),
            "completed_at": iso(self.completed_at),
            "last_message": self.last_message,
            "parent_id": self.parent,
        }


@value(kw_only=True)
class TurnView(Value):
    """One turn of a session on one branch. `status` is a SessionStatus value."""

    session: str
    branch: int
    turn: int
    prompt: str
    origin: str
    status: SessionStatus
    thread: str | None
    native_turn: str | None
    how: str | None
    queued_seq: int
    end_seq: int | None
    started_at: float | None
    ended_at: float | None
    error: str | None = None
    exit_code: int | None = None

    @property
    def held(self) -> bool:
        """A budget keeps it from beginning: nothing of it runs."""
        return self.status is SessionStatus.AWAITING_INPUT and self.thread is None


@value(kw_only=True)
class RequestView(Value):
    """An approval or a question that waits for a person, or did."""

    id: str
    session: str
    branch: int
    turn: int
    since: float
    event: Event
    """`ApprovalRequested` or `QuestionAsked`."""


@value(kw_only=True)
class BranchView(Value):
    """`tip` is the last checkpoint on the branch (its fork where it has none). It works in
    its `worktree`, or in the person's `checkout`, or (neither) has no place as yet."""

    id: int
    name: str
    parent: int | None
    checkpoint: int
    cut: int
    tip: int
    cost: Cost
    worktree: str | None = None
    checkout: bool = False


@value(kw_only=True)
class CheckpointView(Value):
    """A checkpoint without its state. `cost` is what was spent, anywhere in the
    project, on its branch between its parent and itself. `name` and `note` are the
    person's, "" where there is none."""

    id: int
    label: str
    parent: int
    branch: int
    description: str
    time: str
    seq: int
    cost: Cost
    name: str = ""
    note: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


@value(kw_only=True)
class Position(Value):
    """Where the project is. `checkpoint` is the id of the last one passed (0: root);
    `detached` means that the next message branches there."""

    branch: int
    branch_name: str
    checkpoint: int
    detached: bool
    path: Path


@value(kw_only=True)
class Totals(Value):
    """Money of the whole project. `branch` is this branch's path; `abandoned` the
    rest of `total`. The dicts are keyed by session id, model and ISO day."""

    total: Cost
    branch: Cost
    abandoned: Cost
    by_session: dict[str, Cost] = field(default_factory=dict)
    by_model: dict[str, Cost] = field(default_factory=dict)
    by_day: dict[str, Cost] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Block:
    """One thing in a transcript: an item, or an event of its own. While `streaming`,
    `text` is what its deltas said so far; a final `event` is complete in itself."""

    key: tuple[int, int, str]
    """(branch, turn, item or seq)."""
    first_seq: int
    seq: int
    time: float
    event: Event
    streaming: bool = False
    text: str = ""

    @property
    def turn(self) -> int:
        return self.key[1]
