"""`zwarm-tui demo` with its screen: the same app, on a scratch repository."""

from __future__ import annotations

from zwarm_tui.client import EngineClient
from zwarm_tui.config.settings import load
from zwarm_tui.demo.play import Kind, stage
from zwarm_tui.executors.sweep import become_subreaper
from zwarm_tui.tui.app import ZwarmApp

PACE = 6.0
"""So many times slower than without a screen, where nobody reads along."""
ASKS = "Release version 0.2 of the to-do list"
"""The last agent's task: one that it may not do without leave."""


def run_demo(executor: Kind, agents: int, keep: bool) -> int:
    """Open the screen on a new scratch project, where the pilot is told what to begin
    with; the exit status. With `keep` the project stays, and is named at the end."""
    loaded = load(None)
    with stage(executor, agents, keep, PACE) as made:

        async def open_engine() -> EngineClient:
            become_subreaper()
            engine = await made.open()
            await engine.say(made.opening(ASKS))
            return engine

        app = ZwarmApp(
            made.project,
            engine=open_engine,
            settings=loaded.settings,
            problems=[str(problem) for problem in loaded.problems],
            kept=keep,
        )
        return app.play()
