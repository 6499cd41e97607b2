"""The command line (spec §6). Importing this costs nothing: click and the verbs are
loaded when they are needed, and textual only by the verb that opens the screen."""

from __future__ import annotations

import gc
import sys


def main(argv: list[str] | None = None) -> int:
    """Run a command line (default: this process's); returns its exit status."""
    # A verb makes many objects that live until it ends a moment later; looking for
    # garbage among them takes a tenth of its time.
    gc.set_threshold(50_000, 20, 20)
    try:
        from zwarm_tui.cli.guard import run

        return run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:  # pressed before the guard stood
        return 130
