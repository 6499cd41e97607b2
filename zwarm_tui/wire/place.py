"""Where a project's host is to be found: its socket, its card, its log.

The socket lies in the user's runtime folder, since socket paths must be short, under a
name made from the project's path. The card (`.zwarm/host.json`) says where that was: a
client may have another runtime folder (cron, ssh, an agent's short environment).
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from zwarm_tui.config.paths import check_private, socket_path, state_dir
from zwarm_tui.core.errors import LockedError
from zwarm_tui.store.lock import alone, holder

PATIENCE = 20.0
"""Seconds to wait for a host that is just starting, or just leaving."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a host says of itself. `starts`: when this one and those that died shortly
    before it began, seconds since the epoch."""

    pid: int
    socket: str
    version: str
    starts: list[float]


def new_socket(project: Path) -> Path:
    """The path for a project's socket, in a folder that is private (made, and checked)."""
    return socket_path(project, "sock")


def card_file(project: Path) -> Path:
    return state_dir(project) / "host.json"


def log_file(project: Path) -> Path:
    """The host's own log: private, small, without anything that was said."""
    return state_dir(project) / "host.log"


def write_card(project: Path, card: Card) -> None:
    """Put the card down, whole and private."""
    beside = card_file(project).with_suffix(".new")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump(asdict(card), out)
    beside.replace(card_file(project))


def read_card(project: Path) -> Card | None:
    """The card of the host that runs, or of one that died without taking it away."""
    try:
        return Card(**json.loads(card_file(project).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def standing(project: Path) -> Card | None:
    """The card of the host that runs now; None where none does (yet)."""
    card = read_card(project)
    who = holder(state_dir(project)) if card else None
    return card if card and who and who.get("pid") == card.pid else None


async def settled(project: Path) -> Card | None:
    """The card of the host that runs, None where none does. One that is just starting or
    leaving is neither, and waited for; `LockedError` where that takes too long."""
    until = time.monotonic() + PATIENCE
    while (card := standing(project)) is None:
        who = holder(state_dir(project))
        if who is None or alone(who):
            return None
        if time.monotonic() > until:
            raise LockedError(f"the host (pid {who.get('pid', 'unknown')}) neither comes up nor ends")
        await asyncio.sleep(0.02)
    return card


def reachable(card: Card) -> str:
    """The socket of a host, checked: a repository can bring a card along that leads to
    somebody else's."""
    check_private(Path(card.socket).parent)
    return card.socket
