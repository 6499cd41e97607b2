"""The one timer of the screen: it asks the log what is new, and nobody else does."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from time import monotonic

from zwarm_tui.tui.board import Board, News

TICK = 0.05
"""Seconds. While the end of a transcript is in view each tick asks, otherwise each second one."""
LISTS = 0.2
"""Seconds between two looks at what lists and totals show."""


class Feed:
    """Call `tick` each `TICK` seconds, and `flush` after whatever the person did that is in the log."""

    def __init__(
        self,
        board: Board,
        *,
        news: Callable[[News], None],
        settled: Callable[[], None],
        second: Callable[[], None],
        tail: Callable[[], bool],
        failed: Callable[[str], None],
        running: Callable[[], bool],
    ) -> None:
        self._board = board
        self._news, self._settled, self._second, self._tail = news, settled, second, tail
        self._failed, self._running = failed, running
        self._odd = False
        self._lists_at = self._second_at = 0.0

    def tick(self) -> None:
        """Ask, unless nobody would see it so soon. A log that can't be read just now (a
        disk that fails) is said, and asked again."""
        if not self._running():  # its screens are being taken down
            return
        try:
            self._tick()
        except sqlite3.Error as error:
            self._failed(f"The log can't be read: {error}")

    def _tick(self) -> None:
        self._odd = not self._odd
        if self._odd and not self._tail():
            return
        self._ask()
        now = monotonic()
        settled = now - self._lists_at >= LISTS and self._settle(now)
        if not settled and now - self._second_at >= 1:  # not in one go: a key may wait
            self._second_at = now
            self._second()

    def flush(self) -> None:
        """Ask at once, for everything."""
        if not self._running():
            return
        try:
            self._ask()
            self._settle(monotonic())
        except sqlite3.Error as error:
            self._failed(f"The log can't be read: {error}")

    def _ask(self) -> None:
        news = self._board.refresh()
        if news is not None:
            self._news(news)
            if news.timeline:
                self._lists_at = 0.0

    def _settle(self, now: float) -> bool:
        if not self._board.settle():
            return False
        self._lists_at = now
        self._settled()
        return True
