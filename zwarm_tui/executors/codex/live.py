"""One thread of the app-server while it is live: its turn, requests, tools, tokens."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.executors.base import Decision, Sink, ThreadSpec
from zwarm_tui.executors.codex import requests, rollout
from zwarm_tui.executors.codex.parse import http_status, parse, turn_ended
from zwarm_tui.executors.codex.rpc import Rpc, ServerGone
from zwarm_tui.executors.codex.usage import Lineage, Tokens
from zwarm_tui.executors.codex.values import obj, text, whole

_COUNTS = (
    "inputTokens",
    "cachedInputTokens",
    "cacheWriteInputTokens",
    "outputTokens",
    "reasoningOutputTokens",
)
_FREE = ("unauthorized", "badRequest", "usageLimitExceeded", "rateLimitExceeded", "sessionBudgetExceeded")
_UNREACHED = ("httpConnectionFailed", "responseStreamConnectionFailed")


@dataclass
class Turn:
    """The running turn. `settled`: all responses so far have been reported."""

    done: asyncio.Future[e.TurnEnded]
    id: str | None = None
    under_way: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the turn is under way (before that it can't be interrupted), or over."""
    settled: bool = False
    sent: bool = False
    """It is with the server, and ends with it."""
    messages: int = 0
    """Those that codex has taken in: the first, and what was put into the turn."""
    steered: int = 0
    """Those that were put into the turn, or are about to be."""
    unanswered: int = 0
    """The last ones of those taken in, since when it has not begun a response. Codex accepts
    a message after its last response, too, and ends the turn all the same (measured: 0.163)."""
    let_go: bool = False
    """It was ended without the server, which may only come to begin it."""
    began: float = field(default_factory=time.time)
    """Seconds since the epoch."""
    booked: Counter[rollout.Counts] = field(default_factory=Counter)
    """The responses that were reported."""
    tools: set[asyncio.Task[None]] = field(default_factory=set)


