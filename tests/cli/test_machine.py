"""`doctor` and `demo`: verbs that start programs."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Answer

Zwarm = Callable[..., Answer]


@pytest.fixture(autouse=True)
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of the developer's own: configuration, login."""
    monkeypatch.setenv("ZWARM_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("ZWARM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / "codex"))
    (tmp_path / "codex").mkdir()
    return tmp_path / "config"


def test_doctor_without_a_login(zwarm: Zwarm, project: Path) -> None:
    answer = zwarm("doctor", "--json")
    value = answer.json()
    assert set(value) == {"python", "git", "tmux", "executors", "config_files", "problems"}
    agents = {agent["name"]: agent for agent in value["executors"]}
    assert agents["demo"]["found"] is True
    assert set(agents["codex"]) == {"name", "found", "path", "version", "login", "problem"}
    assert answer.status == 1, "the demo agent is no real one"
    assert "codex login" in agents["codex"]["problem"]
    assert any("no real agent" in problem for problem in value["problems"])
    assert not (project / ".zwarm").exists()
    people = zwarm("doctor")
    assert people.status == 1
    assert "codex login" in people.out


def test_doctor_without_codex(zwarm: Zwarm, own_configuration: Path) -> None:
    own_configuration.mkdir()
    file = own_configuration / "config.toml"
    file.write_text('[codex]\npath = "/no/such/codex"\n\n[ui]\nbell = "loud"\n')
    answer = zwarm("doctor", "--json")
    value = answer.json()
    assert answer.status == 1
    codex = next(agent for agent in value["executors"] if agent["name"] == "codex")
    assert codex["found"] is False
    assert "/no/such/codex" in codex["problem"]
    assert value["config_files"] == [str(file)]
    assert any(problem.startswith(f"{file}:5: ") for problem in value["problems"])


def test_doctor_with_an_agent_that_could_run(zwarm: Zwarm, project: Path) -> None:
    """A provider of the user's own needs no login."""
    home = project.parent / "codex" / "config.toml"
    home.write_text(
        'model_provider = "mine"\n[model_providers.mine]\nname = "mine"\n'
        'base_url = "http://127.0.0.1:9/v1"\nwire_api = "responses"\n'
    )
    answer = zwarm("doctor", "--json")
    assert answer.status == 0, answer.out
    assert answer.json()["problems"] == []


def test_the_demo_without_a_screen(zwarm: Zwarm, project: Path) -> None:
    answer = zwarm("demo", "--headless", "--json", "--keep")
    value = answer.json()
    assert answer.status == 0
    assert {"sessions", "checkpoints", "branches", "cost", "project"} <= set(value)
    kept = Path(value["project"])
    try:
        assert [c["label"] for c in value["checkpoints"]] == ["T1", "T2", "T3", "T4", "T5"]
        assert len(value["branches"]) == 2
        assert len(value["sessions"]) >= 3
        compared = value["compare"]
        assert (compared["common"], compared["a"]["label"], compared["b"]["label"]) == (
            "T3",
            "main",
            "branch-2",
        )
        assert compared["a"]["cost_usd"] > 0
        assert compared["b"]["cost_usd"] > 0
        assert compared["files"]["problem"] is None
        assert "docs/decisions/json_lock.md" in {f["path"] for f in compared["files"]["changed"]}
        told = zwarm("cost", "--json", "--project", str(kept)).json()
        assert told["total_usd"] == value["cost"]["total_usd"]
        assert "simulated" in zwarm("cost", "--project", str(kept)).out
        timeline = zwarm("checkpoints", "--json", "--project", str(kept)).json()
        assert [b["name"] for b in timeline["branches"]] == [b["name"] for b in value["branches"]]
        for session in zwarm("ls", "--json", "--project", str(kept)).json():
            assert zwarm("export", session["id"], "--project", str(kept)).out.startswith("# ")
    finally:
        shutil.rmtree(kept.parent)
    assert not (project / ".zwarm").exists(), "the demo plays elsewhere"
    assert not (project.parent / "data").exists(), "and leaves nothing behind"


def test_the_demo_tells_people_too(shell: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = shell("zwarm demo --headless --agents 1")
    assert done.returncode == 0, done.stderr
    assert "T5" in done.stdout
    assert "they part at T3" in done.stdout


def test_the_screen_needs_a_terminal(shell: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    for line in ("zwarm", "zwarm demo"):
        done = shell(line)
        assert done.returncode == 2
        assert "needs a terminal" in done.stderr
