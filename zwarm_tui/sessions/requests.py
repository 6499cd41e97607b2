"""What agents and the pilot want of their person, and what the person says to it."""

from __future__ import annotations

import asyncio

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import TurnOverError, UsageError
from zwarm_tui.executors.base import Decision
from zwarm_tui.sessions.runner import TurnRunner
from zwarm_tui.sessions.turn import Turn, withdrawn

Resolved = e.ApprovalResolved | e.QuestionAnswered


class Requests:
    """The open approvals and questions of all turns that are alive."""

    def __init__(self, runner: TurnRunner) -> None:
        self._runner = runner
        self._own: dict[str, asyncio.Future[tuple[str, str]]] = {}
        """Those that no agent asked, but we ourselves."""

    async def wait_for_attention(self, timeout: float) -> list[str]:
        """Executors' sessions of this branch that need attention: at once where some
        do, else as soon as one does, else [] after `timeout` seconds."""
        runner, branch = self._runner, self._runner.branch

        def now() -> list[str]:
            views = runner.reader.sessions(runner.reader.path(branch))
            return [v.id for v in views if v.needs_attention and v.role == "executor"]

        try:
            async with asyncio.timeout(timeout), runner.attention:
                while not (ids := now()):
                    await runner.attention.wait()
                return ids
        except TimeoutError:
            return []

    async def decide(self, request: str, decision: Decision, message: str = "") -> None:
        """Decide an approval that an agent waits for."""
        turn, event = self._open(request)
        resolved = decided(event, decision, message)
        if turn.hold is not None:
            if turn.hold.decision.done():  # it is being stopped at this moment
                raise UsageError(f"nothing waits for an answer to '{request}' any more")
            turn.hold.decision.set_result((decision, message))  # heard only after this is recorded
            await self._resolve(turn, resolved)
            return
        if (own := self._own.pop(request, None)) is not None:
            if not own.done():  # who asked may just have gone away
                own.set_result((decision, message))
        else:
            await self._tell(turn, request, resolved, decision, message)
        await self._resolve(turn, resolved)

    async def answer(self, request: str, text: str) -> None:
        """Answer a question that an agent or the pilot asked."""
        turn, event = self._open(request)
        resolved = answered(event, text)
        if (own := self._own.pop(request, None)) is not None:
            if not own.done():  # who asked may just have gone away
                own.set_result((text, ""))
        else:
            await self._tell(turn, request, resolved, "accept", text)
        await self._resolve(turn, resolved)

    async def ask(self, session_id: str, request: e.QuestionAsked | e.ApprovalRequested) -> str:
        """Ask the person within a running turn: the answer or the decision. Cancelled if
        the turn ends first."""
        return (await self.judge(session_id, request))[0]

    async def judge(self, session_id: str, request: e.QuestionAsked | e.ApprovalRequested) -> tuple[str, str]:
        """The same, with the person's words beside a decision."""
        turn = self._runner.alive(session_id)
        future: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()
        self._own[request.request] = future
        self._runner.emit(turn, request)
        try:
            return await future
        finally:
            self._own.pop(request.request, None)

    def close(self) -> None:
        """Nobody answers any more: who asks is cancelled."""
        for question in self._own.values():
            question.cancel()

    async def _tell(
        self, turn: Turn, request: str, resolved: Resolved, decision: Decision, message: str
    ) -> None:
        """Tell the agent. It is decided from here on: others come too late, and a turn that ends
        over it takes nothing back."""
        assert turn.thread is not None
        asked = turn.requests[request]
        turn.heed(resolved)
        # What is said with a refusal is put into the turn, and may come too late for it.
        words = [message] if message and decision == "decline" else []
        turn.steers += words
        turn.untold += len(words)
        try:
            await turn.executor.answer(turn.thread, request, decision, message)
        except BaseException as error:
            if words and isinstance(error, TurnOverError):
                await turn.gone.wait()  # its end has taken care of them
                return
            if turn.ended:
                self._runner.record(turn.session, turn.number, withdrawn(request, asked), branch=turn.branch)
            else:
                turn.requests[request] = asked
                if words:
                    turn.steers.remove(message)
                    turn.untold -= 1
            raise
        turn.untold -= len(words)

    async def _resolve(self, turn: Turn, event: Resolved) -> None:
        turn.heed(event)
        events: list[e.Event] = [event]
        if not turn.requests and not turn.ended:  # what its end has flagged is another matter
            events.append(e.Acknowledged("answer"))
        self._runner.record(turn.session, turn.number, *events, branch=turn.branch)
        await self._runner.store.commit()

    def _open(self, request: str) -> tuple[Turn, e.Event]:
        for turn in self._runner.turns.values():
            if request in turn.requests:
                return turn, turn.requests[request]
        raise UsageError(f"nothing waits for an answer to '{request}' any more")


def decided(asked: e.Event, decision: str, message: str = "") -> e.ApprovalResolved:
    """The end of an approval; `UsageError` where this can't be one."""
    if not isinstance(asked, e.ApprovalRequested):
        raise UsageError(f"{_id(asked)} is a question: answer it with words")
    if decision not in asked.choices:
        raise UsageError(f"'{decision}' is not offered here: choose one of {', '.join(asked.choices)}")
    return e.ApprovalResolved(
        request=asked.request, decision=decision, what=asked.what, text=asked.text, message=message
    )


def answered(asked: e.Event, text: str) -> e.QuestionAnswered:
    """The end of a question; `UsageError` where it is none."""
    if not isinstance(asked, e.QuestionAsked):
        raise UsageError(f"{_id(asked)} is an approval: accept or decline it")
    return e.QuestionAnswered(asked.request, asked.text, text)


def _id(asked: e.Event) -> str:
    return str(getattr(asked, "request", ""))
