"""A screen that one leaves once."""

from __future__ import annotations

from textual import events
from textual.await_complete import AwaitComplete
from textual.screen import Screen, ScreenResultType


class Once(Screen[ScreenResultType]):
    """Keys that were typed ahead find it gone: the first answer counts, and none of the
    others leaves the screen below."""

    _answered = False

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        self._answered = False

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        if self._answered:
            return AwaitComplete()
        self._answered = True
        return super().dismiss(result)
