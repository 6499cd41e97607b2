"""`CodexSessionManager`: an agent's sessions, asynchronously, and honestly.

The manager begins sessions and ends them. What is alive of them is in the rooms beside:
their turns in `runner`, what a person is asked in `requests`, the adapters in `agents`.
All that it knows of the past it reads from the log, so a session is the same before and
after a restart.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from zwarm_tui.config.settings import BudgetSettings, WorktreeSettings
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import SessionBusyError, StoreError, UsageError
from zwarm_tui.core.model import SessionStatus, SessionView
from zwarm_tui.executors.base import Executor, ExecutorSettings
from zwarm_tui.sessions.agents import Agents
from zwarm_tui.sessions.beside import Beside
from zwarm_tui.sessions.budget import Budgets
from zwarm_tui.sessions.forks import Forks
from zwarm_tui.sessions.recovery import take_up
from zwarm_tui.sessions.requests import Requests
from zwarm_tui.sessions.roles import RUN, Role
from zwarm_tui.sessions.runner import Returned, TurnHook, TurnRunner
from zwarm_tui.sessions.session import ExecutorSession
from zwarm_tui.sessions.steering import steer
from zwarm_tui.sessions.stopping import stop
from zwarm_tui.sessions.turn import FOLLOWED, Turn
from zwarm_tui.sessions.worktrees import Worktrees
from zwarm_tui.store.log import Store
from zwarm_tui.store.reader import Reader


class CodexSessionManager:
    """Sessions of a project. `executor` is a name (see `executors.registry`) or an
    adapter; `events` is called with each record that the manager writes.

    Use it as an async context manager, or call `aclose`.
    """

    def __init__(
        self,
        state_dir: str | Path,
        *,
        executor: str | Executor = "codex",
        default_model: str | None = None,
        max_concurrent: int = 8,
        events: Callable[[e.Record], None] | None = None,
        store: Store | None = None,
        settings: dict[str, ExecutorSettings] | None = None,
        thread_settings: dict[str, Any] | None = None,
        idle_timeout: float = 600.0,
        budget: BudgetSettings | None = None,
        simulated: bool = False,
        project: Path | None = None,
        worktrees: WorktreeSettings | None = None,
    ) -> None:
        if max_concurrent < 1:
            raise UsageError("max_concurrent must be at least 1")
        self.state_dir = Path(state_dir)
        self.store = store or Store.open(self.state_dir / "zwarm.db")
        self._owns_store = store is None
        self.reader = Reader(self.store.path)
        self.default_model = default_model
        self._thread_settings = thread_settings or {}
        self._simulated = simulated
        self.agents = Agents(executor, settings or {}, self.state_dir)
        self.closed_because = ""
        """Why nothing new is started, once that is so."""
        self._runner = TurnRunner(
            self.store,
            self.reader,
            max_concurrent=max_concurrent,
            idle_timeout=idle_timeout,
            budgets=Budgets(self.reader, budget or BudgetSettings()),
            events=events,
        )
        self.requests = Requests(self._runner)
        self.beside = Beside(self._runner)
        self.forks = Forks(self._runner, self.agents)
        self.worktrees = Worktrees(
            self.store,
            self.reader,
            project=project or self.state_dir.absolute().parent,
            settings=worktrees or WorktreeSettings(),
        )
        self._runner.prepare = self.worktrees.prepare

    # -- the swarm's place and parts ------------------------------------------------------

    @property
    def branch(self) -> int:
        """The branch that new turns belong to (a running turn's tools stay on its own)."""
        return self._runner.branch

    def move(self, branch: int) -> None:
        """New turns belong to `branch` from now on; what runs stays where it is."""
        self._runner.current_branch = branch

    def on_branch(self, branch: int) -> AbstractContextManager[None]:
        """Within it, `branch` is the current one."""
        return self._runner.on_branch(branch)

    def set_role(self, name: str, role: Role) -> None:
        """Say how sessions of a role are run."""
        self._runner.roles[name] = role

    def set_turn_hook(self, hook: TurnHook) -> None:
        """Called after each turn, with the session as its branch sees it."""
        self._runner.on_turn_end = hook

    def place(self, folder: Path) -> Path:
        """A folder of the project's files, as the current branch has it; any other one
        as it is."""
        return Path(self.reader.places().map(str(folder), self.branch))

    def set_returned(self, hook: Returned) -> None:
        """Called before a session's first turn on a branch: what it should be told."""
        self._runner.returned = hook

    # -- reading --------------------------------------------------------------------

    def get_session(self, session_id: str) -> ExecutorSession:
        """The session with that id or unique prefix, as the current branch sees it."""
        return self._session(self.reader.find(session_id))

    def list_sessions(self, status: SessionStatus | str | None = None) -> list[ExecutorSession]:
        """All executors' sessions of the current branch, oldest first."""
        try:
            wanted = SessionStatus(status) if status is not None else None
        except ValueError:
            raise UsageError(
                f"no status '{status}': it is one of {', '.join(s.value for s in SessionStatus)}"
            ) from None
        views = self.reader.sessions(self.reader.path(self.branch))
        return [self._wrap(v) for v in views if v.role == "executor" and wanted in (None, v.status)]

    def on_news(self, listener: Callable[[int], None]) -> Callable[[], None]:
        """Call `listener` with the log's last seq when it has grown, on the log's thread;
        returns what ends that."""
        return self.store.subscribe(listener)

    def running(self, branch: int | None = None) -> list[Turn]:
        """Turns that are queued or run, of one branch or of all."""
        return [t for t in self._runner.turns.values() if branch in (None, t.branch)]

    def at_work(self, session: str) -> bool:
        """A turn of it is queued or runs on the current branch."""
        turn = self._runner.turns.get((session, self.branch))
        return turn is not None and not turn.ended

    # -- starting and talking ---------------------------------------------------------

    async def start_session(
        self,
        task: str,
        *,
        working_dir: str | Path | None = None,
        model: str | None = None,
        executor: str | None = None,
        origin: str = "person",
        settings: dict[str, Any] | None = None,
        worktree: bool = False,
        heir_of: str | None = None,
    ) -> ExecutorSession:
        """Make a session and queue its first turn; returns at once. `working_dir`
        defaults to the current folder; one in the project's files is taken as the current
        branch has it. `settings` are its thread's own (sandbox, approvals, questions),
        over those of all sessions. With `worktree` it works in one of its own, that its
        first turn begins with making from the files as they then are; `heir_of` a session
        whose work it goes on with, it gets that one's worktree, if there is one."""
        if not task.strip():
            raise UsageError("a task needs some words")
        folder = self.place(_folder(working_dir or "."))
        adapter = self.agents.get(executor or self.agents.default)
        self._check_start(origin=origin)
        session = secrets.token_hex(4)
        turn = Turn(session, self.branch, 1, task, origin, adapter)
        settings = {**self._thread_settings, **(settings or {})}
        own = None
        if worktree:
            top = (await self.worktrees.repo(folder)).top
            own = self.worktrees.plan(f"session-{session}")
            settings["worktree"], folder = str(top), own / folder.resolve().relative_to(top)
        elif heir_of is not None:
            given = await self.worktrees.hand_over(self.reader.find(heir_of), session, self.branch)
            if given is not None:
                settings["worktree"], own = given.checkout, Path(given.path)
        self._create(session, task, adapter.name, model or self.default_model, folder, settings, worktree=own)
        await self._runner.queue(turn)
        return self._session(session)

    async def send_message(self, session_id: str, message: str, *, origin: str = "person") -> ExecutorSession:
        """Go on with a session: queues its next turn; `SessionBusyError` while one runs."""
        if not message.strip():
            raise UsageError("a message needs some words")
        return await self._next_turn(session_id, message, origin)

    async def follow(self, session_id: str) -> ExecutorSession:
        """Go on reading what an agent does in its terminal since the message before, which
        a dead engine sent (see `terminals.left_with`): nothing is typed."""
        return await self._next_turn(session_id, FOLLOWED, "person", follows=True)

    async def _next_turn(
        self, session_id: str, message: str, origin: str, *, follows: bool = False
    ) -> ExecutorSession:
        session = self.reader.find(session_id)
        while (busy := self._runner.turns.get((session, self.branch))) is not None:
            busy.check_begun()
            if not busy.ended:
                raise SessionBusyError(f"a turn runs on {session}: wait for it, steer it or interrupt it")
            await busy.gone.wait()  # others can read its end before we know that it is written
        view = self._runner.view(session)
        self._check_start(shared=view.role == "executor", origin=origin)
        adapter = self.agents.get(view.executor)
        await self._runner.queue(
            Turn(session, self.branch, view.turns + 1, message, origin, adapter, follows)
        )
        return self._session(session)

    async def steer(self, session_id: str, message: str) -> ExecutorSession:
        """Put a message into the running turn of an agent that can take it. Where none runs
        any more, and where it comes too late for its agent, it begins the next turn."""
        if not message.strip():
            raise UsageError("a message needs some words")
        session = self.reader.find(session_id)
        if not await steer(self._runner, session, message):
            return await self.send_message(session, message)
        return self._session(session)

    async def fork_session(
        self, session_id: str, *, at_turn: int | None = None, working_dir: str | Path | None = None
    ) -> ExecutorSession:
        """A new session with this one's thread up to and with turn `at_turn` (the last
        one that ended by default). It runs nothing until it is spoken to."""
        view = self._runner.view(self.reader.find(session_id))
        folder = self.place(_folder(working_dir or view.working_dir))
        new = secrets.token_hex(4)
        settings = await self.forks.fork(view, new, folder, at_turn=at_turn)
        self._create(new, view.task, view.executor, view.model, folder, settings, parent=view.id)
        await self.store.commit()
        return self._session(new)

    async def ensure_role_session(
        self, role: str, *, executor: str, model: str | None, working_dir: Path
    ) -> None:
        """The one session of a role exists, with this brain; its id is the role's name."""
        view = self.reader.session(role, self.reader.path(self.branch))
        if view is None or (view.executor, view.model) != (executor, model):
            self._create(role, role, executor, model, working_dir, {}, role=role)
            await self.store.commit()

    async def begin_run(self, session: str, task: str, *, executor: str, working_dir: Path) -> None:
        """Make the session of a run, and queue its turn."""
        self._check_start()
        self._create(session, task, executor, None, working_dir, {}, role=RUN)
        await self._runner.queue(Turn(session, self.branch, 1, task, "person", self.agents.get(executor)))

    # -- stopping ---------------------------------------------------------------------

    async def interrupt(self, session_id: str, reason: str | None = None) -> None:
        """Stop the running turn, or take a queued one back; returns when it has ended."""
        turn = self._runner.alive(session_id, queued=True)
        await stop(self._runner, turn, "interrupted", reason or "interrupted by the person")

    async def kill_session(self, session_id: str, reason: str | None = None) -> None:
        """End a session: its turn, and every process that its agent left behind."""
        await self._end(session_id, reason, hidden=False)

    async def delete_session(self, session_id: str) -> None:
        """End a session and take it off the lists. The log keeps it, for checkpoints and costs."""
        await self._end(session_id, "deleted", hidden=True)

    async def _end(self, session_id: str, reason: str | None, *, hidden: bool) -> None:
        session = self.reader.find(session_id)
        turn = self._runner.turns.get((session, self.branch))
        if turn is not None:
            await stop(self._runner, turn, "killed", reason or "ended by the person")
        view = self._runner.view(session)
        if view.thread is not None:
            await self.agents.get(view.executor).end(view.thread)
            self._runner.forget(view.thread)
        self._runner.record(session, view.turns, e.SessionEnded(reason, hidden))
        await self.store.commit()

    # -- waiting and people -----------------------------------------------------------

    async def wait(
        self, session_id: str, timeout: float | None = None, *, turn: int | None = None
    ) -> ExecutorSession:
        """The session when no turn of it runs, or with `turn` when that one doesn't;
        `TimeoutError` after `timeout` seconds."""
        session = self.reader.find(session_id)
        try:
            async with asyncio.timeout(timeout):
                await self._runner.over(session, turn)
        except TimeoutError:
            raise TimeoutError(f"{session} still runs after {timeout:g} s") from None
        return self._session(session)

    def acknowledge(self, session_id: str, *, by: str = "check") -> None:
        """Clear the session's attention flag: someone looked."""
        view = self._runner.view(self.reader.find(session_id))
        if view.needs_attention:
            self._runner.record(view.id, view.turns, e.Acknowledged(by))
            self.store.flush()

    # -- leaving and coming back ------------------------------------------------------

    def recover(self) -> list[str]:
        """Mark turns that a dead engine left unfinished as interrupted; those that a budget
        held go on waiting. Call it once, before anything runs, by whoever holds the
        project's lock. Returns the ids of the interrupted."""
        left = take_up(self._runner, self.agents)
        if left:
            self.store.flush()
        return left

    async def rest(self) -> None:
        """End the agents' processes, where no turn runs; a turn starts them again."""
        if self.running():
            return
        idle = self.agents.dismiss()
        self._runner.forget_served_by(idle)
        await asyncio.gather(*(x.aclose() for x in idle.values()))

    async def aclose(self) -> None:
        """Interrupt what runs (it can be resumed), end every process, close the log."""
        if self._runner.closing:
            return
        await self._runner.close()
        self.requests.close()
        await self.agents.aclose()
        self.reader.close()
        if self._owns_store:
            self.store.close()

    async def __aenter__(self) -> CodexSessionManager:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    # -- helpers ----------------------------------------------------------------------

    def _create(
        self,
        session: str,
        task: str,
        executor: str,
        model: str | None,
        folder: Path,
        settings: dict[str, Any],
        *,
        role: str = "executor",
        parent: str | None = None,
        worktree: Path | None = None,
    ) -> None:
        created = e.SessionCreated(
            task=task,
            executor=executor,
            model=model,
            working_dir=str(folder),
            worktree=str(worktree) if worktree else None,
            parent=parent,
            role=role,
            simulated=self._simulated or executor == "demo",
            settings=settings,
        )
        self._runner.record(session, 0, created)

    def _check_start(self, *, shared: bool = True, origin: str = "person") -> None:
        # What a run that is waited for still needs is nothing new.
        if self._runner.closing or (self.closed_because and origin != "workflow"):
            raise UsageError(self.closed_because or "zwarm_tui is closing: nothing new is started")
        if self.store.error:
            raise StoreError(f"nothing new is started: {self.store.error}")
        if shared:
            self.beside.check()

    def _session(self, session: str) -> ExecutorSession:
        return self._wrap(self._runner.view(session))

    def _wrap(self, view: SessionView) -> ExecutorSession:
        path = self.reader.path(self.branch)
        return ExecutorSession(view, lambda: self.reader.messages(view.id, path))


def _folder(path: str | Path) -> Path:
    folder = Path(path).expanduser().absolute()
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder: name one that exists")
    return folder
