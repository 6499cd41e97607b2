"""From the app into an agent's terminal and back, in a real terminal."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal.test_app_in_a_terminal import ENTER, Start, project, start
from zwarm_tui.config.paths import tmux_socket
from zwarm_tui.executors.tmux import TmuxServer

__all__ = ["project", "start"]

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

LINES = Path(__file__).parents[1] / "executors" / "terminal" / "programs" / "lines.py"


COMMAND = """
name: job
description: It has a screen of its own.
steps:
  - {action: start-session, args: {command: "echo of the run; exec cat"}}
  - {name: waits, action: "until test -e go; do sleep 0.05; done"}
"""


@pytest.fixture
def mine(project: Path, tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "config" / "config.toml").write_text(
        'executor = "mine"\n[pilot]\nbrain = "demo"\n'
        f'[agents.mine]\ncommand = ["{sys.executable}", "-u", "{LINES}"]\nready = "^lines> $"\n'
    )
    yield project

    async def end() -> None:
        for session in await TmuxServer(tmux_socket(project)).list():
            await session.kill()

    asyncio.run(end())


def test_the_app_steps_aside_for_an_agents_terminal_and_comes_back(mine: Path, start: Start) -> None:
    app = start()
    app.wait_for("What shall be done?")
    app.send(":delegate say it works here" + ENTER)
    app.wait_for("lines 1.0", "T1")  # its transcript is open
    app.send("\x1bOR")  # f3: the transcript
    app.wait_for("terminal")  # in the bottom line
    app.send("t")
    app.wait_for("python")  # tmux names the program in its last line
    app.send("say typed by hand" + ENTER)
    app.wait_for("typed by hand", "lines>")
    app.drain(0.5)  # keys that come at once with others tmux takes for a paste
    app.send("\x02d")
    app.wait_for("it works here", "T1")


def test_it_can_write_long_frames_after_tmux_left_the_terminal_as_it_wants_it(
    mine: Path, start: Start, tmp_path: Path
) -> None:
    tmux = tmp_path / "bin" / "tmux"
    tmux.parent.mkdir()
    tmux.write_text(
        f"""#!/bin/sh
case " $* " in
*" attach"*) exec {sys.executable} -c "import os; os.set_blocking(0, False)" ;;
esac
exec {shutil.which("tmux")} "$@"
"""
    )
    tmux.chmod(0o755)
    app = start(PATH=f"{tmux.parent}:{os.environ['PATH']}")
    app.wait_for("What shall be done?")
    app.send(":delegate say it works here" + ENTER)
    app.wait_for("lines 1.0", "T1")
    app.send("\x1bOR")
    app.wait_for("terminal")
    app.send("t")
    app.wait_for("\x1b[?1049l", "it works here", "T1")  # it left, and is back
    flags = Path(f"/proc/{app.child.pid}/fdinfo/1").read_text().split("flags:")[1].split()[0]
    assert not int(flags, 8) & os.O_NONBLOCK


def test_the_app_steps_aside_for_the_terminal_of_a_run(mine: Path, start: Start) -> None:
    folder = mine / ".zwarm" / "commands"
    folder.mkdir(parents=True)
    (folder / "job.yaml").write_text(COMMAND)
    app = start()
    app.wait_for("What shall be done?")
    app.send(":run job" + ENTER)
    app.wait_for("ctrl+s  start")  # in its form
    app.send("\x13")
    app.wait_for("waits", "terminal")  # in the bottom line
    app.send("t")
    app.wait_for("of the run", "cat")  # tmux names the program in its last line
    app.send("typed by hand" + ENTER)
    app.wait_for("typed by hand")
    app.drain(0.5)  # keys that come at once with others tmux takes for a paste
    app.send("\x02d")
    app.wait_for("waits", "start-session")
    (mine / "go").touch()
    app.wait_for("2 of 2 stages done")
