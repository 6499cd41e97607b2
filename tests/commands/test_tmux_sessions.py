"""Commands with a real tmux session around them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands.conftest import Shop, alive, eventually
from zwarm_tui.commands import CommandRun, Session
from zwarm_tui.commands.terminals import TmuxTerminals
from zwarm_tui.config.paths import tmux_socket
from zwarm_tui.core.errors import TmuxError
from zwarm_tui.executors.tmux import TmuxServer

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


@pytest.fixture
async def tmux(shop: Shop) -> AsyncIterator[TmuxServer]:
    """The project's server; the test fails where it leaves a session there."""
    server = TmuxServer(tmux_socket(shop.project))
    yield server
    left = await server.list()
    for session in left:
        await session.kill()
    assert left == []


@needs_tmux
async def test_a_session_of_its_own_is_there_for_the_steps_and_goes_after_them(
    shop: Shop, tmux: TmuxServer
) -> None:
    run, result = await shop.run(
        """
        environment: {WORD: of the command}
        steps:
          - {action: start-session, args: {command: "echo $WORD > word; sleep 300"}}
          - 'tmux -S "$ZWARM_TMUX_SOCKET" list-sessions -F "#{session_name} #{session_path}"'
          - start-session
          - until test -s word; do sleep 0.05; done
        """
    )
    assert result.success, result.error
    name = f"shop-job-{run.id}"
    assert run.session.step_history[1].output == f"{name} {shop.project}\n"
    assert run.session.step_history[2].output == name, "the same one, made once"
    assert (shop.project / "word").read_text() == "of the command\n"
    assert run.view.result["tmux_session"] == name
    assert [s.result.get("tmux_session") for s in run.view.stages.values()] == [name, None, name, None]


@needs_tmux
async def test_in_a_worktree_the_session_goes_first_and_the_worktree_after_it(
    shop: Shop, tmux: TmuxServer
) -> None:
    run, result = await shop.run(
        """
        steps:
          - {action: create-worktree, args: {branch: try}}
          - {action: start-session, args: {command: "echo $$ > ../pid; exec sleep 300"}}
          - until test -s ../pid; do sleep 0.05; done
          - exit 1
        """
    )
    assert (result.success, result.kept, result.cleanup_errors) == (False, [], [])
    assert run.session.tmux_session_name == f"shop-try-{run.id}"
    assert not alive(int((shop.project.parent / "worktrees" / "pid").read_text()))
    assert shop.worktrees() == []


@needs_tmux
async def test_a_timeout_and_a_cancel_leave_no_session(shop: Shop, tmux: TmuxServer) -> None:
    _, result = await shop.run("timeout: 1\nsteps: [start-session, 'sleep 300']")
    assert not result.success
    run: CommandRun = await shop.make("steps: [start-session, 'touch begun; sleep 300']")
    going = asyncio.create_task(run.execute())
    await eventually((shop.project / "begun").exists)
    assert len(await tmux.list()) == 1
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going


@needs_tmux
async def test_a_session_can_be_kept(shop: Shop, tmux: TmuxServer) -> None:
    run, result = await shop.run("cleanup: never\nsteps: [start-session]")
    name = run.session.tmux_session_name
    assert name is not None
    assert result.kept == [f"tmux session {name} is kept: this command's cleanup = never"]
    assert [s.name for s in await tmux.list()] == [name]
    await tmux.kill(name)


async def test_no_tmux_is_an_error_and_never_an_invented_name(shop: Shop, monkeypatch: Any) -> None:
    """S-7, PJ-7; and a command that wants none runs without it."""
    git = Path(shutil.which("git") or "")
    only = shop.project.parent / "bin"
    only.mkdir()
    for program in (git, Path("/bin/sh")):
        (only / program.name).symlink_to(program)
    monkeypatch.setenv("PATH", str(only))
    run, result = await shop.run("steps: [start-session, 'echo x > ran']")
    assert "tmux was not found" in (result.error or "")
    assert run.session.tmux_session_name is None
    assert run.view.stages["start-session"].status == "failed"
    assert not (shop.project / "ran").exists()
    _, result = await shop.run("steps: ['echo x > ran']")
    assert result.success
    session = Session(
        id="s", command_name="c", project_path=shop.project, artifact_dir=shop.project / ".zwarm" / "a"
    )
    with pytest.raises(TmuxError):
        await session.create_tmux_session(TmuxTerminals(shop.project))
    assert session.tmux_session_name is None
