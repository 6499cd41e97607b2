"""Whether tmux and libtmux are installed, and what to do where they aren't."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import shutil
import sys
from types import ModuleType

from zwarm_tui.core.errors import TmuxError


def missing() -> str | None:
    """What is not installed that tmux sessions need, in words; None where all is."""
    try:
        program()
        check_library()
    except TmuxError as error:
        return str(error)
    return None


def program() -> str:
    """The path of tmux; `TmuxError` where it isn't installed."""
    found = shutil.which("tmux")
    if found is None:
        raise TmuxError("tmux was not found: install it (apt install tmux, brew install tmux)")
    return found


def check_library() -> None:
    """`TmuxError` where the extra isn't installed. Cheap: nothing is imported."""
    if importlib.util.find_spec("libtmux") is None:
        raise TmuxError("libtmux is missing: install it with pip install 'zwarm-tui[tmux]'")


def library() -> ModuleType:
    """libtmux, which asks standard output for its encoding while it is imported; a
    screen's stand-in for that has none. Slow: off the event loop."""
    if hasattr(sys.stdout, "encoding") or sys.__stdout__ is None:
        return importlib.import_module("libtmux")
    with contextlib.redirect_stdout(sys.__stdout__):
        return importlib.import_module("libtmux")
