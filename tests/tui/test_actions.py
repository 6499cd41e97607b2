"""The table of actions: what is made from it is whole."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from pathlib import Path

import pytest
from textual.binding import Binding
from textual.command import CommandList

import zwarm_tui.tui
from tests.tui.scene import make_app
from zwarm_tui.tui.actions import ACTIONS, ANYWHERE, BY_ID, NEEDS, RUNS, Action, bindings, hints, key_of
from zwarm_tui.tui.app import BINDING_IDS, ZwarmApp
from zwarm_tui.tui.commands import COMMANDS
from zwarm_tui.tui.runs.keys import GRAPH
from zwarm_tui.tui.screens.help import help_text
from zwarm_tui.tui.screens.main import MainScreen
from zwarm_tui.tui.screens.runs import RunsScreen
from zwarm_tui.tui.widgets.row_view import RowView
from zwarm_tui.tui.widgets.transcript import TranscriptView


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_an_action_says_what_it_is(action: Action) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", action.id)
    assert action.title[:1].isupper()
    assert not action.title.endswith(".")
    assert action.help.endswith(".")
    assert bool(action.hint) == bool(action.seen)
    places = {"runs": RUNS, "app": ANYWHERE | RUNS}
    assert action.seen <= places.get(action.where, ANYWHERE)
    assert not action.needs or action.needs in NEEDS
    name = action.run.removeprefix("app.").split("(")[0]
    screen = RunsScreen if action.where == "runs" else MainScreen
    assert hasattr(ZwarmApp if action.run.startswith("app.") else screen, f"action_{name}")


def test_ids_and_keys_of_a_place_are_unique() -> None:
    assert len(BY_ID) == len(ACTIONS)
    for place in ("sessions", "timeline"):
        keys = [k for where in ("app", "screen") for b in bindings(where) for k in b.key.split(",")]
        assert max(Counter(keys).values()) == 1
        own = [k for b in bindings(place) for k in b.key.split(",")]
        own += [k for b in RowView.BINDINGS if isinstance(b, Binding) for k in b.key.split(",")]
        assert max(Counter(own).values()) == 1
    for movement in (RowView.BINDINGS, GRAPH):
        made = [*bindings("app"), *bindings("runs"), *movement]
        assert max(Counter(k for b in made if isinstance(b, Binding) for k in b.key.split(",")).values()) == 1


async def test_every_action_is_in_the_palette_and_each_binding_has_an_id(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    async with app.run_test() as pilot:
        await pilot.pause()
        titles = {command.title for command in app.get_system_commands(app.screen)}
        shown = [action for action in ACTIONS if action.id != "palette"]
        assert titles == {action.title for action in shown if action.where != "runs"}
        await app.show_runs()
        assert app.screen is app.runs
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert titles == {action.title for action in shown}
        app.screen.dismiss()
        lists = app.main.query("SessionList, TimelineView, TranscriptView")
        for node in (app, app.main, *lists):
            for found in node._bindings.key_to_bindings.values():
                assert all(b.id or b.action in _TEXTUALS for b in found), (node, found)


@pytest.mark.parametrize("key", ["page_up", "page_down", "cursor_up", "first", "last"])
async def test_a_key_may_come_before_the_palette_is_laid_out(tmp_path: Path, key: str) -> None:
    app = make_app(tmp_path)
    async with app.run_test() as pilot:
        await pilot.pause()
        app.action_command_palette()
        await app.run_action(f"screen.command_list('{key}')")
        while not (found := app.screen.query(CommandList)) or not found.first().option_count:
            await asyncio.sleep(0)
        assert not found.first().size
        await app.run_action(f"screen.command_list('{key}')")
        await pilot.press("pagedown", "escape")
        assert app.screen is app.main


async def test_what_is_chosen_in_the_palette_twice_is_done_once(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    done: list[str] = []
    app.action_help = lambda: done.append("help")  # type: ignore[method-assign]
    async with app.run_test() as pilot:
        await pilot.pause()
        app.action_command_palette()
        await pilot.press(*"help", "down")
        found = app.screen.query_one(CommandList)
        while found.highlighted is None:
            await pilot.pause()
        for _ in range(2):  # two Enters in one read of the terminal
            found.post_message(CommandList.OptionSelected(found, found.options[0], 0))
        while app.screen is not app.main:
            await pilot.pause()
        await pilot.pause()
        assert done == ["help"]


_TEXTUALS = {"app.focus_next", "app.focus_previous", "screen.copy_text"} | {
    f"{scroll}_{to}" for scroll in ("scroll", "page") for to in ("up", "down", "left", "right", "home", "end")
}
"""What Textual's own screens and scroll views bind, without ids."""


def test_help_holds_every_action_command_and_movement() -> None:
    page = help_text({"help": "f12"}, 200).plain
    for action in ACTIONS:
        assert action.title in page
        assert action.id in page
    assert all(command.usage in page for command in COMMANDS)
    moves = [b for b in (*RowView.BINDINGS, *TranscriptView.BINDINGS) if isinstance(b, Binding)]
    assert all(b.description in page and str(b.id) in page for b in moves)
    assert "f12" in page


def test_hints_depend_on_the_focus_and_on_what_holds() -> None:
    plain = [action.id for action in hints("composer", ())]
    assert "next-attention" not in plain
    assert plain[-1] == "help"
    asked = [action.id for action in hints("transcript", {"approval", "attention"})]
    assert asked[:4] == ["next-attention", "accept", "accept-session", "deny"]
    assert "open-session" in [action.id for action in hints("sessions", ())]


def test_a_key_is_shown_as_it_is_now() -> None:
    assert key_of(BY_ID["next-attention"], {}) == "^n"
    assert key_of(BY_ID["search"], {}) == "/"
    assert key_of(BY_ID["next-attention"], {"next-attention": "f8,ctrl+n"}) == "f8"


def test_settings_may_name_actions_and_movements() -> None:
    assert {"next-attention", "list.up", "transcript.fold"} <= BINDING_IDS


def test_colours_are_in_themes_only() -> None:
    folder = Path(zwarm_tui.tui.__file__).parent
    for file in (*folder.rglob("*.py"), *folder.rglob("*.tcss")):
        found = re.findall(r"#[0-9a-fA-F]{6}\b|rgb\(", file.read_text(encoding="utf-8"))
        assert found in ([], ["#808080"]), file
