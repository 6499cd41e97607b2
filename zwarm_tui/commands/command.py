"""Commands: steps one after the other, and an end that takes back what the run made."""

from __future__ import annotations

import asyncio
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from zwarm_tui.commands import environment
from zwarm_tui.commands.builtin import BuiltinSteps
from zwarm_tui.commands.definition import CommandDefinition, CommandStep, StepType
from zwarm_tui.commands.observer import Observer
from zwarm_tui.commands.session import Session, SessionStatus
from zwarm_tui.commands.steps import StepExecutor, StepResult, filled_args
from zwarm_tui.core.errors import ExecutorError, ZwarmError

CLEANUP_TIMEOUT = 60.0
"""Seconds that each step of `cleanup_on_failure` has."""


@dataclass
class ExecutionResult:
    """How a run ended. `kept`: what the cleanup left, and why; `cleanup_errors`: what it
    could not do."""

    success: bool
    error: str | None = None
    artifacts_path: Path | None = None
    kept: list[str] = field(default_factory=list)
    cleanup_errors: list[str] = field(default_factory=list)


class BaseCommand(ABC):
    """A command with the session of one run of it. `execute` runs it, once."""

    def __init__(
        self,
        definition: CommandDefinition,
        session: Session,
        step_executor: StepExecutor,
        builtin_steps: BuiltinSteps,
        observer: Observer | None = None,
    ) -> None:
        self.definition, self.session = definition, session
        self.step_executor, self.builtin_steps = step_executor, builtin_steps
        self._observer = observer or Observer()
        self.result = ExecutionResult(False, "it was cancelled", session.artifact_dir)
        """How it ended; also where `execute` was cancelled."""
        self._number = 0
        self._deadline = 0.0

    @abstractmethod
    async def execute(self) -> ExecutionResult:
        """Run all of it, and clean up. A step that fails is in the result, not raised.
        Cancelling it cleans up too, and then cancels whoever waits."""

    def plan(self) -> list[CommandStep]:
        """The steps of a dry run, which runs none of them."""
        return self.definition.planned_steps()

    async def _run_steps(self) -> ExecutionResult:
        """The steps in their order, to the first that fails; after that one those of
        `cleanup_on_failure`. Never raises, but where it is cancelled."""
        self._begin()
        cancelled: asyncio.CancelledError | None = None
        error = None
        try:
            for step in self.definition.planned_steps():
                if (error := await self._run_step(step)) is not None:
                    break
            self.result.success, self.result.error = error is None, error
        except asyncio.CancelledError as cancel:
            cancelled = cancel
        if not self.result.success:
            await self._clean_up_after_failure()
        if cancelled is not None:
            raise cancelled
        return self.result

    def _begin(self) -> None:
        if not self._deadline:
            self._deadline = time.monotonic() + self.definition.timeout
            if not self.session.environment:
                self.session.environment = environment.environment(self.definition, self.session)

    async def _run_step(self, step: CommandStep) -> str | None:
        """Run one, with its retries; what went wrong, or None."""
        self._number += 1
        self.session._log = self._log_file(step)
        self.session.begin_step(step.name)
        attempts = 1 + step.retry
        result = StepResult(False)
        number = 0
        try:
            for number in range(1, attempts + 1):
                await self._observer.step_started(step, number, attempts)
                result = await self._attempt(step, min(step.timeout or self.definition.timeout, self._left()))
                if result.success or number == attempts or self._left() <= 0:
                    break
                self._separate(f"attempt {number} of {attempts} failed: {result.error}")
                if step.fix is not None and result.advice is not None:
                    result = await self._fix(step, result, number + 1, attempts) or result
                    if result.timed_out:
                        break
        except asyncio.CancelledError:
            self.session.add_step_result(step.name, False, result.output, "it was cancelled")
            await _see_through(self._observer.step_ended(step, "interrupted", result, "it was cancelled"))
            raise
        error = None if result.success else result.error or "it failed, and did not say why"
        self._keep_output(result)
        self.session.add_step_result(step.name, result.success, result.output, error)
        await self._observer.step_ended(step, "completed" if result.success else "failed", result, error)
        return None if error is None else f"step '{step.name}' failed: {error}"

    async def _attempt(self, step: CommandStep, timeout: float) -> StepResult:
        if timeout <= 0:
            return StepResult(False, error=f"not begun: {self._over()}", timed_out=True)
        try:
            result = StepResult(*await self.step_executor.execute_step(step, self.session, timeout))
        except (ZwarmError, RuntimeError, OSError, ValueError) as failure:
            return StepResult(False, error=str(failure) or type(failure).__name__)
        except Exception as failure:  # a mistake in a step written in Python is that step's failure
            return StepResult(False, error=f"{type(failure).__name__}: {failure}")
        if result.timed_out and not result.error:
            own = step.timeout is not None and step.timeout <= timeout
            why = f"not done within its timeout = {step.timeout:g} s" if own else self._over()
            return result._replace(error=why)
        return result

    async def _fix(
        self, step: CommandStep, result: StepResult, attempt: int, attempts: int
    ) -> StepResult | None:
        """Have the agent that `fix` names mend it. A result where that could not be done."""
        mend = getattr(self.step_executor, "mend", None)
        if mend is None:
            return None
        try:
            await mend(step, result.advice, attempt, attempts, self._left())
        except (ZwarmError, ExecutorError, TimeoutError, OSError) as failure:
            error = f"{result.error}\nand '{step.fix}' could not mend it: {failure}"
            return result._replace(error=error, timed_out=True)
        return None

    async def _clean_up_after_failure(self) -> None:
        """Run the cleanup steps, each for at most a minute. What goes wrong there is in
        the result; a second cancel leaves out what is still to come."""
        self.session.status = SessionStatus.FAILED
        self._deadline = time.monotonic() + CLEANUP_TIMEOUT * (len(self.definition.cleanup_on_failure) + 1)
        for step in self.definition.cleanup_on_failure:
            patient = step.model_copy(update={"timeout": CLEANUP_TIMEOUT, "retry": 0, "fix": None})
            self._number += 1
            self.session._log = self._log_file(step)
            try:
                await self._observer.step_started(patient, 1, 1, cleanup=True)
                came = await self._attempt(patient, CLEANUP_TIMEOUT)
            except asyncio.CancelledError:
                self.result.cleanup_errors.append(f"cleanup step '{step.name}' was cut short")
                stopped = StepResult(False)
                await _see_through(
                    self._observer.step_ended(patient, "interrupted", stopped, "cut short", cleanup=True)
                )
                return
            self._keep_output(came)
            error = None if came.success else came.error or "it failed, and did not say why"
            if error is not None:
                self.result.cleanup_errors.append(f"cleanup step '{step.name}' failed: {error}")
            status = "completed" if came.success else "failed"
            await self._observer.step_ended(patient, status, came, error, cleanup=True)

    def _finish(self) -> None:
        done = self.result.success
        self.session.status = SessionStatus.COMPLETED if done else SessionStatus.FAILED

    def _left(self) -> float:
        return self._deadline - time.monotonic()

    def _over(self) -> str:
        return f"the command's timeout = {self.definition.timeout:g} s is over"

    def _log_file(self, step: CommandStep) -> Path:
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", step.name).strip("-.")[:60] or "step"
        return self.session.artifact_dir / "logs" / f"step-{self._number}-{name}.log"

    def _keep_output(self, result: StepResult) -> None:
        """The step's log: processes have written theirs while they ran."""
        log = self.session.log
        assert log is not None
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(log, "ab") as file:
            if not file.tell():
                file.write(result.output.encode("utf-8", "backslashreplace"))
            if result.error is not None:
                file.write(f"\n[{result.error}]\n".encode("utf-8", "backslashreplace"))

    def _separate(self, text: str) -> None:
        log = self.session.log
        assert log is not None
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(log, "ab") as file:
            file.write(f"\n[{text}]\n".encode("utf-8", "backslashreplace"))


