"""One turn of an interactive agent: type, read what it shows, see what it waits for.

All that is known is the terminal. The turn is over when the program ends, or when its
prompt for a message shows again; where no pattern for that is set, nothing says that it
is, and it goes on until its person stops it.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
import time

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ExecutorError, TurnOverError
from zwarm_tui.executors.base import Decision, Interactive, Sink
from zwarm_tui.executors.terminal.page import Page, added, scrolled_out
from zwarm_tui.executors.terminal.prompts import Prompts, Waiting
from zwarm_tui.executors.terminal.seat import Seat

_TICK = 0.05
_LOOK = 0.1
"""Seconds between two looks at a terminal that changes; more where there is much of it."""
_QUIET = 0.15
_QUIET_FULL = 0.3
"""Seconds without output after which a prompt counts: it is not just passing by."""
_HELD = 1.0
"""The same for a screen that never rests (a clock, a blinking sign)."""
_ALIVE = 20.0
"""Seconds between two signs of life of a program that only draws over its screen."""
_EFFECT = 2.0
"""Seconds after which an answer's Enter counts as ignored: a key alone was enough."""
_STOP = 4.0
"""Seconds that an interrupted program has to show its prompt."""


class TerminalThread:
    """A live program, with what of its terminal is in the transcript already."""

    def __init__(self, seat: Seat, sink: Sink, since: int) -> None:
        self.seat, self.sink = seat, sink
        self.since = since
        self.told = Page()
        """What it showed, from line `since` on, when the transcript was last written."""
        self.turn: TerminalTurn | None = None


