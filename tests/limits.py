"""Limits of time that are over when a test says so, and not before."""

from __future__ import annotations

import asyncio
from types import ModuleType, SimpleNamespace

import pytest


class Limits:
    """The limits of exactly `seconds` that a module sets. What is to happen within one then
    may take the time it needs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: ModuleType, seconds: float) -> None:
        self._seconds = seconds
        self._set: list[asyncio.Timeout] = []
        own = {**vars(asyncio), "timeout": self._timeout}
        monkeypatch.setattr(module, "asyncio", SimpleNamespace(**own))

    def _timeout(self, seconds: float | None) -> asyncio.Timeout:
        if seconds != self._seconds:
            return asyncio.timeout(seconds)
        self._set.append(asyncio.timeout(None))
        return self._set[-1]

    async def over(self) -> None:
        """The one that is set is over now; what it is for may have begun a moment before it."""
        async with asyncio.timeout(30):
            while not self._set or not self._ends():
                await asyncio.sleep(0.01)

    def _ends(self) -> bool:
        try:
            self._set[-1].reschedule(0)
        except RuntimeError:  # not entered yet
            return False
        return True
