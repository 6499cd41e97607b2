"""Checkpoints as a tree: every line of history that was ever left is still there.

`CheckpointManager` is a small value of its own, for any caller that wants time
travel over states. Its list-like members show the *active branch*, the line from
the root through the current checkpoint to the tip that was active last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, overload

ROOT = 0
"""The id of the place before the first checkpoint. It is no checkpoint itself."""


def _now() -> str:
    return datetime.now().astimezone().isoformat()


@dataclass
class Checkpoint:
    """A state with a name. `timestamp` is ISO 8601; `parent_id` 0 is the root."""

    checkpoint_id: int
    label: str
    description: str
    state: dict[str, Any]
    timestamp: str = field(default_factory=_now)
    metadata: dict[str, Any] = field(default_factory=dict)
    parent_id: int = ROOT


class _Node:
    """A place in the tree. `active` is the child that was on the active branch last."""

    __slots__ = ("active", "checkpoint", "children", "depth")

    def __init__(self, checkpoint: Checkpoint | None, depth: int) -> None:
        self.checkpoint, self.depth = checkpoint, depth
        self.children: list[int] = []
        self.active: int | None = None


class CheckpointManager:
    """Record states, go back, go on from there. What it takes and what it returns
    are copies: changing them changes nothing stored.

    Recording, jumping along the active branch and asking where one is do not walk
    the history, however long it is.
    """

    def __init__(
        self,
        checkpoints: Iterable[Checkpoint] = (),
        current_index: int = -1,
        next_id: int = 1,
        label_prefix: str = "T",
    ) -> None:
        """`checkpoints` are one chain, oldest first (their `parent_id` is set by their
        order); `current_index` counts along it, -1 is the root. ValueError: an id that
        is not positive or comes twice, or an index outside the chain."""
        self.next_id, self.label_prefix = next_id, label_prefix
        self._nodes: dict[int, _Node] = {ROOT: _Node(None, 0)}
        self._labels: dict[str, int] = {}
        self._line: list[int] = []  # ids of the active branch: always what `active` leads to from the root
        parent = ROOT
        for given in checkpoints:
            copy = deepcopy(given)
            copy.parent_id = parent
            self._add(copy)
            parent = copy.checkpoint_id
        self._line = self._follow(ROOT)
        if not -1 <= current_index < len(self._line):
            raise ValueError(f"current_index {current_index}: there are {len(self._line)} checkpoints")
        self._index = current_index

    # -- the active branch ---------------------------------------------------------

    @property
    def checkpoints(self) -> Sequence[Checkpoint]:
        """A live view of the active branch, root first; its elements are copies."""
        return _ActiveBranch(self)

    @property
    def current_index(self) -> int:
        """Where one is on the active branch; -1 is the root."""
        return self._index

    def __len__(self) -> int:
        return len(self._line)

    def __repr__(self) -> str:
        here = self.label_for(self._current_id())
        return f"<CheckpointManager at {here}: {len(self)} on this branch, {len(self._nodes) - 1} in all>"

    def __eq__(self, other: object) -> bool:
        return self.to_dict() == other.to_dict() if isinstance(other, CheckpointManager) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it changes

    def is_at_root(self) -> bool:
        return self._index == -1

    def is_at_end(self) -> bool:
        """True at the active branch's tip: recording here opens no new branch."""
        return self._index == len(self._line) - 1

    def current(self) -> Checkpoint | None:
        """The checkpoint one is at; None at the root."""
        return self.get(self._current_id())

    def current_state(self) -> dict[str, Any] | None:
        here = self._nodes[self._current_id()].checkpoint
        return None if here is None else deepcopy(here.state)

    def record(
        self, description: str, state: dict[str, Any], metadata: dict[str, Any] | None = None
    ) -> Checkpoint:
        """Take a checkpoint after the current one and go to it. Where the current one
        has a future already, that stays, as another branch."""
        checkpoint = Checkpoint(
            checkpoint_id=self.next_id,
            label=f"{self.label_prefix}{self.next_id}",
            description=description,
            state=deepcopy(state),
            metadata=deepcopy(metadata) if metadata else {},
            parent_id=self._current_id(),
        )
        self._add(checkpoint)
        del self._line[self._index + 1 :]
        self._line.append(checkpoint.checkpoint_id)
        self._index += 1
        return deepcopy(checkpoint)

    def goto(self, checkpoint_id: int) -> Checkpoint | None:
        """Go to a checkpoint of any branch, which becomes the active one; beyond it the
        active branch goes on as it last did. 0 is the root and gives None; so does an
        unknown id, which moves nothing."""
        node = self._nodes.get(checkpoint_id)
        if node is None:
            return None
        if not self._on_line(checkpoint_id):
            self._activate(checkpoint_id)
        self._index = node.depth - 1
        return deepcopy(node.checkpoint)

    def goto_label(self, label: str) -> Checkpoint | None:
        """`goto` by label: "root" in any case, else exactly as it is written."""
        if label.lower() == "root":
            return self.goto(ROOT)
        found = self._labels.get(label)
        return None if found is None else self.goto(found)

    def history(self, limit: int | None = None, include_state: bool = False) -> list[dict[str, Any]]:
        """The active branch as plain data, oldest first; at most the `limit` most recent
        entries. ValueError for a negative limit."""
        if limit is not None and limit < 0:
            raise ValueError(f"limit must not be negative: {limit}")
        first = 0 if limit is None else max(0, len(self._line) - limit)
        entries = []
        for index in range(first, len(self._line)):
            checkpoint = self._stored(self._line[index])
            entry = {
                "checkpoint_id": checkpoint.checkpoint_id,
                "label": checkpoint.label,
                "description": checkpoint.description,
                "timestamp": checkpoint.timestamp,
                "is_current": index == self._index,
                "metadata": deepcopy(checkpoint.metadata),
            }
            if include_state:
                entry["state"] = deepcopy(checkpoint.state)
            entries.append(entry)
        return entries

    def label_for(self, checkpoint_id: int) -> str:
        """ "root" for 0; the label that an id has, or would have."""
        if checkpoint_id == ROOT:
            return "root"
        node = self._nodes.get(checkpoint_id)
        if node is None or node.checkpoint is None:
            return f"{self.label_prefix}{checkpoint_id}"
        return node.checkpoint.label

    # -- the tree ------------------------------------------------------------------

    def get(self, checkpoint_id: int) -> Checkpoint | None:
        """A copy of a checkpoint of any branch; None for the root and for unknown ids."""
        node = self._nodes.get(checkpoint_id)
        return None if node is None else deepcopy(node.checkpoint)

    def all_checkpoints(self) -> list[Checkpoint]:
        """Every checkpoint of every branch, in the order of recording."""
        return self._copies(id for id in self._nodes if id != ROOT)

    def children(self, checkpoint_id: int) -> list[Checkpoint]:
        """What was recorded directly after a checkpoint (0: the root), oldest first."""
        node = self._nodes.get(checkpoint_id)
        return [] if node is None else self._copies(node.children)

    def path_to(self, checkpoint_id: int) -> list[Checkpoint]:
        """The line from the first checkpoint to this one; empty for 0 and unknown ids."""
        if checkpoint_id not in self._nodes:
            return []
        path = []
        while checkpoint_id != ROOT:
            path.append(checkpoint_id)
            checkpoint_id = self._stored(checkpoint_id).parent_id
        return self._copies(reversed(path))

    def branch_tips(self) -> list[Checkpoint]:
        """The last checkpoint of every branch, in the order of recording."""
        return self._copies(id for id, node in self._nodes.items() if id != ROOT and not node.children)

    def to_dict(self) -> dict[str, Any]:
        """The whole tree as plain data: JSON, if the states are. `active` says for each
        fork (id as text, "0" the root) which child was active last."""
        forks = {str(id): node.active for id, node in self._nodes.items() if len(node.children) > 1}
        return {
            "label_prefix": self.label_prefix,
            "next_id": self.next_id,
            "current": self._current_id(),
            "active": forks,
            "checkpoints": [asdict(checkpoint) for checkpoint in self.all_checkpoints()],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> CheckpointManager:
        """The inverse of `to_dict`. ValueError where the data is no tree."""
        manager = cls(next_id=data["next_id"], label_prefix=data["label_prefix"])
        for entry in data["checkpoints"]:
            manager._add(Checkpoint(**deepcopy(entry)))
        for fork, child in data["active"].items():
            node = manager._nodes.get(int(fork))
            if node is None or child not in node.children:
                raise ValueError(f"checkpoint {child} is no child of {fork}")
            node.active = child
        manager._line = manager._follow(ROOT)
        if not manager._on_line(data["current"]):
            raise ValueError(f"the current checkpoint {data['current']} is not on the active branch")
        manager._index = manager._nodes[data["current"]].depth - 1
        return manager

    # -- inside --------------------------------------------------------------------

    def _current_id(self) -> int:
        return ROOT if self._index == -1 else self._line[self._index]

    def _stored(self, checkpoint_id: int) -> Checkpoint:
        checkpoint = self._nodes[checkpoint_id].checkpoint
        assert checkpoint is not None, "the root holds no checkpoint"
        return checkpoint

    def _copies(self, ids: Iterable[int]) -> list[Checkpoint]:
        return [deepcopy(self._stored(id)) for id in ids]

    def _add(self, checkpoint: Checkpoint) -> None:
        """Hang a checkpoint (kept as it is, not copied) under its parent."""
        id = checkpoint.checkpoint_id
        parent = self._nodes.get(checkpoint.parent_id)
        if id <= ROOT or id in self._nodes:
            raise ValueError(f"checkpoint id {id}: ids are positive and come once")
        if parent is None:
            raise ValueError(f"checkpoint {id}: its parent {checkpoint.parent_id} is not there")
        self._nodes[id] = _Node(checkpoint, parent.depth + 1)
        self._labels.setdefault(checkpoint.label, id)
        parent.children.append(id)
        parent.active = id
        self.next_id = max(self.next_id, id + 1)

    def _on_line(self, checkpoint_id: int) -> bool:
        """Is it the root, or on the active branch? By depth, without a walk."""
        node = self._nodes.get(checkpoint_id)
        if node is None:
            return False
        depth = node.depth
        return depth == 0 or (depth <= len(self._line) and self._line[depth - 1] == checkpoint_id)

    def _activate(self, checkpoint_id: int) -> None:
        """Make the branch of a checkpoint the active one; walks only where they differ."""
        side = [checkpoint_id]
        while not self._on_line(parent := self._stored(side[-1]).parent_id):
            side.append(parent)
        side.reverse()
        for above, below in zip([parent, *side], side, strict=False):
            self._nodes[above].active = below
        self._line[self._nodes[parent].depth :] = [*side, *self._follow(checkpoint_id)]

    def _follow(self, checkpoint_id: int) -> list[int]:
        """The ids below a place, at each fork the child that was active last."""
        ids: list[int] = []
        below = self._nodes[checkpoint_id].active
        while below is not None:
            ids.append(below)
            below = self._nodes[below].active
        return ids


class _ActiveBranch(Sequence[Checkpoint]):
    """What `CheckpointManager.checkpoints` is: equal to a list, but never a copy of one."""

    def __init__(self, manager: CheckpointManager) -> None:
        self._manager = manager

    def __len__(self) -> int:
        return len(self._manager._line)

    @overload
    def __getitem__(self, index: int) -> Checkpoint: ...
    @overload
    def __getitem__(self, index: slice) -> list[Checkpoint]: ...
    def __getitem__(self, index: int | slice) -> Checkpoint | list[Checkpoint]:
        if isinstance(index, slice):
            return self._manager._copies(self._manager._line[index])
        return deepcopy(self._manager._stored(self._manager._line[index]))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, list | _ActiveBranch):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # mutable, like the list that it looks like

    def __repr__(self) -> str:
        return repr(list(self))
