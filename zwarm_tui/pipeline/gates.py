"""Quality gates: commands that must end with 0, and what each of them showed.

A gate's command is the person's own: it runs unsandboxed in the session's folder, and
nothing that it started outlives it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.core.lifecycle import GateResult
from zwarm_tui.pipeline.progress import fingerprint
from zwarm_tui.tools.shell import run_command

OUTPUT_CAP = 64_000
"""Bytes of each stream of a command that are kept as evidence."""
_IN_PROMPT = 4_000
"""Characters at the end of an output that the agent is shown."""

Report = Callable[[e.GateStarted | e.GateDone], None]


@dataclass(frozen=True, kw_only=True)
class CommandGate:
    """A command of a gate; `timeout` in seconds."""

    name: str
    command: str
    timeout: float = 600.0
    env: Mapping[str, str] = field(default_factory=dict)


class Gates:
    """The gates of one run, in order. All of them run, so that the agent hears of all
    that is wrong at once. It remembers what the folder looked like when they failed."""

    def __init__(self, gates: Sequence[CommandGate]) -> None:
        self._gates = gates
        self._failed_at: str | None = None

    async def check(self, folder: Path, attempt: int, attempts: int, report: Report) -> GateResult:
        """Run them. `no_progress` where one fails and the folder is as it was when they
        failed before."""
        before = await fingerprint(folder) if self._failed_at is not None else None
        evidence = [await self._run(gate, folder, attempt, attempts, report) for gate in self._gates]
        failed = [done for done in evidence if not done.passed]
        stuck = bool(failed) and before is not None and before == self._failed_at
        self._failed_at = await fingerprint(folder) if failed else None
        return GateResult(
            passed=not failed,
            failure_reasons=tuple(map(reason_of, failed)),
            no_progress=stuck,
            evidence=tuple(evidence),
        )

    async def _run(
        self, gate: CommandGate, folder: Path, attempt: int, attempts: int, report: Report
    ) -> e.GateDone:
        item, began = f"gate:{time.time_ns():x}", time.monotonic()
        report(e.GateStarted(item, gate.name, gate.command, attempt, attempts))
        code: int | None = None
        output, error = "", "the run was stopped while it ran"
        try:
            done = await run_command(
                gate.command, cwd=folder, timeout=gate.timeout, cap=OUTPUT_CAP, env=gate.env
            )
            output = "\n".join(filter(None, (done["stdout"], done["stderr"])))
            if done.get("timed_out"):
                error = f"timed out: timeout = {gate.timeout:g} s"
            else:
                code, error = done["exit_code"], ""
        except ExecutorError as problem:
            error = str(problem)
        finally:  # also when the run is cancelled: what has begun ends in the log too
            evidence = e.GateDone(
                item=item,
                gate=gate.name,
                command=gate.command,
                passed=code == 0,
                exit_code=code,
                output=output,
                seconds=time.monotonic() - began,
                error=error or None,
                attempt=attempt,
                attempts=attempts,
            )
            report(evidence)
        return evidence


def reason_of(evidence: e.GateDone) -> str:
    """Why a gate failed, with the end of what it wrote, for the agent and the log."""
    what = evidence.error or f"exit status {evidence.exit_code}"
    head = f"{evidence.gate}: `{evidence.command}` failed ({what}, after {evidence.seconds:.1f} s)"
    output = evidence.output.strip("\n")
    if not output.strip():
        return f"{head}; it wrote nothing"
    left_out = (
        f"[… {len(output) - _IN_PROMPT} characters before this …]\n" if len(output) > _IN_PROMPT else ""
    )
    return f"{head}; it wrote:\n{left_out}{output[-_IN_PROMPT:]}"