class StandardCommand(BaseCommand):
    """Steps, and nothing around them."""

    async def execute(self) -> ExecutionResult:
        try:
            return await self._run_steps()
        finally:
            self._finish()


class SessionCommand(BaseCommand):
    """Steps with a tmux session around them, which is ended whatever happens."""

    async def execute(self) -> ExecutionResult:
        try:
            if (error := await self._prepare()) is not None:
                self.result.error = error
                await self._clean_up_after_failure()
            else:
                await self._run_steps()
        finally:
            await _see_through(self._clean_up(self.result))
            self._finish()
        return self.result

    async def _prepare(self) -> str | None:
        """Make what the steps run in; what went wrong, or None."""
        self._begin()
        for name in self._around():
            step = self._declared(name)
            if step is None:
                continue
            make = {
                "create-worktree": self.builtin_steps.create_worktree,
                "start-session": self.builtin_steps.start_session,
            }[name]
            self.session.begin_step(step.name)
            try:
                await make(self.session, filled_args(step, self.session))
            except (ZwarmError, RuntimeError, OSError, ValueError) as failure:
                error = str(failure) or type(failure).__name__
                self.session.add_step_result(step.name, False, "", error)
                await self._observer.step_started(step, 1, 1)
                await self._observer.step_ended(step, "failed", StepResult(False), error)
                return f"step '{step.name}' failed: {error}"
        return None

    def _around(self) -> tuple[str, ...]:
        return ("start-session",)

    def _declared(self, name: str) -> CommandStep | None:
        return next((s for s in self.definition.get_all_steps() if _names(s, name)), None)

    async def _clean_up(self, result: ExecutionResult) -> None:
        """Take back what was made, the last first, as the definition's `cleanup` says."""
        mode = self.definition.cleanup
        keep = mode == "never" or (mode == "on_success" and not result.success)
        for what, take_back in self._made():
            if keep:
                why = "" if mode == "never" else ", and it failed"
                result.kept.append(f"{what} is kept: this command's cleanup = {mode}{why}")
                continue
            try:
                if (kept := await take_back()) is not None:
                    result.kept.append(kept)
            except Exception as failure:  # the rest is to be taken back all the same
                result.cleanup_errors.append(f"{what} was not removed: {failure or type(failure).__name__}")

    def _made(self) -> list[tuple[str, Callable[[], Awaitable[str | None]]]]:
        """What the run has made, the last first: its name, and what takes it back."""
        name = self.session.tmux_session_name
        return [] if name is None else [(f"tmux session {name}", self._end_session)]

    async def _end_session(self) -> str | None:
        await self.builtin_steps.end_session(self.session)
        return None


