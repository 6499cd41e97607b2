"""Opening a transcript of 100,000 events: from the key to its last screenful painted."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from tests.bench.pty import Terminal
from tests.store.factory import fill

END = "THE-VERY-LAST-LINE"


def run() -> tuple[float, dict[str, str]]:
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        fill(project, sessions=1, events=100_000, last_text=END)
        for n in range(6):
            terminal = Terminal(
                [sys.executable, "-m", "zwarm_tui"], cwd=project, ZWARM_CONFIG_DIR=folder, ZWARM_HOST="never"
            )
            try:
                terminal.wait_for("task 0")
                terminal.drain(2.5)  # let the engine come up: it is the opening that is measured
                sent = terminal.send("\x1b[1;5B")  # ctrl+down: from the pilot to the session
                shown = terminal.wait_for(END)
            finally:
                terminal.close()
            if n:
                taken.append((shown - sent) * 1000)
    return statistics.median(taken), {}
