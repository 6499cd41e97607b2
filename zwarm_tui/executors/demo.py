"""The demo agent's adapter: one child process a turn, scripted and deterministic.

It stands in wherever no real agent is wanted (the demo, screenshots, tests), and it
does all that an agent can do: streaming, commands, edits, approvals, questions, tools,
steering, interrupts, resuming, forking at any turn. What it does is told by the
prompt (see `script`).
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from zwarm_tui import __version__
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ExecutorError, ThreadLostError, TurnOverError
from zwarm_tui.executors import demo_thread
from zwarm_tui.executors.base import (
    Capabilities,
    Decision,
    ExecutorInfo,
    ExecutorSettings,
    Forked,
    Sink,
    ThreadSpec,
)
from zwarm_tui.executors.demo_parse import parse
from zwarm_tui.executors.process import RUN_MARK, SESSION_MARK, Child, StderrTail, end_process, lines, spawn
from zwarm_tui.executors.rawlog import RawLog
from zwarm_tui.executors.sweep import sweep

MODEL = "gpt-5.1-codex"
"""What its tokens are priced as, where no model is named: then its costs tick."""

_AGENT = Path(__file__).with_name("demo_agent.py")


@dataclass
class _Running:
    """A turn while its process lives."""

    child: Child
    id: str
    interrupted: bool = False
    begun: bool = False
    """It has said a word: from then on it hears a SIGINT."""
    spending: bool = False
    """A response is under way whose usage was not reported yet."""
    untaken: int = 0
    """Messages that were put into it, and that it has not taken in yet."""
    requests: dict[str, e.ApprovalRequested | e.QuestionAsked] = field(default_factory=dict)
    tools: set[asyncio.Task[None]] = field(default_factory=set)


@dataclass
class _Live:
    """A thread that this adapter may run turns on."""

    spec: ThreadSpec
    sink: Sink
    file: Path
    turn: _Running | None = None
    starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the process of a turn is started."""