class WorktreeCommand(SessionCommand):
    """Steps in a worktree, and in a tmux session in it where one is asked for. Both are
    taken back whatever happens, the tmux session first."""

    def _around(self) -> tuple[str, ...]:
        return ("create-worktree", "start-session")

    def _made(self) -> list[tuple[str, Callable[[], Awaitable[str | None]]]]:
        made, path = super()._made(), self.session.worktree_path
        return made if path is None else [*made, (f"worktree {path}", self._remove_worktree)]

    async def _remove_worktree(self) -> str | None:
        return await self.builtin_steps.remove_worktree(self.session)


def create_command(
    definition: CommandDefinition,
    session: Session,
    step_executor: StepExecutor,
    builtin_steps: BuiltinSteps,
    *,
    observer: Observer | None = None,
) -> BaseCommand:
    """The kind of command that the steps of a definition ask for; its name says nothing."""
    kind: type[BaseCommand] = StandardCommand
    steps = definition.get_all_steps()
    if any(_names(step, "create-worktree") for step in steps):
        kind = WorktreeCommand
    elif any(_names(step, "start-session") for step in steps):
        kind = SessionCommand
    return kind(definition, session, step_executor, builtin_steps, observer)


def _names(step: CommandStep, wanted: str) -> bool:
    return step.type is StepType.BUILTIN and step.action == wanted


async def _see_through(work: Awaitable[None]) -> None:
    """Wait for it, also where this task is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as cancel:
            cancelled = cancel
    if cancelled is not None:
        raise cancelled
    task.result()
