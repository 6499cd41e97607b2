"""What a stage costs beyond its agent: 200 stages on the demo agent, 20 side by side.

The same 200 turns are run twice, in layers of 20: as stages of a workflow (graph, input
hash, transcript, events made durable), and by the session manager alone. The difference
of the two wall times, for each stage, is the cost of scheduling it. Both are run twice,
alternating, and the faster of each counts, since the agents' own processes vary.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.workflow import StageContext, Workflow, WorkflowContext, WorkflowRun

LAYERS, WIDTH = 10, 20
PROMPT = "@say Done.\n@usage 100 0 10"


async def _bare(manager: CodexSessionManager, folder: Path) -> float:
    async def one() -> None:
        session = await manager.start_session(PROMPT, working_dir=folder)
        await manager.wait(session.id)

    began = time.perf_counter()
    for _ in range(LAYERS):
        await asyncio.gather(*(one() for _ in range(WIDTH)))
    return time.perf_counter() - began


async def _staged(manager: CodexSessionManager, folder: Path) -> float:
    async def work(s: StageContext) -> str:
        return await s.send(PROMPT)

    async def run(ctx: WorkflowContext) -> None:
        for layer in range(LAYERS):
            await asyncio.gather(*(ctx.stage(f"s{layer}-{n}", work) for n in range(WIDTH)))

    workflow = WorkflowRun(
        Workflow("bench", folder / "bench.py", [], run), manager, project=folder, attended=True
    )
    began = time.perf_counter()
    await workflow.execute()
    took = time.perf_counter() - began
    stages = workflow.view.graph.nodes
    assert len(stages) == LAYERS * WIDTH
    assert workflow.view.status == "completed"
    assert len(stages[-1].parents) == WIDTH
    return took


async def _measure(folder: Path) -> tuple[float, float]:
    bare, staged = [], []
    for number in range(2):
        async with CodexSessionManager(
            folder / str(number), executor="demo", max_concurrent=WIDTH
        ) as manager:
            bare.append(await _bare(manager, folder))
        async with CodexSessionManager(
            folder / f"w{number}", executor="demo", max_concurrent=WIDTH
        ) as manager:
            staged.append(await _staged(manager, folder))
    return min(bare), min(staged)


def run() -> tuple[float, dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        bare, staged = asyncio.run(_measure(Path(folder)))
    count = LAYERS * WIDTH
    return (staged - bare) / count * 1000, {
        "turns_alone_ms": f"{bare / count * 1000:.1f}",
        "as_stages_ms": f"{staged / count * 1000:.1f}",
    }
