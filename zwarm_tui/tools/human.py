"""How a tool reaches the person."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Human(Protocol):
    """Someone who can be told, asked, and asked for leave."""

    async def tell(self, text: str) -> None:
        """Say something; nobody waits for an answer."""

    async def ask(self, question: str) -> str | None:
        """Ask and wait; None where no answer came."""

    async def allow(self, command: str, cwd: Path) -> bool:
        """May this command run here? Waits for the decision."""