class TerminalTurn:
    """Serves one message."""

    def __init__(self, name: str, agent: Interactive, prompts: Prompts, thread: TerminalThread) -> None:
        self._name, self._agent, self._prompts, self._thread = name, agent, prompts, thread
        self._seat, self._emit = thread.seat, thread.sink.emit
        self._base: Page | None = None
        """What it showed when it was last typed into; None before."""
        self._follows_up = False
        """Its message was typed: the next prompt is the turn's end."""
        self._over = False
        self._last = thread.told
        self._gone: list[str] = []
        """Lines that left a full screen since the transcript was last written."""
        self._old: list[str] = []
        """Lines of its screen that were in the transcript by then."""
        self._sent, self._alive = "", time.monotonic()
        self._request: e.ApprovalRequested | e.QuestionAsked | None = None
        self._entered = (-1, 0.0)
        """What was printed, and when, as Enter was pressed (never mind when: a message)."""
        self._unasked = Page()
        """A full screen without a question that is still open."""
        self._interrupted: float | None = None
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._new_item()

    # -- what the adapter asks for ------------------------------------------------------

    async def run(self, text: str) -> e.TurnEnded:
        """See a message through to its end; "" one that was typed before this process began."""
        self._emit(e.UsageUnknown(f"{self._name} does not tell what it uses"))
        if text:
            with contextlib.suppress(ExecutorError):  # gone: `_follow` sees that
                await self._seat.mark_typed(False)
            if self._prompts.ready is None:
                await self._prepare()
        else:
            self._base, self._follows_up = Page(), True
        ended = await self._follow()
        if text and ended is None and self._interrupted is None:
            await self._send(text)
            self._follows_up = True
            ended = await self._follow()
        return ended or e.TurnEnded(status="completed")

    async def steer(self, text: str) -> None:
        """Type into the running turn."""
        await self._send(text)
        self._wake.set()

    async def interrupt(self) -> None:
        """Press ctrl+c; the turn ends with the program's prompt, or after a while."""
        self._interrupted = time.monotonic()
        await self._seat.stop()
        self._wake.set()

    async def answer(self, request: str, decision: Decision, message: str) -> None:
        """Type what was decided or answered."""
        asked = self._request
        if asked is None or asked.request != request:
            raise ExecutorError(f"{self._name} does not wait for an answer to '{request}' any more")
        self._request = None
        if isinstance(asked, e.ApprovalRequested):
            if decision == "cancel":
                await self.interrupt()
                return
            message = (self._agent.approve if decision.startswith("accept") else self._agent.deny) or ""
        await self._send(message, answer=True)
        self._wake.set()

    # -- typing ---------------------------------------------------------------------------

    async def _prepare(self) -> None:
        with contextlib.suppress(ExecutorError):  # gone: `_follow` sees that, and says how
            await self._seat.prepare()
            return
        if self._seat.stamp()[1]:
            await self._seat.prepare()

    async def _send(self, text: str, *, answer: bool = False) -> None:
        async with self._lock:
            if self._over:
                raise TurnOverError(f"{self._name} has just ended its turn: send it as a new message")
            await self._tell(await self._seat.page(self._thread.since), None)
            self._thread.since = await self._seat.top()
            whole = await self._seat.type(text)
            self._base = self._last = self._unasked = await self._seat.page(self._thread.since)
            if not self._base.full:  # else the echo goes with the next drawing
                self._thread.told = self._base
            self._new_item()
            await self._seat.mark_seen()
            await self._seat.mark_typed(True)  # before Enter: it must never be typed twice
            self._entered = (self._seat.stamp()[0], time.monotonic() if answer else math.inf)
            await self._seat.enter()
        if not whole:
            note = f"{self._name} takes one line at a time: the message's line breaks were typed as blanks"
            self._emit(e.Notice("warning", note))

    # -- reading --------------------------------------------------------------------------

    async def _follow(self) -> e.TurnEnded | None:
        """Read on until it waits for a message (None), or has ended."""
        stamp: tuple[int, bool] | None = None
        changed = since = looked = time.monotonic()
        fresh, settled, pause = False, False, 0.0
        was: Waiting | None = None
        while True:
            now = time.monotonic()
            if (seen := self._seat.stamp()) != stamp:
                stamp, changed, fresh, settled = seen, now, True, False
            if not seen[1]:
                return await self._ended()
            quiet = now - changed
            still = quiet >= (_QUIET_FULL if self._last.full else _QUIET)
            if (fresh and now - looked >= pause) or (still and not settled):
                fresh, settled, looked = False, still, now
                async with self._lock:
                    page = await self._seat.page(self._thread.since)
                    pause = _LOOK + len(page.lines) / 5000
                    self._show(page)
                    waiting = self._waiting(page)
                    if waiting != was:
                        was, since = waiting, now
                    sure = still or now - since >= _HELD
                    if sure and await self._heed(page, waiting):
                        self._over = self._follows_up
                        return self._stopped() if self._interrupted else None
            if self._interrupted and self._gave_up(quiet, now):
                async with self._lock:
                    await self._tell(await self._seat.page(self._thread.since), None)
                return self._stopped()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK):
                    await self._wake.wait()
            if self._wake.is_set():
                self._wake.clear()
                settled = False

    def _waiting(self, page: Page) -> Waiting | None:
        if not page.full:
            lines = page.lines if self._base is None else added(self._base, page)
            return self._prompts.waiting(lines, full=False)
        count, at = self._entered
        if page == self._base and self._seat.stamp()[0] == count and time.monotonic() - at < _EFFECT:
            return None  # Enter has no effect yet
        found = self._prompts.waiting(page.lines, full=True)
        if found is None or found.kind != "ask":
            self._unasked = page
        elif not self._prompts.waiting(added(self._unasked, page), full=True):
            # An answered question can stay on the screen.
            found = self._prompts.waiting(page.lines, full=True, asks=False)
        return found

    async def _heed(self, page: Page, waiting: Waiting | None) -> bool:
        """Act on what it surely waits for. True where that is the next message."""
        if self._request is not None and (waiting is None or waiting.text != self._request.text):
            self._withdraw()
        if waiting is None:
            return self._base is None and self._prompts.ready is None
        if waiting.kind == "ready":
            await self._tell(page, waiting)
            return True
        if self._request is None:
            await self._tell(page, waiting)
            self._ask(waiting.text)
        return False

    def _ask(self, text: str) -> None:
        request = f"ask-{secrets.token_hex(4)}"
        if self._agent.approve is not None:
            choices = ("accept", "decline" if self._agent.deny is not None else "cancel")
            self._request = e.ApprovalRequested(request=request, what="go on", text=text, choices=choices)
        else:
            self._request = e.QuestionAsked(request, text)
        self._emit(self._request)

    def _withdraw(self) -> None:
        """What it asked shows no more: it was answered in the terminal itself."""
        asked, self._request = self._request, None
        if isinstance(asked, e.ApprovalRequested):
            self._emit(
                e.ApprovalResolved(
                    request=asked.request,
                    decision="withdrawn",
                    by="terminal",
                    what=asked.what,
                    text=asked.text,
                )
            )
        elif asked is not None:
            self._emit(e.QuestionAnswered(asked.request, asked.text, None, "terminal"))

    # -- the transcript -------------------------------------------------------------------

    def _new_item(self) -> None:
        self._item, self._sent, self._gone = f"out-{secrets.token_hex(4)}", "", []
        self._old = list(self._thread.told.lines)

    def _show(self, page: Page) -> None:
        """Stream what is new; of the last line more may come."""
        self._scroll(page)
        moved, self._last = page != self._last, page
        body = "".join(f"{line}\n" for line in added(self._thread.told, page)[:-1])
        if not page.full and body.startswith(self._sent) and body != self._sent:
            self._emit(e.TextDelta(self._item, body[len(self._sent) :], plain=True))
            self._sent, self._alive = body, time.monotonic()
        elif moved and time.monotonic() - self._alive > _ALIVE:
            self._emit(e.TextDelta(self._item, "", plain=True))
            self._alive = time.monotonic()

    def _scroll(self, page: Page) -> None:
        """Keep the lines that went out of a full screen, but for those told before."""
        for line in scrolled_out(self._last, page):
            if line in self._old:
                self._old.remove(line)
            else:
                self._gone.append(line)

    async def _tell(self, page: Page, waiting: Waiting | None) -> None:
        """Write down what it showed since the last time, but for the prompt itself."""
        self._scroll(page)
        self._last = page
        lines = added(self._thread.told, page)
        if waiting is not None and waiting.lines:
            lines = [*lines[: -waiting.lines], *([waiting.before] if waiting.kind == "ready" else [])]
        text = "\n".join([*self._gone, *lines]).strip("\n")
        if text.strip() or self._sent:
            self._emit(e.Text(self._item, text, plain=True))
        self._thread.told = page
        self._new_item()
        if self._seat.stamp()[1]:
            await self._seat.mark_seen()

    # -- the end --------------------------------------------------------------------------

    async def _ended(self) -> e.TurnEnded:
        with contextlib.suppress(ExecutorError):
            await self._tell(await self._seat.page(self._thread.since), None)
        code = await self._seat.exit_code()
        await self._seat.end()
        if self._interrupted is not None:
            return e.TurnEnded(status="interrupted", exit_code=code)
        if code == 0 and self._base is not None:
            return e.TurnEnded(status="completed", exit_code=0)
        how = "and how is not known" if code is None else f"exit status {code}"
        early = "" if self._base is not None else " before it took the message"
        return e.TurnEnded(status="failed", error=f"{self._name} ended{early}, {how}", exit_code=code)

    def _gave_up(self, quiet: float, now: float) -> bool:
        assert self._interrupted is not None
        if self._prompts.ready is None and quiet > 2 * _QUIET and now - self._interrupted > 2 * _QUIET:
            return True
        return now - self._interrupted > _STOP

    def _stopped(self) -> e.TurnEnded:
        if self._prompts.ready is None or time.monotonic() - (self._interrupted or 0) > _STOP:
            note = f"ctrl+c was pressed; whether {self._name} has stopped is not known"
            self._emit(e.Notice("warning", note))
        return e.TurnEnded(status="interrupted")
