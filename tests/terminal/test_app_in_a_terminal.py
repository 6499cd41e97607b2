"""The app in a real terminal, through pexpect: as a person starts, uses and leaves it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.bench.pty import Terminal
from zwarm_tui.store.reader import Reader

Start = Callable[..., Terminal]
CTRL_Q = "\x11"
ENTER = "\r"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text('executor = "demo"\n[pilot]\nbrain = "demo"\n')
    return folder


@pytest.fixture
def start(project: Path, tmp_path: Path) -> Iterator[Start]:
    terminals: list[Terminal] = []

    def begin(*args: str, columns: int = 120, rows: int = 36, **env: str) -> Terminal:
        argv = [sys.executable, "-m", "zwarm_tui", "--project", str(project), *args]
        config = str(tmp_path / "config")
        env = {"ZWARM_CONFIG_DIR": config, "ZWARM_HOST": "never", **env}
        made = Terminal(argv, cwd=project, columns=columns, rows=rows, **env)
        terminals.append(made)
        return made

    yield begin
    for terminal in terminals:
        terminal.close()


def read(project: Path) -> Reader:
    return Reader(project / ".zwarm" / "zwarm.db")


def test_say_see_jump_branch_and_come_back(start: Start, project: Path) -> None:
    app = start()
    app.wait_for("What shall be done?")
    app.send("@say The first answer" + ENTER)
    app.wait_for("The first answer", "T1")
    app.send("@say The second answer" + ENTER)
    app.wait_for("T2")
    app.send(":T1" + ENTER)
    app.wait_for("Jump to T1?")
    app.send(ENTER)
    app.wait_for("branches from T1")
    app.send("@say Another line" + ENTER)
    app.wait_for("branch-2", "T3")
    app.send(CTRL_Q)
    app.finish()
    reader = read(project)
    assert [c.parent for c in reader.checkpoints()][:3] == [0, 1, 1]
    assert reader.position().branch_name == "branch-2"
    reader.close()
    again = start()
    again.wait_for("Another line", "branch-2")


def test_quitting_while_a_turn_runs_asks_and_marks_it_resumable(start: Start, project: Path) -> None:
    app = start()
    app.wait_for("What shall be done?")
    app.send(":delegate @hang" + ENTER)
    app.wait_for("1 running")
    app.send(CTRL_Q)
    app.wait_for("Interrupt them and quit")
    app.send("y")
    assert app.finish() == 0
    reader = read(project)
    [session] = [s for s in reader.sessions() if s.role == "executor"]
    assert session.status.value == "interrupted"
    reader.close()
    marks = [p for p in psutil.process_iter() if _holds(p, str(project))]
    assert marks == []


def _holds(process: psutil.Process, folder: str) -> bool:
    try:
        return process.pid != os.getpid() and process.cwd() == folder
    except psutil.Error:
        return False


def test_a_second_screen_reads_only_and_says_so(start: Start) -> None:
    first = start()
    first.wait_for("What shall be done?")
    first.send("@say hello there" + ENTER)
    first.wait_for("hello there", "T1")
    second = start()
    second.wait_for("Read-only", "hello there")
    first.send("@say seen by both" + ENTER)
    second.wait_for("seen by both")


def test_killed_and_started_again_it_shows_the_same(start: Start, project: Path) -> None:
    app = start()
    app.wait_for("What shall be done?")
    app.send("@say before the kill" + ENTER)
    app.wait_for("T1")
    app.send(":delegate @hang" + ENTER)
    app.wait_for("1 running")
    app.child.kill(9)
    app.finish()
    again = start()
    again.wait_for("before the kill", "interrupted")
    shown = subprocess.run(
        [sys.executable, "-m", "zwarm_tui", "--project", str(project), "ls", "--json"],
        capture_output=True,
        check=True,
    )
    statuses = {s["task"]: s["status"] for s in json.loads(shown.stdout)}
    assert statuses["@hang"] == "interrupted"


def test_with_a_host_agents_outlive_the_screen(start: Start, project: Path, tmp_path: Path) -> None:
    env = {**os.environ, "ZWARM_CONFIG_DIR": str(tmp_path / "config")}
    env.pop("ZWARM_HOST", None)

    def zwarm(*args: str) -> str:
        argv = [sys.executable, "-m", "zwarm_tui", "--project", str(project), *args]
        return subprocess.run(argv, env=env, check=True, capture_output=True, text=True, timeout=120).stdout

    try:
        app = start(ZWARM_HOST="")
        app.wait_for("What shall be done?")
        app.send(":delegate @run until test -e go; do sleep 0.05; done" + ENTER)
        app.wait_for("1 running")
        app.child.kill(9)
        app.finish()
        other = start(ZWARM_HOST="")
        other.wait_for("1 running")
        other.send(CTRL_Q)
        assert other.finish() == 0  # it asks nothing: nothing is stopped
        (project / "go").touch()
        [session] = json.loads(zwarm("wait", "--json", "--timeout", "60"))
        assert session["status"] == "completed"
        assert session["turns"] == 1
    finally:
        zwarm("host", "stop")


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 60)])
def test_it_opens_at_any_size_without_colour(start: Start, columns: int, rows: int) -> None:
    app = start(columns=columns, rows=rows, NO_COLOR="1")
    app.wait_for("What shall be done?")


def test_sixteen_colours_are_enough(start: Start) -> None:
    app = start(COLORTERM="", TERM="xterm")
    app.wait_for("What shall be done?")


def test_a_tiny_terminal_gets_a_sentence(start: Start) -> None:
    app = start(columns=20, rows=5)
    app.wait_for("terminal", "40×10")


DEFECT = """
import sys
from zwarm_tui.cli import main
from zwarm_tui.tui.app import ZwarmApp

def defect(self):
    secret = "do not show me"
    raise KeyError("a defect of ours")

ZwarmApp.action_quit = defect
sys.exit(main(sys.argv[1:]))
"""


def test_a_defect_ends_it_with_a_sentence_and_a_report(project: Path, tmp_path: Path) -> None:
    script = tmp_path / "defect.py"
    script.write_text(DEFECT)
    app = Terminal(
        [sys.executable, str(script), "--project", str(project)],
        cwd=project,
        ZWARM_HOST="never",
        ZWARM_CONFIG_DIR=str(tmp_path / "config"),
    )
    try:
        app.wait_for("What shall be done?")
        app.send(CTRL_Q)
        app.wait_for("this should not have happened, and is a bug")
        assert app.finish() == 1
    finally:
        app.close()
    [report] = (project / ".zwarm").glob("crash-*.log")
    assert "a defect of ours" in report.read_text()
    assert b"do not show me" not in app.seen
