"""Codex through `codex app-server`: one process for all threads."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from pathlib import Path
from typing import Any

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ExecutorError, TurnOverError
from zwarm_tui.executors.base import (
    Capabilities,
    Decision,
    ExecutorInfo,
    ExecutorSettings,
    Forked,
    Sink,
    ThreadSpec,
)
from zwarm_tui.executors.codex import rollout
from zwarm_tui.executors.codex import settings as params
from zwarm_tui.executors.codex.find import locate, version
from zwarm_tui.executors.codex.live import LiveThread, Turn
from zwarm_tui.executors.codex.parse import parse
from zwarm_tui.executors.codex.rpc import RpcError, ServerGone
from zwarm_tui.executors.codex.server import Server, environment, refusal
from zwarm_tui.executors.codex.usage import Lineage, Tokens
from zwarm_tui.executors.codex.values import obj, text
from zwarm_tui.executors.rawlog import SERVER, RawLog
from zwarm_tui.executors.sweep import marked, sweep

CAPABILITIES = Capabilities(
    fork="turn",
    resume=True,
    approvals=True,
    interrupt=True,
    steer=True,
    tools=True,
    deltas=True,
    live_usage=True,
    sandbox=True,
)

STOP_WAIT = 3.0
"""Seconds a cancelled or ended turn gets to say that it stopped."""


class AppServer:
    """The executor over one app-server, which is started when it is first needed, and
    again when it died."""

    name = "codex"
    capabilities = CAPABILITIES

    def __init__(self, settings: ExecutorSettings, state_dir: Path) -> None:
        self._settings = settings
        self._raw = RawLog(state_dir, settings.env)
        self._threads: dict[str, LiveThread] = {}
        self._children: dict[str, LiveThread] = {}
        """Threads of sub-agents, by whom they were begun."""
        self._early: deque[tuple[dict[str, Any], str]] = deque(maxlen=256)
        """Notices of a thread whose start has not been answered yet."""
        self._lineage = Lineage()
        self._server: Server | None = None
        self._starting = asyncio.Lock()
        self._notices: list[e.Event] = []
        """Of the server as a whole: the next thread that starts shows them."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing = False

    # -- the server -----------------------------------------------------------------------

    async def connect(self) -> None:
        """Start the server. Raises `NoAppServer` where this codex has none."""
        await self._running()

    async def _running(self) -> Server:
        async with self._starting:
            if self._closing:
                raise ExecutorError("codex was closed")
            if self._server is None:
                env = environment(self._settings)
                self._server = await Server.start(
                    locate(self._settings.path, env),
                    self._settings,
                    on_message=self._on_message,
                    on_noise=self._on_noise,
                    on_gone=self._on_gone,
                )
            return self._server

    def _on_message(self, message: dict[str, Any], line: str) -> None:
        given = message.get("params")
        thread = text(given, "threadId") or text(obj(given, "thread"), "id")
        self._raw.write(thread or SERVER, line)
        live = self._threads.get(thread)
        parent = self._children.get(thread)
        if message["method"] == "thread/started":
            self._note_child(obj(given, "thread"))
        elif "id" in message:
            self._on_request(message, given, live or parent, line)
        elif live is not None:
            live.take(message, line)
        elif parent is not None:
            parent.take_child(thread, message)
        elif thread:
            self._early.append((message, line))
        else:
            self._tell(parse(message, line))

    def _note_child(self, thread: dict[str, Any]) -> None:
        parent = self._threads.get(text(thread, "parentThreadId"))
        if parent is not None:
            self._children[text(thread, "id")] = parent

    def _on_request(self, message: dict[str, Any], given: Any, live: LiveThread | None, line: str) -> None:
        if live is not None and isinstance(given, dict):
            live.ask(message["id"], message["method"], given, line)
            return
        assert self._server is not None
        self._server.rpc.refuse(message["id"], f"this client does not know {message['method']}")
        self._tell([e.Unknown(message["method"], line)])

    def _on_noise(self, line: str) -> None:
        self._raw.write(SERVER, line)
        self._tell([e.Unknown("noise", line)])

    def _tell(self, found: list[e.Event]) -> None:
        """Show what concerns no thread in particular, once."""
        live = next((t for t in self._threads.values() if t.rpc is not None), None)
        if live is None:
            self._notices.extend(found)
            return
        for event in found:
            live.sink.emit(event)

    def _on_gone(self, gone: ServerGone) -> None:
        server, self._server = self._server, None
        self._children.clear()
        loaded = [live for live in self._threads.values() if live.rpc is not None]
        cut = [(live, turn) for live in loaded if (turn := live.unloaded(gone, self._closing))]
        if cut:
            self._spawn(self._account(cut, gone, self._closing))
        if server is not None and not self._closing:
            self._spawn(server.clean_up())

    async def _account(self, cut: list[tuple[LiveThread, Turn]], gone: ServerGone, closing: bool) -> None:
        """End the turns that a dead server took with it, once its own records of what they
        cost are read."""
        since = min(turn.began for _, turn in cut)
        found: list[rollout.Rollout] = []
        try:
            found = await asyncio.to_thread(rollout.recent, rollout.home(self._settings), since)
        finally:
            for live, turn in cut:
                live.lost(turn, gone, closing, found)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def probe(self) -> ExecutorInfo:
        """Find codex, start its app-server, ask who is logged in."""
        env = environment(self._settings)
        binary = locate(self._settings.path, env)
        known = await version(binary, env)
        server = await self._running()
        try:
            account = await server.rpc.call("account/read", {"refreshToken": False}, timeout=10)
            free = account.get("requiresOpenaiAuth") is False or account.get("account") is not None
            login = "yes" if free else "no"
        except (RpcError, ServerGone, TimeoutError, AttributeError):
            login = "unknown"
        return ExecutorInfo(
            name=self.name, found=True, path=binary, version=known, login=login, capabilities=CAPABILITIES
        )

    # -- threads --------------------------------------------------------------------------

    async def start(self, spec: ThreadSpec, sink: Sink) -> str:
        """Make a new thread."""
        server = await self._running()
        result = await server.call("thread/start", params.start(spec, server.run))
        return self._adopt(result, spec, sink, server, Tokens()).id

    async def resume(self, thread: str, spec: ThreadSpec, sink: Sink) -> None:
        """Load a thread of an earlier process."""
        live = self._threads.get(thread)
        if live is not None and live.rpc is not None:
            return
        if live is None:
            live = LiveThread(thread, spec, sink, self._lineage)
        live.spec = spec
        await self._load(live)
        self._threads[thread] = live

    async def _load(self, live: LiveThread) -> None:
        server = await self._running()
        given = {"threadId": live.id, "excludeTurns": True} | params.thread(live.spec, server.run)
        result = await server.call("thread/resume", given)
        live.model = text(result, "model") or live.model
        live.rpc = server.rpc
        self._hand_over(live)

    async def fork(self, thread: str, spec: ThreadSpec, sink: Sink, *, at_turn: str | None = None) -> Forked:
        """A thread with this one's history, in the folder of `spec`."""
        server = await self._running()
        parent = self._threads.get(thread)
        busy = parent is not None and parent.turn is not None
        inherited = None if busy and at_turn is None else self._lineage.after(thread, at_turn)
        # Only with the turns does codex say which total the fork begins with. It must be
        # known: an interrupt of the fork's first response repeats it like new spending.
        given = {"threadId": thread, "excludeTurns": inherited is not None} | params.thread(spec, server.run)
        if at_turn is not None:
            given["lastTurnId"] = at_turn
        live = self._adopt(await server.call("thread/fork", given), spec, sink, server, inherited)
        return Forked(live.id)

    def _adopt(
        self, result: Any, spec: ThreadSpec, sink: Sink, server: Server, inherited: Tokens | None
    ) -> LiveThread:
        thread = text(obj(result, "thread"), "id")
        if not thread:
            raise ExecutorError("codex made a thread without an id: its version is not supported")
        self._lineage.begin(thread, inherited)
        live = self._threads[thread] = LiveThread(thread, spec, sink, self._lineage)
        live.model = text(result, "model") or live.model
        live.rpc = server.rpc
        self._hand_over(live)
        return live

    def _hand_over(self, live: LiveThread) -> None:
        """Give a thread what came for it before it was known, and what nobody has seen."""
        mine = [m for m in self._early if text(m[0].get("params"), "threadId") == live.id]
        self._early = deque((m for m in self._early if m not in mine), maxlen=256)
        for message, line in mine:
            live.take(message, line)
        notices, self._notices = self._notices, []
        for event in notices:
            live.sink.emit(event)

    def _live(self, thread: str) -> LiveThread:
        live = self._threads.get(thread)
        if live is None:
            raise ExecutorError(f"thread {thread} is not live: resume it first")
        return live

    # -- turns ----------------------------------------------------------------------------

    async def run_turn(self, thread: str, text_: str) -> e.TurnEnded:
        """Send a message; returns when codex says that the turn is over, or died."""
        live = self._live(thread)
        turn = live.begin()
        sent = asyncio.create_task(self._send(live, turn, text_), name=f"turn/start {thread}")
        sent.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            await asyncio.shield(sent)  # half sent, it would run on without us
            return await asyncio.shield(turn.done)
        except asyncio.CancelledError:
            await self._stop(live)
            raise
        finally:
            self._raw.flush(thread)
            self._raw.flush(SERVER)

    async def _send(self, live: LiveThread, turn: Turn, text_: str) -> None:
        try:
            if live.rpc is None:
                await self._load(live)
            if live.turn is not turn:
                return  # it was let go meanwhile: nobody would hear of it
            assert live.rpc is not None
            turn.sent = True
            result = await live.rpc.call("turn/start", params.turn(live.id, text_, live.spec))
        except ServerGone:
            return  # with the server the turn has ended
        except (RpcError, TimeoutError) as error:
            if isinstance(error, TimeoutError) and live.turn is turn:
                live.sink.emit(e.UsageUnknown("codex did not say whether it began on the message"))
            live.abandon()
            raise _failed("turn/start", error) from error
        except ExecutorError:
            live.abandon()
            raise
        if turn.let_go:
            await _call_off(live, text(obj(result, "turn"), "id"))
        live.began(text(obj(result, "turn"), "id"))

    async def steer(self, thread: str, text_: str) -> None:
        """Put a message into the running turn."""
        live = self._live(thread)
        turn = await self._under_way(live)
        if live.rpc is None or turn is None:
            raise TurnOverError("no turn runs that the message could be put into: send it as a new one")
        given = {"threadId": thread, "expectedTurnId": turn.id, "input": params.text_input(text_)}
        turn.steered += 1  # before it is accepted: the turn's end may be heard at once with that
        try:
            await live.rpc.call("turn/steer", given)
        except (RpcError, ServerGone, TimeoutError) as error:
            turn.steered -= 1
            if isinstance(error, RpcError) and "no active turn" in error.message:
                raise TurnOverError("the turn has just ended: send the message as a new one") from error
            raise _failed("turn/steer", error) from error

    async def interrupt(self, thread: str) -> None:
        """Stop the running turn; does nothing where none runs."""
        live = self._live(thread)
        turn = await self._under_way(live)
        while live.rpc is not None and live.turn is turn is not None:
            try:
                await live.rpc.call("turn/interrupt", {"threadId": thread, "turnId": turn.id}, timeout=10)
                return
            except RpcError as error:
                if "no active turn" not in error.message:
                    raise _failed("turn/interrupt", error) from error
                await asyncio.sleep(0.02)  # it begins or ends at this moment
            except (ServerGone, TimeoutError) as error:
                raise _failed("turn/interrupt", error) from error

    async def _under_way(self, live: LiveThread) -> Turn | None:
        """The running turn, once codex is at it."""
        if live.turn is not None:
            await live.turn.under_way.wait()
        return live.turn

    async def answer(self, thread: str, request: str, decision: Decision, message: str = "") -> None:
        """Decide an approval, or answer a question. What is said with a refusal is put
        into the turn as a message."""
        live = self._live(thread)
        live.answer(request, decision, message)
        if decision == "decline" and message:
            await self.steer(thread, message)

    # -- the end --------------------------------------------------------------------------

    async def end(self, thread: str) -> None:
        """Interrupt the turn, and end what its commands left running."""
        live = self._threads.pop(thread, None)
        if live is None:
            return
        if live.turn is not None:
            self._threads[thread] = live  # its end is still to be heard
            await self._stop(live)
            live.let_go()
            if self._threads.get(thread) is live:  # else another call was first
                del self._threads[thread]
        marks = {params.THREAD_MARK: thread}
        left = await marked(marks)
        if live.rpc is not None:
            for method in ("thread/backgroundTerminals/clean", "thread/unsubscribe"):
                with contextlib.suppress(RpcError, ServerGone, TimeoutError):
                    await live.rpc.call(method, {"threadId": thread}, timeout=5)
        await sweep(marks, left)
        self._raw.close(thread)

    async def _stop(self, live: LiveThread) -> None:
        """Interrupt the turn and hear of its end, within `STOP_WAIT`."""
        turn = live.turn
        if turn is None:
            return
        with contextlib.suppress(ExecutorError, TimeoutError):
            async with asyncio.timeout(STOP_WAIT):
                await self.interrupt(live.id)
                await asyncio.wait({turn.done})

    async def aclose(self) -> None:
        """Interrupt everything, and end the server with all that it left behind."""
        self._closing = True
        async with self._starting:
            await asyncio.gather(*(self._stop(t) for t in self._threads.values()))
            if self._server is not None:
                await self._server.end()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._threads.clear()
        self._raw.close()


async def _call_off(live: LiveThread, turn: str) -> None:
    """Interrupt a turn that codex begins only now, though it was let go."""
    rpc = live.rpc
    with contextlib.suppress(ServerGone, TimeoutError):
        async with asyncio.timeout(STOP_WAIT):
            while rpc is not None:
                with contextlib.suppress(RpcError):  # it is not quite at it yet
                    await rpc.call("turn/interrupt", {"threadId": live.id, "turnId": turn})
                    return
                await asyncio.sleep(0.02)


def _failed(method: str, error: Exception) -> ExecutorError:
    if isinstance(error, TimeoutError):
        return ExecutorError(f"codex app-server did not answer {method} in time")
    return refusal(method, str(error))
