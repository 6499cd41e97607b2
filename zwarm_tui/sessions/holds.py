"""Turns that a budget holds: each asks its person once, and waits for the answer."""

from __future__ import annotations

import asyncio
import secrets

from zwarm_tui.core import events as e
from zwarm_tui.core.attention import Reason
from zwarm_tui.core.budgets import Budget
from zwarm_tui.sessions.budget import Budgets, Hold
from zwarm_tui.sessions.turn import Tell, Turn, first_line
from zwarm_tui.store.log import Store


class Holds:
    """Lets turns begin within their budgets, and others when their person says so."""

    def __init__(self, store: Store, budgets: Budgets, *, tell: Tell) -> None:
        self._store, self._budgets, self._tell = store, budgets, tell

    async def beyond(self, turn: Turn) -> list[Budget]:
        """The budgets that keep it from beginning now. Warns of those that come near."""
        if not self._budgets.any:
            return []
        await self._store.commit()  # what was spent up to now counts
        near = self._budgets.warnings(turn.session, turn.branch)
        if near:
            await self._tell(turn, *(e.Notice("warning", text, about) for about, text in near))
        return self._budgets.reached(turn.session, turn.branch, turn.leave)

    async def begin(self, turn: Turn, reached: list[Budget]) -> None:
        """Ask its person. Until they answer, `turn.hold` is set."""
        why = "; ".join(map(str, reached))
        asked = e.ApprovalRequested(
            request=f"budget-{secrets.token_hex(4)}",
            what="budget",
            text=why,
            reason=f"the next turn: {first_line(turn.text)}",
            choices=("accept", "accept_session", "decline"),
        )
        self._wait(turn, asked, reached)
        await self._tell(turn, asked, e.AttentionRaised(Reason.BUDGET.value, why))

    def take_up(self, turn: Turn, asked: e.ApprovalRequested) -> None:
        """Go on holding a turn that another engine held, and asked this of its person."""
        self._wait(turn, asked, self._budgets.reached(turn.session, turn.branch, ()))

    def _wait(self, turn: Turn, asked: e.ApprovalRequested, reached: list[Budget]) -> None:
        turn.requests[asked.request] = asked
        turn.hold = Hold(asked.request, reached, asyncio.get_running_loop().create_future())

    async def end(self, turn: Turn, hold: Hold) -> e.TurnEnded | None:
        """Wait for the person: None where it may begin, else its end."""
        decision, words = await hold.decision
        turn.hold = None
        if decision == "accept_session":
            self._budgets.set_aside(hold.budgets)
        elif decision == "accept":
            turn.leave.update(b.key for b in hold.budgets)
        else:
            error = f"not begun, for its budget{f': {words}' if words else ' (denied)'}"
            return e.TurnEnded(status="interrupted", error=error)
        return None
