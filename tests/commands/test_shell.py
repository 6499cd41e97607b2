"""`run` and `commands` from the shell, in this process and in the project's host."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands.conftest import alive, marked
from tests.commands.test_tmux_sessions import needs_tmux
from tests.git.world import World
from tests.host.conftest import DEMO, Stage, until
from zwarm_tui.config.paths import tmux_socket
from zwarm_tui.executors.tmux import TmuxServer
from zwarm_tui.store.lock import holder

LONG = (
    "cleanup_on_failure: ['touch {cleaned}; {slow}']\nsteps: [create-worktree, 'touch {begun}; sleep 300']\n"
)


class Shell(Stage):
    def command(self, name: str, text: str) -> Path:
        file = self.project / ".zwarm" / "commands" / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"name: {name}\ndescription: The job {name}.\n{text}")
        return file

    def begin(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """The command line as a process that goes on."""
        return subprocess.Popen(
            [sys.executable, "-m", "zwarm_tui", "--project", str(self.project), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **variables},
        )

    def worktrees(self) -> int:
        return World(self.project).git("worktree", "list", "--porcelain").count("worktree ") - 1


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.setenv("ZWARM_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.delenv("ZWARM_HOST", raising=False)
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Person")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "person@example.org")
    world = World(tmp_path / "project")
    world.write(".gitignore", ".zwarm/\n")
    world.git("add", "-A")
    world.git("commit", "-q", "-m", "begin")
    made = Shell(world.top)
    made.settings(DEMO)
    yield made
    made.end()


@pytest.fixture(params=["in the host", "in this process"])
def place(request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment of the command line."""
    return {"ZWARM_HOST": "never"} if request.param == "in this process" else {}


def test_a_run_to_its_end(shell: Shell, place: dict[str, str]) -> None:
    shell.command(
        "job",
        "arguments: [word, {name: n, type: int, default: 2}]\n"
        "steps: [create-worktree, {name: work, prompt: '@say about {word}'}, 'echo $ZWARM_ARG_N']\n",
    )
    done = shell.zwarm("run", "job", "word=tea", "--json", **place)
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)
    assert (run["name"], run["status"], run["flavour"]) == ("job", "completed", "command")
    assert run["inputs"] == {"word": "tea", "n": 2}
    assert [(s["name"], s["status"]) for s in run["stages"]] == [
        ("create-worktree", "completed"),
        ("work", "completed"),
        ("echo $ZWARM_ARG_N", "completed"),
    ]
    assert run["stages"][1]["result"]["output"] == "about tea"
    assert run["stages"][2]["result"]["output"] == "2\n"
    assert run["cost_usd"] > 0
    assert (run["result"]["kept"], shell.worktrees()) == ([], 0)
    assert "→ work" in done.stderr
    listed = {s["id"]: s["status"] for s in shell.json("ls")}
    agent = run["stages"][1]["turns"][0]["session"]
    assert listed == {run["run"]: "completed", agent: "completed"}
    labels = [c["description"] for c in shell.json("checkpoints")["checkpoints"]]
    assert "job: work" in labels, "a point on the timeline"
    assert (holder(shell.project / ".zwarm") is not None) is (place == {})


def test_a_run_that_fails(shell: Shell, place: dict[str, str]) -> None:
    shell.command("job", "steps: [create-worktree, 'echo x > kept', 'echo why >&2; exit 3']")
    done = shell.zwarm("run", "job", **place)
    assert done.returncode == 1
    assert "exit status 3" in done.stdout
    assert "1 changed files (kept)" in done.stdout
    assert "/logs" in done.stdout
    run = shell.zwarm("run", "job", "--json", **place)
    assert (run.returncode, json.loads(run.stdout)["status"]) == (1, "error")


def test_ctrl_c_cancels_it_and_waits_for_its_cleanup(shell: Shell, place: dict[str, str]) -> None:
    begun, cleaned = shell.project / "begun", shell.project / "cleaned"
    shell.command("job", LONG.format(begun=begun, cleaned=cleaned, slow="true"))
    going = shell.begin("run", "job", "--json", **place)
    until(begun.exists)
    going.send_signal(signal.SIGINT)
    out, err = going.communicate(timeout=40)
    assert going.returncode == 130, err
    run = json.loads(out)
    assert (run["status"], run["error"]) == ("error", "it was cancelled")
    assert (cleaned.exists(), shell.worktrees(), marked(run["run"])) == (True, 0, [])


