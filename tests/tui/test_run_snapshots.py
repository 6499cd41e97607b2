"""How runs look: the graph in three states, a stage's page, the form, and nothing yet.
After a change on purpose: `pytest tests/tui/test_run_snapshots.py --snapshot-update`."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui import runs_scene as scene
from tests.tui.runs_scene import RunLog
from tests.tui.scene import Recorder, make_app
from tests.tui.test_runs import DEBATE
from zwarm_tui.config.settings import UiSettings
from zwarm_tui.tui.app import ZwarmApp

SIZES = {"80x24": (80, 24), "120x36": (120, 36), "200x60": (200, 60)}
Compare = Callable[..., bool]


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A project whose agents somebody runs: its live runs are alive."""
    folder = tmp_path / "todo"
    folder.mkdir()
    lock = scene.hold(folder)
    yield folder
    lock.release()


def fill(project: Path, *states: Callable[[RunLog], None]) -> None:
    log = RunLog(project)
    for state in states:
        state(log)
    log.store.close()


def app_in(project: Path, theme: str = "zwarm-dark") -> ZwarmApp:
    return make_app(project, Recorder(), ui=UiSettings(theme=theme, animations=False))


def after(*keys: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    """Open the screen of runs, and type; "…" waits for a moment."""

    async def run(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, ZwarmApp)
        while not app.link.ready:
            await pilot.pause()
        await pilot.press("f5")
        while app.runs is None or app.screen is not app.runs:
            await pilot.pause()
        for key in keys:
            before = app.screen
            await pilot.press(key)
            await pilot.pause()
            if key == "n":
                while app.screen is before or not any(x.has_focus for x in app.screen.query("#startables")):
                    await pilot.pause()
        for widget in app.screen.query("TextArea, Input"):
            widget.cursor_blink = False  # type: ignore[attr-defined]
        app.clear_notifications()
        await pilot.pause()

    return run


STATES = {"running": scene.running, "failed": scene.failed, "done": scene.done}


@pytest.mark.parametrize("theme", ["zwarm-dark", "zwarm-light"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("state", STATES)
def test_the_graph(snap_compare: Compare, project: Path, state: str, size: str, theme: str) -> None:
    """Parallel stages and attempt 2/3; a failed one with its sibling kept; all done."""
    fill(project, STATES[state])
    assert snap_compare(app_in(project, theme), terminal_size=SIZES[size], run_before=after())


@pytest.mark.parametrize("state", STATES)
def test_the_graph_between_the_sizes(snap_compare: Compare, project: Path, state: str) -> None:
    """Cards are narrower where all layers then fit."""
    fill(project, STATES[state])
    assert snap_compare(app_in(project), terminal_size=(160, 45), run_before=after())


@pytest.mark.parametrize("size", SIZES)
def test_all_runs(snap_compare: Compare, project: Path, size: str) -> None:
    """Who waits for the person is on top."""
    fill(project, scene.done, scene.failed, scene.running, scene.asking)
    assert snap_compare(app_in(project), terminal_size=SIZES[size], run_before=after("tab"))


@pytest.mark.parametrize("size", ["80x24", "120x36"])
def test_the_gates_of_a_stage(snap_compare: Compare, project: Path, size: str) -> None:
    """Command, exit status, duration, output."""
    fill(project, scene.failed)
    assert snap_compare(app_in(project), terminal_size=SIZES[size], run_before=after("enter", "3"))


@pytest.mark.parametrize("size", SIZES)
def test_no_runs(snap_compare: Compare, project: Path, size: str) -> None:
    """Says how to start one."""
    assert snap_compare(app_in(project), terminal_size=SIZES[size], run_before=after())


def _workflows(project: Path) -> None:
    folder = project / ".zwarm" / "workflows"
    folder.mkdir(parents=True)
    (folder / "debate.py").write_text(DEBATE)
    (folder / "broken.py").write_text("async def walk(ctx):\n    pass\n")


@pytest.mark.parametrize("theme", ["zwarm-dark", "zwarm-light"])
@pytest.mark.parametrize("size", ["80x24", "120x36"])
def test_the_form(
    snap_compare: Compare, project: Path, monkeypatch: pytest.MonkeyPatch, size: str, theme: str
) -> None:
    """What is missing is said where it is missing."""
    monkeypatch.setattr("zwarm_tui.tui.runs.startable._shipped", lambda project: (), raising=False)
    _workflows(project)
    assert snap_compare(
        app_in(project, theme), terminal_size=SIZES[size], run_before=after("n", "enter", "ctrl+s")
    )
