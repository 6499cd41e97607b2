"""Who is told how the steps of a run go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zwarm_tui.commands.definition import CommandStep

if TYPE_CHECKING:
    from zwarm_tui.commands.steps import StepResult


class Observer:
    """Told of each step's beginning (once an attempt) and of its end. This one listens
    to nothing."""

    async def step_started(
        self, step: CommandStep, attempt: int, attempts: int, *, cleanup: bool = False
    ) -> None:
        """`cleanup`: it is one of those that run after a failure."""

    async def step_ended(
        self,
        step: CommandStep,
        status: str,
        result: StepResult,
        error: str | None,
        *,
        cleanup: bool = False,
    ) -> None:
        """`status`: completed, failed or interrupted."""

    def served(self, step: str, session: str, turn: int, how: str, role: str) -> None:
        """A turn of an agent's session serves a step."""
