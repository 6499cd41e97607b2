"""What an agent does in a turn, as its adapter tells it."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar

from zwarm_tui.core.events.base import Event
from zwarm_tui.core.value import Value, value


@value()
class TextDelta(Event):
    kind: ClassVar[str] = "text.delta"
    item: str
    text: str
    plain: bool = False


@value()
class Text(Event):
    """A complete message of the agent. `parent` is the tool call of the sub-agent
    that wrote it; a turn's answer is made of the texts without one (F1, F2). `plain`:
    what a terminal showed, line by line, and no Markdown."""

    kind: ClassVar[str] = "text"
    item: str
    text: str
    parent: str | None = None
    plain: bool = False


@value()
class ReasoningDelta(Event):
    kind: ClassVar[str] = "reasoning.delta"
    item: str
    text: str


@value()
class Reasoning(Event):
    kind: ClassVar[str] = "reasoning"
    item: str
    text: str


@value()
class CommandStarted(Event):
    kind: ClassVar[str] = "command.started"
    item: str
    command: str
    cwd: str = ""


@value()
class CommandOutput(Event):
    """A piece of a running command's output."""

    kind: ClassVar[str] = "command.output"
    item: str
    text: str


@value(kw_only=True)
class CommandDone(Event):
    """`status`: completed, failed or declined. `seconds` is None where unknown."""

    kind: ClassVar[str] = "command"
    item: str
    command: str
    cwd: str = ""
    output: str = ""
    exit_code: int | None = None
    status: str = "completed"
    seconds: float | None = None


@value()
class FileChange(Value):
    """One file of a `FilesChanged`. `change`: add, update, delete or move."""

    path: str
    change: str
    diff: str = ""


@value()
class FilesChanged(Event):
    """`status`: in_progress (not written yet), completed, failed or declined."""

    kind: ClassVar[str] = "files"
    item: str
    changes: tuple[FileChange, ...]
    status: str = "completed"


@value()
class TurnDiff(Event):
    """The unified diff of everything the turn changed so far; replaces the last."""

    kind: ClassVar[str] = "diff"
    text: str


@value()
class Plan(Event):
    """The agent's to-do list: (step, status) pairs; replaces the last."""

    kind: ClassVar[str] = "plan"
    steps: tuple[tuple[str, str], ...]


@value()
class ToolStarted(Event):
    kind: ClassVar[str] = "tool.started"
    item: str
    tool: str
    arguments: dict[str, Any] = field(default_factory=dict)


@value(kw_only=True)
class ToolDone(Event):
    kind: ClassVar[str] = "tool"
    item: str
    tool: str
    arguments: dict[str, Any] = field(default_factory=dict)
    result: str = ""
    ok: bool = True
    seconds: float | None = None


@value(kw_only=True)
class Usage(Event):
    """Tokens of ONE model response, already normalised (see `core.costs`):
    `input` is without cached ones, `output` includes `reasoning`. `context` is how
    many tokens the response's request held, of a `window` (None: unknown).
    `provider_cost` is the provider's own figure in USD, kept beside ours."""

    kind: ClassVar[str] = "usage"
    model: str | None
    input: int
    cached: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    context: int | None = None
    window: int | None = None
    provider_cost: float | None = None


@value()
class UsageUnknown(Event):
    """Tokens were spent that are reported nowhere (a response cut off by an
    interrupt or a kill): totals are "at least" from here on."""

    kind: ClassVar[str] = "usage.unknown"
    why: str


@value(kw_only=True)
class ApprovalRequested(Event):
    """The agent waits for leave. `what`: command, files or tool; or budget, where a turn
    would begin beyond one. `choices` are of accept, accept_session, decline, cancel.
    `text` is the exact command (or the list of files, the tool call, the budgets) that
    the person decides about."""

    kind: ClassVar[str] = "approval.requested"
    request: str
    what: str
    text: str
    cwd: str = ""
    reason: str = ""
    item: str | None = None
    choices: tuple[str, ...] = ("accept", "accept_session", "decline", "cancel")


@value(kw_only=True)
class ApprovalResolved(Event):
    """`decision`: one of the choices, or "withdrawn" (the turn ended first)."""

    kind: ClassVar[str] = "approval"
    request: str
    decision: str
    by: str = "person"
    what: str = ""
    text: str = ""
    message: str = ""


@value()
class QuestionAsked(Event):
    """The agent (or the pilot, with `chat`) asks the person something."""

    kind: ClassVar[str] = "question.asked"
    request: str
    text: str
    options: tuple[str, ...] = ()


@value()
class QuestionAnswered(Event):
    """`answer` is None where the turn ended before one came."""

    kind: ClassVar[str] = "question"
    request: str
    question: str
    answer: str | None
    by: str = "person"


@value()
class Notice(Event):
    """Something the person should be able to see. `level`: info, warning, error.
    `about` names what is said only once in a project, or is ""."""

    kind: ClassVar[str] = "notice"
    level: str
    text: str
    about: str = ""


@value()
class Unknown(Event):
    """A line that no adapter understands, kept whole; counted, and shown dim."""

    kind: ClassVar[str] = "unknown"
    type: str
    raw: str
