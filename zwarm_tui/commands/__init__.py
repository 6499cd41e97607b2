"""Commands: YAML files of steps, with a worktree and a tmux session where they want them.

`load_command` reads one, `create_command` makes it runnable, `CommandRun` runs it with a
project's agents and keeps all of it in the log.
"""

from zwarm_tui.commands.agents import AgentSteps
from zwarm_tui.commands.builtin import BuiltinSteps
from zwarm_tui.commands.command import (
    BaseCommand,
    ExecutionResult,
    SessionCommand,
    StandardCommand,
    WorktreeCommand,
    create_command,
)
from zwarm_tui.commands.definition import (
    ActionDefintion,
    CommandArgument,
    CommandDefinition,
    CommandStep,
    StepType,
)
from zwarm_tui.commands.discovery import CommandFile, discover_commands, find_command
from zwarm_tui.commands.errors import ArgumentError, CommandLoadError, PrerequisitesError, Problem
from zwarm_tui.commands.loader import load_command
from zwarm_tui.commands.observer import Observer
from zwarm_tui.commands.recovery import recover
from zwarm_tui.commands.run import CommandRun
from zwarm_tui.commands.session import Session, SessionStatus, StepExecution, StepStatus
from zwarm_tui.commands.steps import StepResult, StepRunner
from zwarm_tui.commands.worktrees import GitWorktrees

__all__ = [
    "ActionDefintion",
    "AgentSteps",
    "ArgumentError",
    "BaseCommand",
    "BuiltinSteps",
    "CommandArgument",
    "CommandDefinition",
    "CommandFile",
    "CommandLoadError",
    "CommandRun",
    "CommandStep",
    "ExecutionResult",
    "GitWorktrees",
    "Observer",
    "PrerequisitesError",
    "Problem",
    "Session",
    "SessionCommand",
    "SessionStatus",
    "StandardCommand",
    "StepExecution",
    "StepResult",
    "StepRunner",
    "StepStatus",
    "StepType",
    "WorktreeCommand",
    "create_command",
    "discover_commands",
    "find_command",
    "load_command",
    "recover",
]
