"""An event of an agent → on a second screen, with 20 sessions streaming in the host."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from pathlib import Path

from tests.bench.host import project
from tests.bench.pty import Terminal
from zwarm_tui.core import events as e
from zwarm_tui.host.connect import connect_host
from zwarm_tui.store.reader import Reader

AGENTS, RATE, MARKS = 20, 20, 30


async def _begin(folder: Path) -> None:
    """20 agents that stream, and a pilot that says a mark every half second."""
    client = await connect_host(folder)
    try:
        for _ in range(AGENTS):
            await client.delegate(f"@flood {MARKS} {RATE}")
        await client.say("\n".join(f"@sleep 0.5\n@say MARK-{n}-SAID\n@next" for n in range(MARKS)))
    finally:
        await client.aclose()


def run() -> tuple[float, dict[str, str]]:
    settings = f'executor = "demo"\nmax_concurrent = {AGENTS}\n[pilot]\nbrain = "demo"\n'
    with project(settings) as folder:
        return _measure([sys.executable, "-m", "zwarm_tui"], folder)


def _measure(argv: list[str], folder: Path) -> tuple[float, dict[str, str]]:
    screens = [Terminal(argv, cwd=folder) for _ in range(2)]
    try:
        for screen in screens:
            screen.wait_for("What shall be done?")
        asyncio.run(_begin(folder))
        shown = {}
        for n in range(MARKS):
            screens[1].wait_for(f"MARK-{n}-SAID", timeout=10)
            shown[n] = time.time()
            screens[0].drain(0)
        reader = Reader(folder / ".zwarm" / "zwarm.db")
        said = {r.event.text: r.time for r in reader.records("pilot") if isinstance(r.event, e.Text)}
        reader.close()
    finally:
        for screen in screens:
            screen.close()
    late = sorted((shown[n] - said[f"MARK-{n}-SAID"]) * 1000 for n in range(2, MARKS))
    return late[int(len(late) * 0.95) - 1], {"median_ms": f"{statistics.median(late):.0f}"}
