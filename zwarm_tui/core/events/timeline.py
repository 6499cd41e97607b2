"""Checkpoints, branches, and the project's one position."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar

from zwarm_tui.core.events.base import Event
from zwarm_tui.core.value import value


@value(kw_only=True)
class BranchCreated(Event):
    """`checkpoint` is where it leaves `parent` (0: the root); `cut` is that
    checkpoint's seq: of the parent, the branch holds what had ended by then."""

    kind: ClassVar[str] = "branch.created"
    branch: int
    name: str
    parent: int | None = None
    checkpoint: int = 0
    cut: int = 0


@value()
class BranchRenamed(Event):
    kind: ClassVar[str] = "branch.renamed"
    branch: int
    name: str


@value(kw_only=True)
class CheckpointTaken(Event):
    """`state` is small and made of pointers (see `timeline`). Its `log` is the checkpoint's
    place: what ended after that, while its files were captured, is not of it."""

    kind: ClassVar[str] = "checkpoint"
    checkpoint: int
    label: str
    description: str
    parent: int
    time: str
    state: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)


@value()
class CheckpointNamed(Event):
    """A name beside the label, which never changes; "" takes it away."""

    kind: ClassVar[str] = "checkpoint.named"
    checkpoint: int
    name: str


@value()
class CheckpointNoted(Event):
    """What a person wants to remember of a checkpoint; "" takes it away."""

    kind: ClassVar[str] = "checkpoint.noted"
    checkpoint: int
    text: str


@value()
class Moved(Event):
    """The project's one current position. `checkpoint` None means the tip of
    `branch`, growing; otherwise the next message branches there."""

    kind: ClassVar[str] = "moved"
    branch: int
    checkpoint: int | None = None
