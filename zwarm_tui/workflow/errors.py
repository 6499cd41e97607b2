"""What can go wrong in a run: each says which stage, and what to do next."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from typing import Any

from zwarm_tui.core.errors import ExecutorError, ProviderMismatchError, UsageError, ZwarmError


class PipelineError(RuntimeError):
    """A stage failed for good. `last_error` is the exception or the sentence that ended
    its last attempt; `completed` holds what its siblings brought to an end."""

    def __init__(
        self,
        stage: str,
        attempts: int,
        last_error: Exception | str,
        completed: Mapping[str, Any] | None = None,
    ) -> None:
        self.stage, self.attempts, self.last_error = stage, attempts, last_error
        self.completed: dict[str, Any] = dict(completed or {})
        detail = str(last_error) or type(last_error).__name__
        super().__init__(f"Stage '{stage}' failed after {attempts} attempts: {detail}")


class StageNameError(UsageError, ValueError):
    """A stage's name is missing, taken, or can't name a file."""


class InputError(UsageError, ValueError):
    """A declared input is wrong, or was given a wrong value."""


class PlaceholderError(UsageError, ValueError):
    """A prompt was about to be sent with a `{placeholder}` that nothing filled in (F5)."""


class WorkflowLoadError(UsageError):
    """A workflow's file can't be run as it is; the message names the file and the line."""


class StageNotCompletedError(ZwarmError):
    """What a stage hands on was asked for before the stage had completed (F12, F14)."""


class UnawaitedStageError(ZwarmError):
    """The workflow came to its end and left stages behind (F13)."""


class NoPromptError(ZwarmError):
    """A stage was given an agent and never said anything to it (F16)."""


class UnattendedError(ZwarmError):
    """A stage that nobody attends to wanted to ask its person something."""


class TurnStoppedError(ZwarmError):
    """A person, or the end of the program, stopped the turn: it is not tried again."""


class EmptyResponseError(ZwarmError):
    """The agent's turn completed without any text of its own (F1)."""


class WorkFailedError(ZwarmError):
    """A piece of work came to no good end: what its gates or its review said last."""


class TurnFailedError(ExecutorError):
    """The agent's turn failed. `exit_code` and `stderr` are its process's, where one ended."""

    def __init__(self, message: str, exit_code: int | None = None, stderr: str = "") -> None:
        self.exit_code, self.stderr = exit_code, stderr
        super().__init__(message)


class StageTimeoutError(TimeoutError):
    """A turn took longer than the `timeout` it was given."""


class OutputError(Exception):
    """What a runner left behind is no answer: how it ended, or its missing output."""


_PROCESS = (OSError, subprocess.SubprocessError, ExecutorError, EmptyResponseError, OutputError)


def worth_retrying(error: Exception) -> bool:
    """Whether trying again can help: a process or its output failed. A mistake in the
    program stays one (C-13)."""
    return isinstance(error, _PROCESS) and not isinstance(error, ProviderMismatchError)
