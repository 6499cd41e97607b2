"""A run of a command by the project's agents: every step of it in the log."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zwarm_tui.commands.agents import AgentSteps
from zwarm_tui.commands.arguments import resolve
from zwarm_tui.commands.builtin import BuiltinSteps
from zwarm_tui.commands.claims import ClaimedTerminals, ClaimedWorktrees, Claims
from zwarm_tui.commands.command import ExecutionResult, create_command
from zwarm_tui.commands.definition import CommandDefinition, CommandStep, StepType
from zwarm_tui.commands.observer import Observer
from zwarm_tui.commands.session import Session, Terminals
from zwarm_tui.commands.steps import StepResult, StepRunner
from zwarm_tui.commands.terminals import TmuxTerminals
from zwarm_tui.config.settings import WorktreeSettings
from zwarm_tui.core import events as e
from zwarm_tui.executors.process import RUN_MARK
from zwarm_tui.executors.sweep import sweep
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.workflow.runs import RunView
from zwarm_tui.workflow.shared import Point
from zwarm_tui.workflow.stages import Journal

RUNS = "runs"
"""Folder of all runs' artifacts, in the project's state folder."""

_OUTPUT = 4000
"""Characters of a step's output that the log keeps: its end. The rest is in its file."""


class CommandRun:
    """One run of a command. Raises `ArgumentError` before anything has started.

    `id` is its own, made up by default. `attended` says that somebody sees to what its
    agents ask. `point` is called with each stage that has completed. `worktrees` says
    where and how worktrees are made, `terminals` what makes tmux sessions (by default the
    person's, and this machine's).
    """

    def __init__(
        self,
        definition: CommandDefinition,
        sessions: CodexSessionManager,
        *,
        project: Path,
        arguments: Mapping[str, Any] | None = None,
        id: str | None = None,
        attended: bool = False,
        worktrees: WorktreeSettings | None = None,
        terminals: Terminals | None = None,
        point: Point | None = None,
    ) -> None:
        values = resolve(definition.arguments, arguments or {}, project)
        self.definition = definition
        self._sessions = sessions
        self._journal = Journal(RunView(id) if id else None, sessions.store, sessions.branch)
        self._work: asyncio.Future[ExecutionResult] | None = None
        self.session = Session(
            id=self._journal.run,
            command_name=definition.name,
            project_path=project,
            checkout=sessions.place(project),
            artifact_dir=sessions.state_dir / RUNS / self._journal.run,
            arguments=values,
        )
        self._claims = Claims(self.session, definition.cleanup)
        log = _Log(self._journal, self.session, point)
        builtin = BuiltinSteps(
            ClaimedWorktrees(self._claims, worktrees),
            ClaimedTerminals(self._claims, terminals or TmuxTerminals(project)),
        )
        agents = AgentSteps(definition, sessions, attended=attended, served=log.served)
        self._command = create_command(
            definition, self.session, StepRunner(definition, builtin, agents), builtin, observer=log
        )

    @property
    def id(self) -> str:
        return self._journal.run

    @property
    def view(self) -> RunView:
        """The run as it stands now."""
        return self._journal.view

    async def execute(self) -> ExecutionResult:
        """Run it to its end, which is in the log when this returns. Cancelling it runs
        its cleanup; cancelling it again leaves the cleanup's steps out."""
        started = e.RunStarted(
            run=self.id,
            name=self.definition.name,
            source=str(self.definition.path or ""),
            inputs=self.session.arguments,
            pid=os.getpid(),
            flavour="command",
            artifacts=str(self.session.artifact_dir),
        )
        # The whole run stays on its branch, wherever the person goes meanwhile.
        with self._sessions.on_branch(self._journal.branch):
            self._claims.add()
            self._work = work = asyncio.ensure_future(self._begin(started))
            ending = asyncio.ensure_future(self._settle(work))
            cancelled: asyncio.CancelledError | None = None
            while not ending.done():
                try:
                    await asyncio.shield(ending)
                except asyncio.CancelledError as cancel:
                    cancelled = cancel
                    work.cancel()
            if cancelled is not None:
                raise cancelled
            return ending.result()

    async def _begin(self, started: e.RunStarted) -> ExecutionResult:
        await self._journal.record(started)
        return await self._command.execute()

    def hurry(self) -> None:
        """A second cancel, from elsewhere."""
        if self._work is not None:
            self._work.cancel()

    async def _settle(self, work: asyncio.Future[ExecutionResult]) -> ExecutionResult:
        """Wait for the command's own task, which a cancel reaches, and record its end,
        which none does."""
        await asyncio.wait({work})
        if work.cancelled():
            result, status = self._command.result, "interrupted"
            result.success, result.error = False, "it was cancelled"
        else:
            result = work.result()
            status = "completed" if result.success else "failed"
        await sweep({RUN_MARK: self.id})  # what steps left running; a tmux session sees to its own
        if result.cleanup_errors:
            await self._log_cleanup(result)
        await self._journal.record(
            e.RunEnded(run=self.id, status=status, result=self._facts(result), error=result.error)
        )
        self._claims.drop()
        return result

    async def _log_cleanup(self, result: ExecutionResult) -> None:
        """A cleanup that failed is a node of the run, so that nobody overlooks it."""
        error = "; ".join(result.cleanup_errors)
        await self._journal.record(
            e.StageStarted(run=self.id, stage="cleanup", what="takes back what the run made")
        )
        await self._journal.record(
            e.StageEnded(run=self.id, stage="cleanup", status="failed", error=error, result=None)
        )

    def _facts(self, result: ExecutionResult) -> dict[str, Any]:
        path = self.session.worktree_path
        return {
            "worktree": str(path) if path else None,
            "git_branch": self.session.git_branch,
            "tmux_session": self.session.tmux_session_name,
            "kept": result.kept,
            "cleanup_errors": result.cleanup_errors,
        }


