"""Jumping the conversation, and the space that checkpoints take, of a long project."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from tests.bench.checkpoint import SETTINGS, _turn
from tests.bench.snapshot import repository
from zwarm_tui.core import events as e
from zwarm_tui.engine import Engine

MESSAGES = 10_000
CHECKPOINTS = 1_000
JUMPS = 30


async def _project(folder: Path, checkpoints: int) -> Engine:
    engine = await Engine.open(folder, SETTINGS)
    names = ["pilot", *(f"s{n}" for n in range(20))]
    for name in names:
        role = "pilot" if name == "pilot" else "executor"
        made = e.SessionCreated(task=name, executor="demo", role=role, working_dir=str(folder))
        engine.store.append(e.Record(made, name))
    every = MESSAGES // checkpoints
    for number in range(MESSAGES):
        name = names[number % len(names)]
        # As long as a usual message is.
        engine.store.append(
            *_turn(name, number // len(names) + 1, f"message {number}: " + "words and words " * 20)
        )
        if number % every == every - 1:
            await engine.store.commit()
            await engine.timeline.record(f"checkpoint {number}")
    return engine


async def _jumps(folder: Path) -> list[float]:
    async with await _project(folder, 100) as engine:
        times = []
        for number in range(JUMPS):
            label = f"T{1 + number * 3}"
            began = time.perf_counter()
            await engine.goto(label)
            times.append((time.perf_counter() - began) * 1000)
        return times


def jump_ms() -> tuple[float, dict[str, str]]:
    """A jump to a checkpoint, in a repository, with 10,000 messages."""
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder).resolve()
        repository(top, 100)
        times = asyncio.run(_jumps(top))
    return statistics.median(times), {"worst": f"{max(times):.1f} ms"}


async def _space(folder: Path) -> tuple[int, int]:
    async with await _project(folder, CHECKPOINTS) as engine:
        talk = taken = 0
        for record in engine.reader.records():
            size = len(e.dump(record.event))
            if isinstance(record.event, e.CheckpointTaken):
                taken += size
            else:
                talk += size
        return taken, talk


def space_ratio() -> tuple[float, dict[str, str]]:
    """A conversation of 10,000 messages with 1,000 checkpoints, against it alone."""
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder).resolve()
        repository(top, 10)
        taken, talk = asyncio.run(_space(top))
    return (talk + taken) / talk, {
        "bytes a checkpoint": f"{taken / CHECKPOINTS:.0f}",
        "talk": f"{talk / 2**20:.1f} MiB",
    }
