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

    def over(self) -> None:
        """The last one that was set is over now."""
        self._set[-1].reschedule(0)
