"""Where an interactive agent sits: a terminal that can be read and typed into."""

from __future__ import annotations

from typing import Protocol

from zwarm_tui.executors.terminal.page import Page


class Seat(Protocol):
    """A running program's terminal. `mark` counts its lines from its first one on."""

    def stamp(self) -> tuple[int, bool]:
        """(a number that changes with whatever is printed, the program runs). Cheap."""

    async def page(self, since: int) -> Page:
        """What it shows from line `since` on (of a full-screen program: its screen)."""

    async def top(self) -> int:
        """The first line that can still change: the top of its screen."""

    async def prepare(self) -> None:
        """Wait until keys are not lost."""

    async def type(self, text: str) -> bool:
        """Type a text, without Enter; several lines as one paste. False where the program
        takes no pastes: then the line breaks were typed as blanks."""

    async def enter(self) -> None:
        """Press Enter."""

    async def stop(self) -> None:
        """Press ctrl+c."""

    async def seen(self) -> int:
        """The line up to which its transcript went when `mark_seen` was last called, by
        whichever process."""

    async def mark_seen(self) -> None:
        """Its transcript goes up to here; kept with the terminal."""

    async def mark_typed(self, typed: bool) -> None:
        """The running turn's message was typed, or is yet to be; kept with the terminal."""

    async def exit_code(self) -> int | None:
        """What the program ended with (negative: the signal's number), where known."""

    async def end(self) -> None:
        """End the program, and everything that it left."""
