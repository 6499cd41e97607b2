"""From a run to the terminal that it works in."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.tui.runs_scene import RunLog
from tests.tui.test_app import said, until
from tests.tui.test_runs import choose, log, runs, screen
from zwarm_tui.config.paths import tmux_socket
from zwarm_tui.executors.tmux import TmuxServer, TmuxSession
from zwarm_tui.tui.actions import NEEDS

__all__ = ["log"]

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
NO_TERMINAL = NEEDS["run-terminal"]


@pytest.fixture
async def terminals(tmp_path: Path) -> AsyncIterator[list[TmuxSession]]:
    """Two sessions, as steps of a command make them."""
    server = TmuxServer(tmux_socket(tmp_path))
    made = [await server.new(f"todo-job-{n}", cwd=tmp_path, command=["cat"]) for n in (1, 2)]
    yield made
    for session in made:
        await session.kill()


def job(log: RunLog, *names: str) -> None:
    """A run whose first steps each made a session of that name; the last step runs."""
    log.run("c0ffee", "job", ago=20, flavour="command")
    after = ""
    for n, name in enumerate(names, 1):
        result = {"output": name, "tmux_session": name}
        log.stage("c0ffee", f"made-{n}", after=after, ago=20 - n, took=1, result=result)
        after = f"made-{n}"
    log.stage("c0ffee", "works", after=after, ago=5)


@needs_tmux
async def test_a_stage_s_own_terminal_comes_before_that_of_its_run(
    log: RunLog, tmp_path: Path, terminals: list[TmuxSession]
) -> None:
    """Where the screen can't step aside, as here, it says the command that shows it."""
    job(log, *(session.name for session in terminals))
    first, last = (shlex.join(session.attach_argv()) for session in terminals)
    async with runs(tmp_path) as (app, _, pilot):
        await choose(app, pilot, "works")
        await pilot.press("t")
        await until(pilot, lambda: last in said(app))
        assert first not in said(app)
        await choose(app, pilot, "made-1")
        await pilot.press("t")
        await until(pilot, lambda: first in said(app))
        await pilot.press("tab")
        assert "-at-list" in screen(app).classes  # from the list it is that of the run, too
        await choose(app, pilot, "works")
        app.clear_notifications()
        await pilot.press("t")
        await until(pilot, lambda: last in said(app))


async def test_a_run_without_a_terminal_says_so(log: RunLog, tmp_path: Path) -> None:
    job(log)
    async with runs(tmp_path) as (app, _, pilot):
        await pilot.press("t")
        await until(pilot, lambda: NO_TERMINAL in said(app))


@needs_tmux
async def test_a_terminal_that_somebody_ended_is_not_gone_to(log: RunLog, tmp_path: Path) -> None:
    job(log, "todo-job-1")
    async with runs(tmp_path) as (app, _, pilot):
        await pilot.press("t")
        await until(pilot, lambda: "todo-job-1 is not there any more" in said(app))


@needs_tmux
async def test_after_its_end_only_a_terminal_that_was_kept_is_offered(
    log: RunLog, tmp_path: Path, terminals: list[TmuxSession]
) -> None:
    name = terminals[0].name
    job(log, name)
    log.end("c0ffee", "interrupted", ago=1, result={"tmux_session": name, "kept": [], "cleanup_errors": []})
    async with runs(tmp_path) as (app, _, pilot):
        await pilot.press("t")
        await until(pilot, lambda: NO_TERMINAL in said(app))
        kept = [f"tmux session {name} is kept: this command's cleanup = never"]
        log.end("c0ffee", "interrupted", ago=0, result={"tmux_session": name, "kept": kept})
        log.store.flush()
        app.feed.flush()
        await pilot.press("t")
        await until(pilot, lambda: shlex.join(terminals[0].attach_argv()) in said(app))
