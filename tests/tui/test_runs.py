"""The screen of runs: what it shows, and what comes of what a person does there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select, Static, TextArea

from tests.tui import runs_scene as scene
from tests.tui.runs_scene import HOSTILE, RunLog
from tests.tui.scene import Recorder, make_app
from tests.tui.test_app import said, until, write
from zwarm_tui.config.settings import UiSettings
from zwarm_tui.core import events as e
from zwarm_tui.tui.app import ZwarmApp
from zwarm_tui.tui.screens.dialog import Dialog
from zwarm_tui.tui.screens.request import RequestScreen
from zwarm_tui.tui.screens.runs import RunsScreen
from zwarm_tui.tui.screens.stage import StageScreen
from zwarm_tui.tui.screens.start import FieldRow, StartScreen

Stage = tuple[ZwarmApp, Recorder, Pilot[Any]]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[RunLog]:
    """A log that stays open; whoever holds it runs its runs."""
    made = RunLog(tmp_path)
    lock = scene.hold(tmp_path)
    yield made
    made.store.close()
    lock.release()


@asynccontextmanager
async def runs(project: Path, size: tuple[int, int] = (120, 36)) -> AsyncIterator[Stage]:
    """The app with the screen of runs in front."""
    engine = Recorder()
    app = make_app(project, engine, ui=UiSettings(animations=False))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.link.ready)
        await pilot.press("f5")
        await until(pilot, lambda: app.runs is not None and app.screen is app.runs)
        engine.asked.clear()
        yield app, engine, pilot


def screen(app: ZwarmApp) -> RunsScreen:
    assert app.runs is not None
    return app.runs


def drawn(app: ZwarmApp) -> str:
    """The graph as it is painted."""
    graph = screen(app).graph
    return "\n".join(strip.text.rstrip() for strip in graph.render_lines(graph.size.region))


def text(app: ZwarmApp, selector: str) -> str:
    return str(app.screen.query_one(selector, Static).content)


async def choose(app: ZwarmApp, pilot: Pilot[Any], stage: str) -> None:
    screen(app).graph.choose(stage)
    await pilot.pause()


def page(app: ZwarmApp) -> str:
    """All that the open page of a stage shows."""
    assert isinstance(app.screen, StageScreen)
    view = app.screen.query_one("#pages")
    return "\n".join(strip.text.rstrip() for strip in view.render_lines(view.size.region))


# -- the graph --------------------------------------------------------------------------------


async def test_nothing_has_run_yet(tmp_path: Path) -> None:
    async with runs(tmp_path) as (app, _, pilot):
        assert "No runs yet" in text(app, "#no-runs")
        await pilot.press("v", "v", "enter", "t", "s", "r", "x", "down", "tab")
        assert "No runs yet" in text(app, "#no-runs"), "keys for a run do nothing"
        log = RunLog(tmp_path)
        lock = scene.hold(tmp_path)
        scene.running(log)
        await until(pilot, lambda: "bold" in drawn(app))
        log.store.close()
        lock.release()


async def test_each_stage_shows_state_attempt_time_and_cost(log: RunLog, tmp_path: Path) -> None:
    scene.running(log)
    async with runs(tmp_path, (80, 24)) as (app, _, pilot):
        await until(pilot, lambda: "$0.065" in drawn(app))
        bold = next(line for line in drawn(app).split("\n") if "bold" in line)
        assert "├─● bold" in bold
        assert "2/3" in bold
        assert "2:02" in bold
        assert "$0.065" in bold  # of both attempts
        assert "unattended" in drawn(app)
        assert "4 of 6 stages done · 2 run" in text(app, "#run-facts")


async def test_where_there_is_room_stages_are_cards_in_layers(log: RunLog, tmp_path: Path) -> None:
    scene.done(log)
    async with runs(tmp_path, (200, 60)) as (app, _, pilot):
        await until(pilot, lambda: "╭──" in drawn(app))
        line = next(line for line in drawn(app).split("\n") if "changes" in line)
        assert "✓ changes" in line
        assert "▸" in line
        assert "kept" in drawn(app)
        await pilot.press("v")
        assert "├─✓ build" in drawn(app)
        assert "resumed" in drawn(app)


async def test_a_failure_is_never_dim_and_hostile_text_never_obeyed(log: RunLog, tmp_path: Path) -> None:
    scene.failed(log)
    async with runs(tmp_path) as (app, _, pilot):
        await until(pilot, lambda: "✗ pytest 2/3" in drawn(app))
        assert "dr[red]aft[/] ␛[2J [/tmp/x]" in drawn(app)
        assert "✗ review P1 P2 P3" in drawn(app)
        assert screen(app).graph.chosen == HOSTILE  # what failed is where the cursor is
        assert "gate pytest failed 3 times" in text(app, "#run-facts")
        graph = screen(app).graph
        failed = graph.ink("zwarm-failed", bold=True)
        strip = graph.render_line(2)
        assert any(s.style and s.style.color == failed.color for s in strip if "✗" in s.text)
        readme = next(line for line in drawn(app).split("\n") if "readme" in line)
        assert "✓ readme" in readme  # the sibling's result is kept


async def test_a_run_whose_process_died_does_not_look_alive(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    scene.running(log)
    log.store.close()
    async with runs(tmp_path) as (app, _, pilot):
        await until(pilot, lambda: "stopped" in drawn(app))
        assert "running" not in drawn(app)
        assert "its process died" in text(app, "#run-facts")


async def test_the_graph_follows_a_live_run(log: RunLog, tmp_path: Path) -> None:
    scene.running(log)
    async with runs(tmp_path) as (app, _, pilot):
        await until(pilot, lambda: "prose" in drawn(app))
        assert screen(app).graph.chosen == "bold"  # what runs is where the cursor is
        log.stage("b71c02", "critique", after="bold, calm, facts", ago=1)
        await until(pilot, lambda: "critique" in drawn(app))
        assert screen(app).graph.chosen == "critique"
        await pilot.press("home")
        log.stage("b71c02", "merge", after="critique", ago=0)
        await until(pilot, lambda: "merge" in drawn(app))
        assert screen(app).graph.chosen == "plan"  # the person has put it there


async def test_an_hour_of_seconds_paints_only_the_stopwatches(log: RunLog, tmp_path: Path) -> None:
    scene.running(log)
    async with runs(tmp_path) as (app, _, pilot):
        await until(pilot, lambda: "$0.065" in drawn(app))
        graph = screen(app).graph
        painted: list[int] = []
        real = graph.refresh_line
        graph.refresh_line = lambda y: painted.append(y)  # type: ignore[method-assign,assignment]
        graph.refresh_changed()
        assert painted == []
        app.clock = graph._clock = lambda: scene.NOW + 1
        graph.refresh_changed()
        assert len(painted) == 2  # the line with the stopwatch of each of the two that run
        graph.refresh_line = real  # type: ignore[method-assign]


async def test_the_cursor_goes_along_the_edges(log: RunLog, tmp_path: Path) -> None:
    scene.done(log)
    async with runs(tmp_path, (200, 60)) as (app, _, pilot):
        await until(pilot, lambda: "╭──" in drawn(app))
        await pilot.press("home")
        seen = []
        for key in ("right", "down", "down", "right", "right", "left", "left"):
            await pilot.press(key)
            seen.append(screen(app).graph.chosen)
        assert seen == ["notes", "build", "docs", "check", "publish", "check", "notes"]


async def test_the_list_puts_first_who_needs_the_person(log: RunLog, tmp_path: Path) -> None:
    for state in (scene.done, scene.failed, scene.running, scene.asking):
        state(log)
    async with runs(tmp_path) as (app, _, pilot):
        names = [run.view.name for run in screen(app).book.ordered()]
        assert names == ["interview", "debate", "task-loop", "release"]
        await pilot.press("tab", "down", "down")
        await until(pilot, lambda: "readme" in drawn(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        assert app.runs is None
        write(app, ":runs release")
        await until(pilot, lambda: app.runs is not None and "publish" in drawn(app))


# -- a stage ----------------------------------------------------------------------------------


async def test_from_a_node_to_its_transcript_and_all_else(log: RunLog, tmp_path: Path) -> None:
    scene.failed(log)
    folder = tmp_path / ".zwarm" / "runs" / "4fe911"
    folder.mkdir(parents=True)
    (folder / "readme.md").write_text("## Prompt\n\nDo it [/tmp/x].\n")
    async with runs(tmp_path) as (app, _, pilot):
        await until(pilot, lambda: "✗ pytest 2/3" in drawn(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, StageScreen))
        await until(pilot, lambda: "What" in page(app) or "gate ruff" in page(app))
        await pilot.press("3")
        await until(pilot, lambda: "gate pytest failed: exit status 1 (attempt 2/3, 3.2 s)" in page(app))
        assert "$ python -m pytest -q" in page(app)
        assert "assert 3 == 4" in page(app)
        await pilot.press("tab")
        await until(pilot, lambda: "[P1] The export loses the last line (todo/x.py:41)" in page(app))
        await pilot.press("q")
        await choose(app, pilot, "readme")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, StageScreen))
        await pilot.press("2")
        await until(pilot, lambda: "readme.md" in page(app))
        assert "Do it [/tmp/x]." in page(app)
        await pilot.press("4")
        assert "Nobody reviewed" in text(app, "#nothing")
    app.feed.tick()  # the last one may come while the screens are taken down
    app.feed.flush()


async def test_a_stage_s_page_is_live_and_has_the_sessions_of_all_attempts(
    log: RunLog, tmp_path: Path
) -> None:
    scene.running(log)
    async with runs(tmp_path) as (app, _, pilot):
        await until(pilot, lambda: "bold" in drawn(app))
        await pilot.press("enter")
        await until(pilot, lambda: "Do bold." in page(app))
        assert "session 2 of 2" in text(app, "#tabs")
        log.add(e.Text("t2", "And a third thing."), "b71c02-bold-2", turn=1)
        await until(pilot, lambda: "And a third thing." in page(app))
        await pilot.press("comma")
        await until(pilot, lambda: "session 1 of 2" in text(app, "#tabs"))
        assert "third thing" not in page(app)
        await pilot.press("q", "o")
        await until(pilot, lambda: app.screen is app.main)
        assert app.main.opened == "b71c02-bold-2"


# -- what waits for the person ----------------------------------------------------------------


async def test_a_question_is_a_flag_and_a_modal_and_waits(log: RunLog, tmp_path: Path) -> None:
    scene.asking(log)
    async with runs(tmp_path) as (app, engine, pilot):
        await until(pilot, lambda: "▲ choose" in drawn(app))
        assert "Which of the two shall it be?" in drawn(app)
        assert "needs you" in text(app, "#run-facts")
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, RequestScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.runs)
        assert engine.asked == []
        assert "▲ choose" in drawn(app)  # not now: it goes on waiting
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, RequestScreen))
        await pilot.press("2")
        await until(pilot, lambda: ("answer", "q-1", "the calm one") in engine.asked)


# -- verbs ------------------------------------------------------------------------------------


async def _agreed(app: ZwarmApp, pilot: Pilot[Any]) -> None:
    await until(pilot, lambda: isinstance(app.screen, Dialog))
    await pilot.press("y")


async def test_stopping_a_run_asks_first(log: RunLog, tmp_path: Path) -> None:
    scene.running(log)
    async with runs(tmp_path) as (app, engine, pilot):
        await until(pilot, lambda: "bold" in drawn(app))
        await pilot.press("c")
        assert "Only a run that failed or was stopped" in said(app)
        await pilot.press("x")
        await _agreed(app, pilot)
        await until(pilot, lambda: ("cancel_run", "b71c02") in engine.asked)


async def test_going_on_retrying_and_branching(log: RunLog, tmp_path: Path) -> None:
    scene.failed(log)
    async with runs(tmp_path) as (app, engine, pilot):
        await until(pilot, lambda: "✗" in drawn(app))
        await pilot.press("x")
        assert "has ended already" in said(app)
        await pilot.press("c")
        await until(pilot, lambda: ("resume_run", "4fe911") in engine.asked)
        await pilot.press("r")
        await until(pilot, lambda: ("retry_stage", "4fe911", HOSTILE) in engine.asked)
        await choose(app, pilot, "plan")
        await pilot.press("b")
        await _agreed(app, pilot)
        await until(pilot, lambda: ("retry_from", "4fe911", "plan") in engine.asked)


# -- starting one -----------------------------------------------------------------------------

DEBATE = '''"""Plan, two drafts, a critique."""
from zwarm_tui.workflow import Input
INPUTS = [
    Input("prompt", "text", required=True, description="what [it] is about"),
    Input("tone", "enum", values=("bold", "calm[x]"), default="bold"),
    Input("title", "string"),
]
async def run(ctx):
    return None
'''


@pytest.fixture
def workflows(tmp_path: Path) -> Path:
    folder = tmp_path / ".zwarm" / "workflows"
    folder.mkdir(parents=True)
    (folder / "debate.py").write_text(DEBATE)
    (folder / "broken.py").write_text("INPUTS = [\n")
    return tmp_path


def field(app: ZwarmApp, name: str) -> FieldRow:
    return next(row for row in app.screen.query(FieldRow) if row.field.name == name)


def problem(app: ZwarmApp, name: str) -> str:
    shown = field(app, name).query_one(".problem", Static)
    return str(shown.content) if shown.display else ""


async def _form(app: ZwarmApp, pilot: Pilot[Any], go: Callable[[], None]) -> None:
    go()
    await until(pilot, lambda: isinstance(app.screen, StartScreen) and bool(app.screen.query(FieldRow)))
    await pilot.pause()


async def test_a_form_is_validated_in_place_and_starts_the_run(workflows: Path) -> None:
    async with runs(workflows) as (app, engine, pilot):
        engine.replies["start_run"] = {"run_id": "new1"}
        await pilot.press("n")
        await until(
            pilot,
            lambda: isinstance(app.screen, StartScreen) and app.screen.query_one("#startables").has_focus,
        )
        items = app.screen.query_one("#startables").items  # type: ignore[attr-defined]
        assert [(i.name, bool(i.error)) for i in items if i.name in ("debate", "broken")] == [
            ("debate", False),
            ("broken", True),
        ]
        at = [i.name for i in items].index("broken")
        app.screen.query_one("#startables").move_to(at)  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(
            pilot, lambda: "was never closed" in text(app, "#why")
        )  # a broken one says why, and has no form
        app.screen.query_one("#startables").move_to([i.name for i in items].index("debate"))  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.screen.query(FieldRow)))
        await pilot.pause()
        await until(pilot, lambda: field(app, "prompt").entry.has_focus)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: problem(app, "prompt") == "It is needed.")
        assert field(app, "prompt").entry.has_focus
        field(app, "prompt").query_one(TextArea).load_text("Shall it be a tree?")
        await until(pilot, lambda: problem(app, "prompt") == "")
        field(app, "tone").query_one(Select).value = "calm[x]"
        field(app, "title").query_one(Input).value = "Trees"
        field(app, "title").query_one(Input).focus()
        await until(pilot, lambda: field(app, "title").entry.has_focus)
        await pilot.press("enter")
        inputs = {"prompt": "Shall it be a tree?", "tone": "calm[x]", "title": "Trees"}
        await until(pilot, lambda: ("start_run", "workflow", "debate", inputs) in engine.asked)
        log = RunLog(workflows)
        lock = scene.hold(workflows)
        log.run("new1", "debate", ago=0)
        log.stage("new1", "plan", ago=0)
        await until(pilot, lambda: "plan" in drawn(app))  # and it is the one that is shown
        log.store.close()
        lock.release()


async def test_a_command_line_starts_one_by_its_name(workflows: Path) -> None:
    engine = Recorder()
    app = make_app(workflows, engine, ui=UiSettings(animations=False))
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: app.link.ready)
        await _form(app, pilot, lambda: write(app, ":run debate"))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen.query_one("#startables").has_focus)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        assert not [asked for asked in engine.asked if asked[0] == "start_run"]
        write(app, ":run nothing")
        await until(pilot, lambda: isinstance(app.screen, StartScreen))
        await until(pilot, lambda: "no workflow or command “nothing”" in text(app, "#why"))
