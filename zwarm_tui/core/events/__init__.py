"""What can happen, as typed values: the vocabulary of the log.

An executor's adapter turns what an agent prints into these; the engine adds its
own (a turn was queued, a checkpoint was taken). A `Record` is one of them with
its place: when, which session, which branch, which turn. The log is a list of
records, and every view is a fold over it.

Events that share an `item` are about one thing on screen. A completed item is
complete in itself: it supersedes its start and its deltas.

Agents' text may hold anything (markup, escapes, NUL, lone surrogates); it is
kept as it came. `dump` writes ASCII-only JSON, so that every string survives.
"""

from __future__ import annotations

from zwarm_tui.core.events.adopt import AdoptionBegun, AdoptionEnded
from zwarm_tui.core.events.agent import (
    ApprovalRequested,
    ApprovalResolved,
    CommandDone,
    CommandOutput,
    CommandStarted,
    FileChange,
    FilesChanged,
    Notice,
    Plan,
    QuestionAnswered,
    QuestionAsked,
    Reasoning,
    ReasoningDelta,
    Text,
    TextDelta,
    ToolDone,
    ToolStarted,
    TurnDiff,
    Unknown,
    Usage,
    UsageUnknown,
)
from zwarm_tui.core.events.base import Event, Record
from zwarm_tui.core.events.checks import (
    GateDone,
    GateStarted,
    RetryScheduled,
    ReviewDone,
    ReviewFinding,
    ReviewStarted,
)
from zwarm_tui.core.events.runs import (
    RunEnded,
    RunStarted,
    StageAnswered,
    StageAsked,
    StageEnded,
    StageServed,
    StageStarted,
)
from zwarm_tui.core.events.session import (
    Acknowledged,
    AttentionRaised,
    SessionCreated,
    SessionEnded,
    ThreadBound,
    TurnEnded,
    TurnStarted,
    UserMessage,
)
from zwarm_tui.core.events.timeline import (
    BranchCreated,
    BranchRenamed,
    CheckoutTaken,
    CheckpointNamed,
    CheckpointNoted,
    CheckpointTaken,
    FilesAtRoot,
    Moved,
    RestoreBegun,
    RestoreEnded,
    WorktreeBegun,
    WorktreeGone,
    WorktreeMade,
    WorktreeReady,
)
from zwarm_tui.core.events.wire import TYPES, dump, load

DELTAS = frozenset({"text.delta", "reasoning.delta", "command.output"})
"""Kinds that a completed item supersedes."""

__all__ = [
    "DELTAS",
    "TYPES",
    "Acknowledged",
    "AdoptionBegun",
    "AdoptionEnded",
    "ApprovalRequested",
    "ApprovalResolved",
    "AttentionRaised",
    "BranchCreated",
    "BranchRenamed",
    "CheckoutTaken",
    "CheckpointNamed",
    "CheckpointNoted",
    "CheckpointTaken",
    "CommandDone",
    "CommandOutput",
    "CommandStarted",
    "Event",
    "FileChange",
    "FilesAtRoot",
    "FilesChanged",
    "GateDone",
    "GateStarted",
    "Moved",
    "Notice",
    "Plan",
    "QuestionAnswered",
    "QuestionAsked",
    "Reasoning",
    "ReasoningDelta",
    "Record",
    "RestoreBegun",
    "RestoreEnded",
    "RetryScheduled",
    "ReviewDone",
    "ReviewFinding",
    "ReviewStarted",
    "RunEnded",
    "RunStarted",
    "SessionCreated",
    "SessionEnded",
    "StageAnswered",
    "StageAsked",
    "StageEnded",
    "StageServed",
    "StageStarted",
    "Text",
    "TextDelta",
    "ThreadBound",
    "ToolDone",
    "ToolStarted",
    "TurnDiff",
    "TurnEnded",
    "TurnStarted",
    "Unknown",
    "Usage",
    "UsageUnknown",
    "UserMessage",
    "WorktreeBegun",
    "WorktreeGone",
    "WorktreeMade",
    "WorktreeReady",
    "dump",
    "load",
]
