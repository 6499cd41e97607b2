"""The timeline on a screen of its own, and what is done in it by keys and the mouse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.journeys import travel
from tests.tui.scene import Log, Recorder
from tests.tui.test_app import draft, said, stage, until, write
from zwarm_tui.core import events as e
from zwarm_tui.tui.app import ZwarmApp
from zwarm_tui.tui.completion import completions
from zwarm_tui.tui.screens.ask import AskScreen
from zwarm_tui.tui.screens.diff import DiffScreen
from zwarm_tui.tui.screens.goto import GotoScreen
from zwarm_tui.tui.screens.timeline import TimelineScreen
from zwarm_tui.tui.widgets.page_view import PageView
from zwarm_tui.tui.widgets.timeline import TimelineView

Stage = tuple[ZwarmApp, Recorder, Pilot[Any], TimelineView]


@pytest.fixture
def commits(tmp_path: Path) -> list[str]:
    return travel(tmp_path)


@pytest.fixture
def project(tmp_path: Path, commits: list[str]) -> Path:
    return tmp_path


@asynccontextmanager
async def wide(project: Path, label: str, size: tuple[int, int] = (120, 36)) -> AsyncIterator[Stage]:
    """The screen, with the cursor on a checkpoint."""
    async with stage(project, size) as (app, engine, pilot):
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(app.screen, TimelineScreen))
        view = app.screen.query_one(TimelineView)
        view.choose(label)
        await pilot.pause()
        yield app, engine, pilot, view


def text_of(app: ZwarmApp) -> str:
    return "\n".join(row.text.rstrip() for row in app.screen.query_one(PageView)._rows)


async def read(app: ZwarmApp, pilot: Pilot[Any]) -> str:
    """The page of the chosen one, its files too."""
    screen = app.screen
    assert isinstance(screen, TimelineScreen)
    await until(pilot, lambda: not screen.reading)
    return text_of(app)


async def test_it_tells_all_of_a_checkpoint(project: Path) -> None:
    async with wide(project, "T3") as (app, _, pilot, view):
        page = await read(app, pilot)
        for words in (
            "T3",
            "$0.025",
            "And an export as JSON.",
            "Files since T2",
            "2 files",
            "todo/export.py",
        ):
            assert words in page
        assert "Captured while an agent wrote" in page
        assert "vendor/lib" in page
        assert "submodule" in page
        assert "✗ tests" in page
        assert "exit 1" in page
        view.choose("T2")
        page = await read(app, pilot)
        assert "colours work" in page
        assert "✎ The last one before the export." in page
        assert "✓ lint" in page
        assert "Add colours to the list" in page
        view.choose("T4")
        assert "unable to index file" in await read(app, pilot)
        view.choose("T1")
        assert "the first one" in await read(app, pilot)
        view.choose("T6")
        page = await read(app, pilot)
        assert "[red]bold[/] ␛[2J" in page
        assert "logo.png" in page
        assert "binary" in page


async def test_rows_carry_their_marks(project: Path) -> None:
    async with wide(project, "T1") as (_, _, _, view):
        rows = {
            row.checkpoint.label: view.draw(i, 0, 100).text
            for i, row in enumerate(view.rows)
            if row.checkpoint
        }
        assert "✎✓" in rows["T2"]
        assert "◐✗" in rows["T3"]
        assert "∅" in rows["T4"]
        assert not set("✎◐∅✓✗") & set(rows["T1"])


async def test_a_name_and_a_note(project: Path) -> None:
    async with wide(project, "T2") as (app, engine, pilot, _):
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        assert app.screen.query_one(Input).value == "colours work"
        app.screen.query_one(Input).value = "the [red]good one"
        await pilot.press("enter")
        await until(pilot, lambda: engine.asked == [("label_checkpoint", "T2", "the [red]good one")])
        await until(pilot, lambda: "T2 is “the [red]good one”" in said(app))
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TimelineScreen))
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        app.screen.query_one(Input).value = ""
        await pilot.press("enter")
        await until(pilot, lambda: engine.asked[1:] == [("note", "T2", "")])


async def test_what_is_said_of_a_checkpoint_is_seen_at_once(project: Path) -> None:
    async with wide(project, "T3") as (app, _, pilot, view):
        log = Log(project)
        log.add(e.CheckpointNamed(3, "json [/]"))
        log.store.close()
        await until(pilot, lambda: "json [/]" in text_of(app))
        assert view.chosen is not None
        assert view.chosen.target == "T3"


async def test_branching_and_renaming(project: Path) -> None:
    async with wide(project, "T5") as (app, engine, pilot, _):
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press(*"try", "enter")
        await until(pilot, lambda: engine.asked == [("branch", "try", "T5")])
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        assert app.screen.query_one(Input).value == "man-page"
        app.screen.query_one(Input).value = "manual"
        await pilot.press("enter")
        await until(pilot, lambda: engine.asked[1:] == [("rename_branch", "man-page", "manual")])
        await pilot.press("ctrl+s")
        await until(pilot, lambda: engine.asked[2:] == [("checkpoint", "")])


async def shown_diff(app: ZwarmApp, pilot: Pilot[Any]) -> str:
    await until(pilot, lambda: isinstance(app.screen, DiffScreen))
    view = app.screen.query_one("DiffView")
    await until(pilot, lambda: view.blocks)  # type: ignore[attr-defined]
    await pilot.pause()
    return "\n".join(strip.text for strip in view.render_lines(view.size.region))


async def test_diffs_since_the_parent_and_until_now(project: Path, commits: list[str]) -> None:
    async with wide(project, "T2") as (app, engine, pilot, view):
        await pilot.press("v")
        text = await shown_diff(app, pilot)
        assert "todo/view.py" in text
        assert "COLOURS = {'open': 33" in text
        await pilot.press("escape")
        engine.replies["goto"] = {"files": {"from": commits[3], "to": commits[1], "path": str(project)}}
        await pilot.press("V")
        text = await shown_diff(app, pilot)
        assert "docs/todo.1" in text
        assert "todo/view.py" not in text
        await pilot.press("q")
        engine.replies["goto"] = {"files": {"problem": "the files here were not captured: disk full"}}
        await pilot.press("V")
        await until(pilot, lambda: "disk full" in said(app))
        view.choose("T4")
        await pilot.press("v")
        await until(pilot, lambda: "unable to index file" in said(app))


async def test_a_diff_of_a_preview(project: Path, commits: list[str]) -> None:
    async with wide(project, "T1") as (app, engine, pilot, _):
        files = {"from": commits[1], "to": commits[0], "path": str(project)}
        engine.replies["goto"] = {"files": {**files, "changed": [{"path": "todo/view.py", "status": "M"}]}}
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, GotoScreen))
        await pilot.press("v")
        assert "COLOURS" in await shown_diff(app, pilot)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, GotoScreen))
        await pilot.press("y")
        await until(pilot, lambda: app.screen is app.main)
        assert engine.asked[-1] == ("goto", "T1", None, False)


async def test_the_mouse_chooses_folds_and_jumps(project: Path) -> None:
    async with wide(project, "T7") as (_app, engine, pilot, view):
        rows = [row.target if row.checkpoint else row.kind for row in view.rows]
        await pilot.click(TimelineView, offset=(30, rows.index("T2")))
        assert view.chosen is not None
        assert view.chosen.target == "T2"
        assert engine.asked == []
        engine.replies["goto"] = {"branches_on_next_message": True}
        fork = rows.index("rest")
        await pilot.click(TimelineView, offset=(3, fork))
        assert view.rows[fork].folded is not None
        await pilot.click(TimelineView, offset=(12, fork))
        assert view.rows[fork].folded is None
        await pilot.click(TimelineView, offset=(30, rows.index("T1")))
        await pilot.pause(0.6)
        await pilot.click(TimelineView, offset=(30, rows.index("T1")), times=2)
        await until(pilot, lambda: engine.asked[-1:] == [("goto", "T1", None, False)])


async def test_search_next_and_back(project: Path) -> None:
    async with wide(project, "T7", (80, 24)) as (app, _, pilot, view):
        await pilot.press("n")
        assert "Nothing is searched for" in said(app)
        await pilot.press("z", "slash")
        await until(pilot, lambda: isinstance(app.focused, Input))
        await pilot.press(*"as csv")
        await until(pilot, lambda: view.chosen is not None and view.chosen.target == "T5")
        assert app.screen.query_one("#graph").border_subtitle == "1 found"
        await pilot.press("enter")
        assert app.focused is view
        view.search("colour")
        labels = []
        for key in ("n", "n", "N"):
            await pilot.press(key)
            assert view.chosen is not None
            labels.append(view.chosen.target)
        assert labels == ["T2", "T1", "T2"]
        await pilot.press("escape")
        assert isinstance(app.screen, TimelineScreen)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)


async def test_search_in_the_pane_of_the_main_screen(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        await pilot.press("f4", "slash")
        await until(pilot, lambda: isinstance(app.focused, Input))
        await pilot.press(*"publish", "enter")
        view = app.main.query_one(TimelineView)
        assert app.focused is view
        assert view.chosen is not None
        assert view.chosen.target == "T4"
        await pilot.press("escape")
        assert app.focused is app.main.query_one("Composer")
        assert not view.searching
        write(app, ":fold")
        await until(pilot, lambda: sum(row.folded is not None for row in view.rows) == 2)
        for line, asked in (
            (":label T2 two words", ("label_checkpoint", "T2", "two words")),
            (":note T2", ("note", "T2", "")),
            (":rename other", ("rename_branch", "man-page", "other")),
        ):
            write(app, line)
            await until(pilot, lambda asked=asked: engine.asked[-1:] == [asked])  # type: ignore[misc]
        write(app, ":timeline")
        await until(pilot, lambda: isinstance(app.screen, TimelineScreen))


async def test_an_action_of_the_main_screen_leads_back_there(project: Path) -> None:
    async with wide(project, "T2") as (app, _, pilot, view):
        app._act("screen.fold_all")
        await until(pilot, lambda: view.folded(2))
        app._act("screen.prefill(':delegate ')")
        await until(pilot, lambda: app.screen is app.main)
        await until(pilot, lambda: draft(app) == ":delegate ")


async def test_it_is_as_large_and_as_coloured_as_the_rest_when_it_comes_back(project: Path) -> None:
    async with wide(project, "T2", (160, 40)) as (app, _, pilot, view):
        screen = app.screen
        assert not screen.has_class("-small")
        before = view.ink("zwarm-dim")
        await pilot.press("escape")
        await pilot.resize_terminal(80, 24)
        app.theme = "zwarm-light"
        await pilot.pause()
        view_of_main = app.main.query_one(TimelineView)
        view_of_main.choose("T5")
        await pilot.press("ctrl+t")
        await until(pilot, lambda: app.screen is screen)
        await until(pilot, lambda: screen.has_class("-small"))
        await until(pilot, lambda: screen.query_one("#chosen").size.width > 70)
        assert view.ink("zwarm-dim") != before
        assert view.chosen is not None
        assert view.chosen.target == "T5"
        log = Log(project)
        log.add(e.CheckpointNamed(5, "comma"))
        log.store.close()
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        await until(pilot, lambda: any(c.name == "comma" for c in app.board.checkpoints))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "comma" in text_of(app))


async def test_what_is_new_while_it_opens_is_there_when_it_has(project: Path) -> None:
    async with stage(project, (120, 36)) as (app, _, pilot):
        log = Log(project)
        log.add(e.CheckpointNamed(5, "comma"))
        log.store.close()
        app.show_timeline("T5")
        app.feed.flush()  # before it has any widgets
        await until(pilot, lambda: app.screen.query(PageView) and "comma" in text_of(app))


async def test_what_runs_on_a_branch_that_was_left_is_seen(project: Path) -> None:
    log = Log(project)
    log.turn("3f2a9c1e", 2, "Go on", branch=2, status=None)
    log.store.close()
    async with wide(project, "T7") as (_, _, _, view):
        rows = {
            row.branch.name: view.draw(i, 0, 80).text
            for i, row in enumerate(view.rows)
            if row.kind == "branch"
        }
        assert "● 1 running" in rows["csv"]
        assert "running" not in rows["man-page"]


async def test_a_checkpoint_is_completed_by_its_name_and_its_label(project: Path) -> None:
    log = Log(project)
    log.add(e.CheckpointNamed(5, "comma"))
    log.store.close()
    async with stage(project) as (app, _, _):
        assert completions(app, ":goto co") == [":goto comma"]
        assert completions(app, ":compare comma T7") == [":compare comma T7"]
        assert completions(app, ":compare csv ma") == [":compare csv main", ":compare csv man-page"]
        assert completions(app, ":label T") == [f":label T{n}" for n in range(7, 0, -1)]
        assert completions(app, ":adopt ") == [":adopt main", ":adopt csv"]
        assert completions(app, ":label T7 wor") == []


async def test_it_opens_at_what_is_chosen_on_the_main_screen(project: Path) -> None:
    async with stage(project, (120, 36)) as (app, _, pilot):
        for label in ("T2", "T3"):  # the first time it is made, later it is shown again
            app.screen.query_one(TimelineView).choose(label)
            await pilot.press("ctrl+t")
            await until(pilot, lambda: isinstance(app.screen, TimelineScreen))
            await until(pilot, lambda label=label: label in text_of(app).partition("\n")[0])  # type: ignore[misc]
            await pilot.press("escape")


async def test_the_page_follows_the_cursor_at_once(project: Path) -> None:
    async with wide(project, "T3") as (app, _, _pilot, view):
        assert "T3" in text_of(app).partition("\n")[0]
        view.choose("T2")  # no message in between: both are painted together
        assert "T2" in text_of(app).partition("\n")[0]
