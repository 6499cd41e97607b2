"""`zwarm-tui demo`: the main job on a scratch repository, for nothing.

With `executor="demo"` scripted agents of our own play it; with "codex" the real codex
does, against the scripted model server, with a CODEX_HOME of its own and never the
person's login. Either way its costs are simulated, and labelled so.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Iterator
from typing import Any, Literal

from zwarm_tui.config.settings import CodexSettings, PilotSettings, Settings, WorktreeSettings
from zwarm_tui.demo.codex_home import MODEL, codex_env, make_codex_home
from zwarm_tui.demo.model_server import ModelServer
from zwarm_tui.demo.scratch import make_repository
from zwarm_tui.engine import Engine
from zwarm_tui.executors.base import ExecutorSettings
from zwarm_tui.executors.demo import DemoExecutor
from zwarm_tui.pilot.pilot import PILOT
from zwarm_tui.timeline.compare import compare

Kind = Literal["demo", "codex"]

TASKS = (
    "Write a parser for the to-do commands add, done and list",
    "Store the to-dos in a JSON file that survives a crash",
    "Write tests for the model and for the parser",
    "Add due dates, and show what is overdue first",
    "Write a README with three examples",
    "Add tags, and a filter by tag",
    "Print the list in colour, and plain where that is asked for",
    "Add an undo command",
)
REQUEST_LOG = "model-server.jsonl"
"""In the project's state folder: every request that reached the scripted model server."""


class Stage:
    """A scratch project and what its agents need. `project` is made at once; with `pace`
    the agents write so many times slower than they could."""

    def __init__(self, executor: Kind, agents: int, pace: float = 1.0) -> None:
        self.executor, self.agents, self.pace = executor, agents, pace
        self.project = make_repository()
        self.server: ModelServer | None = None
        self.worktree = WorktreeSettings(dir=str(self.project.parent / "worktrees"))  # goes with the rest
        self.settings = Settings(
            executor="demo",
            max_concurrent=max(8, agents),
            pilot=PilotSettings(brain="demo"),
            worktree=self.worktree,
        )

    async def open(self) -> Engine:
        """The engine on this stage, with the model server where codex plays."""
        if self.executor == "demo":
            paced = ExecutorSettings(env={"ZWARM_DEMO_PACE": str(self.pace)})
            agent = DemoExecutor(paced, self.project / ".zwarm")
            return await Engine.open(self.project, self.settings, executor=agent, simulated=True)
        async with contextlib.AsyncExitStack() as stack:
            log = self.project / ".zwarm" / REQUEST_LOG
            self.server = await stack.enter_async_context(ModelServer(log=log, pace=self.pace))
            home = await asyncio.to_thread(
                make_codex_home, self.project.parent / "codex-home", self.server.url
            )
            self.settings = Settings(
                executor="codex",
                model=MODEL,
                max_concurrent=max(8, self.agents),
                pilot=PilotSettings(brain="codex", model=MODEL),
                codex=CodexSettings(env=codex_env(home)),
                worktree=self.worktree,
            )
            engine = await Engine.open(self.project, self.settings, simulated=True)
            engine.resources.push_async_exit(stack.pop_all())
            return engine

    def opening(self, *last: str) -> str:
        """The first thing that is said to the pilot: a task for each agent; `last` are
        the tasks of the last ones."""
        tasks = [f"{TASKS[n % len(TASKS)]}{_again(n)}" for n in range(self.agents - len(last))] + [*last]
        return f"delegate: {' | '.join(tasks)}"

    def remove(self) -> None:
        """Take the scratch project away."""
        shutil.rmtree(self.project.parent, ignore_errors=True)


def _again(n: int) -> str:
    return "" if n < len(TASKS) else f" (take {n // len(TASKS) + 1})"


@contextlib.contextmanager
def stage(executor: Kind, agents: int, keep: bool, pace: float = 1.0) -> Iterator[Stage]:
    """A stage that is taken away at the end, unless it shall be kept."""
    made = Stage(executor, agents, pace)
    try:
        yield made
    finally:
        if not keep:
            made.remove()


def headless(executor: Kind, agents: int, keep: bool) -> dict[str, Any]:
    """Play the main job without a screen: delegate, converse, T1…T4, jump to T3, say
    something else, T5, compare both lines. {sessions, checkpoints, branches, cost,
    project, compare}."""
    with stage(executor, agents, keep) as made:
        return asyncio.run(_play(made))


async def _play(made: Stage) -> dict[str, Any]:
    async with await made.open() as engine:
        await _turn(engine, made.opening())
        await _turn(engine, "converse #1: Reject an empty to-do with a clear message")
        await _turn(engine, "delegate: Review the whole to-do list and say what is missing")
        await _turn(engine, "converse #2: Use SQLite instead of the JSON file")
        await engine.goto("T3")
        await _turn(engine, "converse #2: Keep the JSON file, and lock it while writing")
        left, here = (branch.name for branch in engine.reader.branches())
        return _outcome(engine) | {"compare": await compare(engine.reader, engine.project, left, here)}


async def _turn(engine: Engine, message: str) -> None:
    """One pilot turn, and the end of all that it set going."""
    await engine.say(message)
    while tasks := [t.task for t in engine.sessions.running() if t.task is not None]:
        await asyncio.wait(tasks)


def _outcome(engine: Engine) -> dict[str, Any]:
    reader = engine.reader
    totals, position = reader.totals(), reader.position()
    seen: dict[str, dict[str, Any]] = {}
    for branch in reader.branches():
        for view in reader.sessions(reader.path(branch.id)):
            if view.id != PILOT:
                seen[view.id] = view.to_json()
    return {
        "project": str(engine.project),
        "sessions": list(seen.values()),
        "branches": [{"name": b.name, "cost_usd": b.cost.usd} for b in reader.branches()],
        "checkpoints": [
            {
                "checkpoint_id": c.id,
                "label": c.label,
                "parent_id": c.parent,
                "description": c.description,
                "cost_usd": c.cost.usd,
                "is_current": c.id == position.checkpoint,
            }
            for c in reader.checkpoints()
        ],
        "cost": {
            "total_usd": totals.total.usd,
            "branch_usd": totals.branch.usd,
            "abandoned_usd": totals.abandoned.usd,
            "complete": totals.total.complete,
            "simulated": totals.total.simulated,
        },
    }
