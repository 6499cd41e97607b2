"""The idle watch: a turn that gives no sign of life is flagged, and at last interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from zwarm_tui.core import events as e
from zwarm_tui.core.attention import Reason
from zwarm_tui.core.errors import StoreError
from zwarm_tui.sessions.turn import Tell, Turn


class IdleWatch:
    """Watches all `turns`, each second or oftener. `timeout` is in seconds; 0 watches
    nothing. `stop` ends a turn with a status, for a reason."""

    def __init__(
        self,
        turns: Mapping[tuple[str, int], Turn],
        timeout: float,
        *,
        tell: Tell,
        stop: Callable[[Turn, str, str], Coroutine[Any, Any, None]],
    ) -> None:
        self._turns, self._timeout = turns, timeout
        self._tell, self._stop = tell, stop
        self._watch: asyncio.Task[None] | None = None
        self._stopping: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """Watch from now on, where that is not so yet."""
        if self._watch is None and self._timeout > 0:
            self._watch = asyncio.create_task(self._look(), name="idle watch")

    async def end(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait({self._watch})

    async def _look(self) -> None:
        tick = min(1.0, self._timeout / 4)
        while True:
            began = time.monotonic()
            await asyncio.sleep(tick)
            now = time.monotonic()
            # While this process itself stood still it could hear of nobody.
            for turn in self._turns.values():
                turn.heard = min(now, turn.heard + max(0.0, now - began - tick))
            for turn in list(self._turns.values()):
                if turn.thread and turn.watched and not (turn.stop or turn.ended or turn.waiting):
                    await self._judge(turn, now - turn.heard)

    async def _judge(self, turn: Turn, silent: float) -> None:
        if silent >= self._timeout / 2 and not turn.flagged:
            turn.flagged = True
            why = f"no sign of life for {silent:.0f} s"
            with contextlib.suppress(StoreError):  # it is in `store.error`, which is shown
                await self._tell(turn, e.AttentionRaised(Reason.SILENT.value, why))
        if silent >= self._timeout and not turn.patient and turn.executor.capabilities.protocol:
            why = (
                f"no event for {silent:.0f} s: interrupted by idle_timeout = {self._timeout:g} "
                "(config.toml); say something to go on"
            )
            task = asyncio.create_task(self._stop(turn, "interrupted", why))
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)