class DemoExecutor:
    """The `Executor` of the demo agent. `settings` has nothing that it needs but
    extra environment variables; threads are kept below `state_dir`/demo."""

    name = "demo"

    def __init__(self, settings: ExecutorSettings, state_dir: Path) -> None:
        self._env = settings.env
        self._folder = state_dir / "demo"
        self._raw = RawLog(state_dir, settings.env)
        self._live: dict[str, _Live] = {}

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            fork="turn",
            resume=True,
            approvals=True,
            interrupt=True,
            steer=True,
            tools=True,
            deltas=True,
            live_usage=True,
        )

    async def probe(self) -> ExecutorInfo:
        return ExecutorInfo(
            name=self.name,
            found=True,
            path=str(_AGENT),
            version=__version__,
            login="yes",
            capabilities=self.capabilities,
        )

    # -- threads ------------------------------------------------------------------------------

    async def start(self, spec: ThreadSpec, sink: Sink) -> str:
        return self._new(spec, sink, [])

    async def resume(self, thread: str, spec: ThreadSpec, sink: Sink) -> None:
        if thread in self._live:
            return
        file = self._folder / f"{thread}.json"
        self._read(file, thread)
        self._live[thread] = _Live(spec, sink, file)

    async def fork(self, thread: str, spec: ThreadSpec, sink: Sink, *, at_turn: str | None = None) -> Forked:
        turns = self._read(self._folder / f"{thread}.json", thread)
        live = self._live.get(thread)
        running = live.turn.id if live and live.turn else None
        if at_turn is None:
            kept = [t for t in turns if t["id"] != running]
        else:
            ids = [t["id"] for t in turns]
            if at_turn not in ids:
                raise ExecutorError(f"thread {thread} has no turn {at_turn}")
            if at_turn == running:
                raise ExecutorError(f"turn {at_turn} still runs: it can be forked at when it has ended")
            kept = turns[: ids.index(at_turn) + 1]
        return Forked(self._new(spec, sink, kept))

    def _new(self, spec: ThreadSpec, sink: Sink, turns: list[demo_thread.Turn]) -> str:
        """A thread under the first free name: names come from the session, not from chance."""
        base = re.sub(r"[^\w-]", "-", spec.session)[:80]
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            number = 1
            while not _claim(self._folder / f"{base}-{number}.json"):
                number += 1
            thread = f"{base}-{number}"
            file = self._folder / f"{thread}.json"
            demo_thread.write(file, turns)
        except OSError as error:
            raise ExecutorError(f"the demo agent can't keep its thread in {self._folder}: {error}") from error
        self._live[thread] = _Live(spec, sink, file)
        return thread

    def _read(self, file: Path, thread: str) -> list[demo_thread.Turn]:
        try:
            return demo_thread.read(file)
        except (OSError, ValueError) as error:
            raise ThreadLostError(
                f"the demo agent has no thread '{thread}' to go on with: {error}"
            ) from error

    def _get(self, thread: str) -> _Live:
        try:
            return self._live[thread]
        except KeyError:
            raise ExecutorError(f"thread '{thread}' is not live: resume it first") from None

    def _running(self, thread: str) -> _Running:
        turn = self._get(thread).turn
        if turn is None:
            raise ExecutorError(f"no turn runs on thread '{thread}'")
        return turn

    # -- a turn -------------------------------------------------------------------------------

    async def run_turn(self, thread: str, text: str) -> e.TurnEnded:
        live = self._get(thread)
        if live.turn is not None:
            raise ExecutorError(f"a turn runs on thread '{thread}' already")
        turns = self._read(live.file, thread)
        turn_id = f"{thread}.{len(turns) + 1}"
        turns.append({"id": turn_id, "status": "running", "items": [{"user": text}]})
        demo_thread.write(live.file, turns)
        async with live.starting:
            child = await spawn(
                [sys.executable, "-I", "-S", str(_AGENT)],
                cwd=live.spec.cwd,
                env={**os.environ, **self._env, **live.spec.env, SESSION_MARK: live.spec.session},
                marks={RUN_MARK: str(live.file)},
                stdin=True,
            )
            live.turn = turn = _Running(child, turn_id)
            _send(turn, _order(live, turn_id))
        assert child.stderr is not None
        tail = StderrTail(child.stderr)
        ended: e.TurnEnded | None = None
        try:
            ended = await self._listen(thread, live, turn)
        except asyncio.CancelledError:
            turn.interrupted = True
            if turn.spending:
                live.sink.emit(_cut_off())
            raise
        finally:
            live.turn = None
            self._raw.flush(thread)
            status = await end_process(child) if ended is None else await child.wait()
            stderr = await tail.finish()
            for task in turn.tools:
                task.cancel()
            if ended is None:
                await sweep({RUN_MARK: str(live.file)})
        return replace(self._ended(live, turn, ended, status, stderr), late=turn.untaken)

    async def _listen(self, thread: str, live: _Live, turn: _Running) -> e.TurnEnded | None:
        """Pass on what the agent prints; its terminal line, or None where it had none."""
        assert turn.child.stdout is not None
        async for line in lines(turn.child.stdout):
            self._raw.write(thread, line)
            event, turn.begun = parse(line), True
            if isinstance(event, e.TurnEnded):
                return event
            self._take(live, turn, event)
        return None

    def _take(self, live: _Live, turn: _Running, event: e.Event) -> None:
        if isinstance(event, e.UserMessage):
            turn.untaken -= 1
            return
        live.sink.emit(event)
        if isinstance(event, e.Usage):
            turn.spending = False
        elif isinstance(event, (e.TurnStarted, e.CommandDone, e.FilesChanged, e.TextDelta, e.ReasoningDelta)):
            turn.spending = True
        elif isinstance(event, (e.ApprovalRequested, e.QuestionAsked)):
            turn.requests[event.request] = event
        elif isinstance(event, e.ToolStarted):
            task = asyncio.create_task(self._serve(live.sink, turn, event), name=f"tool {event.tool}")
            turn.tools.add(task)
            task.add_done_callback(turn.tools.discard)

    async def _serve(self, sink: Sink, turn: _Running, call: e.ToolStarted) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        result, ok = await sink.call_tool(call.tool, call.arguments)
        sink.emit(
            e.ToolDone(
                item=call.item,
                tool=call.tool,
                arguments=call.arguments,
                result=result,
                ok=ok,
                seconds=round(clock() - began, 2),
            )
        )
        turn.spending = True
        _send(turn, {"id": call.item, "result": result})

    def _ended(
        self, live: _Live, turn: _Running, ended: e.TurnEnded | None, status: int, stderr: str
    ) -> e.TurnEnded:
        for request, event in turn.requests.items():
            live.sink.emit(_withdrawn(request, event))
        if turn.spending and (ended is None or ended.status == "interrupted"):
            live.sink.emit(_cut_off())
        if ended is not None:
            return ended
        if turn.interrupted:
            return e.TurnEnded(status="interrupted", turn_id=turn.id, exit_code=status, stderr=stderr or None)
        how = f"was ended by {_signal_name(-status)}" if status < 0 else f"ended with exit status {status}"
        return e.TurnEnded(
            status="failed",
            turn_id=turn.id,
            error=f"the demo agent {how} in mid turn",
            exit_code=status,
            stderr=stderr or None,
        )

    async def steer(self, thread: str, text: str) -> None:
        live = self._get(thread)
        async with live.starting:
            turn = live.turn
        if turn is None:
            raise TurnOverError("no turn runs that the message could be put into: send it as a new one")
        self._steer(turn, text)

    def _steer(self, turn: _Running, text: str) -> None:
        turn.untaken += 1
        _send(turn, {"steer": text})

    async def interrupt(self, thread: str) -> None:
        turn = self._running(thread)
        turn.interrupted = True
        if turn.begun:
            turn.child.signal(signal.SIGINT)
        else:
            await end_process(turn.child)  # as Python starts, it passes over one now and then

    async def answer(self, thread: str, request: str, decision: Decision, message: str = "") -> None:
        turn = self._running(thread)
        event = turn.requests.pop(request, None)
        if event is None:
            raise ExecutorError(f"nothing called '{request}' waits for an answer on thread '{thread}'")
        asked = isinstance(event, e.QuestionAsked)
        turn.spending = True
        if message and not asked and decision == "decline":
            self._steer(turn, message)
        _send(turn, {"id": request, "result": message if asked else decision})

    # -- the end ------------------------------------------------------------------------------

    async def end(self, thread: str) -> None:
        live = self._live.pop(thread, None)
        if live is None:
            return
        if live.turn is not None:
            live.turn.interrupted = True
            await end_process(live.turn.child)
        await sweep({RUN_MARK: str(live.file)})
        self._raw.close(thread)

    async def aclose(self) -> None:
        await asyncio.gather(*(self.end(thread) for thread in list(self._live)))
        self._raw.close()


