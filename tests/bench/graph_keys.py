"""Key → repaint on a pty, in the graph of a live run: 200 stages, 50 of which are demo
agents that stream 2,000 events/s together; the cursor goes from card to card."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from tests.bench.graph_app import LANES, LAYERS, RATE
from tests.bench.pty import Terminal

KEYS = 120
CHOSEN = "┏━"
"""The frame of the card with the cursor: nothing else on the screen is drawn with it."""


def run() -> tuple[float, dict[str, str]]:
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        script = str(Path(__file__).with_name("graph_app.py"))
        argv, cwd = [sys.executable, script, folder], Path(folder)
        terminal = Terminal(argv, cwd=cwd, columns=200, rows=60, ZWARM_CONFIG_DIR=folder)
        try:
            terminal.wait_for(f"{LANES + 1} running", timeout=60)  # the run is a session too
            terminal.send("\x1b[15~")  # F5: the runs
            terminal.wait_for(CHOSEN, timeout=20)
            terminal.send("g")  # the first stage
            terminal.drain(2)
            for n in range(KEYS):
                # down 40 lanes, to the next layer, up, to the next, and down: each key moves
                key = "l" if n and n % 40 == 0 else "jkj"[n // 40]
                sent = terminal.send(key)
                taken.append((terminal.wait_for(CHOSEN, timeout=5) - sent) * 1000)
                terminal.drain(0.05 + (n % 7) * 0.01)
        finally:
            terminal.close()
    taken.sort()
    p95 = taken[int(len(taken) * 0.95) - 1]
    return p95, {
        "median_ms": f"{statistics.median(taken):.1f}",
        "max_ms": f"{taken[-1]:.1f}",
        "stages": str(LANES * LAYERS),
        "events_per_s": str(LANES * RATE),
    }
