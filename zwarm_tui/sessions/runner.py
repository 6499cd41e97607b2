"""Runs turns: the queue, the thread that serves each, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextvars import ContextVar
from functools import partial
from typing import Any

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import StoreError, UsageError, ZwarmError
from zwarm_tui.core.long_sessions import is_long, warning
from zwarm_tui.core.model import SessionView, TurnView
from zwarm_tui.sessions.binding import Binder, Bound, moved
from zwarm_tui.sessions.budget import Budgets
from zwarm_tui.sessions.ending import closing, next_turn, outcome
from zwarm_tui.sessions.holds import Holds
from zwarm_tui.sessions.roles import EXECUTOR, RUN, RUNS, Role
from zwarm_tui.sessions.silence import IdleWatch
from zwarm_tui.sessions.stopping import stop
from zwarm_tui.sessions.turn import ThreadSink, Turn
from zwarm_tui.store.log import Store
from zwarm_tui.store.reader import Reader

TurnHook = Callable[[SessionView, Turn], Awaitable[None]]

Prepare = Callable[[SessionView, int], Awaitable[list[str]]]
"""Makes the folder of a session's turn on a branch ready: what to tell the agent."""

Returned = Callable[[SessionView, Turn, TurnView], Awaitable[str | None]]
"""Of a turn that goes on elsewhere than the session's last one: what changed under it."""


