"""A session of the manager as the client that the retry policy drives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import SessionBusyError, UsageError
from zwarm_tui.pipeline.config import SessionConfig
from zwarm_tui.sessions import CodexSessionManager, ExecutorSession


class SessionClient:
    """One turn of a session: what happens in it is read from the log.

    Time in the queue is no silence: `query` returns when the agent has taken the turn up.
    `session_id` is None until the session has a thread, since before that there is
    nothing that could be resumed.
    """

    def __init__(
        self,
        sessions: CodexSessionManager,
        config: SessionConfig,
        *,
        begun: Callable[[str, int], None] = lambda _session, _turn: None,
    ) -> None:
        self._sessions, self._config, self._begun = sessions, config, begun
        self._branch = sessions.branch
        self._opening: asyncio.Future[ExecutorSession] | None = None
        self._session: str | None = None
        self._turn = self._since = 0

    @property
    def session_id(self) -> str | None:
        if self._session is None or self._sessions.get_session(self._session).thread_id is None:
            return None
        return self._session

    async def query(self, prompt: str, session_id: str | None = None) -> None:
        made = None
        while made is None:
            if session_id is not None:
                # Its person may speak with it just now: they come first.
                await self._sessions.wait(session_id)
            self._since = self._sessions.reader.last_seq()
            # Shielded: a session that was just made must be known before it can be interrupted.
            self._opening = asyncio.ensure_future(self._open(prompt, session_id))
            with contextlib.suppress(SessionBusyError):  # they were quicker
                made = await asyncio.shield(self._opening)
        self._session, self._turn = made.id, made.view.turns
        self._begun(made.id, made.view.turns)
        for turn in self._sessions.running(self._branch):
            if turn.session == made.id:
                turn.patient = self._config.idle_timeout > 0
        async with contextlib.aclosing(self._records()) as records:
            async for record in records:
                if isinstance(record.event, (e.TurnStarted, e.TurnEnded)):
                    return

    async def _open(self, prompt: str, session_id: str | None) -> ExecutorSession:
        if session_id is not None:
            return await self._sessions.send_message(session_id, prompt, origin="workflow")
        config = self._config
        return await self._sessions.start_session(
            prompt,
            working_dir=config.working_dir,
            model=config.model,
            executor=config.executor,
            origin="workflow",
            settings=config.settings,
            worktree=config.worktree,
            heir_of=config.heir_of,
        )

    async def receive_response(self) -> AsyncIterator[e.Event]:
        async with contextlib.aclosing(self._records()) as records:
            async for record in records:
                yield record.event

    async def _records(self) -> AsyncGenerator[e.Record, None]:
        """The turn's records as they come, to its end."""
        loop, news, since = asyncio.get_running_loop(), asyncio.Event(), self._since
        reader = self._sessions.reader
        path = reader.path(self._branch)

        def tell(_: int) -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(news.set)

        off = self._sessions.store.subscribe(tell)
        try:
            while True:
                news.clear()
                for record in reader.records(self._session, path, since=since):
                    since = record.seq
                    if record.turn == self._turn:
                        yield record
                        if isinstance(record.event, e.TurnEnded):
                            return
                await news.wait()
        finally:
            off()

    async def disconnect(self) -> None:
        if self._opening is None:
            return
        try:
            made = await self._opening
        except Exception:
            return  # `query` has raised it
        turns = self._sessions.running(self._branch)
        if (made.id, made.view.turns) not in [(t.session, t.number) for t in turns]:
            return  # it has ended; what runs now is its person's
        with contextlib.suppress(UsageError):  # its turn has ended by itself
            await self._sessions.interrupt(made.id, "interrupted by its run: it was silent, or the run ended")
