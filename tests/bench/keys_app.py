"""The app that `keys` types into: 50 demo agents stream while it is on screen."""

from __future__ import annotations

import sys
from pathlib import Path

from zwarm_tui.client import EngineClient
from zwarm_tui.config.settings import PilotSettings, Settings, UiSettings
from zwarm_tui.tui.app import ZwarmApp

AGENTS, RATE, SECONDS = 50, 40, 40
SETTINGS = Settings(
    executor="demo",
    max_concurrent=AGENTS,
    pilot=PilotSettings(brain="demo"),
    ui=UiSettings(bell=False, osc_notices=False),
)


def main() -> None:
    project = Path(sys.argv[1])

    async def open_engine() -> EngineClient:
        from zwarm_tui.engine import Engine

        engine = await Engine.open(project, SETTINGS, simulated=True)
        for _ in range(AGENTS):
            await engine.delegate(f"@flood {SECONDS} {RATE}")
        return engine

    ZwarmApp(project, engine=open_engine, settings=SETTINGS).run()


if __name__ == "__main__":
    main()
