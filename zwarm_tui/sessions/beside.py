"""Turns of two branches at once: in order, unless both write the same checkout."""

from __future__ import annotations

from zwarm_tui.core.errors import ConfirmationNeededError
from zwarm_tui.sessions.runner import TurnRunner


class Beside:
    """Which branches may write a checkout beside another one's running turns."""

    def __init__(self, runner: TurnRunner) -> None:
        self._runner = runner
        self._allowed: set[int] = set()

    def allow(self) -> None:
        """The person wants turns of this branch beside running ones of another,
        although both write the same checkout."""
        self._allowed.add(self._runner.branch)

    async def quiet(self) -> None:
        """Return when turns that have ended run no more. Others can read their end before we
        know that it is written, and may want to jump, or to adopt, at once."""
        for turn in [t for t in self._runner.turns.values() if t.ended]:
            await turn.gone.wait()

    def check(self) -> None:
        """`ConfirmationNeededError` where an executor's turn of another branch runs in the
        same checkout (there is no repository, so that no branch has files of its own),
        and the person has not allowed that."""
        roles, places, branch = self._runner.roles, self._runner.reader.places(), self._runner.branch
        if places.of_branch(branch) is not None:
            return
        others = [
            t.session
            for t in self._runner.turns.values()
            if t.branch != branch
            and t.session not in roles
            and places.of_branch(t.branch) is None
            and places.of_session(t.session, [t.branch]) is None
        ]
        if others and branch not in self._allowed:
            raise ConfirmationNeededError(
                f"{', '.join(others)} still runs on another branch, and writes the same checkout: "
                "wait for it, interrupt it, or confirm that both may write"
            )
