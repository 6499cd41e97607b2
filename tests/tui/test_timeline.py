"""The checkpoint tree: its layout, and the widget that shows it."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.tui.scene import fill, make_app
from zwarm_tui.core.model import TIP, BranchView, CheckpointView, Cost, Position
from zwarm_tui.tui.graph import GraphRow, layout
from zwarm_tui.tui.widgets.timeline import TimelineView


def branch(number: int, parent: int | None = None, at: int = 0, *, tip: int = 0) -> BranchView:
    name = "main" if number == 1 else f"b{number}"
    return BranchView(id=number, name=name, parent=parent, checkpoint=at, cut=at * 10, tip=tip, cost=Cost())


def checkpoint(number: int, parent: int, on: int = 1) -> CheckpointView:
    return CheckpointView(
        id=number,
        label=f"T{number}",
        parent=parent,
        branch=on,
        description=f"step {number}",
        time="",
        seq=number * 10,
        cost=Cost(),
    )


def at_tip(number: int, *line: tuple[int, int]) -> Position:
    path = (*line, (number, TIP))
    return Position(branch=number, branch_name=f"b{number}", checkpoint=0, detached=False, path=path)


def at(number: int, checkpoint: int, *line: tuple[int, int]) -> Position:
    path = (*line, (number, checkpoint * 10))
    return Position(branch=number, branch_name=f"b{number}", checkpoint=checkpoint, detached=True, path=path)


def drawn(rows: list[GraphRow]) -> list[str]:
    def name(row: GraphRow) -> str:
        return row.kind if row.kind in ("root", "now") else row.target

    return [f"{''.join(cell.text for cell in row.cells).rstrip():<5}{name(row)}" for row in rows]


LINE = [checkpoint(n, n - 1) for n in range(1, 5)]


def test_one_line() -> None:
    rows = layout([branch(1)], LINE[:2], at_tip(1))
    assert drawn(rows) == ["○    root", "●    T1", "●    T2", "◉    now"]
    assert all(row.path for row in rows)
    assert [row.target for row in rows] == ["root", "T1", "T2", "main"]


def test_nothing_yet() -> None:
    assert drawn(layout([branch(1)], [], at_tip(1))) == ["○    root", "◉    now"]


def test_a_branch_grows_beside_the_line_that_it_left() -> None:
    rows = layout([branch(1), branch(2, 1, 3)], [*LINE, checkpoint(5, 3, 2)], at_tip(2, (1, 30)))
    assert drawn(rows) == [
        "○    root",
        "●    T1",
        "●    T2",
        "●    T3",
        "┡━┓  b2",
        "● ┃  T4",
        "  ●  T5",
        "  ◉  now",
    ]
    assert [row.target for row in rows if not row.path] == ["T4"]


def test_the_heavy_line_stays_on_the_branch_where_one_is() -> None:
    rows = layout([branch(1), branch(2, 1, 3)], [*LINE, checkpoint(5, 3, 2)], at_tip(1))
    assert drawn(rows)[4:] == ["┠─╮  b2", "● │  T4", "┃ ●  T5", "◉    now"]
    assert [row.target for row in rows if not row.path] == ["b2", "T5"]


def test_in_the_past_the_line_ends_where_one_is() -> None:
    rows = layout([branch(1)], LINE, at(1, 2))
    assert drawn(rows) == ["○    root", "●    T1", "◉    T2", "●    T3", "●    T4"]
    assert [row.here for row in rows] == [False, False, True, False, False]
    assert [row.path for row in rows] == [True, True, True, False, False]


def test_at_the_root() -> None:
    rows = layout(
        [branch(1)],
        LINE[:1],
        Position(branch=1, branch_name="main", checkpoint=0, detached=True, path=((1, 0),)),
    )
    assert drawn(rows) == ["◉    root", "●    T1"]
    assert rows[0].here


def test_a_line_crosses_a_lane_that_goes_on() -> None:
    branches = [branch(1), branch(2, 1, 1), branch(3, 1, 2)]
    rows = layout(branches, [*LINE[:2], checkpoint(3, 2, 3), checkpoint(4, 1, 2)], at_tip(3, (1, 20)))
    assert drawn(rows) == [
        "○    root",
        "●    T1",
        "┠─╮  b2",
        "● │  T2",
        "┗━┿━┓b3",
        "  │ ●T3",
        "  ● ┃T4",
        "    ◉now",
    ]


@st.composite
def trees(draw: st.DrawFn) -> tuple[list[BranchView], list[CheckpointView], Position]:
    """Any tree that can come about, with a position at a tip or in its past."""
    branches, checkpoints = [branch(1)], []
    tips = {1: 0}
    for number in range(1, draw(st.integers(0, 25)) + 1):
        if checkpoints and draw(st.booleans()):
            parent = draw(st.sampled_from(checkpoints))
            new = len(branches) + 1
            branches.append(branch(new, parent.branch, parent.id))
            tips[new] = parent.id
        on = draw(st.sampled_from(branches)).id
        checkpoints.append(checkpoint(number, tips[on], on))
        tips[on] = number
    known = {b.id: b for b in branches}

    def line(number: int) -> list[tuple[int, int]]:
        b = known[number]
        before = [*line(b.parent)[:-1], (b.parent, b.cut)] if b.parent is not None else []
        return [*before, (number, TIP)]

    if checkpoints and draw(st.booleans()):
        here = draw(st.sampled_from(checkpoints))
        return branches, checkpoints, at(here.branch, here.id, *line(here.branch)[:-1])
    here_branch = draw(st.sampled_from(branches)).id
    return branches, checkpoints, at_tip(here_branch, *line(here_branch)[:-1])


@given(trees())
def test_any_tree_is_whole(tree: tuple[list[BranchView], list[CheckpointView], Position]) -> None:
    branches, checkpoints, position = tree
    rows = layout(branches, checkpoints, position)
    shown = [row.checkpoint.id for row in rows if row.checkpoint]
    assert sorted(shown) == [c.id for c in checkpoints]
    assert [row.branch.id for row in rows if row.kind == "branch"] == sorted(
        (b.id for b in branches[1:]), key=lambda n: (branches[n - 1].checkpoint, n)
    )
    assert sum(row.here for row in rows) == 1
    for row in rows:
        text = "".join(cell.text for cell in row.cells)
        nodes = [sign for sign in text if sign in "●◉○◌"]
        assert len(nodes) == (row.kind != "branch")
        assert len(text) % 2 == 0
    # Upwards from where one is, each row on the path leads to one that is on it too.
    seqs = [c.seq for c in checkpoints]
    for row in rows:
        if row.checkpoint is not None:
            cut = dict(position.path).get(row.checkpoint.branch, -1)
            assert row.path == (row.checkpoint.seq <= cut), seqs


async def test_the_widget_shows_costs_and_where_one_is(tmp_path: Path) -> None:
    fill(tmp_path)
    app = make_app(tmp_path)
    async with app.run_test(size=(140, 36)) as pilot:
        await pilot.pause()
        view = app.main.query_one(TimelineView)
        lines = [view.render_line(y).text.strip() for y in range(10)]
        assert lines[0].startswith("○   root main")
        assert lines[1].startswith("●   T1 Make the to-do")
        assert lines[1].endswith("$0.012")
        assert lines[4].startswith("┡━┓ man-page")
        assert lines[5].startswith("● ┃ T4 Publish it.")
        assert lines[8] == "◉ now · 2 running"
        assert view.chosen is not None
        assert view.chosen.kind == "now"


async def test_many_lanes_leave_room_for_words(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        view = app.main.query_one(TimelineView)
        branches = [branch(1), *(branch(n, 1, 1) for n in range(2, 40))]
        checkpoints = [checkpoint(1, 0), *(checkpoint(n, 1, n) for n in range(2, 40))]
        view.show(branches, checkpoints, at_tip(39, (1, 10)))
        for y in range(len(view.rows)):
            row, text = view.rows[y], view.draw(y, 0, 30).text
            assert row.kind == "now" or row.target in text
