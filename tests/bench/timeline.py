"""The timeline with 500 checkpoints on 20 branches, on a pty: ctrl+t → the graph is
there, with the page of what is chosen; then keys that move the cursor and fold."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from tests.bench.pty import Terminal
from tests.tui.journeys import great
from zwarm_tui.config.paths import database
from zwarm_tui.store.log import Store

OPENS, KEYS = 20, 60
APP = """
import sys
from pathlib import Path
from zwarm_tui.config.settings import Settings, UiSettings
from zwarm_tui.tui.app import ZwarmApp
ZwarmApp(Path(sys.argv[1]), settings=Settings(ui=UiSettings(bell=False, osc_notices=False))).run()
"""


def run() -> tuple[float, dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        store = Store.open(database(project))
        great(store)
        store.close()
        argv = [sys.executable, "-c", APP, folder]
        terminal = Terminal(argv, cwd=project, ZWARM_CONFIG_DIR=folder)
        try:
            terminal.wait_for("Read-only", timeout=20)
            terminal.drain(0.5)
            opened = [_open(terminal) for _ in range(OPENS)]
            terminal.send("\x14")
            terminal.wait_for("Nothing runs")
            terminal.drain(0.2)
            moved = _move(terminal)
        finally:
            terminal.close()
    first, later = opened[0], sorted(opened[1:])
    moved.sort()
    return statistics.median(later), {
        "first_ms": f"{first:.1f}",
        "best_ms": f"{later[0]:.1f}",
        "key_p95_ms": f"{moved[int(len(moved) * 0.95) - 1]:.1f}",
        "key_median_ms": f"{statistics.median(moved):.1f}",
    }


def _open(terminal: Terminal) -> float:
    """Open it, and close it again: milliseconds until the page of "now" is there."""
    sent = terminal.send("\x14")
    seen = terminal.wait_for("Nothing runs", timeout=5)
    terminal.drain(0.1)
    terminal.send("\x14")
    terminal.wait_for("Read-only", timeout=5)
    terminal.drain(0.1)
    return (seen - sent) * 1000


def _move(terminal: Terminal) -> list[float]:
    """Up from the tip: each key shows another checkpoint, and its page."""
    taken = []
    for n in range(KEYS):
        sent = terminal.send("k")
        taken.append((terminal.wait_for("turn ", timeout=5) - sent) * 1000)  # in the page only
        terminal.drain(0.05 + (n % 7) * 0.01)
        if n % 20 == 19:  # over the place where the branch begins, which has no age
            terminal.send("G")
            terminal.wait_for("Nothing runs", timeout=5)
            terminal.drain(0.2)
    return taken