def test_a_second_ctrl_c_leaves_the_cleanup_steps_out(shell: Shell, place: dict[str, str]) -> None:
    begun, cleaned = shell.project / "begun", shell.project / "cleaned"
    shell.command("job", LONG.format(begun=begun, cleaned=cleaned, slow="sleep 300"))
    going = shell.begin("run", "job", "--json", **place)
    until(begun.exists)
    going.send_signal(signal.SIGINT)
    until(cleaned.exists)
    going.send_signal(signal.SIGINT)
    out, err = going.communicate(timeout=40)
    assert going.returncode == 130, err
    run = json.loads(out)
    assert "was cut short" in run["result"]["cleanup_errors"][0]
    assert (shell.worktrees(), marked(run["run"])) == (0, [])


def test_a_second_ctrl_c_leaves_a_run_that_nobody_gets_begun(shell: Shell, place: dict[str, str]) -> None:
    """A snapshot comes first, and this one does not end."""
    git = shell.project / ".git"
    slow = "touch .git/reached; until [ -e .git/go ]; do sleep 0.05; done; cat"
    World(shell.project).git("config", "filter.slow.clean", slow)
    (git / "info/attributes").write_text("late filter=slow\n")
    (shell.project / "late").write_text("x")
    shell.command("job", "steps: ['echo hi']")
    going = shell.begin("run", "job", **place)
    assert going.stderr is not None
    until((git / "reached").exists)
    going.send_signal(signal.SIGINT)
    said = going.stderr.readline()
    while "cancelled" not in said:
        said = going.stderr.readline()
        assert said, "it has ended"
    going.send_signal(signal.SIGINT)
    try:
        until(lambda: "left before it was begun" in (going.stderr.readline() if going.stderr else ""))
    finally:
        (git / "go").touch()
    going.communicate(timeout=40)
    assert going.returncode == 130


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["job"], "missing argument 'count'"),
        (["job", "count=x"], "'count' can't be 'x': a whole number is wanted"),
        (["job", "count=1", "cont=1"], "unknown argument 'cont'; did you mean 'count'"),
        (["job", "count"], "an argument is key=value"),
        (["nope"], "no command 'nope'"),
        (["broken"], "broken.yaml:3: stpes: unknown key; did you mean 'steps'?"),
    ],
)
def test_wrong_use_starts_nothing(shell: Shell, arguments: list[str], why: str) -> None:
    shell.command("job", "arguments: [{name: count, type: int}]\nsteps: ['touch begun']")
    shell.command("broken", "stpes: []")
    done = shell.zwarm("run", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr
    assert not (shell.project / "begun").exists()
    assert holder(shell.project / ".zwarm") is None, "not even a host"


def test_a_dry_run_lists_all_steps_and_runs_none(shell: Shell) -> None:
    file = shell.command(
        "job",
        "arguments: [a]\nsteps: [create-worktree, 'touch begun']\npost_steps: [x.sh]\n"
        "cleanup_on_failure: ['touch cleaned']",
    )
    before = sorted(shell.project.rglob("*"))
    plan = shell.json("run", str(file), "a=1", "--dry-run")
    assert [s["what"] for s in plan["steps"]] == [
        "builtin: create-worktree",
        "shell: touch begun",
        "script: x.sh",
    ]
    assert [s["what"] for s in plan["cleanup_on_failure"]] == ["shell: touch cleaned"]
    assert plan["arguments"] == {"a": "1"}
    assert "2. touch begun" in shell.zwarm("run", "job", "a=1", "--dry-run").stdout
    assert sorted(shell.project.rglob("*")) == before
    assert shell.zwarm("run", "job", "--dry-run").returncode == 2


def test_commands_are_listed_broken_ones_with_their_error(shell: Shell) -> None:
    shell.command("good", "category: ops\narguments: [{name: a, type: int, default: 1}]\nsteps: []")
    shell.command("broken", "nonsense: 1")
    found: dict[str, Any] = {c["name"]: c for c in shell.json("commands")}
    assert "broken.yaml:3: nonsense: unknown key" in found["broken"]["error"]
    assert (found["good"]["error"], found["good"]["origin"]) == (None, "project")
    assert found["good"]["arguments"][0]["type"] == "int"
    assert found["good"]["category"] == "ops"
    out = shell.zwarm("commands").stdout
    assert "The job good." in out
    assert "nonsense" in out


def test_a_host_that_dies_in_mid_run_leaves_nothing(shell: Shell) -> None:
    """Its processes and its clean worktree go at the next start; the run says it was
    interrupted."""
    begun = shell.project / "begun"
    shell.command("job", f"steps: [create-worktree, 'setsid sleep 300 & touch {begun}; sleep 300']")
    going = shell.begin("run", "job", "--json")
    until(begun.exists)
    (folder,) = (shell.project / ".zwarm" / "runs").iterdir()
    going.kill()  # else it has a host started again at once
    going.communicate(timeout=40)
    shell.kill()
    assert marked(folder.name), "nobody has ended them yet"
    assert shell.worktrees() == 1
    shell.json("host", "start")
    until(lambda: not marked(folder.name), "its processes are gone")
    assert shell.worktrees() == 0
    (run,) = shell.json("workflow", "status")
    assert (run["run"], run["status"]) == (folder.name, "error")
    assert [s["status"] for s in run["stages"]] == ["completed", "interrupted"]
    assert not (folder / "live.json").exists()


def test_what_a_dead_hosts_run_had_not_committed_is_kept_and_said(shell: Shell) -> None:
    begun = shell.project / "begun"
    shell.command("job", f"steps: [create-worktree, 'echo x > mine; touch {begun}; sleep 300']")
    going = shell.begin("run", "job", "--json")
    until(begun.exists)
    shell.kill()
    out, err = going.communicate(timeout=60)
    assert going.returncode == 1, err
    run = json.loads(out)
    assert run["run"] == shell.json("workflow", "status")[0]["run"]
    (kept,) = run["result"]["kept"]
    assert "1 changed files (mine)" in kept
    assert kept in run["error"]
    assert (Path(run["result"]["worktree"]) / "mine").exists()
    assert shell.worktrees() == 1


def test_a_host_that_is_to_end_sees_a_run_through(shell: Shell) -> None:
    """Also those of its steps that had not begun."""
    begun, go = shell.project / "begun", shell.project / "go"
    shell.command(
        "job",
        f"steps: ['touch {begun}; until test -e {go}; do sleep 0.05; done', {{name: w, prompt: '@say done'}}]",
    )
    going = shell.begin("run", "job", "--json")
    until(begun.exists)
    stopping = shell.begin("host", "stop", "--running", "drain")
    until(lambda: "about to end" in shell.zwarm("delegate", "@say no").stderr)
    go.touch()
    out, err = going.communicate(timeout=40)
    assert going.returncode == 0, err
    assert json.loads(out)["stages"][1]["result"]["output"] == "done"
    _, err = stopping.communicate(timeout=40)
    assert stopping.returncode == 0, err


@needs_tmux
def test_a_dead_hosts_tmux_session_is_ended_at_the_next_start(shell: Shell) -> None:
    begun, pid = shell.project / "begun", shell.project / "pid"
    shell.command(
        "job",
        "steps:\n"
        f"  - {{action: start-session, args: {{command: 'echo $$ > {pid}; exec setsid -w sleep 300'}}}}\n"
        f"  - until test -s {pid}; do sleep 0.05; done; touch {begun}; sleep 300\n",
    )
    going = shell.begin("run", "job")
    until(begun.exists)
    going.kill()
    going.communicate(timeout=40)
    shell.kill()
    inside = int(pid.read_text())
    assert alive(inside)
    shell.json("host", "start")
    until(lambda: not alive(inside), "what ran in the session is gone")
    sessions = asyncio.run(TmuxServer(tmux_socket(shell.project)).list())
    assert sessions == []
    (run,) = shell.json("workflow", "status")
    assert run["error"] == "zwarm_tui stopped while it ran"
