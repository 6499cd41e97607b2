"""The app that `graph_keys` types into: a run of 200 stages is on screen, 50 of which
stream."""

from __future__ import annotations

import sys
from pathlib import Path

from zwarm_tui.client import EngineClient
from zwarm_tui.config.settings import PilotSettings, Settings, UiSettings
from zwarm_tui.tui.app import ZwarmApp

LANES, LAYERS, RATE, SECONDS = 50, 4, 40, 600
SETTINGS = Settings(
    executor="demo",
    max_concurrent=LANES,
    pilot=PilotSettings(brain="demo"),
    ui=UiSettings(bell=False, osc_notices=False),
)
WORKFLOW = f"""
import asyncio

async def done(s):
    return s.name

async def stream(s):
    return await s.send("@flood {SECONDS} {RATE}")

async def lane(ctx, n):
    for layer in range({LAYERS - 1}):
        await ctx.stage(f"lane {{n}} step {{layer}}", done)
    await ctx.stage(f"lane {{n}} streams", stream)

async def run(ctx):
    await asyncio.gather(*(lane(ctx, n) for n in range({LANES})))
"""


def main() -> None:
    project = Path(sys.argv[1])
    file = project / "lanes.py"
    file.write_text(WORKFLOW, encoding="utf-8")

    async def open_engine() -> EngineClient:
        from zwarm_tui.engine import Engine

        engine = await Engine.open(project, SETTINGS, simulated=True)
        await engine.start_run("workflow", str(file), {})
        return engine

    ZwarmApp(project, engine=open_engine, settings=SETTINGS).run()


if __name__ == "__main__":
    main()
