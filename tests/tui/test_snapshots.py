"""How it looks. After a change on purpose: `pytest tests/tui/test_snapshots.py --snapshot-update`,
and look at each picture before it is committed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.journeys import travel
from tests.tui.scene import Recorder, fill, held_by_budget, in_review, make_app
from tests.tui.test_app import PREVIEW
from zwarm_tui.config.settings import BudgetSettings, UiSettings
from zwarm_tui.tui.app import ZwarmApp
from zwarm_tui.tui.screens.compare import CompareScreen
from zwarm_tui.tui.screens.timeline import TimelineScreen

SIZES = {"80x24": (80, 24), "120x36": (120, 36), "200x60": (200, 60)}
Compare = Callable[..., bool]
Run = Callable[[Pilot[Any]], Awaitable[None]]


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "todo"
    folder.mkdir()
    return folder


def app_in(project: Path, theme: str = "zwarm-dark", **settings: Any) -> ZwarmApp:
    return make_app(project, Recorder(), ui=UiSettings(theme=theme, animations=False), **settings)


def app_and_engine(project: Path, theme: str = "zwarm-dark") -> tuple[ZwarmApp, Recorder]:
    engine = Recorder()
    return make_app(project, engine, ui=UiSettings(theme=theme, animations=False)), engine


def after(*keys: str) -> Run:
    """Type, when the engine is there; and let no cursor blink."""

    async def run(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, ZwarmApp)
        while not app.link.ready:
            await pilot.pause()
        app.main.query_one("Composer").cursor_blink = False  # type: ignore[attr-defined]
        await _type(pilot, *keys)

    return run


async def _type(pilot: Pilot[Any], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await pilot.pause()
    pilot.app.clear_notifications()
    await pilot.pause()


def reading(before: Run, *keys: str) -> Run:
    """After that, wait until the chosen checkpoint's files are read; then type on, over them."""

    async def run(pilot: Pilot[Any]) -> None:
        await before(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, TimelineScreen)
        async with asyncio.timeout(60):
            while screen.reading:
                await pilot.pause()
        for cursor in screen.query(Input):
            cursor.cursor_blink = False
        await _type(pilot, *keys)

    return run


@pytest.mark.parametrize("theme", ["zwarm-dark", "zwarm-light"])
@pytest.mark.parametrize("size", SIZES)
def test_the_pilot(snap_compare: Compare, project: Path, size: str, theme: str) -> None:
    """Sessions that need the person on top; the second branch beside the first."""
    fill(project)
    assert snap_compare(app_in(project, theme), terminal_size=SIZES[size], run_before=after())


@pytest.mark.parametrize("size", SIZES)
def test_an_approval(snap_compare: Compare, project: Path, size: str) -> None:
    """In place in the transcript, with its keys in the bottom line."""
    fill(project)
    assert snap_compare(app_in(project), terminal_size=SIZES[size], run_before=after("ctrl+n", "f3"))


def test_the_dialog_of_an_approval(snap_compare: Compare, project: Path) -> None:
    """The exact command, and what can be answered."""
    fill(project)
    assert snap_compare(app_in(project), terminal_size=SIZES["80x24"], run_before=after("ctrl+r"))


@pytest.mark.parametrize("size", ["80x24", "120x36"])
def test_a_budget_that_is_nearly_used_up(snap_compare: Compare, project: Path, size: str) -> None:
    """The bar at the top, in the colour of a warning."""
    fill(project)
    app = app_in(project, budget=BudgetSettings(usd=0.22))
    assert snap_compare(app, terminal_size=SIZES[size], run_before=after())


@pytest.mark.parametrize("keys", [[], ["ctrl+r"]], ids=["in-place", "dialog"])
def test_a_turn_that_its_budget_holds(snap_compare: Compare, project: Path, keys: list[str]) -> None:
    """The bar is full, and the session waits for a word."""
    fill(project)
    held_by_budget(project)
    app = app_in(project, budget=BudgetSettings(usd=0.18))
    assert snap_compare(app, terminal_size=SIZES["120x36"], run_before=after("ctrl+n", "ctrl+n", "f3", *keys))


@pytest.mark.parametrize("keys", [[], ["ctrl+r"]], ids=["in-place", "dialog"])
def test_work_that_waits_for_a_review(snap_compare: Compare, project: Path, keys: list[str]) -> None:
    """What is to be judged, with what changed."""
    fill(project)
    in_review(project)
    app = app_in(project)
    assert snap_compare(app, terminal_size=SIZES["120x36"], run_before=after("ctrl+n", "ctrl+n", "f3", *keys))


def test_the_timeline_on_a_small_screen(snap_compare: Compare, project: Path) -> None:
    """Over the right side, while it has the focus."""
    fill(project)
    assert snap_compare(app_in(project), terminal_size=SIZES["80x24"], run_before=after("f4", "up"))


def test_help(snap_compare: Compare, project: Path) -> None:
    """All keys, from the table of actions."""
    assert snap_compare(app_in(project), terminal_size=SIZES["120x36"], run_before=after("f1"))


