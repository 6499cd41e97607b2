"""What a workflow wants to be told before it starts, and whether it was."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from zwarm_tui.workflow.errors import InputError

Kind = Literal["string", "text", "enum"]
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")


@dataclass(frozen=True)
class Input:
    """A declared input. "string" is one line, "text" may be many, "enum" is one of
    `values`. Wrong declarations raise `InputError` at once."""

    name: str
    type: Kind = "text"
    required: bool = False
    default: str | None = None
    values: Sequence[str] = ()
    description: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.match(self.name):
            raise InputError(f"bad input name {self.name!r}: letters, digits, - and _, a letter first")
        if self.type not in get_args(Kind):
            raise InputError(
                f"input '{self.name}': no type '{self.type}'; it is one of {', '.join(get_args(Kind))}"
            )
        if (self.type == "enum") != bool(self.values):
            needs = "needs values" if self.type == "enum" else f"is a {self.type}: only an enum has values"
            raise InputError(f"input '{self.name}' {needs}")
        if self.type == "enum" and self.default is not None and self.default not in self.values:
            raise InputError(
                f"input '{self.name}': its default {self.default!r} is none of its values ({', '.join(self.values)})"
            )

    def check(self, value: Any) -> str:
        """The value as the workflow gets it; `InputError` where it can't be one."""
        if not isinstance(value, str):
            raise InputError(f"Invalid value for --{self.name}: {value!r}. Expected text")
        if self.type == "enum" and value not in self.values:
            raise InputError(
                f'Invalid value for --{self.name}: "{value}". Expected one of: {", ".join(self.values)}'
            )
        if self.type == "string" and "\n" in value:
            raise InputError(f"Invalid value for --{self.name}: it has several lines. Expected one")
        return value


def check_schema(inputs: Sequence[Input]) -> None:
    """`InputError` where two inputs have the same name."""
    names = [i.name for i in inputs]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"Duplicate input '{name}'")


def resolve(inputs: Sequence[Input], given: Mapping[str, Any]) -> dict[str, str]:
    """The values that a run gets: what was given, and defaults. Raises `InputError`
    before anything has started. A value of nothing but spaces counts as none."""
    known = {i.name: i for i in inputs}
    for name in given:
        if name not in known:
            raise InputError(f"Unknown input --{name}" + (f" (there is {_names(known)})" if known else ""))
    values: dict[str, str] = {}
    for name, declared in known.items():
        value = given.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            value = declared.default
        if value is not None:
            values[name] = declared.check(value)
        elif declared.required:
            raise InputError(f"Missing required input --{name}")
        else:
            values[name] = ""
    return values


def _names(known: Mapping[str, Input]) -> str:
    return ", ".join(f"--{name}" for name in known)
