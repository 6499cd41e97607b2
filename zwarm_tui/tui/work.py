"""What goes on while the screen does."""

from __future__ import annotations

import weakref
from collections.abc import Coroutine
from typing import Any

from textual.dom import DOMNode


def begin(
    node: DOMNode, work: Coroutine[Any, Any, None], *, group: str = "default", only: bool = False
) -> None:
    """Run it in a worker of the node; with `only` it takes the place of its group's others.
    What is called off before it has begun, as the app leaves or the next one comes, ends
    without a word (Textual would leave it to Python, which warns)."""
    worker = node.run_worker(work, group=group, exclusive=only)
    weakref.finalize(worker, work.close)
