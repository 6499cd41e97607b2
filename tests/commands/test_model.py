"""The session of a run, the built-in steps, and the kinds of commands, with fakes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from zwarm_tui.commands import (
    BuiltinSteps,
    CommandDefinition,
    CommandStep,
    Session,
    SessionCommand,
    SessionStatus,
    StandardCommand,
    StepResult,
    StepStatus,
    WorktreeCommand,
    create_command,
)
from zwarm_tui.core.errors import TmuxError


class Fakes:
    """Worktrees, terminals and steps that only write down what happens."""

    def __init__(self, *, broken: str = "") -> None:
        self.done: list[str] = []
        self.broken = broken

    def _do(self, what: str) -> None:
        self.done.append(what)
        if what == self.broken:
            raise TmuxError(f"{what} is broken")

    async def execute_step(self, step: CommandStep, session: Session, timeout: float) -> StepResult:
        self._do(f"step {step.name}")
        return StepResult(step.name != "bad", "said")


class FakeWorktrees:
    def __init__(self, fakes: Fakes) -> None:
        self.fakes = fakes

    async def create(self, project: Path, branch: str, base: str = "HEAD") -> Path:
        self.fakes._do("make worktree")
        return project / "worktree"

    async def remove(self, project: Path, path: Path, branch: str) -> str | None:
        self.fakes._do("remove worktree")
        return None


class FakeTerminals:
    def __init__(self, fakes: Fakes) -> None:
        self.fakes = fakes

    async def create(self, name: str, *, cwd: Path, env: Mapping[str, str], command: str | None) -> str:
        self.fakes._do("make session")
        return name

    async def kill(self, name: str) -> None:
        self.fakes._do("kill session")


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(id="s1", command_name="c", project_path=tmp_path, artifact_dir=tmp_path / "art")


def command(session: Session, fakes: Fakes, steps: list[Any], **more: Any) -> Any:
    definition = CommandDefinition(name="c", description="d", steps=steps, **more)
    return create_command(
        definition, session, fakes, BuiltinSteps(FakeWorktrees(fakes), FakeTerminals(fakes))
    )


def test_a_new_session(session: Session, tmp_path: Path) -> None:
    assert (session.worktree_path, session.tmux_session_name) == (None, None)
    assert (session.shared_data, session.step_history) == ({}, [])
    assert session.status is SessionStatus.ACTIVE
    assert [s.value for s in SessionStatus] == ["active", "completed", "failed"]
    assert isinstance(session.created_at, datetime)
    assert set(session.get_context()) == {
        "session_id",
        "command_name",
        "project_path",
        "worktree_path",
        "tmux_session",
        "artifact_dir",
        "shared_data",
        "step_history",
    }
    json.dumps(session.get_context())


def test_shared_data_and_the_history(session: Session) -> None:
    session.set_shared_data("key", [1])
    assert session.get_shared_data("key") == [1]
    assert session.get_shared_data("none", "default") == "default"
    session.add_step_result("one", True, "out")
    session.add_step_result("two", False, "", "why")
    assert [(s.name, s.status, s.output, s.error) for s in session.step_history] == [
        ("one", StepStatus.COMPLETED, "out", None),
        ("two", StepStatus.FAILED, "", "why"),
    ]
    assert all(s.duration >= 0 for s in session.step_history)


async def test_the_seven_built_in_steps_and_that_each_can_be_run_again(session: Session) -> None:
    fakes = Fakes()
    builtin = BuiltinSteps(FakeWorktrees(fakes), FakeTerminals(fakes))
    assert list(builtin.steps) == [
        "setup-environment",
        "validate-prerequisites",
        "create-worktree",
        "start-session",
        "gather-context",
        "store-artifacts",
        "cleanup",
    ]
    with pytest.raises(RuntimeError, match=r"Prerequisites not met: .* is no git repository"):
        await builtin.steps["validate-prerequisites"](session, {})
    (session.project_path / ".git").mkdir()
    for name, step in builtin.steps.items():
        first = await step(session, {})
        assert await step(session, {}) == first, name
    assert fakes.done.count("make worktree") == 1
    assert fakes.done.count("make session") == 1
    for folder in ("logs", "outputs"):
        assert (session.artifact_dir / folder).is_dir()
    context = json.loads((session.artifact_dir / "specs" / "context.json").read_text())
    assert {"project_name", "git_branch", "timestamp"} <= set(context)
    stored = json.loads((session.artifact_dir / "artifacts.json").read_text())
    assert "specs/context.json" in [f["path"] for f in stored["files"]]


async def test_artifacts_that_can_t_be_stored_only_warn(session: Session) -> None:
    (session.artifact_dir / "artifacts.json").mkdir(parents=True)
    assert "warning: " in await BuiltinSteps().store_artifacts(session)


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        (["create-worktree"], WorktreeCommand),
        ([{"name": "create-worktree"}], WorktreeCommand),
        (["start-session", "create_worktree"], WorktreeCommand),
        (["start-session"], SessionCommand),
        (["session-create"], SessionCommand),
        (["setup-environment", "echo create-worktree"], StandardCommand),
        ([], StandardCommand),
    ],
)
def test_the_steps_say_which_kind_of_command_it_is(session: Session, steps: list[Any], kind: type) -> None:
    assert type(command(session, Fakes(), steps)) is kind
    worktree_in_name = CommandDefinition(name="feature-branch-worktree-session", description="d")
    made = create_command(worktree_in_name, session, Fakes(), BuiltinSteps())
    assert type(made) is StandardCommand


@pytest.mark.parametrize("bad", ["good", "bad"])
async def test_what_is_made_is_taken_back_in_reverse_order_always(session: Session, bad: str) -> None:
    fakes = Fakes()
    made = command(
        session,
        fakes,
        ["create-worktree", "start-session", {"name": bad, "type": "shell", "action": "x"}],
        cleanup_on_failure=[{"name": "tidy", "type": "shell", "action": "x"}],
    )
    result = await made.execute()
    assert result.success is (bad == "good")
    steps = ["step create-worktree", "step start-session", f"step {bad}"]
    assert fakes.done == [
        "make worktree",
        "make session",
        *steps,
        *(["step tidy"] if bad == "bad" else []),
        "kill session",
        "remove worktree",
    ]


async def test_fail_at_two_of_three(session: Session) -> None:
    fakes = Fakes()
    steps = [{"name": name, "type": "shell", "action": "x"} for name in ("one", "bad", "three")]
    result = await command(
        session, fakes, steps, cleanup_on_failure=[{"name": "tidy", "type": "shell", "action": "x"}]
    ).execute()
    assert (result.success, len(session.step_history), fakes.done.count("step tidy")) == (False, 2, 1)
    assert "step three" not in fakes.done
    assert result.artifacts_path == session.artifact_dir


@pytest.mark.parametrize("broken", ["make worktree", "make session"])
async def test_what_can_t_be_made_ends_it_before_any_step(session: Session, broken: str) -> None:
    fakes = Fakes(broken=broken)
    result = await command(session, fakes, ["create-worktree", "start-session", "echo x"]).execute()
    assert f"{broken} is broken" in (result.error or "")
    assert not [d for d in fakes.done if d.startswith("step")]
    assert ("remove worktree" in fakes.done) is (broken == "make session")


@pytest.mark.parametrize("broken", ["kill session", "remove worktree"])
async def test_a_cleanup_that_fails_does_not_keep_the_rest_from_it(session: Session, broken: str) -> None:
    fakes = Fakes(broken=broken)
    result = await command(session, fakes, ["create-worktree", "start-session"]).execute()
    assert result.success
    assert [broken in error for error in result.cleanup_errors] == [True]
    assert fakes.done[-2:] == ["kill session", "remove worktree"]


async def test_a_step_executor_may_raise_or_answer_with_a_pair(session: Session) -> None:
    class Plain:
        async def execute_step(self, step: CommandStep, session: Session, timeout: float) -> tuple[bool, str]:
            if step.name == "raises":
                raise KeyError("a mistake")
            return True, f"within {timeout:.0f}"

    steps = [{"name": name, "type": "shell", "action": "x"} for name in ("fine", "raises")]
    definition = CommandDefinition(name="c", description="d", steps=steps, timeout=100)
    result = await create_command(definition, session, Plain(), BuiltinSteps()).execute()
    assert session.step_history[0].output == "within 100", "the smaller of the step's and the command's"
    assert result.error == "step 'raises' failed: KeyError: 'a mistake'"
