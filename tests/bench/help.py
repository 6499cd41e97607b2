"""`zwarm-tui --help`, Python's start included."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time


def environment() -> dict[str, str]:
    """This one, with bytecode kept as an installed program keeps it, and no size of a
    terminal that is not ours (pytest's workers have one)."""
    drop = ("PYTHONDONTWRITEBYTECODE", "COLUMNS", "LINES")
    return {k: v for k, v in os.environ.items() if k not in drop}


def timed(argv: list[str], times: int = 9) -> list[float]:
    """Milliseconds that a command takes, each of `times` runs."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(argv, check=True, capture_output=True, stdin=subprocess.DEVNULL, env=environment())
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def run() -> tuple[float, dict[str, str]]:
    timed([sys.executable, "-m", "zwarm_tui", "--help"], 2)
    bare = statistics.median(timed([sys.executable, "-c", "pass"]))
    return statistics.median(timed([sys.executable, "-m", "zwarm_tui", "--help"])), {
        "bare_python_ms": f"{bare:.0f}"
    }
