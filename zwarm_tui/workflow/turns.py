"""One turn of an agent for a stage: say something, see it through, hand back its answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import SessionBusyError, UsageError
from zwarm_tui.core.model import Path as Line
from zwarm_tui.core.model import SessionStatus
from zwarm_tui.sessions.session import ExecutorSession
from zwarm_tui.store.reader import Reader
from zwarm_tui.workflow.errors import (
    EmptyResponseError,
    StageTimeoutError,
    TurnFailedError,
    TurnStoppedError,
    UnattendedError,
)

UNATTENDED = {"approvals": "never", "questions": False}
"""Settings of a thread whose stage nobody attends to: its agent is told not to ask."""


OnTurn = Callable[[str, int], None]


class Waiting(Protocol):
    """A turn that has no end yet; it has a `hold` while a budget keeps it from beginning."""

    @property
    def session(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def hold(self) -> object: ...


class Sessions(Protocol):
    """What a turn needs of the sessions: `CodexSessionManager`, or those of a host."""

    @property
    def reader(self) -> Reader: ...
    @property
    def branch(self) -> int: ...
    async def start_session(
        self,
        task: str,
        *,
        working_dir: str | Path | None = None,
        model: str | None = None,
        executor: str | None = None,
        origin: str = ...,
        settings: dict[str, Any] | None = None,
    ) -> ExecutorSession: ...
    async def send_message(self, session_id: str, message: str, *, origin: str = ...) -> ExecutorSession: ...
    async def interrupt(self, session_id: str) -> None: ...
    async def kill_session(self, session_id: str, reason: str | None = None) -> None: ...
    async def wait(
        self, session_id: str, timeout: float | None = None, *, turn: int | None = None
    ) -> ExecutorSession: ...
    def running(self, branch: int | None = None) -> Sequence[Waiting]: ...
    def on_news(self, listener: Callable[[int], None]) -> Callable[[], None]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """What runs a stage's turns. `provider` and `model` None: the manager's own. `env`
    is added to the environment of what the agent runs."""

    provider: str | None = None
    model: str | None = None
    folder: Path
    attended: bool = True
    sandbox: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    """More of the agent's own configuration."""


async def take_turn(
    sessions: Sessions,
    agent: Agent,
    prompt: str,
    *,
    session: str | None = None,
    timeout: float | None = None,
    on_turn: OnTurn = lambda _session, _turn: None,
) -> str:
    """Send `prompt` to a new session, or to `session`, and return the answer's text. What
    its person says to the session afterwards is theirs, and left alone.

    `on_turn` is told the session's id and the turn's number as soon as they are known. `timeout` is in
    seconds (None: only silence ends a turn). Raises `TurnFailedError`,
    `TurnStoppedError`, `EmptyResponseError`, `StageTimeoutError`, `UnattendedError`.
    Cancelling it interrupts the turn.
    """
    made = None
    while made is None:
        if session is not None:
            await sessions.wait(session)  # its person may speak with it just now: they come first
        # Shielded: a session that was just made must be known before it can be interrupted.
        opening = asyncio.ensure_future(_open(sessions, agent, prompt, session))
        try:
            made = await asyncio.shield(opening)
        except SessionBusyError:
            continue  # they were quicker
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):
                await _interrupt(sessions, *_own(await opening, session))
            raise
    own = _own(made, session)
    on_turn(*own)
    try:
        if agent.attended:
            await _wait(sessions, own, timeout)
        else:
            await _wait_unasked(sessions, own, timeout)
    except TimeoutError:
        why = f"no answer within timeout = {timeout:g} s"
        await sessions.kill_session(made.id, why)
        raise StageTimeoutError(f"session {made.id}: {why}") from None
    except asyncio.CancelledError:
        await _interrupt(sessions, *own)
        raise
    return _answer(sessions, *own)


async def _open(sessions: Sessions, agent: Agent, prompt: str, session: str | None) -> ExecutorSession:
    if session is not None:
        return await sessions.send_message(session, prompt, origin="workflow")
    return await sessions.start_session(
        prompt,
        working_dir=agent.folder,
        model=agent.model,
        executor=agent.provider,
        origin="workflow",
        settings=settings_of(agent),
    )


def settings_of(agent: Agent) -> dict[str, Any]:
    """What its thread is given over the manager's own settings."""
    settings: dict[str, Any] = dict(UNATTENDED) if not agent.attended else {}
    if agent.sandbox is not None:
        settings["sandbox"] = agent.sandbox
    if agent.env:
        settings["env"] = dict(agent.env)
    if agent.config:
        settings["config"] = dict(agent.config)
    return settings


