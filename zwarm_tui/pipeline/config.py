"""What a run is asked to do, what it may, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zwarm_tui.core.errors import ProviderMismatchError, UsageError
from zwarm_tui.core.events import ReviewFinding
from zwarm_tui.pipeline.prompts import SessionPrompts
from zwarm_tui.pipeline.retry import RetryConfig, default_idle_timeout
from zwarm_tui.sessions import CodexSessionManager


@dataclass(kw_only=True)
class AgentSessionInput:
    """One piece of work. `working_dir`, `executor`, `model`, `timeout` and
    `idle_timeout_seconds` stand over the configuration's, where they are given.
    `resume_session_id` goes on with a session instead of beginning one. With `worktree`
    the agent works, and is checked, in a git worktree of its own."""

    issue_id: str
    prompt: str
    issue_description: str = ""
    agent_id: str = ""
    resume_session_id: str | None = None
    working_dir: str | Path | None = None
    executor: str | None = None
    model: str | None = None
    timeout: float | None = None
    idle_timeout_seconds: float | None = None
    worktree: bool = False


@dataclass(kw_only=True)
class AgentSessionOutput:
    """What came of it. `summary` is the agent's last answer, or why there is none;
    `resolution` says how the run ended; `log_path` is the log's file."""

    success: bool
    summary: str
    session_id: str | None = None
    log_path: Path | None = None
    gate_attempts: int = 1
    review_attempts: int = 0
    resolution: str | None = None
    duration_seconds: float = 0.0
    low_priority_review_issues: list[ReviewFinding] = field(default_factory=list)
    interrupted: bool = False


@dataclass(frozen=True, kw_only=True)
class AgentSessionConfig:
    """Defaults of all runs. Both `max_…_retries` count attempts, the first included.
    `timeout` is for a whole run, in seconds (None: no limit); `idle_timeout_seconds`
    None is a fifth of it, within 300 and 900, and 0 or less switches it off.
    `context_threshold` is the part of an agent's context beyond which it gets no
    follow-up: the work goes on in a fresh session."""

    prompts: SessionPrompts = field(default_factory=SessionPrompts)
    retry: RetryConfig = field(default_factory=RetryConfig)
    max_gate_retries: int = 3
    max_review_retries: int = 3
    executor: str | None = None
    model: str | None = None
    timeout: float | None = None
    idle_timeout_seconds: float | None = None
    context_threshold: float = 0.9
    settings: dict[str, Any] = field(default_factory=dict)
    """Settings of the session's thread (sandbox, approvals, …)."""


@dataclass(frozen=True, kw_only=True)
class SessionConfig:
    """All that one run goes by: the defaults with the input's own values over them."""

    prompt: str
    working_dir: Path
    executor: str | None
    model: str | None
    resume: str | None
    timeout: float | None
    idle_timeout: float
    settings: dict[str, Any]
    worktree: bool = False
    heir_of: str | None = None
    """The full session whose work, and worktree, the next one goes on with."""


class SessionConfiguration:
    """Merges the defaults with what an input asks for, and checks it."""

    def __init__(self, sessions: CodexSessionManager, config: AgentSessionConfig) -> None:
        self._sessions, self._config = sessions, config

    def initialize_config(self, input: AgentSessionInput) -> SessionConfig:
        """`UsageError`: no prompt, no such folder, a wrong time; `ProviderMismatchError`:
        the session to resume is another agent's."""
        config = self._config
        if not input.prompt.strip():
            raise UsageError("a run needs a prompt")
        executor = input.executor or config.executor
        folder = Path(input.working_dir or ".").expanduser().absolute()
        resume = None
        if input.resume_session_id is not None:
            session = self._sessions.get_session(input.resume_session_id)
            if executor not in (None, session.executor):
                raise ProviderMismatchError(
                    f"session {session.id} is run by {session.executor}: {executor} can't go on with it"
                )
            resume = session.id
            folder = Path(input.working_dir or session.working_dir).absolute()
        folder = self._sessions.place(folder)  # gates run where the branch's agents do
        if not folder.is_dir():
            raise UsageError(f"{folder} is no folder: name one that exists")
        timeout = config.timeout if input.timeout is None else input.timeout
        if timeout is not None and timeout <= 0:
            raise UsageError(f"timeout is in seconds, more than 0: {timeout:g}")
        idle = input.idle_timeout_seconds
        if idle is None:
            idle = config.idle_timeout_seconds
        if idle is None:
            idle = default_idle_timeout(timeout)
        return SessionConfig(
            prompt=input.prompt,
            working_dir=folder,
            executor=executor,
            model=input.model or config.model,
            resume=resume,
            timeout=timeout,
            idle_timeout=max(0.0, idle),
            settings=dict(config.settings),
            worktree=input.worktree and resume is None,
        )
