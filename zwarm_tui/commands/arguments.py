"""The arguments of a command: what was given, checked and completed before anything starts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from zwarm_tui.commands.definition import CommandArgument, as_text
from zwarm_tui.commands.errors import ArgumentError

Value = str | int | float | bool
_BOOLS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def resolve(declared: Sequence[CommandArgument], given: Mapping[str, Any], project: Path) -> dict[str, Value]:
    """The values of a run, each of its declared type: those given, and defaults. One that
    is not required and has neither is left out. `ArgumentError` says what is wrong."""
    known = {argument.name: argument for argument in declared}
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, 1)
            hint = f"; did you mean '{close[0]}'?" if close else f" (there is {', '.join(known) or 'none'})"
            raise ArgumentError(f"unknown argument '{name}'{hint}")
    values: dict[str, Value] = {}
    for name, argument in known.items():
        value = given.get(name)
        if value is None or (isinstance(value, str) and not value.strip() and argument.default is not None):
            value = argument.default
        if value is not None and not (argument.required and isinstance(value, str) and not value.strip()):
            values[name] = parse(argument, value, project)
        elif argument.required:
            what = f": {argument.description}" if argument.description else ""
            raise ArgumentError(f"missing argument '{name}'{what} (give it as {name}=…)")
    return values


def parse(argument: CommandArgument, value: Any, project: Path) -> Value:
    """The value as its type; `ArgumentError` where it can't be that. A relative path is
    one in the project."""
    wrong = ArgumentError(f"argument '{argument.name}' can't be {value!r}: {_wanted(argument)}")
    if not isinstance(value, str | int | float | bool):
        raise wrong
    text = as_text(value)
    match argument.type:
        case "bool":
            if text.lower() not in _BOOLS:
                raise wrong
            return _BOOLS[text.lower()]
        case "int" | "float":
            try:
                number = int(text) if argument.type == "int" else float(text)
            except ValueError:
                raise wrong from None
            if isinstance(value, bool) or not math.isfinite(number):
                raise wrong
            return number
        case "path":
            if "\0" in text:
                raise wrong
            return str(project / Path(text).expanduser())
        case "enum":
            if text not in argument.values:
                raise wrong
        case "string":
            if "\0" in text:
                raise wrong
    return text


def variables(values: Mapping[str, Value]) -> dict[str, str]:
    """The variables by which steps know the arguments: ZWARM_ARG_<NAME>."""
    return {f"ZWARM_ARG_{name.upper().replace('-', '_')}": as_text(value) for name, value in values.items()}


def _wanted(argument: CommandArgument) -> str:
    match argument.type:
        case "int":
            return "a whole number is wanted"
        case "float":
            return "a number is wanted"
        case "bool":
            return "true or false is wanted"
        case "enum":
            return f"it is one of {', '.join(argument.values)}"
    return "text is wanted"
