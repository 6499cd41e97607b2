"""Runs of workflows and commands in an engine: a run is a session like any other, with
one turn each time that it is begun or taken up again. So it is on the lists, is
interrupted, flagged, waited for and recovered like them, and what it asks waits for its
person like theirs.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from zwarm_tui.config.settings import WorktreeSettings
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ExecutorError, UsageError, ZwarmError
from zwarm_tui.core.events import TurnEnded
from zwarm_tui.executors.base import Capabilities, Decision, ExecutorInfo, Forked, Sink, ThreadSpec
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.timeline import Timeline

if TYPE_CHECKING:
    from zwarm_tui.commands.run import CommandRun
    from zwarm_tui.pipeline import ReviewRequest, ReviewResult
    from zwarm_tui.workflow.runs import RunView

Json = dict[str, Any]
NAME = "run"
DIED = "the process that ran it died: it can be resumed"
KINDS = ("workflow", "command")


class Run(Protocol):
    """What can be run: its id is its session's. `stopped` is what to say where it was
    cancelled."""

    stopped: str

    @property
    def id(self) -> str: ...

    @property
    def why(self) -> str | None:
        """What went wrong in it, also where it came to its end all the same."""

    @property
    def over(self) -> bool:
        """Its end may be read in the log by now."""

    async def execute(self) -> Any:
        """See it to its end: its result, a JSON value; raises what ended it. Cancelling
        it interrupts its agents and sees to what it would leave behind."""


class RunAgent:
    """The executor of sessions that are runs: it serves a turn by executing the run that
    was made ready for it."""

    name = NAME
    capabilities = Capabilities(resume=True, interrupt=True)

    def __init__(self) -> None:
        self.ready: dict[str, Run] = {}
        """By session."""
        self.under_way: dict[str, Run] = {}
        """Those that a turn serves, by session."""
        self._threads: dict[str, tuple[str, Sink]] = {}
        self._going: dict[str, asyncio.Task[Any]] = {}

    async def probe(self) -> ExecutorInfo:
        return ExecutorInfo(name=NAME, found=True, login="yes", capabilities=self.capabilities)

    async def start(self, spec: ThreadSpec, sink: Sink) -> str:
        thread = f"{spec.session}-{secrets.token_hex(2)}"
        await self.resume(thread, spec, sink)
        return thread

    async def resume(self, thread: str, spec: ThreadSpec, sink: Sink) -> None:
        self._threads[thread] = (spec.session, sink)

    async def fork(self, thread: str, spec: ThreadSpec, sink: Sink, *, at_turn: str | None = None) -> Forked:
        raise ExecutorError("a run can't be forked: retry it from one of its stages")

    async def run_turn(self, thread: str, text: str) -> TurnEnded:
        session, sink = self._threads[thread]
        run = self.ready.pop(session, None)
        if run is None:
            raise ExecutorError("a run takes no messages: resume it, or retry one of its stages")
        self.under_way[session] = run
        task = self._going[thread] = asyncio.create_task(run.execute(), name=f"run {session}")
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()  # where this turn was cancelled: nothing of it goes on
            await asyncio.wait({task})
            del self._going[thread], self.under_way[session]
        if task.cancelled():
            return TurnEnded(status="interrupted", error=run.stopped)
        if (error := task.exception()) is not None:
            return TurnEnded(status="failed", error=str(error) or type(error).__name__)
        if (result := task.result()) is not None:
            shown = result if isinstance(result, str) else json.dumps(result, indent=2, ensure_ascii=False)
            sink.emit(e.Text(f"result-{secrets.token_hex(2)}", shown))
        if run.why is not None:  # a stage failed, and nobody but its file was told
            return TurnEnded(status="failed", error=run.why)
        return TurnEnded(status="completed")

    async def interrupt(self, thread: str) -> None:
        if (task := self._going.get(thread)) is not None and not task.cancelling():
            task.cancel()

    async def steer(self, thread: str, text: str) -> None:
        raise ExecutorError("a run takes no messages: talk to the sessions of its stages")

    async def answer(self, thread: str, request: str, decision: Decision, message: str = "") -> None:
        raise ExecutorError(f"nothing waits for an answer to '{request}' any more")

    async def end(self, thread: str) -> None:
        await self.interrupt(thread)
        if (task := self._going.get(thread)) is not None:
            await asyncio.wait({task})

    async def aclose(self) -> None:
        for thread in list(self._going):
            await self.end(thread)


class Runs:
    """The runs of an engine's project."""

    def __init__(
        self, sessions: CodexSessionManager, timeline: Timeline, project: Path, worktrees: WorktreeSettings
    ) -> None:
        self._sessions, self._timeline, self._project = sessions, timeline, project
        self._worktrees = worktrees
        self._commands: dict[str, CommandRun] = {}
        """Those under way."""
        self._agent = RunAgent()
        sessions.agents.add(self._agent)

    async def start(self, kind: str, name: str, inputs: Mapping[str, Any], *, attended: bool) -> str:
        """Begin a run of a workflow or a command (a file, or a name): its id. A `UsageError`
        that says what is wrong with it or its inputs, before anything has begun."""
        if kind not in KINDS:
            raise UsageError(f"a run is one of a {' or a '.join(KINDS)}, not of a '{kind}'")
        make = self._command if kind == "command" else self._workflow
        run = make(name, inputs, attended=attended, id=secrets.token_hex(4))
        return await self._begin(run, _title(name, inputs))

    def hurry(self, run: str) -> None:
        """The run of a command that is being cancelled: leave out what is left of its
        cleanup's steps. Nothing happens where there is none."""
        if (command := self._commands.get(run)) is not None:
            command.hurry()

    async def resume(
        self,
        run: str,
        name: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        *,
        forget: Collection[str] = (),
        attended: bool = True,
    ) -> str:
        """Go on with a run that did not complete, or do the stages `forget` of one again
        (with what depends on what comes of them): its id. `name` and `inputs` stand in
        for the file and the inputs that it began with."""
        from zwarm_tui.workflow.runs import find_run

        view = find_run(self._sessions.reader, run)
        _check_workflow(view)
        _check_stages(view.stages, forget)
        again = self._workflow(
            name or view.source, inputs or {}, attended=attended, resume=view.id, forget=forget
        )
        if self._sessions.reader.session(view.id, self._sessions.reader.path(self._sessions.branch)) is None:
            return await self._begin(again, _title(view.name, view.inputs))  # a program of old began it
        await self._left(view.id)
        ready = self._agent.ready
        before, ready[view.id] = ready.get(view.id), again
        try:
            await self._sessions.send_message(
                view.id, f"again: {', '.join(forget)}" if forget else "go on", origin="person"
            )
        except BaseException:
            # Where it was taken up just before, that goes on.
            if ready.get(view.id) is again:
                del ready[view.id]
                if before is not None:
                    ready[view.id] = before
            raise
        return view.id

    async def retry_from(self, run: str, stage: str) -> Json:
        """A new run, on a new branch that begins before `stage`, with what had completed
        by then: {run_id, branch}."""
        from zwarm_tui.workflow.runs import find_run

        view = find_run(self._sessions.reader, run)
        _check_workflow(view)
        _check_stages(view.stages, [stage])
        label = self._before(view.id, view.stages[stage].parents)
        names = {b.name for b in self._sessions.reader.branches()}
        name = next(n for n in (f"{view.name}-{i}" for i in range(2, 10_000)) if n not in names)
        made = await self._timeline.branch(name, start=label)
        again = self._workflow(
            view.source,
            {},
            attended=True,
            id=secrets.token_hex(4),
            origin=view,
            forget=view.after(stage),
        )
        return {"run_id": await self._begin(again, f"{view.name} from {stage}"), "branch": made["branch"]}

    def recover(self) -> None:
        """End, as interrupted, what a dead engine was running. By whoever holds the lock."""
        from zwarm_tui.workflow.runs import read_runs

        store = self._sessions.store
        for view in read_runs(self._sessions.reader):
            running = [s.name for s in view.stages.values() if s.status == "running"]
            if view.ended is not None or (view.open_ended and not running):
                continue
            closing: list[e.Event] = [
                e.StageEnded(run=view.id, stage=name, status="interrupted", error=DIED) for name in running
            ]
            if not view.open_ended:
                closing.append(e.RunEnded(run=view.id, status="interrupted", error=DIED))
            for event in closing:
                store.append(e.Record(event))
            store.flush()

    # -- helpers ----------------------------------------------------------------------

    async def _left(self, run: str) -> None:
        """Return when the turn of a run that is over has ended, too: others can read the
        run's end before we know that it is written."""
        going = self._agent.under_way.get(run)
        for turn in self._sessions.running() if going is not None and going.over else ():
            if turn.session == run:
                await self._sessions.wait(run, turn=turn.number)

    def _workflow(self, name: str, inputs: Mapping[str, Any], *, attended: bool, **how: Any) -> Run:
        from zwarm_tui.workflow.execution import WorkflowRun  # few engines need it, and it is slow to import
        from zwarm_tui.workflow.files import find_workflow, load_workflow

        loaded = load_workflow(find_workflow(name, self._project))
        run = str(how.get("id") or how.get("resume"))
        sessions, branch = self._sessions, self._sessions.branch

        async def ask(question: str) -> str:
            asked = e.QuestionAsked(f"q-{secrets.token_hex(4)}", question)
            with sessions.on_branch(branch):
                return await sessions.requests.ask(run, asked)

        async def judge(stage: str, work: ReviewRequest) -> ReviewResult:
            from zwarm_tui.pipeline.reviewers import DIFF_CAP
            from zwarm_tui.workflow.work import reviewed

            asked = e.ApprovalRequested(
                request=f"r-{secrets.token_hex(4)}",
                what="review",
                text=f"{stage}: {work.task}",
                cwd=str(work.working_dir),
                reason=work.diff[:DIFF_CAP],
                choices=("accept", "decline"),
            )
            with sessions.on_branch(branch):
                decision, words = await sessions.requests.judge(run, asked)
            return reviewed(decision == "accept", words)

        async def point(stage: str) -> None:
            about = {"run": run, "stage": stage}
            await self._timeline.record(f"{loaded.name}: {stage}", branch=branch, metadata=about)

        return WorkflowRun(
            loaded,
            sessions,
            project=self._project,
            inputs=inputs,
            human=ask if attended else None,
            attended=attended,
            point=point,
            judge=judge if attended else None,
            **how,
        )

    def _command(self, name: str, inputs: Mapping[str, Any], *, attended: bool, id: str) -> Run:
        from zwarm_tui.commands.discovery import find_command  # few engines need it, and it is slow to import
        from zwarm_tui.commands.run import CommandRun

        definition, branch = find_command(name, self._project), self._sessions.branch

        async def point(step: str) -> None:
            about = {"run": id, "stage": step}
            await self._timeline.record(f"{definition.name}: {step}", branch=branch, metadata=about)

        run = CommandRun(
            definition,
            self._sessions,
            project=self._project,
            arguments=inputs,
            id=id,
            attended=attended,
            worktrees=self._worktrees,
            point=point,
        )
        return _Commanded(run, self._commands)

    async def _begin(self, run: Run, title: str) -> str:
        self._agent.ready[run.id] = run
        try:
            if self._timeline.changed(self._sessions.branch):  # what `retry_from` its first stage goes to
                await self._timeline.record(f"before {title}")
            await self._sessions.begin_run(run.id, title, executor=NAME, working_dir=self._project)
        except BaseException:
            del self._agent.ready[run.id]
            raise
        return run.id

    def _before(self, run: str, parents: Collection[str]) -> str:
        """The checkpoint at which all of these stages of a run had completed; without
        any, the one that the run began at."""
        reader = self._sessions.reader
        points = [c for c in reader.checkpoints() if c.metadata.get("run") == run]
        after = [c for c in points if c.metadata.get("stage") in parents]
        if after:
            return after[-1].label
        if points:
            return self._timeline.tree.label_for(points[0].parent)
        return self._timeline.tree.label_for(reader.position().checkpoint)


