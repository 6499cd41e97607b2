"""`run_acw`: prompt file in, answer file out, by a real agent."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from zwarm_tui.config.project import find_project
from zwarm_tui.executors.registry import NAMES
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.store.log import Store
from zwarm_tui.store.reader import Reader
from zwarm_tui.wire import place
from zwarm_tui.workflow.errors import TurnFailedError
from zwarm_tui.workflow.flags import config_of
from zwarm_tui.workflow.hosted import hosted, log_beside
from zwarm_tui.workflow.local import LocalAgents
from zwarm_tui.workflow.turns import Agent, Sessions, take_turn

Process = subprocess.CompletedProcess[str]
OnTurn = Callable[[str, int, int], None]
"""Told of each turn as it begins: session, number, branch."""

_SANDBOXES = {
    "read-only": "read-only",
    "plan": "read-only",
    "workspace-write": "workspace-write",
    "acceptEdits": "workspace-write",
    "danger-full-access": "danger-full-access",
    "bypassPermissions": "danger-full-access",
}
"""`permission_mode` -> the sandbox that says the same."""


class Runner(Protocol):
    """What runs one prompt. A program may bring its own."""

    def __call__(
        self,
        provider: str,
        model: str,
        input_path: Path,
        output_path: Path,
        *,
        tools: Any,
        permission_mode: str | None,
        extra_flags: Any,
        timeout: float | None,
        cwd: str | Path | None,
    ) -> subprocess.CompletedProcess[Any]:
        """Run the prompt in `input_path` and write the answer to `output_path`."""


class Agents:
    """The agents that `run_acw` uses: those of `sessions`, or where that is None those of
    the project around the current folder: its host's, where one runs, else some on a thread
    of their own."""

    def __init__(self, sessions: CodexSessionManager | None = None) -> None:
        self._sessions = sessions

    @property
    def providers(self) -> tuple[str, ...]:
        """The providers there are."""
        return NAMES

    def check(self, provider: str) -> None:
        """ValueError, with a list of those there are, for an unknown provider."""
        if provider not in NAMES:
            raise ValueError(f"Unsupported provider '{provider}'. Available: {', '.join(sorted(NAMES))}")

    def __call__(
        self, provider: str, model: str, input_path: Path, output_path: Path, **options: Any
    ) -> Process:
        refuse_in_loop("run_acw", "run_acw.arun")
        return asyncio.run(self.arun(provider, model, input_path, output_path, **options))

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[tuple[Store, int]]:
        """Keep the agents at hand for several prompts. Gives the log that they write,
        and the branch that they work on."""
        if self._sessions is not None:
            yield self._sessions.store, self._sessions.branch
            return
        project = find_project(Path.cwd())
        if await place.settled(project) is not None:
            with log_beside(project) as store:
                reader = Reader(store.path)
                try:
                    branch = reader.position().branch
                finally:
                    reader.close()
                yield store, branch
            return
        async with LocalAgents.of(project) as local:
            assert local.manager is not None
            yield local.manager.store, local.manager.branch

    async def arun(
        self,
        provider: str,
        model: str,
        input_path: Path,
        output_path: Path,
        *,
        tools: Any = None,
        permission_mode: str | None = None,
        extra_flags: Any = None,
        timeout: float | None = 3600,
        cwd: str | Path | None = None,
        on_turn: OnTurn = lambda _session, _turn, _branch: None,
    ) -> Process:
        """Run the prompt in a fresh session that nobody attends to. Exit status 0 and
        the answer in `output_path`; or the agent's own exit status (1 where it has
        none), with what it said of its end in `stderr`. `extra_flags` may be `-c key=value`
        for codex; what an agent can't heed is a `ValueError`."""
        self.check(provider)
        if tools:
            raise ValueError(f"{provider} takes no tools here: leave it out, or bring a runner of your own")
        config = config_of(provider, extra_flags)
        if permission_mode is not None and permission_mode not in _SANDBOXES:
            raise ValueError(f"no permission_mode '{permission_mode}': it is one of {', '.join(_SANDBOXES)}")
        agent = Agent(
            provider=provider,
            model=model or None,
            folder=Path(cwd) if cwd is not None else Path.cwd(),
            attended=False,
            sandbox=None if permission_mode is None else _SANDBOXES[permission_mode],
            config=config,
        )
        prompt = await asyncio.to_thread(Path(input_path).read_text, encoding="utf-8")

        async def serve(sessions: Sessions) -> str:
            def begun(session: str, turn: int) -> None:
                on_turn(session, turn, sessions.branch)

            return await take_turn(sessions, agent, prompt, timeout=timeout, on_turn=begun)

        command = [provider, model, str(input_path), str(output_path)]
        try:
            if self._sessions is not None:
                text = await serve(self._sessions)
            else:
                text = await self._by_project(find_project(agent.folder), serve)
        except TurnFailedError as error:
            return subprocess.CompletedProcess(command, error.exit_code or 1, "", str(error))
        await asyncio.to_thread(Path(output_path).write_text, text, encoding="utf-8")
        return subprocess.CompletedProcess(command, 0, text, "")

    async def _by_project(self, project: Path, serve: Callable[[Sessions], Awaitable[str]]) -> str:
        async with hosted(project) as sessions:
            if sessions is not None:
                return await serve(sessions)
        async with LocalAgents.of(project) as local:
            return await local.call(serve)


def refuse_in_loop(name: str, twin: str) -> None:
    """RuntimeError inside of a running event loop, which a blocking call would stop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(f"{name} blocks, and an event loop runs here: await {twin} instead")


run_acw = Agents()
"""The default runner: real agents, in the project around the current folder."""
