"""Loading a command: its file, the one that it extends, and all that can be wrong there."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from zwarm_tui.commands import prompts, yamlfile
from zwarm_tui.commands.definition import (
    BUILTINS,
    CommandArgument,
    CommandDefinition,
    CommandStep,
    StepType,
)
from zwarm_tui.commands.errors import CommandLoadError, Problem
from zwarm_tui.commands.yamlfile import Document, Key
from zwarm_tui.workflow.errors import PlaceholderError

SUFFIXES = (".yaml", ".yml")
_STEPS = ("pre_steps", "steps", "post_steps", "cleanup_on_failure")
_ARGS = {"create-worktree": ("branch", "base"), "start-session": ("command",)}
"""What the built-in steps take."""
_MODELS: dict[str, type[BaseModel]] = {"arguments": CommandArgument} | dict.fromkeys(_STEPS, CommandStep)


@dataclass
class _Merged:
    """A file with what it extends; `origins` says where each of the lists' entries stands."""

    documents: list[Document]
    data: dict[str, Any]
    origins: dict[Key, tuple[Document, Key]]

    def problem(self, at: Key, message: str) -> Problem:
        document, inner = self._origin(at)
        return Problem(document.path, document.line(inner), ".".join(map(str, at)), message)

    def _origin(self, at: Key) -> tuple[Document, Key]:
        if at[:2] in self.origins:
            document, inner = self.origins[at[:2]]
            return document, (*inner, *at[2:])
        holding = (d for d in self.documents if at[:1] and at[0] in d.data)
        return next(holding, self.documents[0]), at


def load_command(path: str | Path) -> CommandDefinition:
    """The command of a file. `CommandLoadError` names file, line and field of everything
    that is wrong."""
    merged = _merge(Path(path).expanduser().absolute(), ())
    data = {k: v for k, v in merged.data.items() if v is not None}
    try:
        definition = CommandDefinition.model_validate(data)
    except ValidationError as error:
        raise CommandLoadError([_explained(merged, one) for one in error.errors()]) from None
    definition._path = merged.documents[0].path
    if problems := _problems(merged, definition):
        raise CommandLoadError(problems)
    return definition


def _merge(path: Path, above: tuple[Path, ...]) -> _Merged:
    """A file over the one it extends: scalars override, maps merge, lists append."""
    own = yamlfile.read(path)
    mine = _Merged([own], dict(own.data), {})
    wanted = own.data.get("extends")
    base = None
    if isinstance(wanted, str):
        chain = (*above, path)
        base = next((f for s in ("", *SUFFIXES) if (f := path.parent / f"{wanted}{s}").is_file()), None)
        if base is None:
            raise CommandLoadError([mine.problem(("extends",), f"there is no '{wanted}' in {path.parent}")])
        if base in chain:
            round_ = " → ".join(f.name for f in (*chain[chain.index(base) :], base))
            raise CommandLoadError([mine.problem(("extends",), f"it extends itself: {round_}")])
    lower = _merge(base, (*above, path)) if base is not None else _Merged([], {}, {})
    return _laid_over(lower, own)


def _laid_over(lower: _Merged, own: Document) -> _Merged:
    data, origins = dict(lower.data), dict(lower.origins)
    for key, value in own.data.items():
        below = data.get(key)
        if isinstance(value, list):
            entries = list(below) if isinstance(below, list) else []
            for index, entry in enumerate(value):
                # An argument of the same name is the same argument, said anew.
                at = next((i for i, e in enumerate(entries) if key == "arguments" and _same(e, entry)), None)
                if at is None:
                    entries.append(entry)
                    at = len(entries) - 1
                else:
                    entries[at] = entry
                origins[(key, at)] = (own, (key, index))
            data[key] = entries
        elif isinstance(value, dict):
            data[key] = {**(below if isinstance(below, dict) else {}), **value}
            origins |= {(key, name): (own, (key, name)) for name in value}
        elif value is not None or key not in data:
            data[key] = value
    return _Merged([own, *lower.documents], data, origins)


def _same(one: Any, other: Any) -> bool:
    def name(given: Any) -> Any:
        return given.get("name") if isinstance(given, dict) else given

    # Within one file, two of a name are an error, which the model finds.
    return one is not other and name(one) == name(other)