class _Commanded:
    """A command's run, whose failure is the turn's."""

    stopped = "it was cancelled, and cleaned up"
    why = None  # it would be raised
    over = False  # nobody goes on with it

    def __init__(self, run: CommandRun, going: dict[str, CommandRun]) -> None:
        self.run, self._going = run, going

    @property
    def id(self) -> str:
        return self.run.id

    async def execute(self) -> str | None:
        """What was kept, and why; raises what ended it."""
        self._going[self.id] = self.run
        try:
            result = await self.run.execute()
        finally:
            del self._going[self.id]
        told = [*result.kept, *result.cleanup_errors]
        if not result.success:
            raise ZwarmError("\n".join([result.error or "it failed", *told]))
        return "\n".join(told) or None


def _check_workflow(run: RunView) -> None:
    if run.flavour == "command":
        raise UsageError(f"{run.id} is a run of the command '{run.name}', which is run again as a whole")


def _check_stages(known: Collection[str], wanted: Collection[str]) -> None:
    for stage in wanted:
        if stage not in known:
            raise UsageError(f"the run has no stage '{stage}': there is {', '.join(known) or 'none yet'}")


def _title(name: str, inputs: Mapping[str, Any]) -> str:
    name = Path(name).stem if name.endswith((".py", ".yaml", ".yml")) else name
    return " ".join([name, *(f"{key}={value}" for key, value in inputs.items())])
