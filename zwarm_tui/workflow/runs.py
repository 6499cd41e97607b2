"""What the log says of runs: the graph, the results, the status."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import UsageError
from zwarm_tui.core.model import Cost, iso
from zwarm_tui.store.lock import holder
from zwarm_tui.store.reader import Reader

KINDS = (
    "run.started",
    "stage.started",
    "stage.served",
    "stage.ended",
    "stage.asked",
    "stage.answered",
    "run.ended",
)
RunStatus = Literal["error", "needs_review", "completed", "in_progress"]


@dataclass(frozen=True, slots=True)
class Served:
    """A turn of a session that serves a stage, and how the stage came to it."""

    session: str
    turn: int
    how: str
    role: str


@dataclass(slots=True)
class StageView:
    """One stage: a node of the graph. `status`: running, completed, failed, interrupted."""

    name: str
    status: str = "running"
    parents: tuple[str, ...] = ()
    within: str | None = None
    headless: bool = False
    backend: str | None = None
    what: str = ""
    attempt: int = 1
    attempts: int = 1
    input_hash: str = ""
    result: Any = None
    digest: str = ""
    error: str | None = None
    reused: bool = False
    served: tuple[Served, ...] = ()
    questions: tuple[str, ...] = ()
    """Those that wait for the person."""
    before: tuple[Served, ...] = ()
    """Turns that served it when it was cut off: their answers may be kept."""
    started_at: float | None = None
    ended_at: float | None = None

    @property
    def heard(self) -> tuple[Served, ...]:
        """The turns whose answers can be kept, in order: those that served it, and as long as
        these were all kept themselves, the ones that it has not come to again."""
        again = all(s.how == "kept" for s in self.served)
        return (*self.served, *(self.before[len(self.served) :] if again else ()))

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "status": self.status,
            "parents": list(self.parents),
            "within": self.within,
            "headless": self.headless,
            "backend": self.backend,
            "what": self.what,
            "attempt": self.attempt,
            "attempts": self.attempts,
            "reused": self.reused,
            "turns": [
                {"session": s.session, "turn": s.turn, "how": s.how, "role": s.role} for s in self.served
            ],
            "questions": list(self.questions),
            "result": self.result,
            "error": self.error,
            "started_at": iso(self.started_at),
            "ended_at": iso(self.ended_at),
        }


@dataclass(frozen=True, slots=True)
class RunGraph:
    """The stages of a run in the order in which they began; every one is a node, also
    an unattended, a nested or a failed one."""

    nodes: tuple[StageView, ...]

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """(stage, stage that follows it)."""
        return tuple((parent, node.name) for node in self.nodes for parent in node.parents)

    def node(self, name: str) -> StageView:
        """The stage of that name; KeyError."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)


