"""Dialogs and notices where there is little room: what is decided about can be read, and what
can be done is seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.app import App
from textual.widget import Widget
from textual.widgets import Input, Static
from textual.widgets._toast import Toast

from tests.tui.scene import Recorder, make_app
from tests.tui.test_app import project, stage, until
from zwarm_tui.config.themes import VARIABLES
from zwarm_tui.core import events as e
from zwarm_tui.core.model import RequestView
from zwarm_tui.tui.app import ZwarmApp
from zwarm_tui.tui.screens.help import HelpScreen
from zwarm_tui.tui.screens.request import RequestScreen
from zwarm_tui.tui.screens.start import StartScreen
from zwarm_tui.tui.widgets.choices import Choices
from zwarm_tui.tui.widgets.statusline import StatusLine

__all__ = ["project"]  # the fixture

_STEPS = " && ".join(f"echo this is step {n} of them" for n in range(60))


class Room(App[None]):
    """Some room for one dialog."""

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict.fromkeys(VARIABLES, "#808080")


def asked(text: str) -> RequestView:
    event = e.ApprovalRequested(request="r-1", what="command", text=text)
    return RequestView(id="r-1", session="a", branch=1, turn=1, since=0.0, event=event)


def seen(part: Widget) -> bool:
    """All of it is on the screen and inside of its dialog."""
    dialog = part.screen.query_one("#dialog")
    return part.region.height > 0 and dialog.content_region.contains_region(part.region)


SIZES = pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 36)], ids=str)


@SIZES
async def test_a_long_command_can_be_read_and_decided(size: tuple[int, int]) -> None:
    app = Room()
    async with app.run_test(size=size) as pilot:
        await app.push_screen(RequestScreen(asked(_STEPS), "“A task with quite a long name of its own”"))
        choices, body = app.screen.query_one(Choices), app.screen.query_one("#body")
        hint = app.screen.query_one("#hint", Static)
        await until(pilot, lambda: seen(choices) and seen(hint) and "pgdn" in str(hint.content))
        while body.scroll_offset.y < body.max_scroll_y:
            was = body.scroll_offset.y
            await pilot.press("pagedown")
            await until(pilot, lambda was=was: body.scroll_offset.y > was)  # type: ignore[misc]
        await pilot.press("d")
        await until(pilot, lambda: seen(app.screen.query_one("#words")) and seen(hint))
        await pilot.press(*"no", "escape")
        await until(pilot, lambda: seen(choices) and seen(hint))
        assert app.screen.query_one(Input).value == "no"  # as it was left


async def test_nothing_hides_in_a_command_that_is_decided_about() -> None:
    app = Room()
    async with app.run_test() as pilot:
        await app.push_screen(RequestScreen(asked("rm -rf a\u200b\u202e/ b"), "It"))
        await until(pilot, lambda: seen(app.screen.query_one(Choices)))
        text = str(app.screen.query_one("#body Static", Static).content)
        assert "‹U+200B›" in text
        assert not {"\u200b", "\u202e"} & set(text)


@SIZES
async def test_the_form_says_how_it_is_started(tmp_path: Path, size: tuple[int, int]) -> None:
    app = Room()
    async with app.run_test(size=size) as pilot:
        await app.push_screen(StartScreen(tmp_path, "debate"))
        hint = app.screen.query_one("#hint", Static)
        await until(pilot, lambda: seen(hint) and "ctrl+s" in str(hint.content))
        await until(pilot, lambda: seen(app.screen.query_one("#go")))


async def test_notices_hide_no_dialog(project: Path) -> None:
    app = make_app(project, Recorder())
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        for n in range(9):
            app.say(f"agent number {n} wants something or other " * 4, title=f"Title {n}")
        await until(pilot, lambda: _covered(app) == 6)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, RequestScreen))
        await until(pilot, lambda: _covered(app) == 2)
        assert app.screen.query_one("#title").region.y >= 2


async def test_runs_say_how_one_leaves_them(project: Path) -> None:
    async with stage(project, (80, 24)) as (app, _, pilot):
        await pilot.press("f5")
        await until(pilot, lambda: app.screen is app.runs)
        line = app.screen.query_one(StatusLine)
        await until(pilot, lambda: all(w in line.render_line(0).text for w in ("esc", "start one", "f1")))


async def test_help_is_written_for_the_room_that_it_has(project: Path) -> None:
    async with stage(project, (120, 36)) as (app, _, pilot):
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        text = app.screen.query_one("#text", Static)
        for width in (120, 80):
            await pilot.resize_terminal(width, 24)
            await until(pilot, lambda: text.size.height and text.size.height == _lines(text))
            room = text.size.width
            assert max(cell_len(line) for line in str(text.content).splitlines()) <= room


def _covered(app: ZwarmApp) -> int:
    """How many rows from the top notices cover."""
    screen = app.screen
    shown = [toast for toast in screen.query(Toast) if toast.region.height]
    seen = [screen.find_widget(toast).visible_region for toast in shown]
    return max((region.bottom for region in seen), default=0)


def _lines(text: Static) -> int:
    return len(str(text.content).split("\n"))
