"""The host: a verb over its socket, its start, and what it takes when it does nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.bench.help import timed
from tests.store.factory import fill
from zwarm_tui.config.settings import load
from zwarm_tui.host.connect import connect
from zwarm_tui.wire import place

DEMO = 'executor = "demo"\nmax_concurrent = 20\n[pilot]\nbrain = "demo"\n'


@contextlib.contextmanager
def project(settings: str = DEMO) -> Iterator[Path]:
    """A project of its own, whose host is stopped at the end."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "project"
        (made / ".zwarm").mkdir(parents=True, mode=0o700)
        (made / ".zwarm" / "config.toml").write_text(settings)
        os.environ["ZWARM_CONFIG_DIR"] = str(Path(folder) / "config")
        os.environ.pop("ZWARM_HOST", None)
        try:
            yield made
        finally:
            zwarm(made, "host", "stop", "--running", "interrupt")
            del os.environ["ZWARM_CONFIG_DIR"]


def zwarm(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "zwarm_tui", "--project", str(project), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=True)


def verb_ms() -> tuple[float, dict[str, str]]:
    """A verb of a connected client, until it is acknowledged: it is in the log."""

    async def measure(project: Path) -> list[float]:
        client = await connect(project, load(project).settings)
        times = []
        for number in range(200):
            began = time.perf_counter()
            await client.rename_branch("main" if number == 0 else f"b{number}", f"b{number + 1}")
            times.append((time.perf_counter() - began) * 1000)
        await client.aclose()
        return times

    with project() as made:
        times = asyncio.run(measure(made))
        return statistics.median(times), {"p95": f"{statistics.quantiles(times, n=20)[-1]:.1f} ms"}


def ls_cold_ms() -> tuple[float, dict[str, str]]:
    """`ls --json` as a process of its own, with 100 sessions."""
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), sessions=100, events=50)
        argv = [sys.executable, "-m", "zwarm_tui", "--project", folder, "ls", "--json"]
        timed(argv, 2)
        return statistics.median(timed(argv)), {}


def host_start_ms() -> tuple[float, dict[str, str]]:
    """From the wish of a client to its first answered request."""

    async def start(project: Path) -> float:
        began = time.perf_counter()
        client = await connect(project, load(project).settings)
        took = (time.perf_counter() - began) * 1000
        await client.aclose()
        return took

    with project() as made:
        times = []
        for _ in range(5):
            times.append(asyncio.run(start(made)))
            zwarm(made, "host", "stop")
        return statistics.median(times), {"worst": f"{max(times):.0f} ms"}


def idle_cpu_percent() -> tuple[float, dict[str, str]]:
    """A host with 100 finished sessions, over ten seconds."""
    with idle() as host:
        before = sum(host.cpu_times()[:2])
        time.sleep(10)
        return (sum(host.cpu_times()[:2]) - before) * 10, {}


def idle_rss_mb() -> tuple[float, dict[str, str]]:
    """The same host's memory."""
    with idle() as host:
        return host.memory_info().rss / 2**20, {}


@contextlib.contextmanager
def idle() -> Iterator[psutil.Process]:
    """A host after 100 sessions, none of which runs any more."""

    async def play(project: Path) -> None:
        client = await connect(project, load(project).settings)
        for _ in range(100):
            await client.delegate("@stream 0.1 2000\n@say Done.\n@usage 1000 0 100")
        await client.aclose()

    with project() as made:
        asyncio.run(play(made))
        zwarm(made, "wait")
        card = place.standing(made)
        assert card is not None
        yield psutil.Process(card.pid)
