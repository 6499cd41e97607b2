"""Keys as a cat on the keyboard types them, faster than screens come up: nothing ends the app."""

from __future__ import annotations

import random
import string
import sys
from pathlib import Path

import pytest

from tests.bench.pty import Terminal

CTRL = [chr(ord(c) - 96) for c in "bfgnoprt"]
MOVES = [f"\x1b[{c}" for c in "ABCDHFZ"] + ["\x1b[5~", "\x1b[6~", "\t", "\r"]
PLACES = ["\x1bOP", "\x1bOQ", "\x1bOR", "\x1bOS", "\x1b[15~", "\x1b[17~"]
KEYS = [*CTRL, *MOVES, *MOVES, *PLACES, *PLACES, *string.ascii_lowercase.replace("q", ""), *"1234?/ .,:[]+-"]
SIZES = [(80, 24), (120, 36), (200, 60), (40, 12)]


@pytest.mark.parametrize(
    "seed", [13, 25, *(pytest.param(n, marks=pytest.mark.soak) for n in range(100, 160))]
)
def test_the_app_goes_on(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    columns, rows = dice.choice(SIZES)
    argv = [sys.executable, "-m", "zwarm_tui", "demo"]
    app = Terminal(argv, cwd=tmp_path, columns=columns, rows=rows, TMPDIR=str(tmp_path))
    try:
        app.wait_for("zwarm")
        for _ in range(25):
            for _ in range(dice.randint(1, 8)):
                app.send(dice.choice(KEYS))
            app.drain(dice.choice([0.02, 0.1, 0.3]))
            if dice.random() < 0.2:
                app.send("\x1b")
                app.drain(0.1)  # else it would begin the next key's name
            if dice.random() < 0.1:
                app.child.setwinsize(dice.randint(8, 60), dice.randint(20, 200))
        app.drain(0.5)
        reports = [file.read_text() for file in tmp_path.glob("*crash*.log")]
        assert not reports, reports[0]
        assert app.child.isalive()
    finally:
        app.close()