class LiveThread:
    """State of one thread; messages come in through `take` and `ask`."""

    def __init__(self, thread: str, spec: ThreadSpec, sink: Sink, lineage: Lineage) -> None:
        self.id, self.spec, self.sink = thread, spec, sink
        self.rpc: Rpc | None = None
        """The server that has the thread loaded; None after it died."""
        self.model: str | None = spec.model
        self.turn: Turn | None = None
        self._lineage = lineage
        self._turns: set[str] = set()
        """Turns that this server was sent."""
        self._asked: dict[str, requests.Asked] = {}
        self._patches: dict[str, tuple[e.FileChange, ...]] = {}

    # -- turns --------------------------------------------------------------------------

    def begin(self) -> Turn:
        """A turn is about to be sent."""
        if self.turn is not None:
            raise ExecutorError(f"thread {self.id} is at work on a turn: wait for it, steer or interrupt it")
        self.turn = Turn(asyncio.get_running_loop().create_future())
        return self.turn

    def began(self, turn_id: str) -> None:
        """Codex gave the turn its id (in its answer, or before that in a notice)."""
        if self.turn is not None and self.turn.id is None and turn_id:
            self.turn.id = turn_id
            self._turns.add(turn_id)
            self.sink.emit(e.TurnStarted(turn_id))

    def abandon(self) -> None:
        """The turn could not be begun after all."""
        if self.turn is not None:
            self.turn.under_way.set()
            self.turn = None

    def _end(self, ended: e.TurnEnded) -> None:
        turn, self.turn = self.turn, None
        if turn is None:
            return
        turn.under_way.set()
        for task in turn.tools:
            task.cancel()
        for name in list(self._asked):
            self._withdraw(name)
        self._patches.clear()
        if not turn.done.done():
            turn.done.set_result(ended)

    def unloaded(self, gone: ServerGone, closing: bool) -> Turn | None:
        """The server died: the turn that it took with it, which `lost` has yet to end."""
        self.rpc = None
        self._turns.clear()  # of these, the next server tells only what the thread's total was
        if self.turn is not None:
            return self.turn if self.turn.sent else None  # else the next server gets it
        if not closing:
            how = f"{death(gone)}; it is started again when this session goes on"
            self.sink.emit(e.Notice("warning", how))
        return None

    def lost(self, turn: Turn, gone: ServerGone, closing: bool, rollouts: list[rollout.Rollout]) -> None:
        """End a turn that the server took with it. What that had not told of it is in the
        `rollouts`, but for the response that it was just at."""
        if self.turn is not turn:
            return
        if turn.id is not None:
            recorded = rollout.spent(rollouts, self.id, turn.id, set())
            if recorded is not None:
                for usage in recorded.besides(turn.booked):
                    self.sink.emit(usage)
                self._lineage.forget(self.id, turn.id)
        self.sink.emit(e.UsageUnknown("the response that codex was at when it ended was not reported"))
        self._end(
            e.TurnEnded(
                status="interrupted" if closing else "failed",
                turn_id=turn.id,
                error=f"{death(gone)} in mid turn; say something to go on from there",
                exit_code=gone.code,
                stderr=gone.stderr or None,
            )
        )

    def let_go(self) -> None:
        """End a turn of which codex does not say in time that it was interrupted. What it
        had not reported by then stays unknown."""
        if (turn := self.turn) is None:
            return
        if turn.sent:
            self.sink.emit(e.UsageUnknown("codex did not answer the interrupt: what it was at is not known"))
        turn.let_go = True
        self._end(e.TurnEnded(status="interrupted", turn_id=turn.id))

    # -- notifications ------------------------------------------------------------------

    def take(self, message: dict[str, Any], line: str) -> None:
        """A notification about this thread."""
        method, params = message["method"], message.get("params")
        if method == "thread/tokenUsage/updated":
            self._count(params)
        elif method == "turn/started":
            self.began(text(obj(params, "turn"), "id"))
            if self.turn is not None:
                self.turn.under_way.set()
        elif method == "item/started" and text(obj(params, "item"), "type") == "userMessage":
            self._message()
        elif method == "turn/completed":
            self._completed(params)
        elif method == "serverRequest/resolved":
            self._resolved(params.get("requestId") if isinstance(params, dict) else None)
        elif method == "thread/reverted":
            self._lineage.forget(self.id)
        elif method == "thread/closed":
            self.rpc = None  # unloaded while idle: the next turn loads it again
        else:
            self._show(method, params, parse(message, line))

    def _show(self, method: str, params: Any, found: list[e.Event]) -> None:
        if method == "error" and _cut_off(params):
            self.sink.emit(e.UsageUnknown("a response was cut off, and codex asks for it again"))
        elif method == "model/rerouted":
            self.model = text(params, "toModel") or self.model
        for event in found:
            if isinstance(event, e.FilesChanged):
                self._patches[event.item] = event.changes
            elif self.turn is not None and isinstance(event, (e.TextDelta, e.ReasoningDelta)):
                self.turn.settled, self.turn.unanswered = False, 0
            self.sink.emit(event)

    def _message(self) -> None:
        """Codex took a message in. One that is put into the turn cuts off the response that
        is under way; what came before a response had been reported by then."""
        if (turn := self.turn) is None:
            return
        turn.messages += 1
        turn.unanswered += 1
        if turn.messages > 1 and not turn.settled:
            self.sink.emit(
                e.UsageUnknown("the message cut a response off, whose tokens are reported nowhere")
            )

    def _completed(self, params: Any) -> None:
        turn, ended = self.turn, turn_ended(params)
        if turn is None or (turn.id is not None and ended.turn_id not in (None, turn.id)):
            return
        error = obj(obj(params, "turn"), "error")
        if ended.status == "interrupted" and not turn.settled:
            self.sink.emit(
                e.UsageUnknown("the interrupt cut a response off, whose tokens are reported nowhere")
            )
        elif ended.status == "failed" and not turn.settled and _may_have_cost(error):
            self.sink.emit(e.UsageUnknown("the response that failed was not reported"))
        if turn.id is not None:
            self._lineage.ended(self.id, turn.id)
        untaken = max(0, turn.steered + 1 - turn.messages)
        unanswered = turn.unanswered if ended.status == "completed" else 0
        self._end(replace(ended, late=min(turn.steered, untaken + unanswered)))

    def _count(self, params: Any, thread: str | None = None) -> None:
        """Book a report of tokens (of a sub-agent's thread, where one is named)."""
        report = obj(params, "tokenUsage")
        total, last = Tokens.read(obj(report, "total"), _COUNTS), Tokens.read(obj(report, "last"), _COUNTS)
        turn = text(params, "turnId")
        ours = thread is not None or turn in self._turns
        spent = self._lineage.spent(thread or self.id, turn, total, last, ours=ours)
        if self.turn is not None and thread is None:
            self.turn.settled = spent is not None
            self.turn.unanswered = 0
        if spent:
            window = whole(report, "modelContextWindow")
            usage = spent.usage(self.model, context=last.input, window=window)
            if self.turn is not None and ours:
                self.turn.booked[rollout.counts(usage)] += 1
            self.sink.emit(usage)

    def take_child(self, thread: str, message: dict[str, Any]) -> None:
        """A notification about the thread of a sub-agent: what it costs, what it says."""
        if message["method"] == "thread/tokenUsage/updated":
            self._count(message.get("params"), thread)
            return
        for event in parse(message, ""):
            if isinstance(event, e.Text):
                self.sink.emit(e.Text(event.item, event.text, parent=thread))

    # -- requests -----------------------------------------------------------------------

    def ask(self, number: Any, method: str, params: dict[str, Any], line: str) -> None:
        """A request of the server about this thread."""
        assert self.rpc is not None
        if method == requests.TOOL:
            self._call_tool(self.rpc, number, params)
            return
        name = f"{self.id}:{number}"
        asked = requests.asked(name, number, method, params, self._patches.get(text(params, "itemId"), ()))
        if asked is None:
            self.rpc.refuse(number, f"this client does not know {method}")
            self.sink.emit(e.Unknown(method, line))
            return
        self._asked[name] = asked
        self.sink.emit(asked.event)

    def answer(self, name: str, decision: Decision, message: str) -> None:
        """Decide an open request."""
        asked = self._asked.pop(name, None)
        if asked is None or self.rpc is None:
            raise ExecutorError(f"codex no longer waits for an answer to '{name}'")
        self.rpc.reply(asked.number, requests.answer(asked, decision, message))

    def _resolved(self, number: Any) -> None:
        for name, asked in list(self._asked.items()):
            if asked.number == number:
                self._withdraw(name)

    def _withdraw(self, name: str) -> None:
        event = self._asked.pop(name).event
        if isinstance(event, e.ApprovalRequested):
            resolved = e.ApprovalResolved(
                request=name, decision="withdrawn", by="codex", what=event.what, text=event.text
            )
            self.sink.emit(resolved)
        else:
            self.sink.emit(e.QuestionAnswered(name, event.text, None, "codex"))

    def _call_tool(self, rpc: Rpc, number: Any, params: dict[str, Any]) -> None:
        task = asyncio.create_task(self._run_tool(rpc, number, params), name=f"tool {text(params, 'tool')}")
        if self.turn is not None:
            self.turn.tools.add(task)
            task.add_done_callback(self.turn.tools.discard)

    async def _run_tool(self, rpc: Rpc, number: Any, params: dict[str, Any]) -> None:
        try:
            said, ok = await self.sink.call_tool(text(params, "tool"), obj(params, "arguments"))
        except Exception as error:  # a tool's bug is told to the model; the thread goes on
            said, ok = f"{type(error).__name__}: {error}", False
        rpc.reply(number, {"contentItems": [{"type": "inputText", "text": said}], "success": ok})


def death(gone: ServerGone) -> str:
    """How the server ended, in words."""
    if gone.code is None or gone.code >= 0:
        return f"codex app-server ended with exit status {gone.code}"
    name = str(-gone.code)
    with contextlib.suppress(ValueError):
        name = signal.Signals(-gone.code).name
    return f"codex app-server was killed ({name})"


def _cut_off(params: Any) -> bool:
    """A retry after a response had begun: what it cost is reported nowhere."""
    error = obj(params, "error")
    retries = isinstance(params, dict) and params.get("willRetry") is True
    return (
        retries
        and "responseStreamDisconnected" in obj(error, "codexErrorInfo")
        and http_status(error) is None
    )


def _may_have_cost(error: dict[str, Any]) -> bool:
    info = error.get("codexErrorInfo")
    if isinstance(info, str):
        return info not in _FREE
    return http_status(error) is None and not any(key in obj(error, "codexErrorInfo") for key in _UNREACHED)
