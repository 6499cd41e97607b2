"""A workflow's run: from its first stage to its end, and again from where it stopped."""

from __future__ import annotations

import asyncio
import inspect
import os
import secrets
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import UsageError
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.store.reader import Reader
from zwarm_tui.workflow import graph
from zwarm_tui.workflow.context import WorkflowContext
from zwarm_tui.workflow.errors import PipelineError, UnawaitedStageError
from zwarm_tui.workflow.files import Workflow
from zwarm_tui.workflow.inputs import resolve
from zwarm_tui.workflow.runs import RunView, StageView, find_run
from zwarm_tui.workflow.shared import Human, Judge, Point, RunState
from zwarm_tui.workflow.stages import Journal, StageRunner, as_json
from zwarm_tui.workflow.transcripts import Transcripts


class WorkflowRun:
    """One run of a workflow by the agents of `sessions`. Raises `InputError` before
    anything has started.

    `resume` is the id of an earlier run that did not complete, or of which the stages
    `forget` shall run again: its stages' results stand where nothing that they depend on
    has changed. `origin` is a run whose results a new one begins with, `forget` left out.
    `human` is how stages ask the person; `attended` says that somebody sees to what
    agents ask.
    """

    stopped = "it was interrupted: it can be resumed"

    def __init__(
        self,
        workflow: Workflow,
        sessions: CodexSessionManager,
        *,
        project: Path,
        inputs: Mapping[str, Any] | None = None,
        id: str | None = None,
        resume: str | None = None,
        forget: Collection[str] = (),
        origin: RunView | None = None,
        human: Human | None = None,
        attended: bool = False,
        point: Point | None = None,
        judge: Judge | None = None,
    ) -> None:
        self.workflow = workflow
        self._sessions = sessions
        earlier = None if resume is None else _resumable(sessions, workflow, resume, bool(forget))
        before = earlier or origin
        given = {**(before.inputs if before else {}), **(inputs or {})}
        view = earlier or RunView(id or secrets.token_hex(4))
        self._journal = Journal(view, sessions.store, sessions.branch)
        self._resumed, self._forgotten, self._origin = earlier is not None, tuple(forget), origin
        finished = {n: s for n, s in results(sessions.reader, before).items() if n not in forget}
        self._state = RunState(
            journal=self._journal,
            sessions=sessions,
            inputs=resolve(workflow.inputs, given),
            project=project,
            transcripts=Transcripts(
                sessions.state_dir / "runs" / self._journal.run, sessions.reader, sessions.branch
            ),
            finished=finished,
            cut_off={n: s for n, s in earlier.cut_off.items() if n not in forget} if earlier else {},
            human=human,
            attended=attended,
            runner=StageRunner(self._journal),
            handles={},
            begun={},
            said=[],
            point=point,
            judge=judge,
        )
        self._state.said += self._state.inputs.values()

    @property
    def id(self) -> str:
        return self._journal.run

    @property
    def view(self) -> RunView:
        """The run as it stands now."""
        return self._journal.view

    @property
    def why(self) -> str | None:
        """What the error is, where it is in one: a stage that failed puts it there, also
        where the file went on without."""
        return self.view.why

    @property
    def over(self) -> bool:
        """Its end may be read in the log by now."""
        return self._state.runner.over

    async def execute(self) -> Any:
        """Run it to its end, which is in the log when this returns. Its result, a JSON
        value; raises what ended it. Cancelling it interrupts its agents."""
        started = e.RunStarted(
            run=self.id,
            name=self.workflow.name,
            source=str(self.workflow.path),
            inputs=self._state.inputs,
            pid=os.getpid(),
            resumed=self._resumed,
            forgotten=self._forgotten,
            origin=self._origin.id if self._origin else None,
        )
        # The whole run stays on its branch, wherever the person goes meanwhile.
        with self._sessions.on_branch(self._journal.branch):
            try:
                await self._journal.record(started)
                result = as_json(self.workflow.name, await self._run())
            except asyncio.CancelledError:
                await self._stop()
                await self._ended("interrupted", error="it was interrupted: it can be resumed")
                raise
            except Exception as error:
                await self._ended("failed", error=str(error) or type(error).__name__)
                raise
            await self._ended("completed", result)
            return result

    async def _run(self) -> Any:
        graph.here(self._state.runner.root)  # what this task starts is in line
        try:
            result = await self.workflow.run(WorkflowContext(self._state))
        except Exception as error:
            # What siblings of a failed stage have begun is worth its end.
            await self._left()
            if isinstance(error, PipelineError):
                error.completed |= self._completed()
            raise
        if left := await self._left():
            names = ", ".join(f"'{name}'" for name in left)
            raise UnawaitedStageError(
                f"the workflow ended and did not await {names}: await every ctx.stage(…)"
            )
        return result

    def _completed(self) -> dict[str, Any]:
        stages = self.view.stages.values()
        return {s.name: self._state.handles[s.name] for s in stages if s.status == "completed"}

    async def _left(self) -> list[str]:
        """Stages that nobody awaited: those never begun are closed, those begun are seen
        to their end. Their names."""
        left = []
        for name, work in list(self._state.begun.items()):
            state = inspect.getcoroutinestate(work)
            if state == inspect.CORO_CREATED:
                work.close()
                left.append(name)
            elif state != inspect.CORO_CLOSED:
                left.append(name)
        while tasks := self._tasks():
            await asyncio.wait(tasks)
        return left

    async def _stop(self) -> None:
        for work in self._state.begun.values():
            if inspect.getcoroutinestate(work) == inspect.CORO_CREATED:
                work.close()
        while tasks := self._tasks():
            for task in tasks:
                if not task.cancelling():  # else it is interrupting its agent just now
                    task.cancel()
            await asyncio.wait(tasks)

    def _tasks(self) -> set[asyncio.Task[Any]]:
        """Tasks, other than this one, that a stage runs in."""
        me = asyncio.current_task()
        return {t for t in self._state.runner.active.values() if t and t is not me and not t.done()}

    async def _ended(self, status: str, result: Any = None, error: str | None = None) -> None:
        self._state.runner.over = True
        await self._journal.record(e.RunEnded(run=self.id, status=status, result=result, error=error))


def results(reader: Reader, run: RunView | None) -> dict[str, StageView]:
    """What a run completed, with what it began with."""
    if run is None:
        return {}
    begun_with = results(reader, find_run(reader, run.origin)) if run.origin else {}
    return {n: s for n, s in begun_with.items() if n not in run.forgotten} | run.finished


def _resumable(sessions: CodexSessionManager, workflow: Workflow, run: str, again: bool) -> RunView:
    found = find_run(sessions.reader, run)
    if found.name != workflow.name:
        raise UsageError(f"run {found.id} is one of '{found.name}', not of '{workflow.name}'")
    if found.status in ("in_progress", "needs_review"):
        raise UsageError(f"run {found.id} still runs")
    if found.ended == "completed" and found.status == "completed" and not again:
        raise UsageError(f"run {found.id} has completed: begin a new one")
    return found
