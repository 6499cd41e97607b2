"""The command that comes along: one task, on the demo agent."""

from __future__ import annotations

from pathlib import Path

from tests.commands.conftest import Shop
from zwarm_tui.commands import CommandRun, discover_commands, find_command


async def test_one_task_from_its_words_to_a_commit(shop: Shop) -> None:
    """The reviewer finds something, the implementer mends it, and the second review passes."""
    definition = find_command("task", shop.project)
    arguments = {"task": "Sort the to-dos by due date", "check": "git diff --check"}
    run = CommandRun(definition, await shop.start(), project=shop.project, arguments=arguments)
    result = await run.execute()
    assert result.success, result.error
    stages = run.view.stages
    assert {s.status for s in stages.values()} == {"completed"}
    assert (stages["review"].attempt, stages["gate"].attempt) == (2, 1)
    assert [s.role for s in stages["review"].served] == ["reviewer", "agent", "reviewer"]
    (path,) = shop.worktrees()
    assert f"{path} is kept: " in result.kept[0]
    assert "Sort the to-dos by due date" in result.kept[0]
    subject = shop.world.git("log", "-1", "--format=%s", str(run.session.git_branch)).strip()
    assert subject == "Sort the to-dos by due date"
    assert "docs/decisions" in shop.world.git("show", "--stat", str(run.session.git_branch))
    assert shop.world.git("status", "--short") == "", "the person's checkout is as it was"


def test_it_is_listed_as_shipped_and_the_project_can_have_its_own(shop: Shop) -> None:
    (task,) = [c for c in discover_commands(shop.project) if c.name == "task"]
    assert (task.origin, task.error) == ("shipped", None)
    shop.command("", name="task")
    (task,) = [c for c in discover_commands(shop.project) if c.name == "task"]
    assert task.origin == "project"


def test_every_yaml_in_the_readme_loads(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text()
    blocks = [b.partition("```")[0] for b in text.split("```yaml\n")[1:]]
    assert blocks
    for number, block in enumerate(blocks):
        file = tmp_path / f"{number}.yaml"
        file.write_text(block)
        assert find_command(str(file), tmp_path).name
