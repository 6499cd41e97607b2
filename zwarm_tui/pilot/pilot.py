"""The pilot is a session like any other, with tools of ours and no shell of its own:
so its transcript, its costs, its interrupts and its forks are those of a session."""

from __future__ import annotations

import secrets
from pathlib import Path

from zwarm_tui.core import events as e
from zwarm_tui.pilot.brain import Brain
from zwarm_tui.prompts import get_pilot_prompt
from zwarm_tui.sessions import CodexSessionManager, ExecutorSession, Role
from zwarm_tui.tools.delegation import BashMode, DelegationTools
from zwarm_tui.tools.schema import TOOLS, handler

PILOT = "pilot"
"""The pilot's session id and role."""


class ScreenHuman:
    """Whoever sits at a screen: asked through the log, in the pilot's transcript."""

    def __init__(self, sessions: CodexSessionManager) -> None:
        self._sessions = sessions

    async def tell(self, text: str) -> None:
        """The tool call itself stands in the transcript: there is nothing to add."""

    async def ask(self, question: str) -> str | None:
        return await self._put(e.QuestionAsked(_request(), question))

    async def allow(self, command: str, cwd: Path) -> bool:
        request = e.ApprovalRequested(
            request=_request(),
            what="command",
            text=command,
            cwd=str(cwd),
            reason="the pilot wants to run this outside of a sandbox",
            choices=("accept", "decline"),
        )
        return await self._put(request) == "accept"

    async def _put(self, request: e.QuestionAsked | e.ApprovalRequested) -> str | None:
        return await self._sessions.requests.ask(PILOT, request)


def _request() -> str:
    return f"p-{secrets.token_hex(4)}"


class Pilot:
    """Talks to the brain; there is one pilot a project, with a thread a branch."""

    def __init__(
        self,
        sessions: CodexSessionManager,
        brain: Brain,
        *,
        project: Path,
        bash: BashMode,
        codex: Path | None,
    ) -> None:
        self.brain, self._sessions, self._project = brain, sessions, project
        tools = DelegationTools(
            sessions, working_dir=project, human=ScreenHuman(sessions), bash=bash, codex=codex
        )
        role = Role(
            instructions=get_pilot_prompt(working_dir=str(project)),
            tools=TOOLS,
            handler=handler(tools),
            tools_only=True,
            sandbox="read-only",
            approvals="never",
            queued=False,
        )
        sessions.set_role(PILOT, role)

    async def say(self, message: str) -> ExecutorSession:
        """A message from the person: opens a turn, or steers the running one."""
        if not self._sessions.at_work(PILOT):
            await self._sessions.ensure_role_session(
                PILOT, executor=self.brain.executor.name, model=self.brain.model, working_dir=self._project
            )
        return await self._sessions.steer(PILOT, message)
