"""Keys that come faster than what they open, and what the lines to write in say of themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.events import Key
from textual.pilot import Pilot

from tests.tui.test_app import project, said, stage, until, write
from zwarm_tui.tui.app import ZwarmApp
from zwarm_tui.tui.screens.request import RequestScreen
from zwarm_tui.tui.widgets.statusline import StatusLine

__all__ = ["project"]  # the fixture


def bottom(app: ZwarmApp) -> str:
    """The bottom line."""
    return app.main.query_one(StatusLine).render_line(0).text


async def burst(app: ZwarmApp, pilot: Pilot[Any], *keys: str) -> None:
    """Keys that arrive together, as over a slow line: none of them waits for the one before."""
    for key in keys:
        app.post_message(Key(key, key if len(key) == 1 else {"slash": "/"}.get(key)))
    await pilot.pause()


async def test_what_is_typed_ahead_of_a_line_decides_nothing(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        app.main.open_session("5e6f7a8b")  # which waits for leave: a, s and d decide
        await pilot.press("f3")
        await burst(app, pilot, "slash", *"sad")
        await until(pilot, lambda: [line.value for line in app.main.query("#search")] == ["sad"])
        await pilot.press("escape", "f3")
        await burst(app, pilot, "i", *"as")
        await until(pilot, lambda: app.main.focused is app.main.query_one("Composer"))
        await pilot.pause()
        assert app.screen is app.main
        assert [call for call in engine.asked if call[0] == "approve"] == []


async def test_what_is_typed_after_deny_does_not_accept(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        app.main.open_session("5e6f7a8b")
        await pilot.press("f3")
        await burst(app, pilot, "d", *"as")
        await until(pilot, lambda: isinstance(app.screen, RequestScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        assert [call for call in engine.asked if call[0] == "approve"] == []


async def test_the_bottom_line_speaks_of_the_line_that_is_written(project: Path) -> None:
    async with stage(project) as (app, _, pilot):
        await pilot.press("f3", "slash")
        await until(pilot, lambda: "search" in bottom(app) and "send" not in bottom(app))
        await pilot.press("enter")  # nothing to look for
        await until(pilot, lambda: not app.main.query("#search"))
        assert "nowhere" not in said(app)


async def test_what_is_said_already_is_not_said_again(project: Path) -> None:
    async with stage(project) as (app, _, pilot):
        for _ in range(5):
            write(app, ":nonsense")
        await until(pilot, lambda: "nonsense" in said(app))
        await pilot.pause()
        assert said(app).count("nonsense") == 1
