"""The examples that come along, from the form to the end of their runs, on the real codex
against the scripted model server."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from tests.git.world import World
from tests.tui.test_app import until
from tests.tui.test_runs import drawn, field, page, screen, text
from tests.tui.test_runs_live import app_on, settings_of
from zwarm_tui.config.settings import CodexSettings
from zwarm_tui.core import events as e
from zwarm_tui.demo.codex_home import MODEL, codex_env, make_codex_home
from zwarm_tui.demo.model_server import ModelServer
from zwarm_tui.tui.app import ZwarmApp
from zwarm_tui.tui.runs.book import Run
from zwarm_tui.tui.screens.stage import StageScreen
from zwarm_tui.tui.screens.start import FieldRow, StartScreen

pytestmark = pytest.mark.codex

GATE = "test -s made.txt || (echo '@write made.txt line'; false)"
"""It fails until the agent has done what it writes."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a commit."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Person")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "person@example.org")
    monkeypatch.setenv("ZWARM_CONFIG_DIR", str(tmp_path / "no config"))
    monkeypatch.setenv("ZWARM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ZWARM_HOST", "never")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "model.py").write_text("class Todo: ...\n")
    (folder / ".gitignore").write_text(".zwarm/\n")
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "begin"]):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    return folder


@asynccontextmanager
async def on_codex(project: Path) -> AsyncIterator[tuple[ZwarmApp, Pilot[Any]]]:
    """The app with a codex that asks a scripted model; it writes without pauses."""
    async with ModelServer(pace=0) as server:
        env = codex_env(make_codex_home(project.parent / "codex home", server.url))
        settings = settings_of("codex", model=MODEL, codex=CodexSettings(env=env))
        async with app_on(project, settings) as (app, pilot):
            yield app, pilot


async def fill_in(app: ZwarmApp, pilot: Pilot[Any], name: str, **values: str) -> None:
    """From the picker into a form, and from there to the run."""
    await pilot.press("f8")
    await until(
        pilot, lambda: isinstance(app.screen, StartScreen) and app.screen.query_one("#startables").has_focus
    )
    startables: Any = app.screen.query_one("#startables")
    startables.move_to([item.name for item in startables.items].index(name))
    await pilot.press("enter")
    first = next(iter(values))
    await until(pilot, lambda: bool(app.screen.query(FieldRow)) and field(app, first).entry.has_focus)
    for key, value in values.items():
        entry = field(app, key).entry
        if isinstance(entry, TextArea):
            entry.load_text(value)
        else:
            assert isinstance(entry, Input)
            entry.value = value
    await pilot.press("ctrl+s")
    await until(pilot, lambda: app.runs is not None and app.screen is app.runs)


async def to_the_end(app: ZwarmApp, pilot: Pilot[Any], *, seen: Callable[[], object]) -> Run:
    """Watch the run until it has ended; `seen` must have held on the way."""
    await until(pilot, seen)
    await until(pilot, lambda: screen(app).opened is not None and screen(app).opened.view.ended)  # type: ignore[union-attr]
    run = screen(app).opened
    assert run is not None
    await until(pilot, lambda: "● " not in drawn(app))
    app.feed.flush()  # what it cost comes after how it went
    return run


def states(run: Run) -> dict[str, str]:
    return {stage.name: stage.status for stage in run.view.stages.values()}


async def test_the_debate(project: Path) -> None:
    async with on_codex(project) as (app, pilot):
        await fill_in(app, pilot, "debate", question="Which bicycle?\n@sleep 0.5\n@say A red one.")
        run = await to_the_end(app, pilot, seen=lambda: "● " in drawn(app))
        assert (run.view.ended, run.view.result) == ("completed", "A red one.")
        names = ("plan", "bold", "careful", "critique", "merge")
        assert states(run) == dict.fromkeys(names, "completed")
        for name in names:
            assert f"✓ {name}" in drawn(app)
            cost = run.cost(name)
            assert cost is not None
            assert cost.complete
            assert cost.usd > 0
        assert "5 of 5 stages done" in text(app, "#run-facts")
        assert {stage.attempt for stage in run.view.stages.values()} == {1}


async def test_the_task_loop(project: Path) -> None:
    """Side by side in worktrees of their own: the gate fails first, then the review finds
    something; both are mended by the agent that did the work."""
    async with on_codex(project) as (app, pilot):
        await fill_in(
            app, pilot, "task_loop", tasks="Sort the to-dos by due date\nExport a calendar", gate=GATE
        )
        run = await to_the_end(app, pilot, seen=lambda: "● task 1" in drawn(app) and "● task 2" in drawn(app))
        assert run.view.ended == "completed", run.view.why
        assert states(run) == {"task 1": "completed", "task 2": "completed"}
        folders = set()
        for done in run.view.result:
            assert (done["gate_attempts"], done["review_attempts"], done["later"]) == (2, 2, [])
            made = Path(done["folder"])
            folders.add(made)
            assert (made / "made.txt").read_text().strip() == "line"
            assert list((made / "docs" / "decisions").iterdir())
        assert len(folders) == 2
        assert project not in folders
        assert not (project / "made.txt").exists()
        for stage in run.view.stages.values():
            checks = run.checks_of(stage.name)
            gates = [c.passed for c in checks if isinstance(c, e.GateDone)]
            reviews = [[f.priority for f in c.findings] for c in checks if isinstance(c, e.ReviewDone)]
            assert (gates, reviews) == ([False, True, True], [[1], []])
            cost = run.cost(stage.name)
            assert cost is not None
            assert cost.usd > 0
        assert "✓ gate" in drawn(app)
        assert "✓ review" in drawn(app)
        screen(app).graph.choose("task 1")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, StageScreen))
        await pilot.press("3")
        await until(pilot, lambda: "gate failed: exit status 1 (attempt 1/3" in page(app))
        await pilot.press("4")
        await until(pilot, lambda: "[P1] Nothing says why it is done this way" in page(app))
        await pilot.press("escape")


async def test_the_command_for_one_task(project: Path) -> None:
    async with on_codex(project) as (app, pilot):
        await fill_in(app, pilot, "task", task="Sort the to-dos by due date", check=GATE)
        run = await to_the_end(app, pilot, seen=lambda: "● implement" in drawn(app))
        assert run.view.ended == "completed", run.view.why
        assert set(states(run).values()) == {"completed"}
        stages = run.view.stages
        assert (stages["gate"].attempt, stages["review"].attempt) == (2, 2)
        assert [(s.role, s.turn) for s in stages["review"].served] == [
            ("reviewer", 1),
            ("agent", 3),
            ("reviewer", 1),
        ]
        graph = drawn(app)
        for name in ("implement", "gate", "review"):
            assert f"✓ {name}" in graph
        assert "2/4" in graph
        for name in ("implement", "review"):
            cost = run.cost(name)
            assert cost is not None
            assert cost.usd > 0
        log = World(project).git("log", "--branches", "--format=%s")
        assert log.splitlines() == ["Sort the to-dos by due date", "begin"]
        assert not (project / "made.txt").exists(), "the person's checkout is as it was"
