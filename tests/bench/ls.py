"""`zwarm-tui ls --json` with 1,000 sessions of 200 events each."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from tests.bench.help import timed
from tests.store.factory import fill


def run() -> tuple[float, dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), sessions=1000, events=200)
        argv = [sys.executable, "-m", "zwarm_tui", "--project", folder, "ls", "--json"]
        timed(argv, 2)
        return statistics.median(timed(argv)), {}
