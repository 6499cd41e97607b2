"""For all tests of the screen: what a key begins has been done when `press` returns."""

from __future__ import annotations

import asyncio

import pytest
from textual._wait import wait_for_idle
from textual.notifications import Notification
from textual.pilot import Pilot

HOPS = 50
"""Turns of the loop: more than a key needs to go through the screen's queues to the last paint."""


async def _hops() -> None:
    for _ in range(HOPS):
        await asyncio.sleep(0)


async def _idle(*seconds: float) -> None:
    await _hops()
    await wait_for_idle(*seconds)
    await _hops()


async def _pause(pilot: Pilot[object], delay: float | None = None) -> None:
    await _PAUSE(pilot, delay)
    await _hops()  # it ends with beginning a paint


_PAUSE = Pilot.pause


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual takes an app for idle that has used no processor for 20 ms. One whose process
    was stopped in them has used none either, and its messages are still under way: on a busy
    machine a test would look too soon."""
    for module in ("pilot", "app"):
        monkeypatch.setattr(f"textual.{module}.wait_for_idle", _idle)
    monkeypatch.setattr(Pilot, "pause", _pause)
    # Nor does a notice go before the test has seen it.
    monkeypatch.setattr(Notification, "time_left", 3600.0)
