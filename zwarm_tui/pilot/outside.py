"""The nine tools for an agent outside of zwarm_tui (over MCP). It stands in for the
pilot: its calls are shown in the pilot's transcript."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any

from zwarm_tui.config.settings import Settings
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ExecutorError, UsageError
from zwarm_tui.executors.base import ExecutorSettings
from zwarm_tui.pilot.desk import CUT, OUTSIDE, Desk, write
from zwarm_tui.pilot.pilot import PILOT
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.timeline import Timeline
from zwarm_tui.tools.delegation import DelegationTools
from zwarm_tui.tools.schema import handler

_BEGIN = ("delegate", "converse")
"""Tools that begin turns: where the position is in the past, they begin a branch too."""


class OutsideTools:
    """One for all agents outside."""

    def __init__(
        self, sessions: CodexSessionManager, timeline: Timeline, settings: Settings, *, project: Path
    ) -> None:
        self._sessions, self._timeline, self._project = sessions, timeline, project
        self.desk = Desk(sessions)
        tools = DelegationTools(
            sessions,
            working_dir=project,
            human=self.desk,
            bash=settings.pilot.bash,
            codex=_codex(settings),
        )
        self._handler = handler(tools)

    async def call(
        self, name: str, arguments: dict[str, Any], *, branch: str | None, thread: str | None
    ) -> tuple[str, bool]:
        """Run a tool: (JSON for the model, success). `UsageError`: no such branch."""
        here = await self._branch(name, branch, thread)
        with self._sessions.on_branch(here):
            if self._sessions.reader.session(PILOT, self._sessions.reader.path(here)) is None:
                executor = self._sessions.agents.default
                await self._sessions.ensure_role_session(
                    PILOT, executor=executor, model=None, working_dir=self._project
                )
            item, began = f"{OUTSIDE}{secrets.token_hex(4)}", time.monotonic()
            text, ok = CUT, False
            try:
                await write(self._sessions, here, e.ToolStarted(item, name, arguments))
                text, ok = await self._handler(name, arguments)
            finally:
                seconds = round(time.monotonic() - began, 3)
                done = e.ToolDone(
                    item=item, tool=name, arguments=arguments, result=text, ok=ok, seconds=seconds
                )
                await write(self._sessions, here, done)
            return text, ok

    async def _branch(self, tool: str, name: str | None, thread: str | None) -> int:
        reader = self._sessions.reader
        if name is not None:
            found = next((b.id for b in reader.branches() if b.name == name), None)
            if found is None:
                raise UsageError(f"no branch '{name}' (zwarm-tui checkpoints shows them)")
            await self._timeline.ensure(found)
            return found
        if thread is not None:
            of = next((t.branch for t in self._sessions.running() if t.thread == thread), None)
            if of is None:
                raise UsageError(f"no turn runs on the pilot's thread '{thread}'")
            return of
        return await self._timeline.settle() if tool in _BEGIN else reader.position().branch


def _codex(settings: Settings) -> Path | None:
    """The codex binary, whose sandbox the tool `bash` uses."""
    from zwarm_tui.executors.codex.find import locate
    from zwarm_tui.executors.codex.server import environment

    own = ExecutorSettings(settings.codex.path, dict(settings.codex.env), settings.codex.args)
    try:
        return Path(locate(settings.codex.path, environment(own)))
    except ExecutorError:
        return None
