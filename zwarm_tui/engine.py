"""The engine: one a project, owner of its agents, and every verb in one place.

It serves `client.EngineClient` in-process. Whoever opens one holds the project's
lock; a second one is refused, and reads the log instead.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from zwarm_tui import opening
from zwarm_tui.config.settings import Settings
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import UsageError, ZwarmError
from zwarm_tui.core.model import SessionStatus, SessionView
from zwarm_tui.executors.base import Decision, Executor
from zwarm_tui.pilot.brain import choose
from zwarm_tui.pilot.pilot import PILOT, Pilot
from zwarm_tui.runs import Runs
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.sessions.roles import RUN
from zwarm_tui.sessions.terminals import left_with
from zwarm_tui.sessions.turn import Turn
from zwarm_tui.store.lock import ProjectLock
from zwarm_tui.store.log import Store
from zwarm_tui.store.reader import Reader
from zwarm_tui.timeline import Timeline
from zwarm_tui.timeline.tree import describe

if TYPE_CHECKING:
    from zwarm_tui.pilot.outside import OutsideTools
    from zwarm_tui.timeline.adopt import Adoption

Json = dict[str, Any]
DECISIONS = ("accept", "accept_session", "decline", "cancel")
GO_ON = "Go on where you stopped: your last turn was interrupted before it was done."


class Engine:
    """All verbs of a project. Make one with `await Engine.open(…)`, end it with
    `aclose`; or use it as an async context manager."""

    def __init__(
        self,
        project: Path,
        settings: Settings,
        lock: ProjectLock,
        store: Store,
        sessions: CodexSessionManager,
    ) -> None:
        self.project, self.settings = project, settings
        self.store, self.sessions = store, sessions
        self.reader: Reader = sessions.reader
        self.timeline = Timeline(store, self.reader, sessions, project=project, settings=settings.checkpoints)
        self.runs = Runs(sessions, self.timeline, project, settings.worktree)
        self.problems: list[str] = list(store.notices)
        self.recovered: list[str] = []
        """Sessions whose turn a dead engine left unfinished."""
        self.resources = contextlib.AsyncExitStack()
        """What else ends with the engine, after its agents."""
        self._lock = lock
        self._pilot: Pilot | None = None
        self._outside: OutsideTools | None = None
        self._adopting: Adoption | None = None
        self._choosing = asyncio.Lock()
        self._closed = False
        sessions.set_turn_hook(self._after_turn)

    @classmethod
    async def open(
        cls,
        project: Path,
        settings: Settings | None = None,
        *,
        executor: Executor | None = None,
        simulated: bool = False,
        purpose: str = "engine",
        clear: Callable[[list[str]], Awaitable[None]] | None = None,
    ) -> Engine:
        """Take the project's lock, open its log, and mark what a dead engine left
        running as interrupted. `LockedError` where another engine runs.

        `executor` stands in as the default one (tests, demos); `simulated` labels
        all costs as not really spent; `purpose` stands in the lock; `clear` ends the
        processes that a dead engine left, and gets its unfinished sessions' ids. What
        these cost is read only after that: until they end, agents go on recording it.
        """
        settings = settings or Settings()
        lock, store = opening.lock_and_log(project, settings, purpose)
        sessions = opening.sessions(
            project, settings, store, executor=executor or settings.executor, simulated=simulated
        )
        engine = cls(project, settings, lock, store, sessions)
        if problem := await engine.timeline.snapshots.why_none():
            engine.problems.append(f"{problem}: agents work in it, and checkpoints hold no files")
        if clear is not None:
            await clear(sorted({turn.session for turn in engine.reader.unfinished()}))
        engine.recovered, told = await opening.take_over(project, sessions, engine.runs, engine.timeline)
        engine.problems += told
        engine.problems += await engine._adoption().recover()
        opening.tidy_later(engine.timeline, engine.resources)
        return engine

    # -- the pilot --------------------------------------------------------------------

    async def pilot(self) -> Pilot:
        """The pilot, its brain chosen when first needed."""
        async with self._choosing:
            if self._pilot is None:
                brain = await choose(self.settings.pilot, self.sessions)
                bash = self.settings.pilot.bash
                codex = None
                if bash == "sandbox":
                    info = await self.sessions.agents.get("codex").probe()
                    codex = Path(info.path) if info.found and info.path else None
                self._pilot = Pilot(self.sessions, brain, project=self.project, bash=bash, codex=codex)
            return self._pilot

    async def say(self, message: str, *, confirm: bool = False) -> Json:
        pilot = await self.pilot()
        await self._settle(confirm)
        self.sessions.beside.check()  # now, and not when the pilot delegates in mid turn
        session = await pilot.say(message)
        return {"session_id": session.id, "turn": session.view.turns}

    # -- executors --------------------------------------------------------------------

    async def delegate(
        self,
        task: str,
        *,
        executor: str | None = None,
        model: str | None = None,
        dir: str | None = None,
        worktree: bool = False,
        origin: str = "person",
        settings: Json | None = None,
        confirm: bool = False,
    ) -> Json:
        if origin not in ("person", "workflow"):
            raise UsageError(f"a session's origin is person or workflow, not '{origin}'")
        await self._settle(confirm)
        folder = self.project / Path(dir or "").expanduser()
        session = await self.sessions.start_session(
            task,
            executor=executor,
            model=model,
            working_dir=folder,
            worktree=worktree,
            origin=origin,
            settings=settings,
        )
        return {"session_id": session.id, "status": session.status.value}

    async def converse(
        self, session_id: str, message: str, *, steer: bool = False, confirm: bool = False
    ) -> Json:
        session = self.reader.find(session_id)
        if session == PILOT:
            return await self.say(message, confirm=confirm)
        if self.sessions.get_session(session).view.role == RUN:
            raise UsageError("a run takes no messages: talk to the sessions of its stages")
        if steer and self.sessions.at_work(session):
            return (await self.sessions.steer(session, message)).to_json()
        await self._settle(confirm)
        return (await self.sessions.send_message(session, message)).to_json()

    async def interrupt(self, session_id: str) -> Json:
        await self.sessions.interrupt(session_id)
        return self.sessions.get_session(session_id).to_json()

    async def resume(self, session_id: str) -> Json:
        view = self.sessions.get_session(session_id).view
        if view.status not in (SessionStatus.INTERRUPTED, SessionStatus.FAILED):
            raise UsageError(f"{view.id} is {view.status.value}: there is no interrupted turn to go on with")
        if view.role == RUN:
            await self.resume_run(view.id)
            return self.sessions.get_session(view.id).to_json()
        left = await left_with(self.reader, self.project, view)
        if left == "all":
            return (await self.sessions.follow(view.id)).to_json()
        return await self.converse(view.id, self.going_on(view.id, untold=left == "nothing"))

    def going_on(self, session: str, *, untold: bool = False) -> str:
        """What to say to a session whose last turn was interrupted: a turn that no thread
        ever served, or that its agent was never told of, is sent again; a served one goes on."""
        last = self.reader.turns(session, self.reader.path(self.sessions.branch))[-1]
        return GO_ON if last.thread and not untold else last.prompt

    async def end(self, session_id: str, *, delete: bool = False, reason: str | None = None) -> Json:
        session = self.reader.find(session_id)
        if session == PILOT:
            raise UsageError("the pilot stays: interrupt it instead")
        if delete:
            before = self.sessions.get_session(session).to_json()
            await self.sessions.delete_session(session)
            return {**before, "deleted": True}
        await self.sessions.kill_session(session, reason)
        return self.sessions.get_session(session).to_json()

    async def ack(self, session_id: str, *, by: str = "screen") -> Json:
        self.sessions.acknowledge(session_id, by=by)
        return self.sessions.get_session(session_id).to_json()

    async def fork(self, session_id: str, *, at_turn: int | None = None, dir: str | None = None) -> Json:
        await self.timeline.settle()
        return (await self.sessions.fork_session(session_id, at_turn=at_turn, working_dir=dir)).to_json()

    # -- approvals and questions ------------------------------------------------------

    async def approve(self, request: str, *, decision: str = "accept", message: str = "") -> Json:
        if decision not in DECISIONS:
            raise UsageError(f"a decision is one of {', '.join(DECISIONS)}")
        request = self._request(request)
        waiting = self.reader.request(request)
        if waiting is not None and waiting.session == PILOT:
            await self.pilot()  # a turn that a budget held before this engine needs its brain
        if self._outside is not None and self._outside.desk.holds(request):
            await self._outside.desk.decide(request, decision, message)
        else:
            await self.sessions.requests.decide(request, cast("Decision", decision), message)
        return {"request": request, "decision": decision}

    async def answer(self, request: str, text: str) -> Json:
        request = self._request(request)
        if self._outside is not None and self._outside.desk.holds(request):
            await self._outside.desk.answer(request, text)
        else:
            await self.sessions.requests.answer(request, text)
        return {"request": request, "answer": text}

    def _request(self, wanted: str) -> str:
        """A request's id as it is; of a session's id, its oldest open request."""
        if self.reader.request(wanted) is not None:
            return wanted
        session = self.reader.find(wanted)
        waiting = self.reader.requests(session)
        if not waiting:
            raise UsageError(f"nothing of {session} waits for you")
        return waiting[0].id

    # -- the timeline -----------------------------------------------------------------

    async def checkpoint(self, description: str = "") -> Json:
        await self.timeline.settle()
        taken = await self.timeline.record(description or "checkpoint")
        files = taken.metadata["files"]
        return {"checkpoint_id": taken.checkpoint_id, "label": taken.label, "files": files}

    async def goto(
        self, label: str, *, running: str | None = None, dry_run: bool = False, in_place: bool = False
    ) -> Json:
        if dry_run:
            return await self.timeline.preview(label, in_place=in_place)
        return await self.timeline.goto(label, running=running, in_place=in_place)

    async def branch(self, name: str, *, start: str | None = None) -> Json:
        return await self.timeline.branch(name, start=start)

    async def adopt(
        self, branch: str, *, mode: str = "apply", dry_run: bool = False, confirm: bool = False
    ) -> Json:
        return await self._adoption().adopt(branch, mode, dry_run=dry_run, confirm=confirm)

    def _adoption(self) -> Adoption:
        if self._adopting is None:
            from zwarm_tui.timeline.adopt import Adoption  # seldom needed

            self._adopting = Adoption(self.project, self.store, self.reader, self.sessions, self.timeline)
        return self._adopting

    async def remove_worktree(self, which: str, *, force: bool = False, dry_run: bool = False) -> Json:
        return await self.timeline.remove_worktree(which, force=force, dry_run=dry_run)

    async def rename_branch(self, old: str, new: str) -> Json:
        return await self.timeline.rename(old, new)

    async def label_checkpoint(self, label: str, name: str) -> Json:
        return await self.timeline.name(label, name)

    async def note(self, label: str, text: str) -> Json:
        return await self.timeline.note(label, text)

    # -- agents outside -----------------------------------------------------------------

    async def tool(
        self, name: str, arguments: Json, *, branch: str | None = None, thread: str | None = None
    ) -> Json:
        if self._outside is None:
            from zwarm_tui.pilot.outside import OutsideTools  # seldom needed

            self._outside = OutsideTools(self.sessions, self.timeline, self.settings, project=self.project)
        text, ok = await self._outside.call(name, arguments, branch=branch, thread=thread)
        return {"text": text, "ok": ok}

    async def _settle(self, confirm: bool) -> None:
        await self.timeline.settle(confirm=confirm)
        if confirm:
            self.sessions.beside.allow()

    async def _after_turn(self, view: SessionView, turn: Turn) -> None:
        """A checkpoint after each pilot turn, and after each that a person began."""
        if turn.thread is not None and (view.role == PILOT or turn.origin == "person"):
            taken = await self.timeline.record(describe([turn.text]), branch=turn.branch)
            problem = taken.metadata["files"]["problem"]
            if (
                problem and not taken.state["files"]["problem"]
            ):  # where there is no repository was said before
                note = e.Notice("warning", f"{taken.label} lacks files that could not be captured: {problem}")
                await self.store.commit(e.Record(note, turn.session, turn.branch, turn.number))

    # -- runs ---------------------------------------------------------------------------

    async def start_run(
        self, kind: str, name: str, inputs: Json, *, resume: str | None = None, attended: bool = True
    ) -> Json:
        await self.timeline.settle()
        if resume is not None:
            return {"run_id": await self.runs.resume(resume, name, inputs, attended=attended)}
        return {"run_id": await self.runs.start(kind, name, inputs, attended=attended)}

    async def cancel_run(self, run_id: str, *, hard: bool = False) -> Json:
        if hard:
            self.runs.hurry(self.reader.find(run_id))
        return await self.interrupt(run_id)

    async def resume_run(self, run_id: str) -> Json:
        await self.timeline.settle()
        return {"run_id": await self.runs.resume(run_id)}

    async def retry_stage(self, run_id: str, stage: str) -> Json:
        await self.timeline.settle()
        return {"run_id": await self.runs.resume(run_id, forget=[stage])}

    async def retry_from(self, run_id: str, stage: str) -> Json:
        return await self.runs.retry_from(run_id, stage)

    # -- the engine itself ------------------------------------------------------------

    async def status(self) -> Json:
        """{project, executor, brain, brain_model, brain_why, read_only, running, queued,
        held, problems, capabilities}. Chooses the pilot's brain, where that was not done
        yet. `capabilities`: of the default agent and of those in use, by name (see `Capabilities`)."""
        problems = list(self.problems)
        brain = None
        try:
            brain = (await self.pilot()).brain
        except ZwarmError as error:
            problems.append(str(error))
        if brain is not None and brain.executor.name == "demo" and self.settings.pilot.brain == "auto":
            problems.append(f"{brain.why} (zwarm-tui doctor says what is missing)")
        if self.store.error:
            problems.append(self.store.error)
        turns = self.sessions.running()
        return {
            "project": str(self.project),
            "executor": self.sessions.agents.default,
            "brain": brain.executor.name if brain else None,
            "brain_model": brain.model if brain else None,
            "brain_why": brain.why if brain else None,
            "read_only": False,
            "running": sum(t.running for t in turns),
            "queued": sum(not t.running and t.hold is None for t in turns),
            "held": sum(t.hold is not None for t in turns),
            "problems": problems,
            "capabilities": self.sessions.agents.capabilities(),
        }

    async def rest(self) -> None:
        """End the agents' processes where no turn runs; the next turn starts them again."""
        await self.sessions.rest()

    @property
    def trouble(self) -> str:
        """Why the log can't be written just now; "" as soon as it can."""
        return self.store.error or ""

    async def aclose(self, *, running: str = "interrupt") -> None:
        """Leave: with "wait" when all turns have ended but those that a budget holds (they go
        on waiting for their person), else interrupting them."""
        if self._closed:
            return
        self._closed = True
        if running == "wait":
            while tasks := [t.task for t in self.sessions.running() if t.task and t.hold is None]:
                await asyncio.wait(tasks, timeout=1)  # one of them may be held by then
        await self.sessions.aclose()
        await self.resources.aclose()
        self.store.close()
        self._lock.release()

    async def __aenter__(self) -> Engine:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()
