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
        rest = " goes on" if row.kind == "rest" else ""
        return row.kind if row.kind in ("root", "now") else row.target + rest

    return [f"{''.join(cell.text for cell in row.cells).rstrip():<5}{name(row)}" for row in rows]


LINE = [checkpoint(n, n - 1) for n in range(1, 5)]


def test_one_line() -> None:
    rows = layout([branch(1)], LINE[:2], at_tip(1))
    assert drawn(rows) == ["○    root", "●    T1", "●    T2", "◉    now"]
    assert all(row.path for row in rows)
    assert [row.target for row in rows] == ["root", "T1", "T2", "main"]


def test_nothing_yet() -> None:
    assert drawn(layout([branch(1)], [], at_tip(1))) == ["○    root", "◉    now"]


BRANCHED = ([branch(1), branch(2, 1, 3)], [*LINE, checkpoint(5, 3, 2)])


def test_the_way_to_here_is_straight_and_what_was_left_stands_beside_it() -> None:
    rows = layout(*BRANCHED, at_tip(2, (1, 30)))
    assert drawn(rows) == [
        "○    root",
        "●    T1",
        "●    T2",
        "●    T3",
        "┠─╮  main goes on",
        "┃ ●  T4",
        "┣╸   b2",
        "●    T5",
        "◉    now",
    ]
    assert [row.target for row in rows if not row.path] == ["main", "T4"]


def test_on_the_branch_that_was_left_the_other_one_stands_beside() -> None:
    rows = layout(*BRANCHED, at_tip(1))
    assert drawn(rows)[3:] == ["●    T3", "┠─╮  b2", "┃ ●  T5", "●    T4", "◉    now"]


def test_in_the_past_the_line_ends_where_one_is() -> None:
    rows = layout([branch(1)], LINE, at(1, 2))
    assert drawn(rows) == ["○    root", "●    T1", "◉    T2", "╰─╮  main goes on", "  ●  T3", "  ●  T4"]
    assert [row.here for row in rows] == [False, False, True, False, False, False]
    assert [row.path for row in rows] == [True, True, True, False, False, False]


def test_at_the_root() -> None:
    nowhere = Position(branch=1, branch_name="main", checkpoint=0, detached=True, path=((1, 0),))
    rows = layout([branch(1)], LINE[:1], nowhere)
    assert drawn(rows) == ["◉    root", "╰─╮  main goes on", "  ●  T1"]
    assert rows[0].here


NESTED = (
    [branch(1), branch(2, 1, 1), branch(3, 2, 3), branch(4, 1, 1), branch(5, 2, 3)],
    [*LINE[:2], checkpoint(3, 1, 2), checkpoint(4, 3, 2), checkpoint(5, 3, 3), checkpoint(6, 3, 5)],
)


def test_branches_of_branches_stand_one_lane_further() -> None:
    assert drawn(layout(*NESTED, at_tip(1))) == [
        "○    root",
        "●    T1",
        "┠─╮  b2",
        "┃ ●  T3",
        "┃ ├─╮b3",
        "┃ │ ●T5",
        "┃ ├─╮b5",
        "┃ │ ●T6",
        "┃ ●  T4",
        "┠─╴  b4",
        "●    T2",
        "◉    now",
    ]


def test_a_folded_line_is_one_row_with_all_that_begins_on_it() -> None:
    rows = layout(*NESTED, at_tip(1), lambda line: line == 2)
    assert drawn(rows) == ["○    root", "●    T1", "┠─▸  b2", "┠─╴  b4", "●    T2", "◉    now"]
    folded = rows[2].folded
    assert folded is not None
    assert (folded.checkpoints, folded.branches) == (4, 2)


def test_a_thousand_branches_deep() -> None:
    count = 3000
    branches = [branch(1), *(branch(n, n - 1, n - 1) for n in range(2, count))]
    line = [checkpoint(n, n - 1, n) for n in range(1, count)]
    rows = layout(branches, line, at_tip(1))
    assert len(rows) == 2 * count - 1


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
    assert sorted(row.branch.id for row in rows if row.kind == "branch") == [b.id for b in branches[1:]]
    assert sum(row.here for row in rows) == 1
    assert len({row.key for row in rows}) == len(rows)
    cuts, seen = dict(position.path), {0}
    for row in rows:
        text = "".join(cell.text for cell in row.cells)
        assert len(text) == 2 * len(row.cells)
        assert row.cells[0].path or not row.path
        assert row.path == (row.line is None)
        if row.path:
            assert len(row.cells) == 1  # in view, wherever the graph is cut
        if row.checkpoint is not None:
            assert row.checkpoint.parent in seen  # below what it follows
            seen.add(row.checkpoint.id)
            assert row.path == (row.checkpoint.seq <= cuts.get(row.checkpoint.branch, -1))
    # Folding all leaves the path, and one row for each line that leaves it.
    folded = layout(branches, checkpoints, position, lambda line: True)
    assert [row.key for row in folded if row.path] == [row.key for row in rows if row.path]
    assert all(len(row.cells) <= 2 for row in folded)
    hidden = sum(row.folded.checkpoints for row in folded if row.folded)
    assert hidden == sum(row.checkpoint is not None and not row.path for row in rows)


