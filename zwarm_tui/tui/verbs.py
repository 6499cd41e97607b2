"""What the person wants, as verbs of the engine: with the questions in between.

Each method is a task of its own (`Verbs.do`): it may wait for the engine, ask, and wait
for the verb, while the screen goes on.
"""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from zwarm_tui.core.errors import ConfirmationNeededError, UsageError, ZwarmError
from zwarm_tui.core.events import QuestionAsked
from zwarm_tui.core.model import RequestView
from zwarm_tui.tui.board import PILOT
from zwarm_tui.tui.render.literal import line_of
from zwarm_tui.tui.render.wrap import fit
from zwarm_tui.tui.work import begin

if TYPE_CHECKING:
    from zwarm_tui.tui.app import ZwarmApp
    from zwarm_tui.tui.screens.request import RequestScreen

Json = dict[str, Any]


class Verbs:
    """The person's side of `client.EngineClient`."""

    def __init__(self, app: ZwarmApp) -> None:
        self._app = app
        self.asking: RequestScreen | None = None
        """The dialog about what waits, while it is open."""

    def do(self, deed: Coroutine[Any, Any, None]) -> None:
        """Begin it; what goes wrong is said in a notice, and the agents go on."""
        told = self._told(deed)
        begin(self._app, told, group="verbs")
        weakref.finalize(told, deed.close)  # where it has not begun

    async def _told(self, deed: Coroutine[Any, Any, None]) -> None:
        try:
            await deed
        except ZwarmError as error:
            self._app.say(str(error), "warning" if isinstance(error, UsageError) else "error")
        except Exception as error:  # a defect: it must be seen, and must not end the agents
            self._app.log.error(repr(error))
            self._app.say(f"This should not happen: {type(error).__name__}: {error}", "error")
        self._app.feed.flush()

    # -- talking ------------------------------------------------------------------------

    async def send(self, session: str, text: str, *, failed: Callable[[], None]) -> None:
        """Say it to the session: as an answer where it asked, into its turn where one runs."""
        board = self._app.board
        asked = next((r for r in board.requests_of(session) if isinstance(r.event, QuestionAsked)), None)

        async def say(confirm: bool) -> Json:
            client = await self._app.link.client()
            if asked is not None:
                return await client.answer(asked.id, text)
            if session == PILOT:
                return await client.say(text, confirm=confirm)
            return await client.converse(session, text, steer=True, confirm=confirm)

        try:
            if await self.confirmed(say) is None:
                failed()
        except ZwarmError:
            failed()
            raise

    async def delegate(self, task: str) -> None:
        client = await self._app.link.client()
        made = await self.confirmed(lambda confirm: client.delegate(task, confirm=confirm))
        if made is not None:
            self._app.feed.flush()
            self._app.main.open_session(made["session_id"])

    async def confirmed(self, verb: Callable[[bool], Awaitable[Json]]) -> Json | None:
        """The verb, confirmed where it has to be; None where the person says no."""
        try:
            return await verb(False)
        except ConfirmationNeededError as error:
            from zwarm_tui.tui.screens.dialog import confirm_dialog  # dialogs load when shown

            if await self._app.push_screen_wait(confirm_dialog(str(error))):
                return await verb(True)
        return None

    # -- sessions -----------------------------------------------------------------------

    async def ack(self, session: str) -> None:
        await (await self._app.link.client()).ack(session, by="screen")

    async def interrupt(self, session: str) -> None:
        await (await self._app.link.client()).interrupt(session)

    async def resume(self, session: str) -> None:
        client = await self._app.link.client()
        await client.resume(session)

    async def attach(self, session: str) -> None:
        """Step aside for the terminal of its agent."""
        from zwarm_tui.tui.attach import attach  # seldom wanted

        view = self._app.board.session(session)
        if view is not None and view.thread is not None:
            gone = "Its program has ended, and its terminal with it: write to it to begin anew."
            await attach(self._app, view.thread, gone=gone)

    async def fork(self, session: str) -> None:
        made = await (await self._app.link.client()).fork(session)
        self._app.feed.flush()
        self._app.main.open_session(made["id"])

    async def end(self, session: str, *, delete: bool = False) -> None:
        """End it; where a turn runs, or it is to be deleted, the person confirms."""
        from zwarm_tui.tui.screens.dialog import confirm_dialog

        client, view = await self._app.link.client(), self._app.board.session(session)
        task = fit(line_of(view.task), 80) if view else session
        if delete:
            sentence = f"“{task}” is ended and goes off the list. Its costs stay counted."
        else:
            sentence = f"“{task}” is ended, and its agent with it. The transcript stays."
        active = view is not None and view.status.active and view.turns
        if (delete or active) and not await self._app.push_screen_wait(confirm_dialog(sentence)):
            return
        await client.end(session, delete=delete)

    # -- approvals and questions --------------------------------------------------------

    async def approve(self, request: RequestView, decision: str, message: str = "") -> None:
        client = await self._app.link.client()
        await client.approve(request.id, decision=decision, message=message)

    async def decide(self, request: RequestView, *, denying: bool = False) -> None:
        """Show it whole, and send what the person decides; nothing where that is "not now"."""
        from zwarm_tui.tui.screens.request import RequestScreen

        view = self._app.board.session(request.session)
        who = (
            "The pilot"
            if request.session == PILOT
            else f"“{fit(line_of(view.task), 48) if view else request.session}”"
        )
        self.asking = RequestScreen(request, who, denying=denying)
        decided = await self._app.push_screen_wait(self.asking)
        self.asking = None
        if decided is None:
            return
        if decided.decision == "gone":
            self._app.say(f"{who} waits no more: its turn ended, or somebody else decided.", "warning")
            self._app.main.give_back(request.session, decided.text)
            return
        client = await self._app.link.client()
        if decided.decision == "answer":
            await client.answer(request.id, decided.text)
        else:
            await client.approve(request.id, decision=decided.decision, message=decided.text)

    # -- the engine itself --------------------------------------------------------------

    async def status(self) -> None:
        """Say what the engine says of itself."""
        status = await (await self._app.link.client()).status()
        lines = [f"project   {status['project']}"]
        if status.get("brain"):
            why = f" ({status['brain_why']})" if status.get("brain_why") else ""
            lines.append(f"pilot     {status['brain']}{why}")
        if status.get("executor"):
            lines.append(f"executor  {status['executor']}")
        lines.append(f"running   {status['running']}, queued {status['queued']}")
        lines += [f"⚠ {problem}" for problem in status.get("problems", ())]
        self._app.say("\n".join(lines), title="Status", timeout=12)
