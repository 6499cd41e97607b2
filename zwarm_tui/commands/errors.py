"""What can be wrong with a command before it starts, and what can stop one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zwarm_tui.core.errors import UsageError, ZwarmError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a command's file: where, and what. `line` counts from
    1, None where it isn't known; `field` is a path such as "steps.2.timeout", "" for
    the file as a whole."""

    path: Path
    line: int | None
    field: str
    message: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else str(self.path)
        return f"{where}: {self.field}: {self.message}" if self.field else f"{where}: {self.message}"


class CommandLoadError(UsageError):
    """A command's file can't be run as it is: `problems` holds all that is wrong, and the
    message names file, line and field of each. `path`, `line` and `field` are the first's."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        self.path, self.line, self.field = problems[0].path, problems[0].line, problems[0].field
        super().__init__("\n".join(map(str, problems)))


class ArgumentError(UsageError, ValueError):
    """An argument is unknown, missing, or can't be what it was given as."""


class PrerequisitesError(RuntimeError):
    """What a command needs isn't there."""


class LostWorktreeError(ZwarmError):
    """The worktree that a run works in is gone: it goes on nowhere else."""
