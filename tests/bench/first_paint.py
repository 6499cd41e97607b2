"""exec → first paint, with 1,000 sessions of 200 events each on disk, against the
smallest Textual app; the two take turns, so that both meet the same machine."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from tests.bench.pty import Terminal
from tests.store.factory import fill

BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("PAINTED")
Bare().run()
"""


def _once(argv: list[str], cwd: Path, *texts: str) -> float:
    terminal = Terminal(argv, cwd=cwd, ZWARM_HOST="never", ZWARM_CONFIG_DIR=str(cwd))
    try:
        return (terminal.wait_for(*texts) - terminal.began) * 1000
    finally:
        terminal.close()


def run() -> tuple[float, dict[str, str]]:
    bare, ours = [], []
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        fill(project, sessions=1000, events=200)
        script = project / "bare.py"
        script.write_text(BARE)
        for n in range(12):
            painted = (
                _once([sys.executable, str(script)], project, "PAINTED"),
                _once([sys.executable, "-m", "zwarm_tui"], project, "task 0", "task 16", "f1"),
            )
            if n >= 2:  # the first two warm the file cache
                bare.append(painted[0])
                ours.append(painted[1])
    b, o = statistics.median(bare), statistics.median(ours)
    return o / b, {"bare_ms": f"{b:.0f}", "ours_ms": f"{o:.0f}"}
