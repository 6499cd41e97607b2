"""The command that comes along, on the real codex."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.git.world import World
from zwarm_tui.commands import CommandRun, find_command, load_command
from zwarm_tui.demo.model_server import ModelServer
from zwarm_tui.sessions import CodexSessionManager

pytestmark = pytest.mark.codex


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a commit."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Person")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "person@example.org")
    folder = tmp_path / "my project"
    folder.mkdir()
    (folder / "model.py").write_text("class Todo: ...\n")
    (folder / ".gitignore").write_text(".zwarm/\n")
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "begin"]):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    return folder


async def test_one_task_from_its_words_to_a_commit(
    manager: CodexSessionManager, server: ModelServer, project: Path
) -> None:
    """What codex really got: the task in the worktree, a review of the whole change, and
    what was found, in the session that did the work."""
    arguments = {"task": "Sort the to-dos by due date", "check": 'test -n "$(git status --short)"'}
    run = CommandRun(find_command("task", project), manager, project=project, arguments=arguments)
    result = await run.execute()
    assert result.success, result.error
    stages = run.view.stages
    assert {s.status for s in stages.values()} == {"completed"}
    assert [(s.role, s.turn) for s in stages["review"].served] == [
        ("reviewer", 1),
        ("agent", 2),
        ("reviewer", 1),
    ]
    made = Path(str(run.session.worktree_path))
    implementer = stages["implement"].served[0].session
    assert stages["review"].served[1].session == implementer
    assert manager.get_session(implementer).working_dir == str(made)
    assert any("docs/decisions/" in json.dumps(r.input) for r in server.requests), "the second review"
    world = World(project)
    log = world.git("log", "-1", "--stat", cwd=made)
    assert "Sort the to-dos by due date" in log
    assert "docs/decisions/" in log
    assert "commits that no other branch has" in result.kept[0]
    assert world.git("status", "--short") == "", "the person's checkout is as it was"


async def test_the_commands_environment_reaches_what_codex_runs(
    manager: CodexSessionManager, project: Path
) -> None:
    file = project / ".zwarm" / "commands" / "job.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        "name: job\ndescription: d\narguments: [word]\nenvironment: {COLOUR: 'red {word} ü'}\n"
        'steps: [{name: work, prompt: "@run echo $COLOUR $ZWARM_ARG_WORD > seen\\n@say done"}]\n'
    )
    run = CommandRun(load_command(file), manager, project=project, arguments={"word": "tea"})
    result = await run.execute()
    assert result.success, result.error
    assert (project / "seen").read_text() == "red tea ü tea\n"
    assert "COLOUR" not in os.environ
