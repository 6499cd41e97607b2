"""Two places of the timeline, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.tui.journeys import travel
from tests.tui.scene import HOSTILE
from tests.tui.test_app import said, stage, until, write
from zwarm_tui.tui.app import ZwarmApp
from zwarm_tui.tui.screens.compare import CompareScreen
from zwarm_tui.tui.screens.timeline import TimelineScreen
from zwarm_tui.tui.widgets.page_view import PageView
from zwarm_tui.tui.widgets.timeline import TimelineView


@pytest.fixture
def project(tmp_path: Path) -> Path:
    travel(tmp_path)
    return tmp_path


def side(app: ZwarmApp, name: str) -> str:
    page = app.screen.query_one(f"#{name} PageView", PageView)
    return "\n".join(row.text.rstrip() for row in page._rows)


def diff(app: ZwarmApp) -> str:
    view: Any = app.screen.query_one("DiffView")
    return "\n".join(strip.text for strip in view.render_lines(view.size.region))


async def test_two_checkpoints(project: Path) -> None:
    async with stage(project, (160, 50)) as (app, _, pilot):
        write(app, ":compare T5 T3")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen))
        assert "T5" in str(app.screen.query_one("#a").border_title)
        assert "1 turn ·" in side(app, "a")
        assert "$0.0090" in side(app, "a")
        assert "Rather as CSV." in side(app, "a")
        assert "None ran here." in side(app, "a")
        assert "And an export as JSON." in side(app, "b")
        assert "✗ tests" in side(app, "b")
        await until(pilot, lambda: "README.md" in diff(app) and "Exports JSON" in diff(app))
        await pilot.press("down")
        await until(pilot, lambda: "import json" in diff(app))
        assert "Exports JSON" not in diff(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)


async def test_two_rows_of_the_timeline(project: Path) -> None:
    async with stage(project) as (app, _, pilot):
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(app.screen, TimelineScreen))
        view = app.screen.query_one(TimelineView)
        view.choose("T2")
        await pilot.press("c")
        assert "T2 is marked" in said(app)
        assert " compare " in view.draw(view.cursor, 0, 80).text
        await pilot.press("c")
        assert view.marked == ""
        await pilot.press("c")
        view.choose("T6")
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen))
        assert "A man page first." in side(app, "b")
        assert "Nothing was asked" in side(app, "a")
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, TimelineScreen))
        view.go_home()
        for _ in range(2):
            await pilot.press("home", "c")
        assert "nothing at the root" in said(app)


@pytest.mark.parametrize("line", [":compare T2", ":compare T2 nowhere", ":compare T99 T1"])
async def test_what_is_not_there_is_told(project: Path, line: str) -> None:
    async with stage(project) as (app, _, pilot):
        write(app, line)
        await until(pilot, lambda: said(app))
        assert app.screen is app.main


async def test_whatever_is_missing_or_hostile_is_shown(project: Path) -> None:
    found: dict[str, Any] = {
        "a": {},
        "b": {
            "label": HOSTILE,
            "instructions": [{"label": "", "text": HOSTILE}],
            "final": [{"session": "x", "text": HOSTILE}],
            "gates": [{"gate": HOSTILE, "passed": True}],
        },
        "files": {"problem": HOSTILE, "unrecorded": {"b": [HOSTILE]}},
    }
    async with stage(project) as (app, _, pilot):
        for what in ({}, found):
            app.push_screen(CompareScreen(what))
            await until(pilot, lambda: isinstance(app.screen, CompareScreen))
            await pilot.pause()
            assert "\x1b" not in side(app, "b")
            if what:
                assert side(app, "b").count("[red]list[int][/]") == 4
                assert "[/tmp/x]" in diff(app)
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.main)
