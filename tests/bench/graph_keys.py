"""Key → repaint on a pty, in the graph of a live run: 200 stages, 50 of which are demo
agents that stream 2,000 events/s together; the cursor goes from card to card.

Where others use the machine's cores too, `own_p95_ms` is the same without the time for
which the app's main thread was ready and no core was free. `load` is the machine's, a core.
"""

from __future__ import annotations

import os
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
    taken, own = [], []
    with tempfile.TemporaryDirectory() as folder:
        script = str(Path(__file__).with_name("graph_app.py"))
        argv, cwd = [sys.executable, script, folder], Path(folder)
        terminal = Terminal(argv, cwd=cwd, columns=200, rows=60, ZWARM_CONFIG_DIR=folder)
        try:
            terminal.wait_for(f"{LANES + 1} running", timeout=240)  # the run is a session too
            terminal.send("\x1b[15~")  # F5: the runs
            terminal.wait_for(CHOSEN, timeout=60)
            terminal.send("g")  # the first stage
            terminal.drain(2)
            for n in range(KEYS):
                # down 40 lanes, to the next layer, up, to the next, and down: each key moves
                key = "l" if n and n % 40 == 0 else "jkj"[n // 40]
                before = terminal.waited()
                sent = terminal.send(key)
                taken.append((terminal.wait_for(CHOSEN, timeout=30) - sent) * 1000)
                own.append(max(taken[-1] - (terminal.waited() - before) * 1000, 0.0))
                terminal.drain(0.05 + (n % 7) * 0.01)
        finally:
            terminal.close()
    taken.sort()
    own.sort()
    at = int(len(taken) * 0.95) - 1
    return taken[at], {
        "own_p95_ms": f"{own[at]:.1f}",
        "load": f"{os.getloadavg()[0] / (os.cpu_count() or 1):.1f}",
        "median_ms": f"{statistics.median(taken):.1f}",
        "max_ms": f"{taken[-1]:.1f}",
        "stages": str(LANES * LAYERS),
        "events_per_s": str(LANES * RATE),
    }
