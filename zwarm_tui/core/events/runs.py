"""Runs of workflows and commands. Their records belong to no one session."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar

from zwarm_tui.core.events.base import Event
from zwarm_tui.core.value import value


@value(kw_only=True)
class RunStarted(Event):
    """A run begins, or (`resumed`) goes on in another process. `source` is its file; a
    run made by a program has none and, with `open_ended`, no end of its own. `pid` is
    the process that runs it. `flavour`: workflow or command; `artifacts` is the folder of
    what a command's run writes (its logs/ hold each step's output while it comes). What
    stages `forgotten` came to does not count any more; `origin` is the run whose results
    this one began with."""

    kind: ClassVar[str] = "run.started"
    run: str
    name: str
    source: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    pid: int = 0
    resumed: bool = False
    open_ended: bool = False
    flavour: str = "workflow"
    artifacts: str = ""
    forgotten: tuple[str, ...] = ()
    origin: str | None = None


@value(kw_only=True)
class StageStarted(Event):
    """An attempt at a stage. `parents` are the stages it follows in the graph, `within`
    the one that it is nested in. `input_hash` names all that its outcome depends on.
    `what` is what a command's step does, in a line."""

    kind: ClassVar[str] = "stage.started"
    run: str
    stage: str
    parents: tuple[str, ...] = ()
    within: str | None = None
    headless: bool = False
    backend: str | None = None
    attempt: int = 1
    attempts: int = 1
    input_hash: str = ""
    what: str = ""


@value(kw_only=True)
class StageServed(Event):
    """A turn of a session serves a stage. `how`: fresh, continued (the stage's own, once
    more), resumed (begun by another stage) or kept (it was had by an attempt that was cut
    off: nothing is sent again). `branch` is the turn's, where it may be another than the
    run's: its person can jump while a program goes on."""

    kind: ClassVar[str] = "stage.served"
    run: str
    stage: str
    session: str
    turn: int
    how: str
    role: str = "agent"
    branch: int | None = None


@value(kw_only=True)
class StageEnded(Event):
    """The end of a stage, after its last attempt. `status`: completed, failed or
    interrupted. `result` is JSON (of a command's step, however it ended: {"log", "output",
    "exit_code"?, "session"?, "findings"?, "worktree"?, "tmux_session"?}); `digest` names
    what it handed on. `reused`: nothing ran, the result is that of an earlier attempt at
    the same run."""

    kind: ClassVar[str] = "stage.ended"
    run: str
    stage: str
    status: str
    result: Any = None
    digest: str = ""
    error: str | None = None
    reused: bool = False


@value(kw_only=True)
class StageAsked(Event):
    """A stage waits for an answer of the person."""

    kind: ClassVar[str] = "stage.asked"
    run: str
    stage: str
    question: str


@value(kw_only=True)
class StageAnswered(Event):
    """`answer` is None where the stage ended before one came."""

    kind: ClassVar[str] = "stage.answered"
    run: str
    stage: str
    question: str
    answer: str | None


@value(kw_only=True)
class RunEnded(Event):
    """`status`: completed, failed or interrupted (a workflow can be resumed). A command's
    `result` is {"worktree", "git_branch", "tmux_session", "kept", "cleanup_errors"}."""

    kind: ClassVar[str] = "run.ended"
    run: str
    status: str
    result: Any = None
    error: str | None = None