@pytest.mark.parametrize("size", SIZES)
def test_an_empty_project(snap_compare: Compare, project: Path, size: str) -> None:
    """Says what to do."""
    assert snap_compare(app_in(project), terminal_size=SIZES[size], run_before=after())


def test_a_screen_of_forty_columns(snap_compare: Compare, project: Path) -> None:
    """One pane at a time."""
    fill(project)
    assert snap_compare(app_in(project), terminal_size=(40, 12), run_before=after())


@pytest.mark.parametrize("theme", ["zwarm-dark", "zwarm-light"])
@pytest.mark.parametrize("size", SIZES)
def test_the_wide_timeline(snap_compare: Compare, project: Path, size: str, theme: str) -> None:
    """The graph, and all of a checkpoint that was noted, left and failed its gates."""
    travel(project)
    keys = after("ctrl+t", *["up"] * 6)
    assert snap_compare(app_in(project, theme), terminal_size=SIZES[size], run_before=reading(keys))


@pytest.mark.parametrize("size", SIZES)
def test_a_wide_timeline_without_checkpoints(snap_compare: Compare, project: Path, size: str) -> None:
    """Says when there will be some."""
    assert snap_compare(app_in(project), terminal_size=SIZES[size], run_before=after("ctrl+t"))


def test_a_search_in_the_timeline(snap_compare: Compare, project: Path) -> None:
    """What is found stands out, the rest steps back."""
    travel(project)
    keys = after("ctrl+t", "z", "slash", *"csv")
    assert snap_compare(app_in(project), terminal_size=SIZES["120x36"], run_before=reading(keys))


def differing(before: Run) -> Run:
    """After that, wait until the diff of the chosen file is read."""

    async def run(pilot: Pilot[Any]) -> None:
        await before(pilot)
        async with asyncio.timeout(60):
            while not isinstance(pilot.app.screen, CompareScreen) or not _blocks(pilot):
                await pilot.pause()
        await pilot.pause()

    return run


def _blocks(pilot: Pilot[Any]) -> bool:
    views: Any = pilot.app.screen.query("DiffView")
    return any(view.blocks for view in views)


@pytest.mark.parametrize("theme", ["zwarm-dark", "zwarm-light"])
@pytest.mark.parametrize("size", SIZES)
def test_a_comparison(snap_compare: Compare, project: Path, size: str, theme: str) -> None:
    """What was asked and said on both sides; the files that differ, and the chosen one's diff."""
    travel(project)
    keys = differing(after("ctrl+t", "up", "c", *["up"] * 6, "c"))
    assert snap_compare(app_in(project, theme), terminal_size=SIZES[size], run_before=keys)


@pytest.mark.parametrize("size", ["80x24", "120x36"])
@pytest.mark.parametrize("theme", ["zwarm-dark", "zwarm-light"])
def test_the_preview_of_a_jump(snap_compare: Compare, project: Path, size: str, theme: str) -> None:
    """What differs, what can't be undone, what becomes of the sessions; what can be chosen."""
    travel(project)
    app, engine = app_and_engine(project, theme)
    engine.replies["goto"] = PREVIEW | {"running": [{"id": "x", "task": "Add colours to the list"}]}
    keys = reading(after("ctrl+t", *["up"] * 6), "enter")
    assert snap_compare(app, terminal_size=SIZES[size], run_before=keys)


def test_files_in_place(snap_compare: Compare, project: Path) -> None:
    """The second question of a jump that changes the checkout."""
    travel(project)
    app, engine = app_and_engine(project)
    kept = ["notes.txt", "scratch/try.py"]
    engine.replies["goto"] = PREVIEW | {"files": PREVIEW["files"] | {"path": "/home/me/todo", "kept": kept}}
    keys = reading(after("ctrl+t", *["up"] * 6), "enter", "p")
    assert snap_compare(app, terminal_size=SIZES["120x36"], run_before=keys)


@pytest.mark.parametrize("theme", ["zwarm-dark", "zwarm-light"])
def test_adopting_a_branch(snap_compare: Compare, project: Path, theme: str) -> None:
    """Three ways, each in a line."""
    travel(project)
    app, engine = app_and_engine(project, theme)
    engine.replies["adopt"] = {"files": PREVIEW["files"]["changed"]}
    keys = reading(after("ctrl+t", "up"), "A")
    assert snap_compare(app, terminal_size=SIZES["80x24"], run_before=keys)


@pytest.mark.parametrize("size", ["80x24", "120x36"])
def test_a_full_disk(snap_compare: Compare, project: Path, size: str) -> None:
    fill(project)
    app, engine = app_and_engine(project)
    why = "database or disk is full"
    engine.trouble = (
        f"/home/me/todo/.zwarm/zwarm.db can't be written ({why}): what happens is kept in memory until it can"
    )

    async def run(pilot: Pilot[Any]) -> None:
        await after()(pilot)
        async with asyncio.timeout(60):
            while not app.main.query_one("#banner").display:
                await pilot.pause()

    assert snap_compare(app, terminal_size=SIZES[size], run_before=run)
