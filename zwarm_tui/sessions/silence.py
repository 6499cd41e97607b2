"""The idle watch: a turn that gives no sign of life is flagged, and at last interrupted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from zwarm_tui.core import events as e
from zwarm_tui.core.attention import Reason
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
        stopping: set[asyncio.Task[None]] = set()
        while True:
            await asyncio.sleep(tick)
            now = time.monotonic()
            listened_to = [t for t in self._turns.values() if t.thread and t.watched and not t.stop]
            for turn in (t for t in listened_to if not t.waiting):
                silent = now - turn.heard
                if silent >= self._timeout / 2 and not turn.flagged:
                    turn.flagged = True
                    why = f"no sign of life for {silent:.0f} s"
                    await self._tell(turn, e.AttentionRaised(Reason.SILENT.value, why))
                if silent >= self._timeout and not turn.patient and turn.executor.capabilities.protocol:
                    why = (
                        f"no event for {silent:.0f} s: interrupted by idle_timeout = {self._timeout:g} "
                        "(config.toml); say something to go on"
                    )
                    task = asyncio.create_task(self._stop(turn, "interrupted", why))
                    stopping.add(task)
                    task.add_done_callback(stopping.discard)
