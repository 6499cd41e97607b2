"""Recording a checkpoint late in a long project against early in a new one."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from zwarm_tui.config.settings import PilotSettings, Settings
from zwarm_tui.core import events as e
from zwarm_tui.engine import Engine

SETTINGS = Settings(executor="demo", pilot=PilotSettings(brain="demo"))
TIMES = 40


def _turn(session: str, number: int, text: str) -> list[e.Record]:
    happened = (
        e.UserMessage(text),
        e.ThreadBound(f"t-{session}", "continued"),
        e.TurnStarted(f"n-{number}"),
        e.Text(f"m{number}", text),
        e.TurnEnded(status="completed", turn_id=f"n-{number}"),
    )
    return [e.Record(event, session, 1, number) for event in happened]


async def _record(folder: Path, messages: int, sessions: int, checkpoints: int) -> tuple[float, float]:
    """(median ms a checkpoint, bytes a checkpoint)."""
    async with await Engine.open(folder, SETTINGS) as engine:
        engine.store.append(e.Record(e.SessionCreated(task="pilot", executor="demo", role="pilot"), "pilot"))
        names = [f"s{n}" for n in range(sessions)]
        for name in names:
            engine.store.append(e.Record(e.SessionCreated(task=name, executor="demo"), name))
        done = 0
        while done < messages:
            for name in ["pilot", *names]:
                engine.store.append(*_turn(name, done // (sessions + 1) + 1, f"message {done}"))
                done += 1
        await engine.store.commit()
        for n in range(checkpoints):
            await engine.timeline.record(f"checkpoint {n}")
        taken = []
        before = _bytes(engine)
        for n in range(TIMES):
            await engine.store.commit(*_turn("pilot", messages + n, "one more"))
            began = time.perf_counter()
            await engine.timeline.record("measured")
            taken.append((time.perf_counter() - began) * 1000)
        return statistics.median(taken), (_bytes(engine) - before) / TIMES


def _bytes(engine: Engine) -> int:
    engine.store.flush()
    rows = engine.reader.records("", since=0)
    return sum(len(e.dump(r.event)) for r in rows if isinstance(r.event, e.CheckpointTaken))


def run() -> tuple[float, dict[str, str]]:
    figures = []
    for messages, sessions, checkpoints in ((10, 1, 1), (10_000, 20, 1000)):
        with tempfile.TemporaryDirectory() as folder:
            figures.append(asyncio.run(_record(Path(folder), messages, sessions, checkpoints)))
    (small, small_bytes), (large, large_bytes) = figures
    return large / small, {
        "ms": f"{small:.2f} → {large:.2f}",
        "bytes": f"{small_bytes:.0f} → {large_bytes:.0f}",
    }
