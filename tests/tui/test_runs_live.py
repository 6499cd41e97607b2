"""A workflow from the screen to its end, with real agents' processes: the demo's, and the
real codex against the scripted model server."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from tests.tui.test_app import until
from tests.tui.test_runs import drawn, field, page, problem, screen, text
from zwarm_tui.client import EngineClient
from zwarm_tui.config.settings import CodexSettings, PilotSettings, Settings, UiSettings
from zwarm_tui.demo.codex_home import MODEL, codex_env, make_codex_home
from zwarm_tui.demo.model_server import ModelServer
from zwarm_tui.engine import Engine
from zwarm_tui.tui.app import ZwarmApp
from zwarm_tui.tui.screens.request import RequestScreen
from zwarm_tui.tui.screens.stage import StageScreen
from zwarm_tui.tui.screens.start import FieldRow, StartScreen

FLOW = '''"""Plan, two drafts side by side, a choice, a merge."""
import asyncio
from zwarm_tui.workflow import Input

INPUTS = [Input("prompt", "text", required=True)]

async def run(ctx):
    async def plan(s):
        return await s.send(f"@usage 1000 0 100\\n@say plan of {s.inputs['prompt']}")

    async def draft(s):
        return await s.send(f"@say {s.name} draft")

    async def choose(s):
        return await s.ask("Which of the two?")

    async def merge(s):
        return await s.send("@say merged")

    await ctx.stage("plan", plan)
    await asyncio.gather(ctx.stage("bold", draft), ctx.stage("calm", draft, headless=True))
    await ctx.stage("choose", choose)
    return (await ctx.stage("merge", merge)).result
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / ".zwarm" / "workflows").mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (folder / ".zwarm" / "workflows" / "talk.py").write_text(FLOW)
    monkeypatch.setenv("ZWARM_CONFIG_DIR", str(tmp_path / "no config"))
    monkeypatch.setenv("ZWARM_HOST", "never")
    return folder


@asynccontextmanager
async def app_on(project: Path, settings: Settings) -> AsyncIterator[tuple[ZwarmApp, Pilot[Any]]]:
    async def open_engine() -> EngineClient:
        return await Engine.open(project, settings, simulated=True)

    app = ZwarmApp(project, engine=open_engine, settings=settings)
    async with app.run_test(size=(160, 45)) as pilot:
        await until(pilot, lambda: app.link.ready)
        yield app, pilot


def settings_of(executor: str, **about: Any) -> Settings:
    ui = UiSettings(animations=False, bell=False, osc_notices=False)
    return Settings(executor=executor, pilot=PilotSettings(brain="demo"), ui=ui, **about)


async def _start(app: ZwarmApp, pilot: Pilot[Any], name: str) -> None:
    """From the sessions to a form, and from there to the run."""
    await pilot.press("f8")
    await until(
        pilot, lambda: isinstance(app.screen, StartScreen) and app.screen.query_one("#startables").has_focus
    )
    startables: Any = app.screen.query_one("#startables")
    startables.move_to([i.name for i in startables.items].index(name))
    await pilot.press("enter")
    await until(pilot, lambda: bool(app.screen.query(FieldRow)) and field(app, "prompt").entry.has_focus)
    field(app, "prompt").query_one(TextArea).load_text("trees")
    await pilot.press("ctrl+s")
    await until(pilot, lambda: app.runs is not None and app.screen is app.runs)


async def _to_the_end(app: ZwarmApp, pilot: Pilot[Any]) -> None:
    await _start(app, pilot, "talk")
    await until(pilot, lambda: "▲ choose" in drawn(app))
    assert "Which of the two?" in str(app.screen.query_one("#stage-facts").content) + drawn(app)  # type: ignore[attr-defined]
    await until(pilot, lambda: app.board.requests)
    await pilot.press("d")
    await until(pilot, lambda: isinstance(app.screen, RequestScreen))
    await pilot.press(*"calm", "enter")
    await until(pilot, lambda: "✓ merge" in drawn(app))
    run = screen(app).opened
    assert run is not None
    await until(pilot, lambda: run.view.ended == "completed")
    assert run.view.result == "merged"
    assert run.view.graph.edges == (
        ("plan", "bold"),
        ("plan", "calm"),
        ("bold", "choose"),
        ("calm", "choose"),
        ("choose", "merge"),
    )
    await until(pilot, lambda: "done" in text(app, "#run-facts"))
    screen(app).graph.choose("plan")
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, StageScreen))
    await until(pilot, lambda: "plan of trees" in page(app))
    await pilot.press("2")
    await until(pilot, lambda: "plan.md" in page(app))
    await pilot.press("escape")


async def test_from_the_form_to_the_end_of_the_run(project: Path) -> None:
    async with app_on(project, settings_of("demo")) as (app, pilot):
        await _to_the_end(app, pilot)
        run = screen(app).opened
        assert run is not None
        # Its stages are points of the timeline, which lead back to it.
        app.feed.flush()  # runs are read after it, and may know more
        points = [c for c in app.board.checkpoints if c.metadata.get("run") == run.view.id]
        assert {c.metadata["stage"] for c in points} >= {"plan", "choose", "merge"}
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        assert app.runs is None
        await pilot.press("f4")
        timeline = app.main._timeline
        labels = [row.checkpoint.label if row.checkpoint else "" for row in timeline.rows]
        timeline.move_to(labels.index(next(c.label for c in points if c.metadata["stage"] == "choose")))
        await pilot.press("o")
        await until(pilot, lambda: app.runs is not None and screen(app).graph.chosen == "choose")
        # One stage again: those that it does not depend on are not paid for again.
        screen(app).graph.choose("merge")
        await pilot.press("r")
        await until(pilot, lambda: "kept" in drawn(app))
        await until(pilot, lambda: _ended(app))
        again = screen(app).opened
        assert again is not None
        assert [s.name for s in again.view.stages.values() if s.reused] == ["plan", "bold", "calm", "choose"]


async def test_stop_it_and_go_on(project: Path) -> None:
    async with app_on(project, settings_of("demo")) as (app, pilot):
        await _start(app, pilot, "talk")
        await until(pilot, lambda: "▲ choose" in drawn(app))
        await pilot.press("x")
        await until(pilot, lambda: app.screen is not app.runs)
        await pilot.press("y")
        await until(pilot, lambda: _ended(app))
        await until(pilot, lambda: "interrupted" in text(app, "#run-facts"))
        await pilot.press("c")
        await until(pilot, lambda: "▲ choose" in drawn(app))
        assert "kept" in drawn(app)


def _ended(app: ZwarmApp) -> bool:
    run = screen(app).opened
    return run is not None and run.view.ended is not None


@pytest.mark.codex
async def test_on_the_real_codex(project: Path, tmp_path: Path) -> None:
    async with ModelServer() as server:
        env = codex_env(make_codex_home(tmp_path / "codex home", server.url))
        settings = settings_of("codex", model=MODEL, codex=CodexSettings(env=env))
        async with app_on(project, settings) as (app, pilot):
            await _to_the_end(app, pilot)
            run = screen(app).opened
            assert run is not None
            assert run.cost("plan") is not None


COMMAND = """
name: hello
description: Greet somebody, twice.
arguments:
  - name: prompt
    description: who [it] is
  - name: times
    type: int
    default: 2
