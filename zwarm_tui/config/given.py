"""What the settings add to the environments of agents."""

from __future__ import annotations

from collections.abc import Mapping

from zwarm_tui.config.settings import Settings


def variables(settings: Settings) -> list[Mapping[str, str]]:
    """The variables of each agent: there may be keys among them."""
    return [settings.codex.env, *(agent.env for agent in settings.agents.values())]
