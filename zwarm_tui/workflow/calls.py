"""A stage as a program describes it, what comes of it, and what is wrong with it."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zwarm_tui.workflow.acw import Agents, Runner
from zwarm_tui.workflow.artifacts import Prompt, check_name

Backend = tuple[str, str]
"""(provider, model), such as ("codex", "gpt-5.1-codex"); "" is the provider's own model."""

OPTIONS = frozenset({"tools", "permission_mode", "timeout", "extra_flags", "input_path", "output_path"})


@dataclass(frozen=True)
class StageResult:
    """A stage that completed: its two files and how its process ended."""

    stage: str
    input_path: Path
    output_path: Path
    process: subprocess.CompletedProcess[Any]

    def text(self) -> str:
        """What its output file holds."""
        return self.output_path.read_text(encoding="utf-8", errors="replace")


@dataclass(frozen=True)
class StageCall:
    """A stage for `run_parallel`; `options` are those of `run_prompt`."""

    stage: str
    prompt: Prompt
    backend: Backend
    options: dict[str, Any] = field(default_factory=dict)


def make_call(name: str, prompt: Prompt, backend: Backend, options: dict[str, Any]) -> StageCall:
    """A call that could run; TypeError or ValueError."""
    check_name(name)
    unknown = sorted(set(options) - OPTIONS)
    if unknown:
        raise TypeError(
            f"a stage takes no {', '.join(unknown)}: its options are {', '.join(sorted(OPTIONS))}"
        )
    if not (isinstance(backend, tuple) and len(backend) == 2):
        raise TypeError(f"stage '{name}': a backend is (provider, model), not {backend!r}")
    return StageCall(name, prompt, backend, options)


def check_calls(calls: Sequence[StageCall], retry: int, retry_delay: float, runner: Runner) -> None:
    """All that can be known to be wrong, before anything runs."""
    if retry < 0:
        raise ValueError(f"retry is how many more attempts there are, at least 0, not {retry}")
    if not (retry_delay >= 0 and math.isfinite(retry_delay)):
        raise ValueError(f"retry_delay is a number of seconds, at least 0, not {retry_delay}")
    seen: set[str] = set()
    for call in calls:
        if not isinstance(call, StageCall):
            raise TypeError(f"run_parallel takes what stage() returns, not {type(call).__name__}")
        if call.stage in seen:
            raise ValueError(f"Duplicate stage name '{call.stage}'")
        seen.add(call.stage)
        if isinstance(runner, Agents):
            runner.check(call.backend[0])


def how_it_ended(process: subprocess.CompletedProcess[Any]) -> str:
    """The exit status of a process, and what it said of it."""
    said = _text(process.stderr) or _text(process.stdout)
    return f"exit status {process.returncode}" + (f": {said}" if said else "")


def _text(said: Any, limit: int = 2000) -> str:
    """What a process printed, as text; its end, where it is long."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said or "")
    return text.strip()[-limit:]
