"""The tree against the simplest thing that could be right: whole paths in a list."""

from __future__ import annotations

import json

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from zwarm_tui.core.checkpoints import CheckpointManager


class Timeline(RuleBasedStateMachine):
    """`parents` is the tree; `seen` is every active branch there was, the newest last.
    The active branch beyond a place is found by asking `seen`, from the newest back."""

    def __init__(self) -> None:
        super().__init__()
        self.manager = CheckpointManager()
        self.parents: dict[int, int] = {}
        self.current = 0
        self.seen: list[list[int]] = [[]]

    def path(self, id: int) -> list[int]:
        return [*self.path(self.parents[id]), id] if id else []

    @rule(n=st.integers())
    def record(self, n: int) -> None:
        taken = self.manager.record("", {"n": n})
        assert taken.checkpoint_id == len(self.parents) + 1
        self.parents[taken.checkpoint_id] = self.current
        self.current = taken.checkpoint_id
        self.seen.append(self.path(self.current))

    @rule(id=st.integers(-1, 30))
    def goto(self, id: int) -> None:
        found = self.manager.goto(id)
        if id != 0 and id not in self.parents:
            assert found is None
            return
        assert (found.checkpoint_id if found else 0) == id
        self.current = id
        line = self.path(id)
        if line == self.seen[-1][: len(line)]:
            return
        while following := [b[len(line)] for b in self.seen if b[: len(line)] == line and len(b) > len(line)]:
            line.append(following[-1])
        self.seen.append(line)

    @rule()
    def save_and_load(self) -> None:
        data = json.loads(json.dumps(self.manager.to_dict()))
        self.manager = CheckpointManager.from_dict(data)
        assert self.manager.to_dict() == data

    @invariant()
    def same(self) -> None:
        line = self.seen[-1]
        assert [c.checkpoint_id for c in self.manager.checkpoints] == line
        assert len(self.manager) == len(line)
        assert self.manager.current_index == len(self.path(self.current)) - 1
        assert self.manager.is_at_end() == (self.current == (line[-1] if line else 0))
        assert self.manager.is_at_root() == (self.current == 0)
        assert {c.checkpoint_id: c.parent_id for c in self.manager.all_checkpoints()} == self.parents
        tips = set(self.parents) - set(self.parents.values())
        assert {c.checkpoint_id for c in self.manager.branch_tips()} == tips


Timeline.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestTimeline = Timeline.TestCase