def _explained(merged: _Merged, error: Any) -> Problem:
    at: Key = tuple(error["loc"])
    if error["type"] == "extra_forbidden":
        model = _MODELS[str(at[0])] if len(at) == 3 else CommandDefinition
        close = get_close_matches(str(at[-1]), model.model_fields, 1)
        known = f"; it is one of {', '.join(model.model_fields)}"
        return merged.problem(at, "unknown key" + (f"; did you mean '{close[0]}'?" if close else known))
    if error["type"] == "missing":
        return merged.problem(at, "this field is missing")
    message = str(error["msg"]).removeprefix("Value error, ")
    return merged.problem(at, message[:1].lower() + message[1:])


def _problems(merged: _Merged, definition: CommandDefinition) -> list[Problem]:
    """What is wrong beyond the shape of single values."""
    found: list[Problem] = []
    values = dict.fromkeys((a.name for a in definition.arguments), "")
    agents: set[str] = set()
    file = prompts.prompt_file(definition, CommandStep(type=StepType.AGENT))
    if file is not None and (why := _unreadable(file)):
        found.append(merged.problem(("prompt_file",), why))
    named = set()
    for key in _STEPS:
        for index, step in enumerate(getattr(definition, key)):
            for field, why in _wrong_in(definition, step, values, agents):
                found.append(merged.problem((key, index, field) if field else (key, index), why))
            if step.name in named and key != "cleanup_on_failure" and step.type.by_agent:
                found.append(merged.problem((key, index), f"another step is called '{step.name}'"))
            named.add(step.name)
            values[f"steps.{step.name}"] = ""
            if step.type is StepType.AGENT:
                agents.add(step.name)
    if definition.prompt_file is not None and not found:
        found += _unfilled_prompt_file(merged, definition, values)
    return found


def _wrong_in(
    definition: CommandDefinition, step: CommandStep, values: dict[str, str], agents: set[str]
) -> list[tuple[str, str]]:
    """(field, what is wrong with it) of one step."""
    if step.type is StepType.BUILTIN and step.action not in BUILTINS:
        close = get_close_matches(step.action, BUILTINS, 1)
        known = f"did you mean '{close[0]}'?" if close else f"there is {', '.join(BUILTINS)}"
        return [
            ("", f"no built-in step '{step.action}': {known} (a shell command is `type: shell, action: …`)")
        ]
    for name in step.args:
        if name not in _ARGS.get(step.action, ()):
            takes = ", ".join(_ARGS.get(step.action, ())) or "none"
            return [("args", f"{step.action} takes no '{name}' (it takes {takes})")]
    if step.fix is not None and step.fix not in agents:
        return [("fix", f"no agent step before this one is called '{step.fix}'")]
    try:
        for text in step.args.values():
            prompts.check(text, values)
        if step.prompt_file is not None and (bad := _unreadable(_beside(definition, step.prompt_file))):
            return [("prompt_file", bad)]
        if step.type is StepType.AGENT and step.prompt is None and step.prompt_file is None:
            if definition.prompt_file is None:
                return [("", "an agent needs a prompt or a prompt_file, here or for the whole command")]
        elif step.type.by_agent and (prompt := prompts.template(definition, step)) is not None:
            prompts.check(prompt, values)
            if not prompt.strip():
                return [("prompt", "it is empty")]
    except PlaceholderError as error:
        return [("prompt" if not step.args else "args", str(error))]
    return []


def _unfilled_prompt_file(
    merged: _Merged, definition: CommandDefinition, values: dict[str, str]
) -> list[Problem]:
    text = prompts.template(definition, CommandStep(type=StepType.AGENT)) or ""
    try:
        prompts.check(text, values)
    except PlaceholderError as error:
        return [merged.problem(("prompt_file",), str(error))]
    return [] if text.strip() else [merged.problem(("prompt_file",), "the file is empty")]


def _beside(definition: CommandDefinition, file: str) -> Path:
    assert definition.path is not None
    return definition.path.parent / Path(file).expanduser()


def _unreadable(file: Path) -> str | None:
    try:
        file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return f"there is no file {file}"
    except (OSError, UnicodeDecodeError) as error:
        return f"{file} can't be read: {error}"
    return None
