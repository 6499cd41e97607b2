"""The fold from records to the blocks of a transcript: pure, total, incremental.

The store keeps one row a block by the same rule (`block_key`), so a reader can
open the last screenful of a long session without reading the rest.
"""

from __future__ import annotations

from zwarm_tui.core import events as e
from zwarm_tui.core.model import Block

_HIDDEN = frozenset(
    {
        "session.created",
        "turn.started",
        "usage",
        "attention",
        "acknowledged",
        "adoption.begun",
        "adoption.ended",
        "branch.created",
        "branch.renamed",
        "checkpoint",
        "checkpoint.named",
        "checkpoint.noted",
        "moved",
        "files.root",
        "worktree.begun",
        "worktree.made",
        "worktree.ready",
        "worktree.gone",
        "checkout.taken",
        "restore.begun",
        "restore.ended",
        "run.started",
        "run.ended",
        "stage.started",
        "stage.served",
        "stage.ended",
        "stage.asked",
        "stage.answered",
    }
)
_REQUESTS = (e.ApprovalRequested, e.ApprovalResolved, e.QuestionAsked, e.QuestionAnswered)
_STARTS = frozenset(
    {
        *("command.started", "tool.started", "approval.requested", "question.asked"),
        *("gate.started", "review.started"),
    }
)


def block_key(record: e.Record) -> tuple[int, int, str] | None:
    """(branch, turn, name) of the block that a record belongs to; None for records
    that no transcript shows. Needs the record's seq where it is a block of its own."""
    event = record.event
    if event.kind in _HIDDEN:
        return None
    if isinstance(event, _REQUESTS):
        name = f"request:{event.request}"
    elif event.kind in ("diff", "plan"):
        name = event.kind
    else:
        name = getattr(event, "item", None) or f"#{record.seq}"
    return (record.branch, record.turn, name)


def is_open(event: e.Event) -> bool:
    """More of this block is to come: a delta, a start, or a file change in progress."""
    return (
        event.kind in e.DELTAS
        or event.kind in _STARTS
        or (isinstance(event, e.FilesChanged) and event.status == "in_progress")
    )


class Transcript:
    """Blocks in the order in which they began; `apply` says which one changed."""

    def __init__(self, blocks: list[Block] | None = None) -> None:
        self.blocks: list[Block] = blocks or []
        self._index = {block.key: i for i, block in enumerate(self.blocks)}

    def apply(self, record: e.Record) -> int | None:
        """Fold one record in. Returns the index of the block it touched."""
        key = block_key(record)
        if key is None:
            return None
        event = record.event
        if isinstance(event, e.TurnEnded):
            self._close(record)
        index = self._index.get(key)
        delta = event.kind in e.DELTAS
        if index is None:
            text = getattr(event, "text", "") if delta else ""
            block = Block(
                key=key,
                first_seq=record.seq,
                seq=record.seq,
                time=record.time,
                event=event,
                streaming=is_open(event),
                text=text,
            )
            self._index[key] = len(self.blocks)
            self.blocks.append(block)
            return len(self.blocks) - 1
        block = self.blocks[index]
        if record.seq and record.seq <= block.seq:
            return None  # seen already: the log is replayed, not repeated
        block.seq = record.seq
        if delta:
            if is_open(block.event):  # a delta after the final item says nothing new
                block.text += getattr(event, "text", "")
        else:
            block.event, block.streaming = event, is_open(event)
            if not block.streaming:
                block.text = ""
        return index

    def _close(self, record: e.Record) -> None:
        """What still streams in a turn that ends is as complete as it will ever be."""
        for block in self.blocks:
            if block.streaming and block.key[:2] == (record.branch, record.turn):
                block.streaming = False

    def prepend(self, blocks: list[Block]) -> None:
        """Put older blocks in front (a page scrolled back to)."""
        self.blocks[:0] = blocks
        self._index = {block.key: i for i, block in enumerate(self.blocks)}
