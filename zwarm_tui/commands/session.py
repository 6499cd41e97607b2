"""One run of a command: where it works, what its steps came to, what they share."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from zwarm_tui.executors.tmux import safe_name


class SessionStatus(str, Enum):
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"


class StepStatus(str, Enum):
    COMPLETED = "completed"
    FAILED = "failed"


class StepExecution(BaseModel):
    """A step that has ended. `error` is None where it went well."""

    name: str
    status: StepStatus
    start_time: datetime
    end_time: datetime
    output: str = ""
    error: str | None = None

    @property
    def duration(self) -> float:
        """Seconds that it took."""
        return (self.end_time - self.start_time).total_seconds()


class Worktrees(Protocol):
    """What makes worktrees and takes them away again."""

    async def create(self, project: Path, branch: str, base: str = "HEAD") -> Path:
        """A new worktree of the project with a new git branch. Raises where that can't
        be: it never returns another folder."""

    async def remove(self, project: Path, path: Path, branch: str) -> str | None:
        """Remove it, unless it holds something that is nowhere else: then the reason."""


class Terminals(Protocol):
    """What makes tmux sessions and ends them."""

    async def create(self, name: str, *, cwd: Path, env: dict[str, str], command: str | None) -> str:
        """A new tmux session, or the one of that name; its name. Raises where there is none."""

    async def kill(self, name: str) -> None:
        """End it, and all that runs in it."""


class Session(BaseModel):
    """A run of a command. Steps written in Python are given this; scripts get what
    `get_context` tells, in their environment."""

    model_config = ConfigDict(validate_assignment=True)

    id: str
    command_name: str
    project_path: Path
    worktree_path: Path | None = None
    tmux_session_name: str | None = None
    shared_data: dict[str, Any] = Field(default_factory=dict)
    step_history: list[StepExecution] = Field(default_factory=list)
    artifact_dir: Path
    status: SessionStatus = SessionStatus.ACTIVE
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    arguments: dict[str, Any] = Field(default_factory=dict)
    environment: dict[str, str] = Field(default_factory=dict)
    git_branch: str | None = None
    """The git branch that its worktree was made with."""
    checkout: Path | None = None
    """Where it works without a worktree; None: in the project. A branch of the timeline
    has a checkout of its own."""

    _begun: dict[str, datetime] = PrivateAttr(default_factory=dict)
    _log: Path | None = PrivateAttr(default=None)

    @property
    def log(self) -> Path | None:
        """Where the output of the step that runs now is written while it comes."""
        return self._log

    @property
    def top(self) -> Path:
        """The folder that its steps work in: its worktree, where it has one."""
        return self.worktree_path or self.checkout or self.project_path

    def get_context(self) -> dict[str, Any]:
        """All of it as plain values, for those that aren't given the session itself."""
        return {
            "session_id": self.id,
            "command_name": self.command_name,
            "project_path": str(self.project_path),
            "worktree_path": str(self.worktree_path) if self.worktree_path else None,
            "tmux_session": self.tmux_session_name,
            "artifact_dir": str(self.artifact_dir),
            "shared_data": self.shared_data,
            "step_history": [step.model_dump(mode="json") for step in self.step_history],
        }

    def set_shared_data(self, key: str, value: Any) -> None:
        """Keep a value for the steps to come."""
        self.shared_data[key] = value

    def get_shared_data(self, key: str, default: Any = None) -> Any:
        """What an earlier step kept, or `default`."""
        return self.shared_data.get(key, default)

    def begin_step(self, name: str) -> None:
        """A step begins now: its result, when it comes, has a real duration."""
        self._begun[name] = datetime.now(UTC)

    def add_step_result(self, name: str, success: bool, output: str, error: str | None = None) -> None:
        """A step has ended. One that nobody began has begun when the one before it ended."""
        now = datetime.now(UTC)
        before = self.step_history[-1].end_time if self.step_history else self.created_at
        status = StepStatus.COMPLETED if success else StepStatus.FAILED
        began = self._begun.pop(name, before)
        self.step_history.append(
            StepExecution(
                name=name, status=status, start_time=began, end_time=now, output=output, error=error
            )
        )

    async def create_worktree(self, worktrees: Worktrees, branch: str, base: str = "HEAD") -> Path:
        """A worktree for this run, made once; its path. Raises where there can't be one."""
        if self.worktree_path is None:
            self.worktree_path = await worktrees.create(self.project_path, branch, base)
            self.git_branch = branch
        return self.worktree_path

    async def create_tmux_session(
        self,
        terminals: Terminals,
        *,
        name: str | None = None,
        env: dict[str, str] | None = None,
        command: str | None = None,
    ) -> str:
        """A tmux session for this run, made once; its name. Raises where there can't be one."""
        if self.tmux_session_name is None:
            self.tmux_session_name = await terminals.create(
                name or self.tmux_name(),
                cwd=self.top,
                env=env or {},
                command=command,
            )
        return self.tmux_session_name

    def tmux_name(self) -> str:
        """{project}-{worktree}-{run}: of letters that tmux takes, and no other run's."""
        project, where = self.project_path.name, self.command_name
        if self.worktree_path is not None:
            where = self.worktree_path.name.removeprefix(f"{project}-")
        return f"{safe_name(f'{project}-{where}')[:80]}-{self.id}"
