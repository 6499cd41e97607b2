"""What a step's process knows of its run: variables, and the folder that it works in."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from zwarm_tui.commands.arguments import variables as argument_variables
from zwarm_tui.commands.definition import CommandDefinition, CommandStep, as_text
from zwarm_tui.commands.errors import LostWorktreeError
from zwarm_tui.commands.prompts import fill
from zwarm_tui.commands.session import Session
from zwarm_tui.config.paths import tmux_socket
from zwarm_tui.core.errors import UsageError

_LONGEST = 20_000
"""Characters of an earlier step's output that a prompt is filled with: its end."""


def variables(session: Session) -> dict[str, str]:
    """The run's own environment, its arguments (ZWARM_ARG_*), and what `get_context`
    tells, as far as it is a plain value (ZWARM_*)."""
    context = {k: as_text(v) for k, v in session.get_context().items() if isinstance(v, str | int | float)}
    own = {f"ZWARM_{key.upper()}": value for key, value in context.items()}
    if session.tmux_session_name is not None:
        own["ZWARM_TMUX_SOCKET"] = str(tmux_socket(session.project_path))
    shared = {
        f"ZWARM_SHARED_{re.sub(r'[^A-Z0-9]', '_', key.upper())}": as_text(value)
        for key, value in session.shared_data.items()
        if isinstance(value, str | int | float) and "\0" not in str(value)
    }
    return session.environment | argument_variables(session.arguments) | shared | own


def values(session: Session) -> dict[str, str]:
    """What fills the placeholders of a prompt: arguments, and what earlier steps said."""
    found = {name: as_text(value) for name, value in session.arguments.items()}
    for step in session.step_history:
        found[f"steps.{step.name}"] = (step.output.strip() or step.error or "")[-_LONGEST:]
    return found


def environment(definition: CommandDefinition, session: Session) -> dict[str, str]:
    """The command's own variables, with arguments filled in."""
    return {name: fill(text, values(session)) for name, text in definition.environment.items()}


def step_variables(step: CommandStep, session: Session) -> dict[str, str]:
    """All of the above for one step, which may say more."""
    return variables(session) | {k: fill(v, values(session)) for k, v in step.environment.items()}


def folder(definition: CommandDefinition, session: Session) -> Path:
    """Where steps work: the worktree, or where the command has none the project; in
    either the command's `working_directory`. Never the project in place of a worktree."""
    top = session.top
    if session.worktree_path is not None and not (top / ".git").exists():
        raise LostWorktreeError(f"the worktree {top} is gone: nothing goes on in another folder")
    where = top / Path(fill(definition.working_directory or "", values(session))).expanduser()
    if not where.is_dir():
        raise UsageError(f"working_directory: there is no folder {where}")
    return where


def write_context(session: Session) -> Path:
    """All of the run's context as a file, for scripts that want more than variables."""
    file = session.artifact_dir / "context.json"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.write_text(json.dumps(session.get_context(), default=str), encoding="utf-8")
    return file


def read_shared(file: Path, session: Session) -> None:
    """Take what a step wrote to $ZWARM_SHARED: `key=value` lines."""
    if not file.is_file():
        return
    given: dict[str, Any] = {}
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        key, sep, value = line.partition("=")
        if sep and key.strip():
            given[key.strip()] = value
    session.shared_data.update(given)
    file.unlink()
