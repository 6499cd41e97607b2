"""The shipped workflows, from the shell, on the real codex."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.codex


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "README.md").write_text("Hello.\n")
    for command in (
        "git init -q -b main",
        "git add .",
        "git -c user.name=A -c user.email=a@b commit -qm one",
    ):
        subprocess.run(command.split(), cwd=folder, check=True)
    return folder


def run(project: Path, config: Path, workflow: str, **inputs: str) -> Any:
    arguments = [word for key, value in inputs.items() for word in ("--input", f"{key}={value}")]
    done = subprocess.run(
        [sys.executable, "-m", "zwarm_tui", "workflow", "run", workflow, *arguments, "--json"],
        cwd=project,
        env={
            **os.environ,
            "ZWARM_HOST": "never",  # no process stays
            "ZWARM_CONFIG_DIR": str(config),
            "ZWARM_DATA_DIR": str(config / "data"),
        },
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


def test_the_debate(repository: Path, codex_settings: Path) -> None:
    view = run(repository, codex_settings, "debate", question="Which bicycle?\n@say A red one.")
    assert (view["status"], view["result"]) == ("completed", "A red one.")
    assert view["edges"] == [
        ["plan", "bold"],
        ["plan", "careful"],
        ["bold", "critique"],
        ["careful", "critique"],
        ["critique", "merge"],
    ]
    assert [(s["name"], s["status"]) for s in view["stages"]] == [
        (name, "completed") for name in ("plan", "bold", "careful", "critique", "merge")
    ]
    assert len({t["session"] for s in view["stages"] for t in s["turns"]}) == 5
    assert view["cost_usd"] is None or view["cost_usd"] > 0


def test_the_task_loop(repository: Path, codex_settings: Path) -> None:
    """The gate fails until the agent has done what the gate wrote; each task has a worktree."""
    view = run(
        repository,
        codex_settings,
        "task_loop",
        tasks='@say {{"findings": []}}\n@say {{"findings": []}}',
        gate="echo '@run echo line >> made.txt'; test -s made.txt",
    )
    assert view["status"] == "completed"
    first, second = view["result"]
    for done in (first, second):
        assert (done["gate_attempts"], done["review_attempts"], done["later"]) == (2, 1, [])
        assert (Path(done["folder"]) / "made.txt").read_text() == "line\n"
    assert first["folder"] != second["folder"]
    assert not (repository / "made.txt").exists()
    for stage in view["stages"]:
        assert [t["role"] for t in stage["turns"]] == ["agent", "agent", "reviewer"]


def test_the_task_loop_mends_what_the_gate_and_the_review_find(
    repository: Path, codex_settings: Path
) -> None:
    """The reviewer's P1 goes back to the agent that did the work, after a gate that failed."""
    view = run(
        repository,
        codex_settings,
        "task_loop",
        tasks="Sort the to-dos by due date",
        gate="test -s made.txt || (echo '@write made.txt line'; false)",
    )
    assert view["status"] == "completed"
    (done,) = view["result"]
    assert (done["gate_attempts"], done["review_attempts"], done["later"]) == (2, 2, [])
    folder = Path(done["folder"])
    assert folder != repository
    assert (folder / "made.txt").read_text().strip() == "line"
    assert list((folder / "docs" / "decisions").iterdir()), "what the review asked for"
    (stage,) = view["stages"]
    turns = [(t["role"], t["turn"]) for t in stage["turns"]]
    assert turns == [("agent", 1), ("agent", 2), ("reviewer", 1), ("agent", 3), ("reviewer", 1)]
    assert len({t["session"] for t in stage["turns"] if t["role"] == "agent"}) == 1
    assert view["cost_usd"] is None or view["cost_usd"] > 0
    assert not (repository / "made.txt").exists()
