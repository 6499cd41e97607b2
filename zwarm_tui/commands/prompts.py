"""The prompts of a command: where they stand, and what fills their placeholders.

`{name}` stands for an argument, `{steps.NAME}` for what an earlier step had to say. What
fills a placeholder is never looked at for placeholders again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from zwarm_tui.commands.definition import CommandDefinition, CommandStep, takes_prompt
from zwarm_tui.workflow.placeholders import check_prompt

_HOLE = re.compile(r"(?<![{$\w])\{((?:steps\.[^{}\n]+)|[A-Za-z][A-Za-z0-9_-]*)\}(?!\})")


def prompt_file(definition: CommandDefinition, step: CommandStep) -> Path | None:
    """The file that a step's prompt stands in: beside the command's own file."""
    given = definition.prompt_file if takes_prompt(step) else step.prompt_file
    if given is None:
        return None
    folder = definition.path.parent if definition.path is not None else Path.cwd()
    return folder / Path(given).expanduser()


def template(definition: CommandDefinition, step: CommandStep) -> str | None:
    """A step's prompt as it was written; None where it has none. OSError or ValueError
    where its file can't be read."""
    if step.prompt is not None:
        return step.prompt
    file = prompt_file(definition, step)
    return None if file is None else file.read_text(encoding="utf-8")


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders filled in; those that nothing is known of stay."""
    return _HOLE.sub(lambda hole: values.get(hole[1], hole[0]), text)


def check(text: str, known: Mapping[str, str]) -> None:
    """`PlaceholderError` where a placeholder stands for nothing that is known."""
    check_prompt(_HOLE.sub(lambda hole: "" if hole[1] in known else hole[0], text))
