"""Key → repaint on a pty with a streaming transcript in view, while 50 demo agents
(child processes; what they print goes through the parser) stream 2,000 events/s."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from tests.bench.keys_app import AGENTS, RATE
from tests.bench.pty import Terminal

KEYS = 120
LETTERS = "ᚠᚢᚦᚨᚱᚲᚷᚹᚺᚾᛁᛃᛇᛈᛉᛋᛏᛒᛖᛗᛚᛜᛞᛟ"
"""Typed into the composer; nothing else on the screen is written in runes."""


def run() -> tuple[float, dict[str, str]]:
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        script = str(Path(__file__).with_name("keys_app.py"))
        terminal = Terminal([sys.executable, script, folder], cwd=Path(folder), ZWARM_CONFIG_DIR=folder)
        try:
            terminal.wait_for(f"{AGENTS} running", timeout=40)
            terminal.send("\x1b[1;5B")  # ctrl+down: from the pilot to the first of them
            terminal.drain(2)
            for n in range(KEYS):
                letter = LETTERS[n % len(LETTERS)]
                sent = terminal.send(letter)
                taken.append((terminal.wait_for(letter, timeout=5) - sent) * 1000)
                terminal.drain(0.05 + (n % 7) * 0.01)
                if n % len(LETTERS) == len(LETTERS) - 1:
                    terminal.send("\x15")  # a new line of runes: each letter is new on the screen again
                    terminal.drain(0.2)
        finally:
            terminal.close()
    taken.sort()
    p95 = taken[int(len(taken) * 0.95) - 1]
    return p95, {
        "median_ms": f"{statistics.median(taken):.1f}",
        "max_ms": f"{taken[-1]:.1f}",
        "events_per_s": str(AGENTS * RATE),
    }