@dataclass(slots=True)
class RunView:
    """One run, folded from its events in their order (`apply`)."""

    id: str
    name: str = ""
    source: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    pid: int = 0
    open_ended: bool = False
    flavour: str = "workflow"
    artifacts: str = ""
    """The folder of a command's artifacts."""
    stages: dict[str, StageView] = field(default_factory=dict)
    finished: dict[str, StageView] = field(default_factory=dict)
    """The last completed attempt at each stage, also of before a resume."""
    left: dict[str, StageView] = field(default_factory=dict)
    """Stages that were cut off before a resume, and were not begun again since."""
    origin: str | None = None
    """The run whose results this one began with, but for those of stages `forgotten`."""
    forgotten: frozenset[str] = frozenset()
    ended: str | None = None
    """Its end's status: completed, failed or interrupted; None while it has none."""
    result: Any = None
    error: str | None = None
    sessions: tuple[str, ...] = ()
    """All that ever served a stage of it, those of failed attempts too."""
    turns: tuple[tuple[str, int, int], ...] = ()
    """What it spent: the turns that served a stage, also in failed attempts, as (session,
    branch, turn). Answers that were kept from before are no new turns."""
    started_at: float | None = None
    heard_at: float = 0.0
    """When its last event was."""
    ended_at: float | None = None
    alive: bool = True
    """The process that runs it still does."""

    @property
    def graph(self) -> RunGraph:
        return RunGraph(tuple(self.stages.values()))

    @property
    def status(self) -> RunStatus:
        """error before needs_review before completed before in_progress. A run whose
        process died before its end is in error, whatever it waited for."""
        stages = self.stages.values()
        over = self.ended is not None or (self.open_ended and not any(s.status == "running" for s in stages))
        if (
            self.ended in ("failed", "interrupted")
            or any(s.status in ("failed", "interrupted") for s in stages)
            or not (over or self.alive)
        ):
            return "error"
        if any(s.questions for s in stages):
            return "needs_review"
        return "completed" if over else "in_progress"

    @property
    def why(self) -> str | None:
        """What the error is, in words."""
        if self.status != "error":
            return None
        if self.error:
            return self.error
        failed = [s for s in self.stages.values() if s.status in ("failed", "interrupted")]
        if failed:
            return f"stage '{failed[0].name}': {failed[0].error}"
        return f"its process ({self.pid}) died while it ran: it can be resumed"

    @property
    def cut_off(self) -> dict[str, StageView]:
        """The stages that were in the middle of something when it stopped, and that no
        resume came to since."""
        return self.left | {n: s for n, s in self.stages.items() if s.status in ("running", "interrupted")}

    def after(self, stage: str) -> set[str]:
        """The stages that follow one in the graph, or are within it; with itself."""
        found = {stage}
        for s in self.stages.values():  # in the order in which they began: parents come first
            if found.intersection(s.parents) or s.within in found:
                found.add(s.name)
        return found

    def apply(self, event: e.Event, time: float, branch: int = 1) -> None:
        """Fold one of this run's events in, that happened on a branch."""
        self.heard_at = time
        if isinstance(event, e.RunStarted):
            self.name, self.source, self.inputs = event.name, event.source, event.inputs
            self.pid, self.open_ended = event.pid, event.open_ended
            self.flavour, self.artifacts = event.flavour, event.artifacts
            self.started_at = self.started_at or time
            self.ended = self.result = self.error = self.ended_at = None
            self.left = {n: s for n, s in self.cut_off.items() if n not in event.forgotten}
            self.stages = {}
            self.origin = event.origin or self.origin
            self.forgotten |= set(event.forgotten)
            for forgotten in event.forgotten:
                self.finished.pop(forgotten, None)
        elif isinstance(event, e.StageStarted):
            # A command's step is one thing with all its attempts, and what was mended between.
            before = self.stages.get(event.stage) if self.flavour == "command" else None
            cut = self.left.pop(event.stage, None)
            if cut is not None and (event.attempt, event.input_hash) != (1, cut.input_hash):
                cut = None  # none of its answers would do
            self.stages[event.stage] = StageView(
                name=event.stage,
                parents=event.parents,
                within=event.within,
                headless=event.headless,
                backend=event.backend,
                what=event.what,
                attempt=event.attempt,
                attempts=event.attempts,
                input_hash=event.input_hash,
                served=before.served if before is not None else (),
                before=cut.heard if cut is not None else (),
                started_at=before.started_at if before is not None else time,
            )
        elif isinstance(event, e.RunEnded):
            self.ended, self.result, self.error = event.status, event.result, event.error
            self.ended_at = time
        elif (stage := self.stages.get(getattr(event, "stage", ""))) is not None:
            self._apply_to(stage, event, time, branch)

    def _apply_to(self, stage: StageView, event: e.Event, time: float, branch: int) -> None:
        if isinstance(event, e.StageServed):
            stage.served = (*stage.served, Served(event.session, event.turn, event.how, event.role))
            if event.session not in self.sessions:
                self.sessions = (*self.sessions, event.session)
            turn = (event.session, event.branch or branch, event.turn)
            if event.how != "kept" and turn not in self.turns:
                self.turns = (*self.turns, turn)
        elif isinstance(event, e.StageAsked):
            stage.questions = (*stage.questions, event.question)
        elif isinstance(event, e.StageAnswered):
            stage.questions = tuple(q for q in stage.questions if q != event.question)
        elif isinstance(event, e.StageEnded):
            stage.status, stage.result, stage.error = event.status, event.result, event.error
            stage.digest, stage.reused, stage.ended_at = event.digest, event.reused, time
            stage.questions = ()
            if event.status == "completed":
                before = self.finished.get(stage.name)
                if event.reused and before is not None:
                    stage.served = before.served
                self.finished[stage.name] = stage

    def to_json(self, cost: Cost | None = None) -> dict[str, Any]:
        """The run as `workflow run` and `workflow status` print it."""
        return {
            "run": self.id,
            "name": self.name,
            "source": self.source,
            "flavour": self.flavour,
            "artifacts": self.artifacts,
            "status": self.status,
            "error": self.why,
            "inputs": self.inputs,
            "result": self.result,
            "cost_usd": cost.usd if cost and cost.complete else None,
            "started_at": iso(self.started_at),
            "ended_at": iso(self.ended_at),
            "stages": [s.to_json() for s in self.stages.values()],
            "edges": [list(edge) for edge in self.graph.edges],
        }


def fold(records: Iterable[e.Record]) -> dict[str, RunView]:
    """All runs, oldest first, by id."""
    runs: dict[str, RunView] = {}
    for record in records:
        run = getattr(record.event, "run", None)
        if run is not None:
            runs.setdefault(run, RunView(run)).apply(record.event, record.time, record.branch)
    return runs


def read_runs(reader: Reader) -> list[RunView]:
    """The project's runs, oldest first; one whose process has died says so."""
    runs = list(fold(reader.project_records(KINDS)).values())
    host = holder(reader.file.parent) or {}
    for run in runs:
        # The same number may be another process by now: that one took the lock later.
        run.alive = host.get("pid") == run.pid and host.get("since", 0) <= run.heard_at
    return runs


def find_run(reader: Reader, prefix: str) -> RunView:
    """The run with this id or unique prefix; UsageError lists what there is."""
    runs = read_runs(reader)
    found = [run for run in runs if run.id.startswith(prefix)] if prefix else []
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"'{prefix}' could be any of: {', '.join(run.id for run in found)}")
    raise UsageError(f"no run '{prefix}' (zwarm-tui workflow status shows them)")


def spent(reader: Reader, run: RunView) -> Cost:
    """What the turns which served the run's stages cost, those of failed attempts too.
    What else its sessions did is not the run's."""
    by_turn = reader.turn_costs(run.sessions)
    costs = [by_turn[turn] for turn in run.turns if turn in by_turn]
    return Cost(sum(c.usd for c in costs), all(c.complete for c in costs), any(c.simulated for c in costs))
