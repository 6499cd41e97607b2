"""Wrong use, empty projects, and everything else that deserves a sentence."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from tests.cli.conftest import Answer
from zwarm_tui import __version__
from zwarm_tui.cli import app
from zwarm_tui.config.project import find_project
from zwarm_tui.config.settings import Settings, load
from zwarm_tui.store.log import private_folder

Zwarm = Callable[..., Answer]


def test_version(zwarm: Zwarm) -> None:
    assert zwarm("--version").out == f"zwarm-tui {__version__}\n"


def test_help_lists_every_verb_as_it_describes_itself(zwarm: Zwarm) -> None:
    overview = zwarm("-h").out
    for name, (_, line) in app.VERBS.items():
        assert f"{name} " in overview
        assert line in overview
        own = zwarm(name, "-h")
        assert own.status == 0
        assert line in own.out
        assert "--json" in own.out
        assert "--project" in own.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-verb",),
        ("ls", "--status", "dreaming"),
        ("peek",),
        ("ls", "--no-such-option"),
        ("--project", "/no/such/folder", "ls"),
        ("export",),
        ("export", "x", "--all"),
        ("demo", "--agents", "0"),
        (),
    ],
    ids=" ".join,
)
def test_wrong_use_is_a_sentence(zwarm: Zwarm, arguments: tuple[str, ...]) -> None:
    answer = zwarm(*arguments)
    assert answer.status == 2
    assert answer.out == ""
    assert answer.err.startswith("zwarm-tui: ")
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("verb", ["peek", "check", "tail", "export"])
def test_an_unknown_session_is_not_found(zwarm: Zwarm, verb: str) -> None:
    answer = zwarm(verb, "nobody\x1b[31m", "--json")
    assert answer.status == 2
    assert answer.out == ""
    assert "no session 'nobody\\x1b[31m'" in answer.err


def test_nothing_recorded_yet(zwarm: Zwarm, project: Path) -> None:
    assert zwarm("ls", "--json").json() == []
    assert zwarm("export", "--all", "--json").json() == []
    assert zwarm("export", "--all").out == ""
    timeline = zwarm("checkpoints", "--json").json()
    assert (timeline["current"], timeline["branch"], timeline["checkpoints"]) == ("root", "main", [])
    cost = zwarm("cost", "--json").json()
    assert cost["total_usd"] == 0
    assert cost["complete"] is True
    for verb in ("ls", "checkpoints", "cost"):
        answer = zwarm(verb)
        assert answer.status == 0
        assert "nothing has run" in answer.err
    assert not (project / ".zwarm").exists(), "a reading verb left something behind"


def test_project_is_the_checkout_around(zwarm: Zwarm, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = project / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert str(project) in zwarm("ls").err
    assert find_project(inner) == project
    assert zwarm("ls", "--project", str(inner)).err.count(str(inner)) == 1
    assert zwarm("--project", str(inner), "ls").err.count(str(inner)) == 1


def test_without_git_the_project_is_the_folder() -> None:
    assert find_project(Path("/")) == Path("/")


def test_a_worktree_of_the_person_is_a_project_of_its_own(project: Path) -> None:
    (project / "tree" / "src").mkdir(parents=True)
    (project / "tree" / ".git").write_text("gitdir: ../.git/worktrees/tree\n")
    assert find_project(project / "tree" / "src") == project / "tree"


def test_the_private_folder_is_private(tmp_path: Path) -> None:
    state = tmp_path / ".zwarm"
    private_folder(state)
    assert state.stat().st_mode & 0o777 == 0o700
    assert (state / ".gitignore").read_text() == "*\n"
    state.chmod(0o755)
    (state / ".gitignore").write_text("mine\n")
    private_folder(state)
    assert state.stat().st_mode & 0o777 == 0o700
    assert (state / ".gitignore").read_text() == "mine\n"


def test_a_bug_leaves_a_report_and_no_traceback(
    zwarm: Zwarm, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("impossible \ud83d")

    monkeypatch.setattr("zwarm_tui.cli.call.Call.reader", broken)
    answer = zwarm("ls")
    assert answer.status == 1
    assert "Traceback" not in answer.err
    file = Path(answer.err.rpartition(" ")[2].strip())
    assert "RuntimeError: impossible" in file.read_text()
    file.unlink()
    private_folder(project / ".zwarm")
    inside = Path(zwarm("ls").err.rpartition(" ")[2].strip())
    assert inside.parent == project / ".zwarm"


def test_no_colour_in_a_pipe(shell: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    assert "\x1b" not in shell("zwarm checkpoints; zwarm doctor").stdout


def test_a_full_disk_is_a_sentence(shell: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    done = shell("zwarm ls --json >/dev/full")
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_output_that_nobody_reads_is_no_error(
    shell: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = shell("set -o pipefail; zwarm -h | true; zwarm checkpoints --json | head -c 1")
    assert done.stdout in ("{", "")
    assert "Broken" not in done.stderr
    assert "Traceback" not in done.stderr


def test_an_old_terminal_gets_everything(shell: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = shell("zwarm peek 日本", PYTHONIOENCODING="latin-1")
    assert done.returncode == 2
    assert "\\u65e5" in done.stderr


def test_a_tiny_terminal(project: Path) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "zwarm_tui", "checkpoints"],
        dimensions=(5, 20),
        cwd=str(project),
        encoding="utf-8",
    )
    child.expect(pexpect.EOF, timeout=30)
    child.close()
    assert child.exitstatus == 0
    assert "Traceback" not in child.before


def test_interrupt_is_130(project: Path) -> None:
    code = """
import os, signal
from zwarm_tui.cli.call import Call
Call.reader = lambda self: os.kill(os.getpid(), signal.SIGINT)
from zwarm_tui.cli import main
raise SystemExit(main(["ls"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


def test_a_read_only_folder_is_a_sentence(zwarm: Zwarm, project: Path) -> None:
    folder = project
    if os.geteuid() == 0:  # may write anywhere, but not there
        folder = Path("/sys")
        if not folder.is_dir():
            pytest.skip("no folder here that root can't write to")
    else:
        project.chmod(0o500)
    answer = zwarm("init", "--project", str(folder))
    assert answer.status == 1
    assert re.search(r"zwarm-tui: .*(permitted|denied|Read-only).*\.zwarm", answer.err)


def test_init_writes_settings_once(zwarm: Zwarm, project: Path) -> None:
    file = project / ".zwarm" / "config.toml"
    assert zwarm("init", "--json").json() == {"config": str(file)}
    loaded = load(project)
    assert (loaded.settings, loaded.problems) == (Settings(), []), "a fresh file changes nothing"
    assert file in loaded.files
    assert file.parent.stat().st_mode & 0o777 == 0o700
    file.write_text("max_concurrent = 2\n")
    again = zwarm("init")
    assert again.status == 2
    assert "is there already" in again.err
    assert file.read_text() == "max_concurrent = 2\n"
