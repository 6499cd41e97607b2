"""What agents outside ask the person: requests in the pilot's transcript that no turn
holds. They wait for as long as who asked does, and for any client to answer."""

from __future__ import annotations

import asyncio
import json
import time

from zwarm_tui.core import events as e
from zwarm_tui.core.attention import Reason
from zwarm_tui.pilot.pilot import PILOT, ScreenHuman
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.sessions.requests import answered, decided
from zwarm_tui.sessions.turn import first_line, withdrawn
from zwarm_tui.store.reader import Reader

OUTSIDE = "outside-"
"""How the items of tool calls from outside begin."""
CUT = json.dumps({"error": "zwarm_tui stopped before this was done"})
Request = e.QuestionAsked | e.ApprovalRequested


class Desk(ScreenHuman):
    """Asks within the pilot's turn where one runs, else beside its turns."""

    def __init__(self, sessions: CodexSessionManager) -> None:
        super().__init__(sessions)
        self._open: dict[str, tuple[Request, asyncio.Future[str]]] = {}

    def holds(self, request: str) -> bool:
        """Is this a request that waits here?"""
        return request in self._open

    async def decide(self, request: str, decision: str, message: str) -> None:
        """Decide an approval that `holds`."""
        await self._settle(request, decided(self._open[request][0], decision, message), decision)

    async def answer(self, request: str, text: str) -> None:
        """Answer a question that `holds`."""
        await self._settle(request, answered(self._open[request][0], text), text)

    async def _settle(self, request: str, resolved: e.Event, said: str) -> None:
        answer = self._open[request][1]
        try:
            await self._close(request, resolved, "answer")
        finally:  # also where the disk is full: nobody can answer it again
            if not answer.done():  # else who asked went away meanwhile
                answer.set_result(said)

    async def _put(self, request: Request) -> str | None:
        branch = self._sessions.branch
        if any(t.session == PILOT and t.branch == branch and t.thread for t in self._sessions.running()):
            return await super()._put(request)
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._open[request.request] = (request, answer)
        reason = Reason.QUESTION if isinstance(request, e.QuestionAsked) else Reason.APPROVAL
        try:
            flag = e.AttentionRaised(reason.value, first_line(request.text))
            await write(self._sessions, branch, request, flag)
            return await answer
        except asyncio.CancelledError:  # who asked went away
            if request.request in self._open:
                await self._sessions.store.commit()  # the request may just have been on its way there
            if request.request in self._open:  # nobody answered it meanwhile
                with self._sessions.on_branch(branch):
                    await self._close(request.request, withdrawn(request.request, request), "withdrawn")
            raise
        finally:
            self._open.pop(request.request, None)

    async def _close(self, request: str, resolved: e.Event, by: str) -> None:
        del self._open[request]  # a second answer comes too late from here on
        was = self._sessions.reader.request(request)
        assert was is not None
        records: list[e.Event] = [resolved]
        if [r.id for r in self._sessions.reader.requests(PILOT) if r.branch == was.branch] == [request]:
            records.append(e.Acknowledged(by))
        now = time.time()
        await self._sessions.store.commit(
            *(e.Record(event, PILOT, was.branch, was.turn, now) for event in records)
        )


async def write(sessions: CodexSessionManager, branch: int, *events: e.Event) -> None:
    """Put events where the pilot's transcript of a branch ends."""
    turns = sessions.reader.turns(PILOT, sessions.reader.path(branch))
    turn, now = turns[-1].turn if turns else 0, time.time()
    await sessions.store.commit(*(e.Record(event, PILOT, branch, turn, now) for event in events))


def left_open(reader: Reader) -> list[e.Record]:
    """What ends the calls and requests from outside that a dead engine had under way:
    nobody waits for them any more. Turns' own requests end with their turns."""
    ends: list[e.Event] = []
    found = []
    now = time.time()
    for was in reader.started(PILOT, OUTSIDE):
        event = was.event
        assert isinstance(event, e.ToolStarted)
        done = e.ToolDone(
            item=event.item,
            tool=event.tool,
            arguments=event.arguments,
            result=CUT,
            ok=False,
            seconds=round(now - was.time, 3),
        )
        found.append(e.Record(done, PILOT, was.branch, was.turn, now))
    held = {(t.session, t.branch, t.turn) for t in reader.unfinished()}
    for request in reader.requests(PILOT):
        if (PILOT, request.branch, request.turn) not in held:
            ends = [withdrawn(request.id, request.event), e.Acknowledged("withdrawn")]
            found += [e.Record(end, PILOT, request.branch, request.turn, now) for end in ends]
    return found
