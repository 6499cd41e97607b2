"""Runs stages: their place in the graph, their attempts, and their record in the log."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from zwarm_tui.core import events as e
from zwarm_tui.store.log import Store
from zwarm_tui.workflow import graph
from zwarm_tui.workflow.errors import PipelineError, worth_retrying
from zwarm_tui.workflow.runs import RunView

T = TypeVar("T")


class Journal:
    """A run's events: folded into `view` as they happen, and kept in a log where there
    is one. `StoreError` where the log can't be written: a run does not go on unrecorded."""

    def __init__(self, view: RunView | None = None, store: Store | None = None, branch: int = 1) -> None:
        self.view = view or RunView(secrets.token_hex(4))
        self.store, self.branch = store, branch

    @property
    def run(self) -> str:
        return self.view.id

    def note(self, event: e.Event) -> None:
        """Durable soon."""
        now = time.time()
        self.view.apply(event, now, self.branch)
        if self.store is not None:
            self.store.append(e.Record(event, branch=self.branch, time=now))

    async def record(self, event: e.Event) -> None:
        """Durable when it returns."""
        now = time.time()
        self.view.apply(event, now, self.branch)
        if self.store is not None:
            await self.store.commit(e.Record(event, branch=self.branch, time=now))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What is known of a stage before it runs. `key` is its name in the graph."""

    key: str
    attempts: int = 1
    delay: float = 0.0
    """Seconds between two attempts."""
    headless: bool = False
    backend: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to: the value for the caller, and what the log keeps of it."""

    value: Any
    recorded: Any = None
    digest: str = ""


class StageRunner:
    """The stages of one run."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.root = graph.Place(self, graph.GraphFrontier())
        self.active: dict[str, asyncio.Task[Any] | None] = {}
        """The tasks that stages run in, by stage."""
        self.over = False
        """The run has ended: what is left of its tasks begins no other stage."""

    def spawn(self, stage: Stage) -> Node:
        """Give a stage its place in the graph: after all that its task saw settle."""
        if self.over:
            raise asyncio.CancelledError(f"stage '{stage.key}' was not begun: the run has ended")
        place = graph.here(self.root)
        self.active[stage.key] = asyncio.current_task()
        return Node(self, stage, place, place.frontier.spawn(stage.key))

    def settle(self, node: Node) -> None:
        """The stage has ended."""
        node.place.frontier.settle(node.stage.key)
        del self.active[node.stage.key]


class Node:
    """A stage with its place. Run it once: `attempt`, or hand out what an earlier run of
    it left: `reuse`."""

    def __init__(
        self, runner: StageRunner, stage: Stage, place: graph.Place, parents: tuple[str, ...]
    ) -> None:
        self.stage, self.parents, self.place = stage, parents, place
        self._runner, self._journal = runner, runner.journal

    async def attempt(self, body: Callable[[int], Awaitable[Outcome]], input_hash: str = "") -> Any:
        """The value of the first attempt that succeeds; `PipelineError` after the last,
        or after one that failed for a reason that trying again can't mend."""
        key = self.stage.key
        status, error = "interrupted", "cancelled"
        token = graph.enter(self.place, key)
        try:
            for number in range(1, self.stage.attempts + 1):
                status, error = "interrupted", "cancelled"
                if number > 1 and self.stage.delay:
                    await asyncio.sleep(self.stage.delay)
                await self._started(number, input_hash)
                try:
                    outcome = await body(number)
                except Exception as failure:
                    status, error = "failed", str(failure) or type(failure).__name__
                    if number < self.stage.attempts and worth_retrying(failure):
                        continue
                    raise PipelineError(key, number, failure) from failure
                status = "completed"  # it has that end, also where this is cancelled as it is recorded
                await self._ended("completed", outcome)
                return outcome.value
        finally:
            graph.leave(token)
            self._runner.settle(self)
            if status != "completed":
                await self._ended(status, error=error)

    async def reuse(self, value: Any, digest: str, input_hash: str) -> None:
        """Record that the result of an earlier run stands."""
        try:
            await self._started(1, input_hash)
            await self._ended("completed", Outcome(value, value, digest), reused=True)
        finally:
            self._runner.settle(self)

    async def _started(self, number: int, input_hash: str) -> None:
        await self._journal.record(
            e.StageStarted(
                run=self._journal.run,
                stage=self.stage.key,
                parents=self.parents,
                within=self.place.within,
                headless=self.stage.headless,
                backend=self.stage.backend,
                attempt=number,
                attempts=self.stage.attempts,
                input_hash=input_hash,
            )
        )

    async def _ended(
        self, status: str, outcome: Outcome | None = None, *, error: str | None = None, reused: bool = False
    ) -> None:
        await self._journal.record(
            e.StageEnded(
                run=self._journal.run,
                stage=self.stage.key,
                status=status,
                result=outcome.recorded if outcome else None,
                digest=outcome.digest if outcome else "",
                error=error,
                reused=reused,
            )
        )


def as_json(stage: str, value: Any) -> Any:
    """The value as it will be after a restart, so that it is the same before one."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"stage '{stage}' returned {type(value).__name__}, which can't be kept: return JSON values ({error})"
        ) from error
