"""What a terminal's other side knows of the program at it."""

from __future__ import annotations

import os
import termios


def line_editor(tty: str) -> bool:
    """Whether the program at a terminal reads key by key (a line editor or a full screen
    is up), and not lines that the terminal makes for it. False where that can't be seen."""
    try:
        handle = os.open(tty, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return not termios.tcgetattr(handle)[3] & termios.ICANON
    except termios.error:
        return False
    finally:
        os.close(handle)
