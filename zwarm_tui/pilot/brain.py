"""Which LLM the pilot thinks with: a setting, or the first that works.

A brain is an executor that can take tools of ours: codex with the login that the
person already has, any API model, or the scripted demo brain.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from zwarm_tui.config.settings import PilotSettings
from zwarm_tui.core.errors import UsageError
from zwarm_tui.executors.base import Executor
from zwarm_tui.sessions import CodexSessionManager

_KEYS = (("OPENAI_API_KEY", "openai:gpt-5.1"), ("ANTHROPIC_API_KEY", "anthropic:claude-sonnet-4-20250514"))


@dataclass(frozen=True, slots=True)
class Brain:
    """An executor to think with, its model, and why it was chosen."""

    executor: Executor
    model: str | None
    why: str


async def choose(settings: PilotSettings, sessions: CodexSessionManager) -> Brain:
    """The brain that the settings name; with "auto", codex where it is found and
    logged in, else an API key's model, else the demo."""
    wanted = settings.brain
    if wanted in ("codex", "demo"):
        return Brain(sessions.agents.get(wanted), settings.model, f'pilot.brain = "{wanted}"')
    if ":" in wanted:
        return Brain(_api(wanted, settings, sessions), None, f'pilot.brain = "{wanted}"')
    if wanted != "auto":
        raise UsageError(f'pilot.brain = "{wanted}": it is auto, codex, demo or PROVIDER:MODEL')
    codex = await sessions.agents.get("codex").probe()
    if codex.found and codex.capabilities.tools and codex.login != "no":
        return Brain(sessions.agents.get("codex"), settings.model, "codex is installed")
    for key, model in _KEYS:
        if os.environ.get(key):
            api = _api(model, settings, sessions)
            if (await api.probe()).problem is None:
                return Brain(api, None, f"{key} is set")
    why = codex.problem or "no agent was found"
    return Brain(sessions.agents.get("demo"), None, f"{why}; the scripted demo stands in")


def _api(model: str, settings: PilotSettings, sessions: CodexSessionManager) -> Executor:
    from zwarm_tui.executors.api import ApiExecutor

    api = ApiExecutor(
        model,
        base_url=settings.base_url,
        api_key_env=settings.api_key_env,
        state_dir=sessions.state_dir,
    )
    sessions.agents.add(api)
    return api
