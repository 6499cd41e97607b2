"""The list at the left: its order, its rows, its cursor."""

from __future__ import annotations

from pathlib import Path

from tests.tui.scene import Log, fill, make_app
from zwarm_tui.core import events as e
from zwarm_tui.tui.widgets.session_list import SessionList

ORDER = ["pilot", "5e6f7a8b", "9a0b1c2d", "81bd0e77", "c04d55aa", "77aa88bb", "3f2a9c1e"]
"""The pilot; who needs the person, by urgency; what runs; what is queued; the rest."""


def rows(view: SessionList) -> list[str]:
    height = len(view.shown) * 2
    return [view.render_line(y).text.rstrip() for y in range(min(height, view.size.height))]


async def test_who_needs_the_person_is_on_top(tmp_path: Path) -> None:
    fill(tmp_path)
    app = make_app(tmp_path)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        view = app.main.query_one(SessionList)
        assert view.shown == ORDER
        lines = rows(view)
        assert lines[0].startswith("▎◆ pilot")
        assert lines[2].startswith("▌▲ Check [red]list[int]")
        assert lines[2].endswith(" 1m")
        assert lines[3].startswith("▌  wants leave · codex")
        assert lines[5].startswith("▌  failed · codex")
        assert lines[7].startswith("▌  done · codex")
        assert lines[7].endswith("$0.038")
        assert lines[8].startswith(" ● Write the man page")
        assert lines[8].endswith(" 2:10")
        assert lines[10].startswith(" ◌ Measure")
        assert lines[12].startswith(" ✓ Add colours")
        assert not any("\x1b" in line for line in lines)


async def test_the_cursor_stays_on_its_session(tmp_path: Path) -> None:
    fill(tmp_path)
    app = make_app(tmp_path)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("f2", "end")
        view = app.main.query_one(SessionList)
        assert view.chosen == "3f2a9c1e"
        log = Log(tmp_path)
        log.turn("3f2a9c1e", 2, "Again", branch=2, status="failed", flag="failed")
        log.store.close()
        app.feed.flush()
        assert view.shown.index("3f2a9c1e") == 3
        assert view.chosen == "3f2a9c1e"


async def test_filtering(tmp_path: Path) -> None:
    fill(tmp_path)
    app = make_app(tmp_path)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("f2", "slash")
        await pilot.pause()
        await pilot.press(*"colours")
        view = app.main.query_one(SessionList)
        assert view.shown == ["pilot", "81bd0e77", "3f2a9c1e"]
        await pilot.press("enter")
        assert app.focused is view
        await pilot.press("escape")
        assert view.shown == ORDER


async def test_a_thousand_sessions_are_reached_by_keys_and_mouse(tmp_path: Path) -> None:
    log = Log(tmp_path)
    for n in range(1000):
        log.store.append(
            e.Record(e.SessionCreated(task=f"task {n}", executor="demo"), f"{n:08x}", time=float(n + 1))
        )
    log.store.close()
    app = make_app(tmp_path)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        view = app.main.query_one(SessionList)
        assert len(view.shown) == 1001
        await pilot.press("f2", "end")
        assert view.chosen == "00000000"
        assert "task 0" in view.render_line(view.size.height - 2).text
        await pilot.press("home", "j", "pagedown")
        assert view.cursor > 10
        await pilot.click(SessionList, offset=(5, 3))
        assert app.main.opened == view.chosen


async def test_without_sessions_it_says_what_to_do(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        assert app.main.query_one("#no-sessions").display
        assert app.main.query_one(SessionList).shown == ["pilot"]
