"""A thread of the demo agent: its turns, in a file that only its owner can read.

The file holds a list of turns, oldest first::

    {"id": "THREAD.N", "status": "running", "items": [
        {"user": TEXT}, {"assistant": TEXT},
        {"tool": NAME, "arguments": {…}, "output": TEXT}]}

It is replaced as a whole, so that a reader never sees half of it. A turn that stands
there as "running" without a process was cut off. Standard library only: the demo
agent imports this.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from zwarm_tui.core.secrets import Veil
from zwarm_tui.executors.script import Called, Item, Said

Turn = dict[str, Any]


def read(file: Path) -> list[Turn]:
    """Its turns. OSError or ValueError: there is no such thread, or it is broken."""
    turns: list[Turn] = json.loads(file.read_bytes())
    return turns


def write(file: Path, turns: list[Turn]) -> None:
    """Replace the file. It holds no keys of the environment, whatever commands printed."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = file.with_name(f"{file.name}.{os.getpid()}")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(Veil(os.environ).over(json.dumps(turns)))
    os.replace(beside, file)


def items(turn: Turn) -> list[Item]:
    """What happened in a turn, as the script sees it."""
    return [_item(item) for item in turn["items"]]


def _item(item: dict[str, Any]) -> Item:
    if "user" in item:
        return Said("user", item["user"])
    if "assistant" in item:
        return Said("assistant", item["assistant"])
    return Called(item["tool"], item["arguments"], item["output"])