def _cut_off() -> e.UsageUnknown:
    return e.UsageUnknown("a response was cut off before it reported its tokens")


def _claim(file: Path) -> bool:
    """Make the file, if nobody else has."""
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return False
    return True


def _order(live: _Live, turn: str) -> dict[str, Any]:
    spec = live.spec
    return {
        "file": str(live.file),
        "turn": turn,
        "cwd": spec.cwd,
        "model": spec.model or MODEL,
        "tools": [tool.name for tool in spec.tools],
        "hands": not spec.tools_only,
        "approvals": spec.approvals,
        "confined": spec.sandbox != "danger-full-access",
    }


def _send(turn: _Running, message: dict[str, Any]) -> None:
    stdin = turn.child.stdin
    assert stdin is not None
    if not stdin.is_closing():  # else the agent is gone, and its turn ends for that
        stdin.write(json.dumps(message).encode() + b"\n")


def _withdrawn(
    request: str, event: e.ApprovalRequested | e.QuestionAsked
) -> e.ApprovalResolved | e.QuestionAnswered:
    """The end of a request whose turn ended first."""
    if isinstance(event, e.QuestionAsked):
        return e.QuestionAnswered(request, event.text, None, "demo")
    return e.ApprovalResolved(
        request=request, decision="withdrawn", by="demo", what=event.what, text=event.text
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
