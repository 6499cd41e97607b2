"""A run's stage tried again from the screen as a branch of the timeline: a real engine on a
real repository, whose new branch has files of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.git.world import World
from tests.tui.test_app import until
from tests.tui.test_runs import drawn, screen, text
from tests.tui.test_runs_live import app_on, settings_of
from zwarm_tui.tui.screens.dialog import Dialog
from zwarm_tui.tui.screens.start import StartScreen

FLOW = '''"""Each stage writes a file."""

async def run(ctx):
    async def write(s):
        return await s.send(f"@run pwd >> {s.name}.txt\\n@say {s.name} is written")

    for name in ("plan", "draft", "merge"):
        last = await ctx.stage(name, write)
    return last.result
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / ".zwarm" / "workflows").mkdir(parents=True)
    (folder / ".zwarm" / "workflows" / "files.py").write_text(FLOW)
    (folder / ".gitignore").write_text(".zwarm/\n")
    for command in (
        "git init -q -b main",
        "git add .",
        "git -c user.name=A -c user.email=a@b commit -qm one",
    ):
        subprocess.run(command.split(), cwd=folder, check=True)
    monkeypatch.setenv("ZWARM_CONFIG_DIR", str(tmp_path / "no config"))
    monkeypatch.setenv("ZWARM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ZWARM_HOST", "never")
    return folder


async def test_retry_from_here_works_in_the_new_branchs_worktree(project: Path) -> None:
    async with app_on(project, settings_of("demo")) as (app, pilot):
        await pilot.press("f8")
        await until(
            pilot,
            lambda: isinstance(app.screen, StartScreen) and app.screen.query_one("#startables").has_focus,
        )
        startables = app.screen.query_one("#startables")
        startables.move_to([i.name for i in startables.items].index("files"))  # type: ignore[attr-defined]
        await pilot.press("enter", "ctrl+s")
        await until(pilot, lambda: app.runs is not None and app.screen is app.runs)
        await until(pilot, lambda: "✓ merge" in drawn(app) and "3 of 3" in text(app, "#run-facts"))
        first = screen(app).opened
        assert first is not None
        await until(pilot, lambda: first.view.ended == "completed")
        before = {path.name: path.read_text() for path in project.glob("*.txt")}
        assert before == {f"{name}.txt": f"{project}\n" for name in ("plan", "draft", "merge")}

        screen(app).graph.choose("draft")
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, Dialog))
        await pilot.press("y")
        await until(pilot, lambda: app.screen is app.runs and screen(app).opened is not first)
        await until(pilot, lambda: "✓ merge" in drawn(app))
        again = screen(app).opened
        assert again is not None
        await until(pilot, lambda: again.view.ended == "completed")
        assert {s.name: s.reused for s in again.view.stages.values()} == {
            "plan": True,
            "draft": False,
            "merge": False,
        }
        assert "kept" in drawn(app)

        # The new branch is where one is now, with a git worktree of its own …
        await until(pilot, lambda: app.board.position.branch_name == "files-2")
        assert app.board.reader is not None
        branch = next(b for b in app.board.reader.branches() if b.name == "files-2")
        assert branch.worktree is not None
        worktree = Path(branch.worktree)
        listed = World(project).git("worktree", "list", "--porcelain")
        assert f"worktree {worktree}\n" in listed
        assert worktree != project
        # … in which its agents work, on what was there before the stage.
        app.feed.flush()  # lists follow some times a second
        for name in ("draft", "merge"):
            served = again.view.stages[name].served[0].session
            assert app.board.sessions[served].working_dir == str(worktree)
            assert (worktree / f"{name}.txt").read_text() == f"{worktree}\n"
        assert (worktree / "plan.txt").read_text() == f"{project}\n"
        # The line that one came from keeps all that it had.
        assert {path.name: path.read_text() for path in project.glob("*.txt")} == before
        assert first.view.ended == "completed"