class _Log(Observer):
    """Writes a run's steps to the log, each a stage after the one before it."""

    def __init__(self, journal: Journal, session: Session, point: Point | None) -> None:
        self._journal, self._session, self._point = journal, session, point
        self._names: list[str] = []
        self._current = ""

    async def step_started(
        self, step: CommandStep, attempt: int, attempts: int, *, cleanup: bool = False
    ) -> None:
        if attempt == 1:
            self._current = self._new_name(step.name)
            self._names.append(self._current)
        before = self._names[-2:-1]
        await self._journal.record(
            e.StageStarted(
                run=self._journal.run,
                stage=self._current,
                parents=tuple(before),
                backend=_backend(step),
                attempt=attempt,
                attempts=attempts,
                what=f"{'after the failure: ' if cleanup else ''}{describe(step)}",
            )
        )

    async def step_ended(
        self,
        step: CommandStep,
        status: str,
        result: StepResult,
        error: str | None,
        *,
        cleanup: bool = False,
    ) -> None:
        facts: dict[str, Any] = {
            "log": str(self._session.log),
            "output": result.output[-_OUTPUT:],
            **(result.result or {}),
        }
        if step.type is StepType.BUILTIN and status == "completed":
            # What can be looked at, or attached to, from now on.
            if step.action == "create-worktree":
                facts["worktree"] = str(self._session.worktree_path)
            elif step.action == "start-session":
                facts["tmux_session"] = self._session.tmux_session_name
        await self._journal.record(
            e.StageEnded(run=self._journal.run, stage=self._current, status=status, result=facts, error=error)
        )
        if self._point is not None and status == "completed" and step.type is not StepType.BUILTIN:
            await self._point(self._current)

    def served(self, step: str, session: str, turn: int, how: str, role: str) -> None:
        self._journal.note(
            e.StageServed(
                run=self._journal.run, stage=self._current, session=session, turn=turn, how=how, role=role
            )
        )

    def _new_name(self, name: str) -> str:
        """Two steps of one name are two stages."""
        used = sum(known == name or known.rpartition("#")[0] == name for known in self._names)
        return f"{name}#{used + 1}" if used else name


def describe(step: CommandStep) -> str:
    """What a step does, in a line."""
    if step.type.by_agent:
        return f"{step.type.value} ({_backend(step) or 'the default agent'})"
    return f"{step.type.value}: {' '.join(step.action.split())}"


def _backend(step: CommandStep) -> str | None:
    if not step.type.by_agent:
        return None
    return ":".join(filter(None, (step.executor, step.model))) or None
