"""An agent that is a program in a terminal, as an executor.

It sits in a tmux session of our own server, where it outlives us and a person can go to
it; without tmux at a terminal that pexpect drives. Its limits are honest: no fork, no
tokens, no approvals but those that its patterns find; its thread is the living program.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
from pathlib import Path

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ExecutorError, ThreadLostError, TurnOverError
from zwarm_tui.executors.base import (
    Capabilities,
    Decision,
    ExecutorInfo,
    ExecutorSettings,
    Forked,
    Sink,
    ThreadSpec,
)
from zwarm_tui.executors.terminal.prompts import Prompts
from zwarm_tui.executors.terminal.pty_seat import PtySeat
from zwarm_tui.executors.terminal.tmux_seat import AGENT, TmuxSeat
from zwarm_tui.executors.terminal.turn import TerminalThread, TerminalTurn
from zwarm_tui.executors.tmux import TmuxServer, safe_name
from zwarm_tui.executors.tmux_installed import missing


class TerminalAgent:
    """The adapter of one `[agents.NAME]`. A thread's id is its tmux session's name."""

    def __init__(self, name: str, settings: ExecutorSettings, state_dir: Path) -> None:
        if settings.interactive is None:
            raise ExecutorError(f"the agent '{name}' has no command: set agents.{name}.command")
        self.name = name
        self._agent, self._env = settings.interactive, settings.env
        self._prompts = Prompts.of(self._agent.ready, self._agent.asks)
        self._folder = state_dir / "terminal"
        self._no_tmux = missing() if self._agent.socket else "no socket is set"
        self._server = TmuxServer(self._agent.socket) if self._agent.socket and not self._no_tmux else None
        self._threads: dict[str, TerminalThread] = {}

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            resume=self._server is not None,
            approvals=bool(self._agent.asks) and self._agent.approve is not None,
            interrupt=True,
            steer=True,
            deltas=True,
            protocol=False,
        )

    async def probe(self) -> ExecutorInfo:
        program = self._agent.command[0]
        path = shutil.which(program)
        return ExecutorInfo(
            name=self.name,
            found=path is not None,
            path=path,
            problem=None if path else f"{self.name}: {program} was not found (agents.{self.name}.command)",
            capabilities=self.capabilities,
        )

    async def start(self, spec: ThreadSpec, sink: Sink) -> str:
        program = self._agent.command[0]
        if shutil.which(program) is None:
            raise ExecutorError(f"{program} was not found: agents.{self.name}.command names it")
        thread = f"{safe_name(self.name)[:60]}-{safe_name(spec.session)}-{secrets.token_hex(2)}"
        starting = asyncio.ensure_future(self._sit_down(thread, spec, sink))
        try:
            seat = await asyncio.shield(starting)
        except asyncio.CancelledError:
            with contextlib.suppress(
                ExecutorError
            ):  # left to itself, it would live on with nobody's knowledge
                await (await starting).end()
            raise
        self._threads[thread] = TerminalThread(seat, sink, 0)
        return thread

    async def _sit_down(self, thread: str, spec: ThreadSpec, sink: Sink) -> TmuxSeat | PtySeat:
        """Start the program."""
        if self._server is None:
            sink.emit(e.Notice("warning", f"{self._no_tmux}; without it {self.name} ends with zwarm-tui"))
            return await PtySeat.start(self._agent.command, cwd=spec.cwd, env=self._env, session=spec.session)
        return await TmuxSeat.start(
            self._server,
            thread,
            self._agent.command,
            cwd=spec.cwd,
            env={**self._env, AGENT: spec.session},
            log=self._log(thread),
        )

    async def resume(self, thread: str, spec: ThreadSpec, sink: Sink) -> None:
        if thread in self._threads:
            return
        if self._server is None:
            raise ThreadLostError(f"{self.name} of thread {thread} has ended, and what it knew with it")
        seat = await TmuxSeat.find(self._server, thread, self._log(thread))
        self._threads[thread] = TerminalThread(seat, sink, await seat.seen())

    async def fork(self, thread: str, spec: ThreadSpec, sink: Sink, *, at_turn: str | None = None) -> Forked:
        raise ExecutorError(f"{self.name} is a program in a terminal: it can't be forked")

    async def run_turn(self, thread: str, text: str) -> e.TurnEnded:
        live = self._get(thread)
        if live.turn is not None:
            raise ExecutorError(f"a turn runs on thread '{thread}' already")
        turn = live.turn = TerminalTurn(self.name, self._agent, self._prompts, live)
        try:
            ended = await turn.run(text)
        except ExecutorError as error:  # its terminal went away under us
            if self._threads.get(thread) is live and live.seat.stamp()[1]:
                return e.TurnEnded(status="failed", error=str(error))
            ended = e.TurnEnded(status="failed", error=f"{self.name} was ended from outside: {error}")
            self._threads.pop(thread, None)
        finally:
            live.turn = None
        if not live.seat.stamp()[1]:
            self._threads.pop(thread, None)
        return ended

    async def steer(self, thread: str, text: str) -> None:
        await self._turn(thread).steer(text)

    async def interrupt(self, thread: str) -> None:
        if (live := self._threads.get(thread)) and live.turn:
            await live.turn.interrupt()

    async def answer(self, thread: str, request: str, decision: Decision, message: str = "") -> None:
        await self._turn(thread).answer(request, decision, message)

    async def end(self, thread: str) -> None:
        live = self._threads.pop(thread, None)
        if live is not None:
            await live.seat.end()
        elif self._server is not None:  # of an earlier process of ours
            await self._server.kill(thread)
            self._log(thread).unlink(missing_ok=True)

    async def aclose(self) -> None:
        """Let go of the terminals. tmux keeps its sessions: the next engine finds them,
        and their agents know what they knew. Without tmux they end."""
        live, self._threads = list(self._threads.values()), {}
        await asyncio.gather(*(t.seat.end() for t in live if isinstance(t.seat, PtySeat)))

    def _log(self, thread: str) -> Path:
        return self._folder / f"{safe_name(thread)}.log"

    def _get(self, thread: str) -> TerminalThread:
        try:
            return self._threads[thread]
        except KeyError:
            raise ExecutorError(f"thread '{thread}' is not live: resume it first") from None

    def _turn(self, thread: str) -> TerminalTurn:
        turn = self._get(thread).turn
        if turn is None:
            raise TurnOverError("no turn runs: send it as a new message")
        return turn