def _own(made: ExecutorSession, session: str | None) -> tuple[str, int]:
    """The turn that was queued: the first one of a new session, whatever it was told since."""
    return made.id, 1 if session is None else made.view.turns


async def _interrupt(sessions: Sessions, session: str, turn: int) -> None:
    if _running(sessions, session, turn):  # else another one would be interrupted
        with contextlib.suppress(UsageError):  # it has ended by itself
            await sessions.interrupt(session)


async def _wait(sessions: Sessions, own: tuple[str, int], timeout: float | None) -> None:
    """Wait for the end of the turn. Time in which a budget keeps it from beginning is the
    person's, and does not count."""
    session, turn = own
    while True:
        held = _held(sessions, session, turn)
        try:
            await sessions.wait(session, timeout, turn=turn)
            return
        except TimeoutError:
            if not (held or _held(sessions, session, turn)):
                raise


def _running(sessions: Sessions, session: str, turn: int) -> list[Waiting]:
    """The turn itself, while it has no end."""
    return [t for t in sessions.running(sessions.branch) if (t.session, t.number) == (session, turn)]


def _held(sessions: Sessions, session: str, turn: int) -> bool:
    return any(t.hold is not None for t in _running(sessions, session, turn))


async def _wait_unasked(sessions: Sessions, own: tuple[str, int], timeout: float | None) -> None:
    """Wait for the end of the turn. An agent that asks all the same is ended: nobody
    would ever answer it. (A budget that holds the turn asks whoever pays, and waits.)"""
    session, number = own
    loop = asyncio.get_running_loop()
    news = asyncio.Event()

    def tell(_: int) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(news.set)

    off = sessions.on_news(tell)
    turn = asyncio.ensure_future(_wait(sessions, own, timeout))
    looking = asyncio.ensure_future(news.wait())
    try:
        while not turn.done():
            open_requests = [r.event for r in sessions.reader.requests(session) if r.turn == number]
            if its_own := [asked for asked in open_requests if getattr(asked, "what", "") != "budget"]:
                asked = getattr(its_own[0], "text", "").strip()
                why = f"it asked its person, and nobody attends to this stage: {asked}"
                await sessions.kill_session(session, why)
                raise UnattendedError(f"session {session}: {why}")
            await asyncio.wait({turn, looking}, return_when=asyncio.FIRST_COMPLETED)
            if looking.done():
                news.clear()
                looking = asyncio.ensure_future(news.wait())
        turn.result()
    finally:
        off()
        for task in (turn, looking):
            task.cancel()
        await asyncio.gather(turn, looking, return_exceptions=True)


def _answer(sessions: Sessions, session: str, number: int) -> str:
    """What the turn came to."""
    reader = sessions.reader
    path = reader.path(sessions.branch)
    turn = next((t for t in reader.turns(session, path) if t.turn == number), None)
    if turn is None:
        raise TurnStoppedError(f"session {session}: its person went back to before this turn")
    if turn.status is SessionStatus.FAILED:
        stderr = _stderr(reader, session, number, path)
        code = "" if turn.exit_code is None else f" (exit status {turn.exit_code})"
        tail = f"\n{stderr.strip()}" if stderr.strip() else ""
        raise TurnFailedError(
            f"session {session} failed{code}: {turn.error or 'it did not say why'}{tail}",
            turn.exit_code,
            stderr,
        )
    if turn.status is not SessionStatus.COMPLETED:
        raise TurnStoppedError(f"session {session} was {turn.status.value}: {turn.error or 'by its person'}")
    text = spoken(reader, session, number, path)
    if not text.strip():
        raise EmptyResponseError(f"session {session}: completed, no text")
    return text


def spoken(reader: Reader, session: str, turn: int, path: Line) -> str:
    """The answer that the log has of a turn, or ""."""
    said = [m for m in reader.messages(session, path) if (m["role"], m["turn"]) == ("assistant", turn)]
    return str(said[-1]["content"]) if said else ""


def _stderr(reader: Reader, session: str, turn: int, path: Line) -> str:
    records = [r for r in reader.records(session, path) if r.turn == turn]
    ends = [r.event for r in records if isinstance(r.event, e.TurnEnded)]
    return (ends[-1].stderr or "") if ends else ""