def lines(view: TimelineView) -> list[str]:
    return [view.draw(y, 0, 60).text.strip() for y in range(len(view.rows))]


async def test_the_widget_shows_costs_and_where_one_is(tmp_path: Path) -> None:
    fill(tmp_path)
    app = make_app(tmp_path)
    async with app.run_test(size=(140, 36)) as pilot:
        await pilot.pause()
        view = app.main.query_one(TimelineView)
        shown = lines(view)
        assert shown[0].startswith("○   root main")
        assert shown[1].startswith("●   T1 Make the to-do")
        assert "$0.012" in shown[1]
        assert shown[4].startswith("┠─╮ main goes on")
        assert shown[5].startswith("┃ ● T4 Publish it.")
        assert shown[6].startswith("┣╸  man-page")
        assert shown[9] == "◉   now · 2 running"
        assert view.chosen is not None
        assert view.chosen.kind == "now"


async def test_many_lanes_leave_room_for_words(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        view = app.main.query_one(TimelineView)
        branches = [branch(1), *(branch(n, n - 1, n - 1) for n in range(2, 40))]
        checkpoints = [checkpoint(n, n - 1, n) for n in range(1, 40)]
        view.show(branches, checkpoints, at_tip(1))
        for y, row in enumerate(view.rows):
            text = view.draw(y, 0, 30).text
            assert row.kind == "now" or row.target in text
            assert text[1] in "○●◉┠┃"  # the way to here, always


MANY_BRANCHES = [branch(1), *(branch(n, 1, n) for n in range(2, 21))]
MANY_CHECKPOINTS = [checkpoint(n, n - 1) for n in range(1, 301)] + [
    checkpoint(300 + n, 2 + n % 19 if n < 20 else 281 + n, 2 + n % 19) for n in range(1, 201)
]


async def test_a_great_tree_begins_folded_and_opens_for_what_is_looked_for(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        view = app.main.query_one(TimelineView)
        view.show(MANY_BRANCHES, MANY_CHECKPOINTS, at_tip(1))
        assert len(view.rows) == 1 + 300 + 19 + 1
        assert view.chosen is not None
        assert view.chosen.kind == "now"
        assert view.search("step 333") == 1
        assert view.chosen.checkpoint is not None
        assert view.chosen.checkpoint.label == "T333"
        assert view.search("b7") == sum(c.branch == 7 for c in MANY_CHECKPOINTS)
        seen = set()
        for _ in range(view.search("b7")):
            view.step(1)
            assert view.chosen is not None
            assert view.chosen.branch.id == 7
            seen.add(view.chosen.key)
        assert len(seen) == view.search("b7")
        view.step(-1)
        assert view.chosen.key in seen
        assert view.search("nowhere to be found") == 0
        view.fold_all()
        assert sum(row.folded is not None for row in view.rows) == 19
        assert view.chosen is not None
        assert view.chosen.branch.id == 7
        assert view.fold()
        assert sum(row.folded is not None for row in view.rows) == 18
        view.fold_all()
        view.fold_all()
        assert len(view.rows) == 1 + 500 + 19 + 1


async def test_the_cursor_stays_on_what_it_is_on(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        view = app.main.query_one(TimelineView)
        view.show(*BRANCHED, at_tip(1))
        view.choose("T5")
        view.show([*BRANCHED[0], branch(3, 1, 1)], BRANCHED[1], at_tip(1))
        assert view.chosen is not None
        assert view.chosen.target == "T5"
        view.fold()
        assert (view.chosen.kind, view.chosen.branch.id) == ("branch", 2)
        view.move_to(4)  # T3, where the branch leaves
        assert view.fold()
        assert "T5" in [row.target for row in view.rows]
        view.move_to(0)
        assert not view.fold()
