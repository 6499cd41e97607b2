"""`DelegationTools`: the nine tools (spec §4). Each returns a JSON-serialisable dict;
what went wrong is `{"error": sentence}`, never a stack trace."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Concatenate, Literal, ParamSpec

from zwarm_tui.core.errors import UsageError, ZwarmError
from zwarm_tui.sessions import CodexSessionManager, ExecutorSession
from zwarm_tui.tools.human import Human
from zwarm_tui.tools.shell import run_command

Json = dict[str, Any]
BashMode = Literal["sandbox", "ask", "allow"]
MAX_SLEEP = 300.0
"""Seconds; a longer wish is cut to this, and the answer says so."""

P = ParamSpec("P")


def _tool(
    method: Callable[Concatenate[DelegationTools, P], Coroutine[Any, Any, Json]],
) -> Callable[Concatenate[DelegationTools, P], Coroutine[Any, Any, Json]]:
    """An error that was meant for the caller becomes the tool's result."""

    async def call(self: DelegationTools, /, *args: P.args, **kwargs: P.kwargs) -> Json:
        try:
            return await method(self, *args, **kwargs)
        except ZwarmError as error:
            return {"error": str(error)}

    functools.update_wrapper(call, method)
    return call


class DelegationTools:
    """The tools over one session manager. Relative folders are taken from
    `working_dir`; `human` is how `chat`, `bash` (mode "ask") and questions reach a
    person; `codex` is the binary whose sandbox `bash` uses (mode "sandbox")."""

    def __init__(
        self,
        sessions: CodexSessionManager,
        *,
        working_dir: str | Path,
        human: Human | None = None,
        bash: BashMode = "sandbox",
        codex: Path | None = None,
    ) -> None:
        self.sessions = sessions
        self.working_dir = Path(working_dir).absolute()
        self.human = human
        self.bash_mode: BashMode = bash
        self.codex = codex

    @_tool
    async def delegate(self, task: str, working_dir: str | None = None, model: str | None = None) -> Json:
        """Start an executor on a task: its session_id, at once."""
        folder = self.working_dir / Path(working_dir or "").expanduser()
        session = await self.sessions.start_session(task, working_dir=folder, model=model, origin="pilot")
        return {
            "session_id": session.id,
            "status": session.status.value,
            "executor": session.executor,
            "working_dir": session.working_dir,
        }

    @_tool
    async def converse(self, session_id: str, message: str) -> Json:
        """Say more to a session that has its full context: returns at once."""
        session = await self.sessions.send_message(session_id, message, origin="pilot")
        return {"session_id": session.id, "status": session.status.value, "turn": session.view.turns}

    @_tool
    async def peek_session(self, session_id: str) -> Json:
        """Status and latest message; the attention flag stays."""
        s = self.sessions.get_session(session_id)
        return {
            "session_id": s.id,
            "status": s.status.value,
            "latest_message": s.view.last_message,
            "needs_attention": s.needs_attention,
        }

    @_tool
    async def check_session(self, session_id: str) -> Json:
        """Everything: messages, token usage, runtime; clears the attention flag."""
        s = self.sessions.get_session(session_id)
        self.sessions.acknowledge(s.id)
        return {
            "session_id": s.id,
            "task": s.task,
            "status": s.status.value,
            "messages": s.messages,
            "token_usage": s.token_usage,
            "cost_usd": s.cost,
            "runtime_seconds": runtime(s),
            "error": s.error,
            "exit_code": s.exit_code,
            "attention_reason": s.attention_reason,
        }

    @_tool
    async def list_sessions(self, status: str | None = None) -> Json:
        """All sessions of this branch, those that need attention marked."""
        found = self.sessions.list_sessions(status)
        return {
            "count": len(found),
            "sessions": [
                {
                    "session_id": s.id,
                    "task": s.task if len(s.task) <= 200 else s.task[:199] + "…",
                    "status": s.status.value,
                    "needs_attention": s.needs_attention,
                    "attention_reason": s.attention_reason,
                    "turns": s.view.turns,
                    "runtime_seconds": runtime(s),
                }
                for s in found
            ],
        }

    @_tool
    async def end_session(self, session_id: str, reason: str | None = None, delete: bool = False) -> Json:
        """Stop a running session, or let a finished one go."""
        s = self.sessions.get_session(session_id)
        await self.sessions.kill_session(s.id, reason)
        if delete:
            await self.sessions.delete_session(s.id)
            return {"session_id": s.id, "status": "deleted", "deleted": True}
        return {"session_id": s.id, "status": self.sessions.get_session(s.id).status.value, "deleted": False}

    @_tool
    async def sleep(self, seconds: float) -> Json:
        """Wait, 300 s at most; wakes early as soon as a session needs attention."""
        if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not math.isfinite(seconds):
            raise UsageError("sleep takes a number of seconds from 0 to 300")
        if seconds < 0:
            raise UsageError("sleep takes a number of seconds from 0 to 300")
        wanted = min(float(seconds), MAX_SLEEP)
        began = time.monotonic()
        woke_for = await self.sessions.requests.wait_for_attention(wanted)
        slept = wanted if not woke_for else min(wanted, time.monotonic() - began)
        result: Json = {"slept_seconds": round(slept, 1), "needs_attention": woke_for}
        if seconds > MAX_SLEEP:
            result["note"] = f"{seconds:g} s is more than the most, {MAX_SLEEP:g} s: slept at most that long"
        return result

    @_tool
    async def bash(self, command: str) -> Json:
        """Run a command for verification: {exit_code, stdout, stderr}."""
        if not command.strip():
            raise UsageError("bash needs a command")
        sandbox = self.codex if self.bash_mode == "sandbox" else None
        if sandbox is None and self.bash_mode != "allow":
            # Without a sandbox it is the person who decides.
            if self.human is None:
                raise UsageError(
                    'no sandbox was found and nobody is here to ask (pilot.bash = "allow" allows all)'
                )
            if not await self.human.allow(command, self._here()):
                raise UsageError("the person declined this command")
        return await run_command(command, cwd=self._here(), codex=sandbox)

    def _here(self) -> Path:
        """The working folder as the current branch has it."""
        return self.sessions.place(self.working_dir)

    @_tool
    async def chat(self, message: str, wait_for_user_input: bool = False) -> Json:
        """Talk to the person; waits for an answer only when asked to."""
        if self.human is None:
            raise UsageError("nobody is here to talk to: decide by yourself and say what you assumed")
        if not wait_for_user_input:
            await self.human.tell(message)
            return {"delivered": True}
        reply = await self.human.ask(message)
        if reply is None:
            raise UsageError("no answer came")
        return {"delivered": True, "user_input": reply}


def runtime(session: ExecutorSession) -> float | None:
    """Seconds that the session's last turn has taken so far, or took."""
    view = session.view
    if view.started_at is None:
        return None
    end = time.time() if view.status.active else view.completed_at
    return None if end is None else round(max(0.0, end - view.started_at), 1)
