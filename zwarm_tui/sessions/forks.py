"""Forks of sessions: what one becomes on a new branch, and a new one from its thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zwarm_tui.core.errors import UsageError
from zwarm_tui.core.model import Path as Line
from zwarm_tui.core.model import SessionView
from zwarm_tui.sessions.agents import Agents
from zwarm_tui.sessions.binding import Binder
from zwarm_tui.sessions.runner import TurnRunner


class Forks:
    """Forks the threads of a project's sessions."""

    def __init__(self, runner: TurnRunner, agents: Agents) -> None:
        self._runner, self._reader, self._agents = runner, runner.reader, agents

    def how(self, view: SessionView, path: Line) -> str:
        """What a session becomes on a branch that begins where `path` ends: "fork" (at
        exactly its turn), "brief" (a new thread that is told the transcript) or "fresh"
        (it had completed no turn, and starts again from its task)."""
        past = [t for t in self._reader.turns(view.id, path) if t.thread]
        if not past:
            return "fresh"
        last = past[-1]
        assert last.thread is not None
        was = self._reader.bound(view.id, last.thread)
        toolset = self._runner.roles[view.role].toolset if view.role in self._runner.roles else None
        if (
            was is not None
            and view.role != "executor"
            and (was.executor, was.toolset) != (view.executor, toolset)
        ):
            return "brief"
        adapter = self._agents.get(view.executor)
        return "fork" if Binder(self._reader, adapter, self._runner.live).forks_at(view.id, last) else "brief"

    async def fork(self, view: SessionView, new: str, folder: Path, *, at_turn: int | None) -> dict[str, Any]:
        """Fork a session's thread for the session `new`, that is to work in `folder`: up to
        and with turn `at_turn` (None: the last one that ended). What the new session's
        settings are; `UsageError` where its agent can't."""
        adapter, path = self._agents.get(view.executor), self._reader.path(self._runner.branch)
        done = [t for t in self._reader.turns(view.id, path) if t.thread and not t.status.active]
        source = next((t for t in reversed(done) if at_turn in (None, t.turn)), None)
        if source is None or source.thread is None:
            which = "turn that has ended" if at_turn is None else f"ended turn {at_turn}"
            raise UsageError(f"{view.id} has no {which} to fork at")
        can = adapter.capabilities.fork
        if can == "none":
            raise UsageError(f"{adapter.name} can't fork a thread: delegate a new session instead")
        if can == "tip" and source != done[-1]:
            raise UsageError(f"{adapter.name} can fork only at the last turn ({done[-1].turn})")
        sink = self._runner.sink(new, self._runner.branch, view.role)
        spec = self._runner.roles[view.role].spec(new, view.model, str(folder), view.settings)
        forked = await adapter.fork(
            source.thread, spec, sink, at_turn=source.native_turn if can == "turn" else None
        )
        self._runner.adopt(forked.thread, sink)
        settings = {**view.settings, "thread": forked.thread, "at_turn": source.turn}
        was = self._reader.bound(view.id, source.thread)
        settings["was_in"] = was.cwd if was else None
        if not forked.exact:
            settings["brief"] = Binder(self._reader, adapter, self._runner.live).brief(view.id, path)
        return settings
