"""Runs one step: a built-in, a script, a shell command, or an agent's."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from zwarm_tui.commands import environment
from zwarm_tui.commands.builtin import BuiltinSteps
from zwarm_tui.commands.definition import CommandDefinition, CommandStep, StepType
from zwarm_tui.commands.processes import run_process
from zwarm_tui.commands.prompts import fill
from zwarm_tui.commands.session import Session
from zwarm_tui.config.paths import state_dir
from zwarm_tui.core.errors import UsageError
from zwarm_tui.executors.process import SESSION_MARK

FOLDER = "steps"
"""Where a project keeps scripts for its commands: .zwarm/steps."""


class StepResult(NamedTuple):
    """What a step came to. `advice` is what whoever mends it should be told; `result` is
    JSON for the log."""

    success: bool
    output: str = ""
    error: str | None = None
    timed_out: bool = False
    advice: str | None = None
    result: dict[str, object] | None = None


class StepExecutor(Protocol):
    """Runs steps. `timeout` in seconds; a plain (success, output) will do as a result."""

    async def execute_step(
        self, step: CommandStep, session: Session, timeout: float
    ) -> StepResult | tuple[bool, str]:
        """The step's end. It may raise: the step has failed then."""


class Agents(Protocol):
    """What runs the steps of agents."""

    async def run(
        self, step: CommandStep, session: Session, folder: Path, env: Mapping[str, str], timeout: float
    ) -> StepResult:
        """An agent's turn, or a review."""

    async def mend(self, step: CommandStep, advice: str, attempt: int, attempts: int, timeout: float) -> None:
        """Have the agent of an earlier step mend what this one found."""


class StepRunner:
    """The steps of one command. `agents` None: it can run none of those."""

    def __init__(
        self, definition: CommandDefinition, builtin_steps: BuiltinSteps, agents: Agents | None = None
    ) -> None:
        self._definition, self._builtin, self._agents = definition, builtin_steps, agents

    async def execute_step(self, step: CommandStep, session: Session, timeout: float) -> StepResult:
        """The step's end. Raises what keeps it from being run at all."""
        match step.type:
            case StepType.BUILTIN:
                return await self._built_in(step, session, timeout)
            case StepType.SHELL:
                return await self._process(["/bin/sh", "-c", step.action], step, session, timeout)
            case StepType.SCRIPT:
                return await self._process(self._script(step.action, session), step, session, timeout)
        if self._agents is None:
            raise UsageError(f"step '{step.name}' needs an agent, and none can be started here")
        where = environment.folder(self._definition, session)
        env = environment.step_variables(step, session)
        return await self._agents.run(step, session, where, env, timeout)

    async def mend(self, step: CommandStep, advice: str, attempt: int, attempts: int, timeout: float) -> None:
        """Have the agent that `step.fix` names mend what this step found."""
        if self._agents is not None:
            await self._agents.mend(step, advice, attempt, attempts, timeout)

    async def _built_in(self, step: CommandStep, session: Session, timeout: float) -> StepResult:
        known = self._builtin.steps.get(step.action)
        if known is None:
            raise UsageError(f"no built-in step '{step.action}': there is {', '.join(self._builtin.steps)}")
        try:
            async with asyncio.timeout(timeout):
                said = await known(session, filled_args(step, session))
        except TimeoutError:
            return StepResult(False, timed_out=True)
        return StepResult(True, said)

    async def _process(
        self, argv: list[str], step: CommandStep, session: Session, timeout: float
    ) -> StepResult:
        shared = session.artifact_dir / "shared"
        own = environment.step_variables(step, session) | {
            "ZWARM_CONTEXT": str(environment.write_context(session)),
            "ZWARM_SHARED": str(shared),
        }
        # A step is nobody's agent: what it starts must not be taken for one's.
        inherited = {k: v for k, v in os.environ.items() if k != SESSION_MARK}
        ended = await run_process(
            argv,
            run=session.id,
            cwd=environment.folder(self._definition, session),
            env={**inherited, **own},
            log=session.log or session.artifact_dir / "logs" / "step.log",
            timeout=timeout,
        )
        environment.read_shared(shared, session)
        if ended.code is None:
            return StepResult(False, ended.out, timed_out=True, advice=_both(ended.out, ended.err))
        facts: dict[str, object] = {"exit_code": ended.code}
        if ended.code:
            last = ended.err.strip().splitlines()[-5:]
            error = "\n".join([_status(ended.code), *last])
            return StepResult(False, ended.out, error, advice=_both(ended.out, ended.err), result=facts)
        return StepResult(True, ended.out, result=facts)

    def _script(self, action: str, session: Session) -> list[str]:
        """The argv of a script: beside the command's file, in .zwarm/steps, or where the
        step works."""
        own = self._definition.path
        places = [own.parent] if own is not None else []
        places += [
            state_dir(session.project_path) / FOLDER,
            environment.folder(self._definition, session),
        ]
        file = next((f for p in places if (f := p / Path(action).expanduser()).is_file()), None)
        if file is None:
            raise UsageError(f"there is no script {action} in {', '.join(map(str, places))}")
        if file.suffix == ".py":
            return [sys.executable, str(file)]
        return [shutil.which("bash") or "/bin/sh", str(file)]


def filled_args(step: CommandStep, session: Session) -> dict[str, str]:
    """A built-in step's args with arguments filled in."""
    known = environment.values(session)
    return {name: fill(text, known) for name, text in step.args.items()}


def _status(code: int) -> str:
    return f"exit status {code}" if code > 0 else f"ended by signal {-code}"


def _both(out: str, err: str) -> str:
    return "\n".join(filter(None, (out.strip(), err.strip())))
