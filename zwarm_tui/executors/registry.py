"""The agents by name."""

from __future__ import annotations

from pathlib import Path

from zwarm_tui.core.errors import UnknownAgentError
from zwarm_tui.executors.base import Executor, ExecutorSettings

NAMES = ("codex", "demo")


def create(name: str, *, settings: ExecutorSettings, state_dir: Path) -> Executor:
    """The adapter of that agent; nothing is started yet. `state_dir` is a private
    folder for its raw protocol lines. A name besides `NAMES` is one of the settings' own
    programs in a terminal. An unknown name raises `UnknownAgentError`."""
    # Each agent's modules are imported when it is first wanted.
    if name == "codex":
        from zwarm_tui.executors.codex.codex import Codex

        return Codex(settings, state_dir)
    if name == "demo":
        from zwarm_tui.executors.demo import DemoExecutor

        return DemoExecutor(settings, state_dir)
    if settings.interactive is not None:
        from zwarm_tui.executors.terminal.agent import TerminalAgent

        return TerminalAgent(name, settings, state_dir)
    raise UnknownAgentError(
        f"there is no agent '{name}': choose one of {', '.join(NAMES)}, "
        f"or set one up in your own settings ([agents.NAME])"
    )
