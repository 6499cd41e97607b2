"""What all contexts of one run share: its state, the handles of its stages, and the ways
out of it (to the person, to a checkpoint)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from zwarm_tui.pipeline import ReviewRequest, ReviewResult
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.workflow.errors import StageNotCompletedError
from zwarm_tui.workflow.runs import StageView
from zwarm_tui.workflow.stages import Journal, StageRunner
from zwarm_tui.workflow.transcripts import Transcripts

T = TypeVar("T")
Backend = tuple[str, str] | str
"""(provider, model), or "provider:model"; without a model it is the provider's own."""
Human = Callable[[str], Awaitable[str]]
"""How a question reaches the person."""
Point = Callable[[str], Awaitable[None]]
"""Called with the name of each stage that has completed, before anything follows it; and
with that and what came of it, when a stage's work was checked."""


class StageHandle(Generic[T]):
    """A stage: its name, its id, and once it has completed its result."""

    def __init__(self, name: str, id: str) -> None:
        self.name, self.id = name, id
        self._done = False
        self._result: Any = None
        self._digest = ""

    @property
    def result(self) -> T:
        """What the stage's function returned; `StageNotCompletedError` before it did."""
        if not self._done:
            raise StageNotCompletedError(
                f"stage '{self.name}' has not completed: await it before its result is used"
            )
        return cast("T", self._result)

    @property
    def fingerprint(self) -> str:
        """What later stages that use this one depend on."""
        return f"{self.name}={self._digest}"

    def complete(self, result: Any, digest: str) -> None:
        self._done, self._result, self._digest = True, result, digest


Judge = Callable[[str, ReviewRequest], Awaitable[ReviewResult]]
"""How a piece of work reaches the person who reviews it, with the stage that it is of."""


@dataclass(slots=True)
class RunState:
    """What all contexts of one run share."""

    journal: Journal
    sessions: CodexSessionManager
    inputs: dict[str, str]
    project: Path
    transcripts: Transcripts
    finished: Mapping[str, StageView]
    """What earlier attempts at this run completed, by stage."""
    cut_off: Mapping[str, StageView]
    """The stages that the last attempt was in the middle of."""
    human: Human | None
    attended: bool
    """Somebody sees to what agents ask."""
    runner: StageRunner
    handles: dict[str, StageHandle[Any]]
    begun: dict[str, Coroutine[Any, Any, Any]]
    said: list[str]
    """Texts of agents and people, which prompts may quote."""
    point: Point | None = None
    judge: Judge | None = None


def chosen(given: Backend | None, sessions: CodexSessionManager) -> tuple[str, str | None]:
    """(provider, model) of a stage's agent; the swarm's own where none is named. `ValueError`
    names the providers where it is none of them."""
    if given is None:
        return sessions.agents.default, sessions.default_model
    provider, _, model = given.partition(":") if isinstance(given, str) else (given[0], "", given[1])
    if provider not in sessions.agents.names:
        raise ValueError(f"Unsupported provider '{provider}'. Available: {', '.join(sessions.agents.names)}")
    return provider, model or None
