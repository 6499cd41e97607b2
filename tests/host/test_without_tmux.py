"""Where tmux, or the library for it, isn't installed: what needs it says so, and how to
get it; interactive agents do without."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.host.conftest import Stage
from zwarm_tui.core import events as e

LINES = Path(__file__).parents[1] / "executors" / "terminal" / "programs" / "lines.py"
HIDE = """
import importlib.machinery

find = importlib.machinery.PathFinder.find_spec

def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] == "libtmux" else find(name, path, target)

importlib.machinery.PathFinder.find_spec = find_spec
"""


def no_library(folder: Path) -> dict[str, str]:
    """An environment in which libtmux is not installed."""
    (folder / "sitecustomize.py").write_text(HIDE)
    return {"PYTHONPATH": str(folder)}


def no_program(folder: Path) -> dict[str, str]:
    """One in which tmux is not on the PATH."""
    for name in ("sh", "git", "env"):
        (folder / name).symlink_to(shutil.which(name) or name)
    return {"PATH": str(folder)}


LACKS = {
    "libtmux": (no_library, "libtmux is missing: install it with pip install 'zwarm-tui[tmux]'"),
    "tmux": (no_program, "tmux was not found: install it (apt install tmux, brew install tmux)"),
}


@pytest.fixture(params=LACKS)
def lacking(
    request: pytest.FixtureRequest, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Stage, str]:
    """A project without one of the two, and what is said of that."""
    hide: Callable[[Path], dict[str, str]]
    hide, said = LACKS[request.param]
    folder = tmp_path / "hidden"
    folder.mkdir()
    for name, value in hide(folder).items():
        monkeypatch.setenv(name, value)
    config = tmp_path / "config"
    config.mkdir()
    command = [sys.executable, "-u", str(LINES)]
    (config / "config.toml").write_text(f"[agents.mine]\ncommand = {command}\nready = '^lines> $'\n")
    return stage, said


def test_what_needs_tmux_says_what_is_missing_and_how_to_get_it(lacking: tuple[Stage, str]) -> None:
    stage, said = lacking
    folder = stage.project / ".zwarm" / "commands"
    folder.mkdir()
    (folder / "job.yaml").write_text("name: job\ndescription: A job.\nsteps: [start-session, 'touch on']\n")
    done = stage.zwarm("run", "job")
    assert done.returncode == 1
    assert said in done.stdout + done.stderr
    assert not (stage.project / "on").exists()
    for id in ("mine", "deadbeef"):
        done = stage.zwarm("attach", id)
        assert done.returncode != 0
        assert said in done.stderr
    assert said in stage.zwarm("doctor").stdout


def test_an_interactive_agent_does_without_and_says_so(lacking: tuple[Stage, str]) -> None:
    stage, said = lacking
    id = stage.json("delegate", "say hallo", "--executor", "mine")["session_id"]
    (done,) = stage.json("wait", id, "--timeout", "30")
    assert (done["status"], done["last_message"].splitlines()[-1]) == ("completed", "hallo")
    stage.json("converse", id, "say more")
    (done,) = stage.json("wait", id, "--timeout", "30")
    assert (done["status"], done["last_message"]) == ("completed", "more")
    reader = stage.reader()
    notices = [r.event.text for r in reader.records(id) if isinstance(r.event, e.Notice)]
    reader.close()
    assert notices == [f"{said}; without it mine ends with zwarm-tui"]
    stage.json("host", "stop")
    assert not [p for p in Path("/proc").glob("[0-9]*/environ") if _marked(p, id)]


def _marked(environ: Path, session: str) -> bool:
    try:
        return f"ZWARM_SESSION={session}".encode() in environ.read_bytes()
    except OSError:
        return False
