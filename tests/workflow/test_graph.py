"""Which stage follows which (AT-5)."""

from __future__ import annotations

import pytest

from zwarm_tui.workflow import GraphFrontier


def test_a_chain_and_a_fan() -> None:
    g = GraphFrontier()
    assert g.spawn("a") == ()
    g.settle("a")
    assert g.spawn("b") == ("a",)
    assert g.spawn("c") == ("a",)
    g.settle("c")
    g.settle("b")
    assert g.spawn("d") == ("b", "c")
    g.settle("d")
    assert g.spawn("e") == ("d",)


def test_what_still_runs_is_no_parent() -> None:
    g = GraphFrontier()
    g.spawn("a")
    g.settle("a")
    g.spawn("slow")
    g.spawn("b")
    g.settle("b")
    assert g.spawn("c") == ("b",)
    g.settle("c")
    g.settle("slow")
    assert g.spawn("d") == ("slow", "c")


def test_each_task_has_its_own_chain() -> None:
    g = GraphFrontier()
    g.spawn("a")
    g.settle("a")
    one, two = g.fork(), g.fork()
    assert one.spawn("b1") == two.spawn("c1") == ("a",)
    one.settle("b1")
    two.settle("c1")
    assert one.spawn("b2") == ("b1",)
    assert two.spawn("c2") == ("c1",)
    two.settle("c2")
    one.settle("b2")
    assert g.spawn("d") == ("b2", "c2")
    g.settle("d")
    assert one.spawn("b3") == ("b2",)
    one.settle("b3")
    assert g.tips == ("d", "b3")


def test_only_what_was_spawned_settles() -> None:
    with pytest.raises(KeyError):
        GraphFrontier().settle("a")
