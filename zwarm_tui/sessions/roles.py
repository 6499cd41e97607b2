"""What makes a session a pilot: its tools, its prompt, its handler."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from zwarm_tui.executors.base import Approvals, Sandbox, ThreadSpec, Tool, ToolHandler


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """How sessions of a role are run. An executor has none of this; the pilot has
    tools of ours, a prompt of ours and no shell of its own."""

    instructions: str | None = None
    tools: tuple[Tool, ...] = ()
    handler: ToolHandler | None = None
    tools_only: bool = False
    sandbox: Sandbox | None = None
    approvals: Approvals | None = None
    queued: bool = True
    """Its turns take a slot of `max_concurrent`. The pilot's don't: it waits for
    sessions that do."""
    spends: bool = True
    """Budgets hold its turns. A run's spend nothing themselves: those of its stages do."""
    watched: bool = True
    """Silence of its turns means something. A run's doesn't: its agents are watched."""

    @property
    def toolset(self) -> str | None:
        """Hash of tools and prompt: an agent's thread keeps those it was begun with."""
        if not self.tools:
            return None
        shape = [[t.name, t.description, t.schema] for t in self.tools]
        return hashlib.sha256(json.dumps([shape, self.instructions]).encode()).hexdigest()[:16]

    def spec(self, session: str, model: str | None, cwd: str, settings: dict[str, Any]) -> ThreadSpec:
        """All that a thread of this session needs, on every start, resume and fork."""
        return ThreadSpec(
            session=session,
            cwd=cwd,
            model=model,
            sandbox=self.sandbox or settings.get("sandbox", "workspace-write"),
            approvals=self.approvals or settings.get("approvals", "on-request"),
            questions=settings.get("questions", True),
            env=settings.get("env", {}),
            config=settings.get("config", {}),
            instructions=self.instructions,
            tools=self.tools,
            tools_only=self.tools_only,
        )


EXECUTOR = Role()
RUN = "run"
"""The role of runs of workflows and commands: sessions with turns of their own, which
spend nothing themselves."""
RUNS = Role(queued=False, watched=False, spends=False)
