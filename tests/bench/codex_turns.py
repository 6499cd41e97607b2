"""20 turns at once on the real codex, each streaming for 3 seconds."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from zwarm_tui.demo.codex_home import codex_env, make_codex_home
from zwarm_tui.demo.model_server import ModelServer
from zwarm_tui.executors.base import ExecutorSettings
from zwarm_tui.sessions import CodexSessionManager


async def _measure(folder: Path) -> tuple[float, int]:
    async with ModelServer() as server:
        home = make_codex_home(folder / "codex home", server.url)
        settings = {"codex": ExecutorSettings(env=codex_env(home))}
        async with CodexSessionManager(folder / ".zwarm", max_concurrent=20, settings=settings) as manager:
            began = time.perf_counter()
            started = [await manager.start_session("@stream 3 600", working_dir=folder) for _ in range(20)]
            done = [await manager.wait(s.id, timeout=60) for s in started]
            took = time.perf_counter() - began
            return took, sum(s.status.value == "completed" for s in done)


def run() -> tuple[float, dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        took, completed = asyncio.run(_measure(Path(folder)))
    return took, {"completed": f"{completed}/20, codex's start included"}
