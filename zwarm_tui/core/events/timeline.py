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


@value()
class FilesAtRoot(Event):
    """The files as they were before the first checkpoint: of the shape of a
    checkpoint's `state["files"]`."""

    kind: ClassVar[str] = "files.root"
    files: dict[str, Any]


@value(kw_only=True)
class WorktreeBegun(Event):
    """A worktree is about to be made at `path` from the commit `snapshot`, at the commit
    `head`: of a branch, or of one session on it. Until it is made, what lies there is
    half of one. `checkout` is the person's own work tree."""

    kind: ClassVar[str] = "worktree.begun"
    path: str
    branch: int
    session: str = ""
    snapshot: str
    head: str | None = None
    checkout: str


@value()
class WorktreeMade(Event):
    """Its branch (or session) works there from now on."""

    kind: ClassVar[str] = "worktree.made"
    path: str


@value()
class WorktreeReady(Event):
    """The set-up command was run in it; `problem` is why that failed."""

    kind: ClassVar[str] = "worktree.ready"
    path: str
    problem: str | None = None


@value()
class WorktreeGone(Event):
    """It is not used any more; `kept`: its folder still lies there."""

    kind: ClassVar[str] = "worktree.gone"
    path: str
    why: str
    kept: bool = False


@value()
class CheckoutTaken(Event):
    """This branch works in the person's checkout from now on (at first that is branch 1);
    the one that did so before gets a worktree when it is next spoken to."""

    kind: ClassVar[str] = "checkout.taken"
    branch: int


@value()
class RestoreBegun(Event):
    """The files at `path` are about to be changed from the snapshot `come` to the
    snapshot `go`. Until the restore has ended, they may be a mixture of both."""

    kind: ClassVar[str] = "restore.begun"
    path: str
    come: str
    go: str


@value()
class RestoreEnded(Event):
    """`done`: the files are those of `go`; otherwise they were put back."""

    kind: ClassVar[str] = "restore.ended"
    path: str
    done: bool = True
