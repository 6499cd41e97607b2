"""What can be started: workflows and commands, the broken ones with their error, and what
each wants to know first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zwarm_tui.core.errors import ZwarmError

if TYPE_CHECKING:
    from zwarm_tui.commands.definition import CommandArgument


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that is asked. `check` raises what is wrong with a value, in words."""

    name: str
    type: str
    check: Callable[[str], object]
    required: bool = False
    default: str = ""
    values: tuple[str, ...] = ()
    description: str = ""

    def problem(self, value: str) -> str:
        """What is wrong with a value; "" where it is right."""
        if not value.strip():
            return "It is needed." if self.required and not self.default.strip() else ""
        try:
            self.check(value)
        except (ZwarmError, ValueError) as error:
            return str(error).replace(f"--{self.name}", self.name)
        return ""


@dataclass(frozen=True, slots=True)
class Startable:
    """One workflow or command (`kind`). `error` says why it can't be started."""

    kind: str
    name: str
    path: Path
    description: str = ""
    fields: tuple[Field, ...] = ()
    error: str = ""


def discover(project: Path) -> list[Startable]:
    """All of them, by name. Reads files: not for the thread of the screen."""
    return sorted([*_workflows(project), *_commands(project)], key=lambda s: (bool(s.error), s.name, s.kind))


def _workflows(project: Path) -> list[Startable]:
    from zwarm_tui.workflow.files import discover_workflows

    return [
        Startable(
            "workflow",
            found.name,
            found.path,
            found.description,
            tuple(
                Field(i.name, i.type, i.check, i.required, i.default or "", tuple(i.values), i.description)
                for i in found.inputs
            ),
            found.error or "",
        )
        for found in discover_workflows(project)
    ]


def _commands(project: Path) -> list[Startable]:
    from zwarm_tui.commands.discovery import discover_commands

    return [
        Startable(
            "command",
            found.name,
            found.path,
            found.description,
            tuple(_argument(a, project) for a in found.definition.arguments) if found.definition else (),
            found.error or "",
        )
        for found in discover_commands(project)
    ]


def _argument(argument: CommandArgument, project: Path) -> Field:
    from zwarm_tui.commands.arguments import parse
    from zwarm_tui.commands.definition import as_text

    flag = argument.type == "bool"
    return Field(
        argument.name,
        "enum" if flag else argument.type,
        lambda value: parse(argument, value, project),
        argument.required,
        "" if argument.default is None else as_text(argument.default),
        ("true", "false") if flag else tuple(argument.values),
        argument.description,
    )


def wanted_inputs(startable: Startable, values: dict[str, str]) -> dict[str, Any]:
    """What was filled in, without what was left empty: defaults are for whoever runs it."""
    return {field.name: values[field.name] for field in startable.fields if values[field.name].strip()}