steps:
  - name: greet
    type: shell
    action: sh -c "echo hello $ZWARM_ARG_PROMPT $ZWARM_ARG_TIMES"
  - name: fails
    type: shell
    action: sh -c "echo [no] >&2; exit 3"
"""


async def test_a_command_from_its_form_to_its_failure(project: Path) -> None:
    folder = project / ".zwarm" / "commands"
    folder.mkdir()
    (folder / "hello.yaml").write_text(COMMAND)
    (folder / "broken.yaml").write_text("name: broken\ndescription: x\nstepz: []\n")
    async with app_on(project, settings_of("demo")) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(app.screen, StartScreen) and _startables(app).has_focus)
        items = {item.name: item for item in _startables(app).items}
        assert "stepz" in items["broken"].error
        _startables(app).move_to(list(items).index("hello"))
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.screen.query(FieldRow)) and field(app, "prompt").entry.has_focus)
        field(app, "prompt").query_one(Input).value = "you"
        field(app, "times").query_one(Input).value = "many"
        await until(pilot, lambda: "whole number" in problem(app, "times"))
        await pilot.press("ctrl+s")
        assert isinstance(app.screen, StartScreen)
        field(app, "times").query_one(Input).value = "3"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.runs is not None and app.screen is app.runs)
        await until(pilot, lambda: _ended(app))
        await until(pilot, lambda: "✗ fails" in drawn(app))
        await _gates(app, pilot, "greet", "hello you 3")
        await _gates(app, pilot, "fails", "[no]")


async def _gates(app: ZwarmApp, pilot: Pilot[Any], stage: str, output: str) -> None:
    screen(app).graph.choose(stage)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, StageScreen))
    await pilot.press("3")
    await until(pilot, lambda: output in page(app))
    await pilot.press("escape")
    await until(pilot, lambda: app.screen is app.runs)


def _startables(app: ZwarmApp) -> Any:
    return app.screen.query_one("#startables")


async def test_the_debate_that_comes_along(project: Path) -> None:
    """From the picker to the merged answer; afterwards the sessions are all there."""
    async with app_on(project, settings_of("demo")) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: isinstance(app.screen, StartScreen) and _startables(app).has_focus)
        _startables(app).move_to([item.name for item in _startables(app).items].index("debate"))
        await pilot.press("enter")
        await until(
            pilot, lambda: bool(app.screen.query(FieldRow)) and field(app, "question").entry.has_focus
        )
        field(app, "question").query_one(TextArea).load_text("@say Trees.")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.runs is not None and app.screen is app.runs)
        await until(pilot, lambda: screen(app).opened is not None and _ended(app))
        run = screen(app).opened
        assert run is not None
        assert [s.name for s in run.view.stages.values()] == ["plan", "bold", "careful", "critique", "merge"]
        assert run.view.ended == "completed"
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        await until(pilot, lambda: len(app.main._list.shown) == 7)  # the pilot, the run, five agents
