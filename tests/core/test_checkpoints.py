"""Checkpoints: recording, jumping, branching."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from zwarm_tui.core.checkpoints import Checkpoint, CheckpointManager


def labels(checkpoints: Any) -> list[str]:
    return [checkpoint.label for checkpoint in checkpoints]


@pytest.fixture
def forked() -> CheckpointManager:
    """T1 with two children, T2 and T3; T3 is the current one."""
    manager = CheckpointManager()
    manager.record("A", {"n": 1})
    manager.record("B", {"n": 2})
    manager.goto(1)
    manager.record("C", {"n": 3})
    return manager


def test_an_empty_one_is_falsy_and_at_both_ends() -> None:
    manager = CheckpointManager()
    assert not manager
    assert manager.is_at_root()
    assert manager.is_at_end()
    assert (manager.current_index, manager.next_id, manager.label_prefix) == (-1, 1, "T")
    assert manager.current() is None
    assert manager.current_state() is None
    assert list(manager.checkpoints) == manager.history() == manager.branch_tips() == []


def test_a_record_is_a_checkpoint_with_the_pinned_fields() -> None:
    taken = CheckpointManager(label_prefix="S").record("first", {"a": 1}, {"by": "pilot"})
    assert (taken.checkpoint_id, taken.label, taken.description) == (1, "S1", "first")
    assert (taken.state, taken.metadata, taken.parent_id) == ({"a": 1}, {"by": "pilot"}, 0)
    assert datetime.fromisoformat(taken.timestamp).tzinfo is not None


def test_going_back_and_on_opens_a_branch(forked: CheckpointManager) -> None:
    assert labels(forked.checkpoints) == ["T1", "T3"]
    assert len(forked) == 2
    assert forked.is_at_end()
    assert labels(forked.children(1)) == ["T2", "T3"]
    assert labels(forked.all_checkpoints()) == ["T1", "T2", "T3"]
    assert labels(forked.branch_tips()) == ["T2", "T3"]
    found = forked.goto(2)
    assert found is not None
    assert found.label == "T2"
    assert labels(forked.checkpoints) == ["T1", "T2"]
    assert labels(forked.path_to(3)) == ["T1", "T3"]


def test_ids_are_never_used_twice(forked: CheckpointManager) -> None:
    forked.goto(0)
    assert forked.record("D", {}).label == "T4"
    assert forked.children(0)[-1].parent_id == 0


def test_a_jump_on_the_active_branch_keeps_it(forked: CheckpointManager) -> None:
    forked.goto(0)
    assert labels(forked.checkpoints) == ["T1", "T3"]
    assert not forked.is_at_end()
    assert forked.current_index == -1
    forked.goto(1)
    assert labels(forked.checkpoints) == ["T1", "T3"]


def test_beyond_a_jump_the_branch_goes_on_as_it_last_did() -> None:
    manager = CheckpointManager()
    manager.record("", {})  # T1
    manager.record("", {})  # T2
    manager.record("", {})  # T3
    manager.goto(2)
    manager.record("", {})  # T4, beside T3
    manager.goto(0)
    manager.record("", {})  # T5, another line from the root
    manager.goto(3)  # makes T3 the one that was active last below T2
    manager.goto(5)
    manager.goto(1)
    assert labels(manager.checkpoints) == ["T1", "T2", "T3"]
    again = CheckpointManager.from_dict(json.loads(json.dumps(manager.to_dict())))
    again.goto(5)
    again.goto(1)
    assert labels(again.checkpoints) == ["T1", "T2", "T3"]


@pytest.mark.parametrize("unknown", [3, -1, 99])
def test_an_unknown_id_moves_nothing(unknown: int) -> None:
    manager = CheckpointManager()
    manager.record("A", {})
    manager.record("B", {})
    manager.goto(1)
    assert manager.goto(unknown) is None
    assert manager.current_index == 0
    assert manager.get(unknown) is None
    assert manager.children(unknown) == manager.path_to(unknown) == []


def test_labels(forked: CheckpointManager) -> None:
    assert forked.goto_label("ROOT") is None
    assert forked.is_at_root()
    assert forked.goto_label("t2") is None
    assert forked.is_at_root()
    found = forked.goto_label("T2")
    assert found is not None
    assert found.checkpoint_id == 2
    assert (forked.label_for(0), forked.label_for(3), forked.label_for(99)) == ("root", "T3", "T99")


def test_history_shows_the_active_branch(forked: CheckpointManager) -> None:
    entries = forked.history()
    assert [entry["label"] for entry in entries] == ["T1", "T3"]
    assert set(entries[0]) == {"checkpoint_id", "label", "description", "timestamp", "is_current", "metadata"}
    assert [entry["is_current"] for entry in entries] == [False, True]
    assert [entry["label"] for entry in forked.history(1)] == ["T3"]
    assert [entry["state"] for entry in forked.history(9, include_state=True)] == [{"n": 1}, {"n": 3}]
    assert forked.history(0) == []
    with pytest.raises(ValueError, match="limit"):
        forked.history(-1)


def test_nothing_that_goes_in_or_comes_out_is_shared() -> None:
    manager = CheckpointManager()
    state: dict[str, Any] = {"list": [1]}
    metadata: dict[str, Any] = {"tags": ["a"]}
    given = [manager.record("A", state, metadata)]
    before = json.dumps(manager.to_dict())
    state["list"].append(2)
    metadata["tags"].append("b")
    given += [manager.goto(1), manager.goto_label("T1"), manager.current(), manager.get(1)]  # type: ignore[list-item]
    given += [*manager.all_checkpoints(), *manager.children(0), *manager.path_to(1), *manager.branch_tips()]
    given += [manager.checkpoints[0], *manager.checkpoints, *manager.checkpoints[:]]
    for checkpoint in given:
        checkpoint.state["list"].append(3)
        checkpoint.metadata["tags"].append("c")
        checkpoint.label = "changed"
    manager.current_state()["list"].append(4)  # type: ignore[index]
    manager.history(include_state=True)[0]["state"]["list"].append(5)
    manager.to_dict()["checkpoints"][0]["state"]["list"].append(6)
    assert json.dumps(manager.to_dict()) == before


def test_the_checkpoints_are_a_live_view(forked: CheckpointManager) -> None:
    view = forked.checkpoints
    forked.record("D", {})
    assert labels(view) == ["T1", "T3", "T4"]
    assert view[-1] == forked.get(4)
    assert labels(view[1:]) == ["T3", "T4"]
    assert view == forked.path_to(4)
    assert forked.path_to(4) == view
    assert view != forked.path_to(3)
    assert forked.get(3) in view
    assert "T4" in repr(view)


class Counted(dict[str, Any]):
    """A state that counts how often it is copied."""

    copies = 0

    def __deepcopy__(self, memo: object) -> Counted:
        Counted.copies += 1
        return Counted(self)


def test_recording_and_asking_where_one_is_copy_no_history() -> None:
    manager = CheckpointManager()
    for _ in range(1000):
        manager.record("", Counted())
    Counted.copies = 0
    manager.record("", Counted())
    assert Counted.copies == 2  # the state that came in, and the copy that was returned
    assert (len(manager), len(manager.checkpoints), manager.is_at_end()) == (1001, 1001, True)
    assert manager.current_index == 1000
    manager.goto(0)
    assert Counted.copies == 2


def test_a_list_is_one_chain() -> None:
    given = [Checkpoint(4, "T4", "", {"n": 4}), Checkpoint(7, "T7", "", {"n": 7})]
    manager = CheckpointManager(given, current_index=0)
    given[0].state["n"] = 0
    assert manager.current_state() == {"n": 4}
    assert labels(manager.path_to(7)) == ["T4", "T7"]
    assert not manager.is_at_end()
    assert manager.record("", {}).label == "T8"
    assert labels(manager.checkpoints) == ["T4", "T8"]


@pytest.mark.parametrize(
    ("ids", "index"), [([1, 1], -1), ([0], -1), ([-3], -1), ([1], 1), ([1], -2), ([], 0)], ids=repr
)
def test_a_list_that_is_no_chain_is_refused(ids: list[int], index: int) -> None:
    with pytest.raises(ValueError):
        CheckpointManager([Checkpoint(id, f"T{id}", "", {}) for id in ids], index)


def broken(**change: Any) -> dict[str, Any]:
    manager = CheckpointManager()
    manager.record("", {})
    manager.record("", {})
    manager.goto(1)
    manager.record("", {})
    return {**manager.to_dict(), **change}


@pytest.mark.parametrize(
    "data",
    [
        broken(active={"1": 1}),
        broken(active={"9": 2}),
        broken(current=2),
        broken(current=9),
        broken(checkpoints=[{**broken()["checkpoints"][0], "parent_id": 5}]),
    ],
)
def test_data_that_is_no_tree_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\d"):
        CheckpointManager.from_dict(data)


def test_managers_are_equal_by_what_they_hold(forked: CheckpointManager) -> None:
    again = CheckpointManager.from_dict(forked.to_dict())
    assert again == forked
    again.goto(0)
    assert again != forked
    assert forked != forked.to_dict()


def test_repr_says_where_one_is(forked: CheckpointManager) -> None:
    assert repr(forked) == "<CheckpointManager at T3: 2 on this branch, 3 in all>"