class TurnRunner:
    """All turns that are queued or run, of every session and branch."""

    def __init__(
        self,
        store: Store,
        reader: Reader,
        *,
        max_concurrent: int,
        idle_timeout: float,
        budgets: Budgets,
        events: Callable[[e.Record], None] | None,
    ) -> None:
        self.store, self.reader = store, reader
        self.roles: dict[str, Role] = {"executor": EXECUTOR, RUN: RUNS}
        self.turns: dict[tuple[str, int], Turn] = {}
        self.live: set[str] = set()
        """Threads that this process has live."""
        self.on_turn_end: TurnHook | None = None
        self.prepare: Prepare | None = None
        self.returned: Returned | None = None
        self.closing = False
        self._events = events
        self._slots = asyncio.Semaphore(max_concurrent)
        self._sinks: dict[str, ThreadSink] = {}
        self._ending: set[asyncio.Task[None]] = set()
        """Turns that are over and have yet to leave their checkpoint."""
        self._announcing: set[asyncio.Task[None]] = set()
        self.attention = asyncio.Condition()
        """Notified when a session may need its person."""
        self._branch: ContextVar[int | None] = ContextVar("branch", default=None)
        self.current_branch = reader.position().branch
        self._holds = Holds(store, budgets, tell=self.tell)
        self._idle = IdleWatch(self.turns, idle_timeout, tell=self.tell, stop=partial(stop, self))

    # -- the branch -----------------------------------------------------------------

    @property
    def branch(self) -> int:
        """The branch that new turns belong to (a running turn's tools stay on its own)."""
        return self._branch.get() or self.current_branch

    @contextlib.contextmanager
    def on_branch(self, branch: int) -> Iterator[None]:
        """Within it, `branch` is the current one."""
        token = self._branch.set(branch)
        try:
            yield
        finally:
            self._branch.reset(token)

    # -- the log --------------------------------------------------------------------

    def write(self, *records: e.Record) -> None:
        """Append them; who reads one of them finds all."""
        self.store.append(*records)
        if self._events is not None:
            for record in records:
                self._events(record)

    def record(self, session: str, turn: int, *events: e.Event, branch: int | None = None) -> None:
        """Append events of a session, in this order."""
        self.write(*(e.Record(event, session, branch or self.branch, turn, time.time()) for event in events))

    def view(self, session: str, branch: int | None = None) -> SessionView:
        """The session as a branch (the current one) sees it."""
        view = self.reader.session(session, self.reader.path(branch or self.branch))
        if view is None:
            raise UsageError(f"session {session} is not on this branch: go to the one that it is on")
        return view

    def alive(self, session_id: str, *, queued: bool = False) -> Turn:
        """The turn of that session that runs on this branch, or with `queued` one that has
        yet to begin; `UsageError` where there is none."""
        session = self.reader.find(session_id)
        turn = self.turns.get((session, self.branch))
        if turn is not None and not queued:
            turn.check_begun()
        if turn is None or not (queued or turn.thread):
            raise UsageError(f"no turn runs on {session}")
        return turn

    def has_place(self, turn: Turn) -> bool:
        """Nothing but its own preparation keeps the turn from beginning."""
        return not self.roles[self.view(turn.session, turn.branch).role].queued or not self._slots.locked()

    async def over(self, session: str, number: int | None = None) -> None:
        """Return when no turn of the session runs on this branch (or not the one with that
        number), nor is being recorded."""
        while (turn := self.turns.get((session, self.branch))) is not None and number in (None, turn.number):
            if turn.task is None:
                await turn.gone.wait()
            elif turn.task.done():
                return
            else:
                await asyncio.wait({turn.task})

    # -- a turn's life ----------------------------------------------------------------

    async def queue(self, turn: Turn) -> None:
        """Take a turn in; returns when that is in the log."""
        self.turns[turn.key] = turn
        self.write(_opening(turn))
        try:
            await self.store.commit()
        except StoreError as error:
            self._refuse(turn, str(error))
            raise
        except asyncio.CancelledError:
            # It ends as it begins. Until that stands in the log it has the session, and its
            # number: the next one would get the same.
            turn.stop, turn.why = turn.stop or "interrupted", turn.why or "who asked for it was stopped"
            await self._start(turn)
            raise
        await self._start(turn)

    def _refuse(self, turn: Turn, why: str) -> None:
        del self.turns[turn.key]
        refused = e.TurnEnded(status="failed", error=f"not begun: {why}")
        self.record(turn.session, turn.number, refused, branch=turn.branch)
        turn.placed.set()
        turn.gone.set()

    async def _start(self, turn: Turn) -> None:
        turn.task = asyncio.create_task(self._run(turn), name=f"turn {turn.session}/{turn.number}")
        self._idle.begin()
        await asyncio.sleep(0)  # let it begin: a task cancelled before that would never end its turn

    async def _run(self, turn: Turn) -> None:
        try:
            ended = await self._begin(turn)
        except asyncio.CancelledError:
            if turn.outlives and self.closing:
                return  # it goes on waiting, for an engine to come
            ended = e.TurnEnded(status=turn.stop or "interrupted", error=turn.why or "cancelled")
        except ZwarmError as error:
            ended = e.TurnEnded(status="failed", error=str(error))
        except Exception as error:  # an adapter's bug ends this turn, not the swarm
            ended = e.TurnEnded(
                status="failed",
                error=f"{type(error).__name__}: {error} (a bug in zwarm_tui: please report it)",
            )
        await self._finish(turn, ended)

    async def _begin(self, turn: Turn) -> e.TurnEnded:
        """Serve it as soon as there is a place for it, and money."""
        if turn.stop is not None:
            return e.TurnEnded(status=turn.stop, error=turn.why)
        while True:
            if turn.hold is not None and (refused := await self._holds.end(turn, turn.hold)) is not None:
                return refused
            view = self.view(turn.session, turn.branch)
            role = self.roles[view.role]
            turn.watched = role.watched
            async with self._slot(role):
                spends = role.spends and not turn.follows
                if not (reached := await self._holds.beyond(turn) if spends else []):
                    turn.running = True
                    return await self._serve(turn, view, role)
            await self._holds.begin(turn, reached)  # outside: what waits for its person takes no place
            turn.placed.set()

    def take_up(self, turn: Turn, asked: e.ApprovalRequested) -> None:
        """Go on holding a turn that another engine held."""
        self.turns[turn.key] = turn
        self._holds.take_up(turn, asked)
        turn.task = asyncio.create_task(self._run(turn), name=f"turn {turn.session}/{turn.number}")

    @contextlib.asynccontextmanager
    async def _slot(self, role: Role) -> AsyncIterator[None]:
        if not role.queued:
            yield
            return
        async with self._slots:
            yield

    async def _serve(self, turn: Turn, view: SessionView, role: Role) -> e.TurnEnded:
        notes = await self.prepare(view, turn.branch) if self.prepare is not None else []
        view = self.view(turn.session, turn.branch)
        await self._let_go_elsewhere(turn, view)
        sink = self.sink(turn.session, turn.branch, view.role)
        sink.begin(turn)
        spec = role.spec(turn.session, view.model, view.working_dir, view.settings)
        bound = await Binder(self.reader, turn.executor, self.live).bind(
            view, turn.branch, self.reader.path(turn.branch), turn.message, spec, sink, role.toolset
        )
        sink = self.adopt(bound.thread, sink)
        sink.begin(turn)
        sink.write(bound.event)
        notes = await self._changed(turn, view, bound) + notes
        for note in notes:
            sink.write(e.Notice("info", note))
        sink.write(e.TurnStarted())
        # What a turn costs is found again by its thread: that has to be known before.
        await self.store.commit()
        turn.heard = time.monotonic()  # until now it waited for its place: nobody was silent
        turn.thread = bound.thread
        turn.placed.set()
        text = "" if turn.follows else "\n\n".join([*(f"[{note}]" for note in notes), bound.text])
        return await turn.executor.run_turn(bound.thread, text)

    async def _let_go_elsewhere(self, turn: Turn, view: SessionView) -> None:
        """A thread that is live in another folder is let go: it is resumed in its own."""
        turns = self.reader.turns(view.id, self.reader.path(turn.branch))
        last = next((t for t in reversed(turns) if t.thread), None)
        if last is None or last.branch != turn.branch or last.thread not in self.live:
            return
        was = self.reader.bound(view.id, last.thread)
        if was is not None and was.cwd not in (None, view.working_dir):
            await turn.executor.end(last.thread)
            self.forget(last.thread)

    async def _changed(self, turn: Turn, view: SessionView, bound: Bound) -> list[str]:
        """What the agent has to know that did not happen in its own turns: it went back
        in time, or its folder is another one."""
        notes = []
        if bound.last is not None and bound.last.branch != turn.branch and self.returned is not None:
            notes.append(await self.returned(view, turn, bound.last))
        if bound.was_in is not None and bound.was_in != view.working_dir:
            notes.append(moved(bound.was_in, view.working_dir))
        return [" ".join(note.split()) for note in notes if note]

    async def _finish(self, turn: Turn, ended: e.TurnEnded) -> None:
        turn.ended = True
        ended = outcome(turn, ended)
        follow = None if self.closing else next_turn(turn, ended)
        events = closing(turn, ended, goes_on=follow is not None)
        turn.requests.clear()
        records = [e.Record(event, turn.session, turn.branch, turn.number, time.time()) for event in events]
        self.write(*records, *([_opening(follow)] if follow is not None else []))
        broken: StoreError | None = None
        try:
            await self.store.commit()
            await self._warn_of_length(turn)
        except StoreError as error:  # it is kept in memory, and `store.error` is shown
            broken = error
        self.turns.pop(turn.key, None)
        if follow is not None:
            self.turns[follow.key] = follow
            if broken is None:
                await self._start(follow)
            else:
                self._refuse(follow, str(broken))
        turn.placed.set()
        turn.gone.set()
        if turn.thread in self._sinks:
            self._sinks[turn.thread].turn = None
            if ended.exit_code is not None and not turn.executor.capabilities.protocol:
                self.forget(turn.thread)  # the program was the thread
        await self.wake()
        if self.on_turn_end is None or self.closing or self.store.error is not None:
            return
        me = asyncio.current_task()
        assert me is not None
        self._ending.add(me)
        try:
            await self.on_turn_end(self.view(turn.session, turn.branch), turn)
        except StoreError:
            pass  # it is in `store.error`, which is shown
        finally:
            self._ending.discard(me)

    async def _warn_of_length(self, turn: Turn) -> None:
        """Say once of a session that its agent is likely to get worse from here on (F7)."""
        about = f"long {turn.session}"
        view = self.reader.session(turn.session, self.reader.path(turn.branch))
        if view is None or not is_long(view) or self.reader.said(about):
            return
        self.record(turn.session, turn.number, e.Notice("warning", warning(view), about), branch=turn.branch)
        await self.store.commit()

    # -- threads ----------------------------------------------------------------------

    def sink(self, session: str, branch: int, role: str) -> ThreadSink:
        """A sink for a thread-to-be; its tools act on the thread's own branch."""
        handler = self.roles[role].handler
        if handler is None:
            return ThreadSink(session, branch, self._heard, None)

        async def on_own_branch(name: str, arguments: dict[str, Any]) -> tuple[str, bool]:
            with self.on_branch(branch):
                return await handler(name, arguments)

        return ThreadSink(session, branch, self._heard, on_own_branch)

    def adopt(self, thread: str, sink: ThreadSink) -> ThreadSink:
        """A thread keeps the sink that it was made live with."""
        self.live.add(thread)
        return self._sinks.setdefault(thread, sink)

    def forget(self, thread: str) -> None:
        """A thread is no longer live: its next turn resumes it, with a sink of its own."""
        self.live.discard(thread)
        self._sinks.pop(thread, None)

    def forget_served_by(self, executors: Collection[str]) -> None:
        """The same for all threads of these executors."""
        for thread, sink in list(self._sinks.items()):
            bound = self.reader.bound(sink.session, thread)
            name = bound.executor if bound else self.view(sink.session, sink.branch).executor
            if name in executors:
                self.forget(thread)

    def emit(self, turn: Turn, event: e.Event) -> None:
        """Add an event of ours to a running turn."""
        assert turn.thread is not None
        self._sinks[turn.thread].emit(event)

    # -- those who wait ---------------------------------------------------------------

    async def tell(self, turn: Turn, *events: e.Event) -> None:
        """Record events of a turn that its person should see, and wake who waits for such."""
        self.record(turn.session, turn.number, *events, branch=turn.branch)
        await self.store.commit()
        await self.wake()

    def _heard(self, *records: e.Record) -> None:
        """Append what a thread's agent does. Where it needs its person, who waits for such is woken."""
        self.write(*records)
        if any(isinstance(record.event, e.AttentionRaised) for record in records):
            announcing = asyncio.create_task(self._announce(), name="attention")
            self._announcing.add(announcing)
            announcing.add_done_callback(self._announcing.discard)

    async def _announce(self) -> None:
        with contextlib.suppress(StoreError):  # who waits looks into the log
            await self.store.commit()
            await self.wake()

    async def wake(self) -> None:
        """Tell those who wait for attention to look again."""
        async with self.attention:
            self.attention.notify_all()

    async def close(self) -> None:
        """Interrupt all turns; they can be resumed."""
        self.closing = True
        await self._idle.end()
        why = "zwarm_tui was quit while this turn ran"
        turns = list(self.turns.values())
        held = [t.task for t in turns if t.outlives and t.task is not None]
        for task in held:
            task.cancel()
        await asyncio.gather(*(stop(self, t, "interrupted", why) for t in turns if not t.outlives))
        if held:
            await asyncio.wait(held)
        if self._ending:
            await asyncio.wait(set(self._ending))


def _opening(turn: Turn) -> e.Record:
    message = e.UserMessage(turn.text, turn.origin)
    return e.Record(message, turn.session, turn.branch, turn.number, time.time())
