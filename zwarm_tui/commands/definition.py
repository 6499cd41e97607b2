"""What a command's file may say. Unknown keys are errors; every field has an effect."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator

STEP_TIMEOUT = 300.0
"""Seconds a builtin, script or shell step has where it says nothing else."""

BUILTINS = (
    "setup-environment",
    "validate-prerequisites",
    "create-worktree",
    "start-session",
    "gather-context",
    "store-artifacts",
    "cleanup",
)
"""The built-in steps, as files name them."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SHELL = re.compile(r"[\s|&;<>()$`]")


class StepType(str, Enum):
    """`agent` starts an executor with a prompt and waits; `review` has one judge what was
    done, and fails while it finds something that blocks."""

    BUILTIN = "builtin"
    SCRIPT = "script"
    SHELL = "shell"
    AGENT = "agent"
    REVIEW = "review"

    @property
    def by_agent(self) -> bool:
        return self in (StepType.AGENT, StepType.REVIEW)


class CommandStep(BaseModel):
    """One step. A plain string is one too: with a space or a shell operator a shell
    command, with the ending .py or .sh a script, else a built-in step.

    `timeout` in seconds; an agent's step has none of its own, the command's holds for it.
    `retry` is how often a step that failed is run again; with `fix` (the name of an
    earlier agent step) that agent is told first what went wrong.
    """

    model_config = ConfigDict(extra="forbid")

    name: str = ""
    type: StepType = StepType.BUILTIN
    action: str = ""
    args: dict[str, str] = Field(default_factory=dict)
    environment: dict[str, str] = Field(default_factory=dict)
    timeout: float | None = Field(default=None, gt=0)
    prompt: str | None = None
    prompt_file: str | None = None
    executor: str | None = None
    model: str | None = None
    retry: int = Field(default=0, ge=0)
    fix: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, given: Any) -> Any:
        if isinstance(given, str):
            return {"name": short_name(given), "type": guess(given), "action": given}
        if isinstance(given, dict) and "type" not in given:
            asks = "prompt" in given or "prompt_file" in given
            kind = StepType.AGENT if asks else guess(str(given.get("action") or given.get("name") or ""))
            return {**given, "type": kind}
        return given

    @field_validator("args", "environment", mode="before")
    @classmethod
    def _texts(cls, given: Any) -> Any:
        return as_texts(given)

    @model_validator(mode="after")
    def _complete(self) -> CommandStep:
        if not self.action.strip() and not self.type.by_agent:
            if self.type is not StepType.BUILTIN or not self.name:
                raise ValueError("a step needs an action: what it does")
            self.action = self.name
        if self.type is StepType.BUILTIN:
            action = self.action.replace("_", "-")
            self.action = {"session-create": "start-session"}.get(action, action)  # an older name
        if self.action and self.type.by_agent:
            raise ValueError(f"a step of type {self.type.value} has a prompt, and no action")
        if self.args and self.type is not StepType.BUILTIN:
            raise ValueError("args are for built-in steps; a script is given its variables in `environment`")
        for key in ("prompt", "prompt_file", "executor", "model"):
            if getattr(self, key) is not None and not self.type.by_agent:
                raise ValueError(f"{key} is for steps of type agent or review")
        if self.prompt is not None and self.prompt_file is not None:
            raise ValueError("it has a prompt and a prompt_file: one of them")
        if self.fix is not None and not self.retry:
            raise ValueError("fix has no effect without retry: say how often to try again")
        self.name = self.name or (short_name(self.action) if self.action else self.type.value)
        if self.timeout is None and not self.type.by_agent:
            self.timeout = STEP_TIMEOUT
        return self


ArgumentType = Literal["string", "int", "float", "bool", "path", "enum"]


class CommandArgument(BaseModel):
    """An argument of a command; a plain string is the name of one. It is required unless
    it has a default or says otherwise. `values` are those of an enum."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")
    type: ArgumentType = "string"
    required: bool = True
    default: str | int | float | bool | None = None
    values: list[str] = Field(default_factory=list)
    description: str = ""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, given: Any) -> Any:
        return {"name": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _complete(self) -> CommandArgument:
        if (self.type == "enum") != bool(self.values):
            raise ValueError("an enum needs values" if self.type == "enum" else "only an enum has values")
        if self.default is not None:
            from zwarm_tui.commands.arguments import parse  # it knows the types, and this module

            self.required = False
            parse(self, self.default, Path("/"))
        return self


Cleanup = Literal["always", "on_success", "never"]


class CommandDefinition(BaseModel):
    """A command. `timeout` in seconds, for all of its steps together. `cleanup` says when
    its worktree and its tmux session go; a worktree with something in it that is nowhere
    else is kept in every mode."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, pattern=r"^[^\s/=]+$")
    description: str
    prompt_file: str | None = None
    extends: str | None = None
    category: str = "workflow"
    arguments: list[CommandArgument] = Field(default_factory=list)
    environment: dict[str, str] = Field(default_factory=dict)
    pre_steps: list[CommandStep] = Field(default_factory=list)
    steps: list[CommandStep] = Field(default_factory=list)
    post_steps: list[CommandStep] = Field(default_factory=list)
    cleanup_on_failure: list[CommandStep] = Field(default_factory=list)
    working_directory: str | None = None
    timeout: float = Field(default=1800.0, gt=0)
    cleanup: Cleanup = "always"

    _path: Path | None = PrivateAttr(default=None)

    @field_validator("environment", mode="before")
    @classmethod
    def _texts(cls, given: Any) -> Any:
        return as_texts(given)

    @field_validator("arguments")
    @classmethod
    def _differ(cls, given: list[CommandArgument]) -> list[CommandArgument]:
        names = [a.name for a in given]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two arguments are called '{name}'")
        return given

    @property
    def path(self) -> Path | None:
        """The file it was loaded from."""
        return self._path

    def get_all_steps(self) -> list[CommandStep]:
        """pre_steps, steps, post_steps, in that order."""
        return [*self.pre_steps, *self.steps, *self.post_steps]

    def planned_steps(self) -> list[CommandStep]:
        """What a run does: all steps, and where none of them takes the command's
        `prompt_file`, an agent that does, before the post_steps."""
        if self.prompt_file is None or any(takes_prompt(step) for step in self.get_all_steps()):
            return self.get_all_steps()
        agent = CommandStep(name="agent", type=StepType.AGENT)
        return [*self.pre_steps, *self.steps, agent, *self.post_steps]


ActionDefintion = CommandDefinition
"""The name that older definitions in Python use."""


def takes_prompt(step: CommandStep) -> bool:
    """An agent's step without a prompt of its own: the command's `prompt_file` is its prompt."""
    return step.type is StepType.AGENT and step.prompt is None and step.prompt_file is None


def guess(action: str) -> StepType:
    """What a step is that is nothing but this text."""
    if _SHELL.search(action.strip()):
        return StepType.SHELL
    return StepType.SCRIPT if action.endswith((".py", ".sh")) else StepType.BUILTIN


def short_name(action: str) -> str:
    """A step's name, made of what it does."""
    words = " ".join(action.split())
    return words if len(words) <= 40 else words[:39] + "…"


def as_texts(given: Any) -> Any:
    """A map whose plain values are texts, as YAML's `PORT: 80` and `DEBUG: true` mean it."""
    if not isinstance(given, dict):
        return given
    for name in given:
        if not isinstance(name, str) or not _VARIABLE.match(name):
            raise ValueError(f"{name!r} can't be a name here: letters, digits and _")
    return {k: as_text(v) if isinstance(v, bool | int | float) else v for k, v in given.items()}


def as_text(value: object) -> str:
    """A value as a variable of the environment holds it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
