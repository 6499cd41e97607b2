"""Hosts as their users have them: real processes, started by the command line."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from zwarm_tui.client import EngineClient
from zwarm_tui.config.paths import project_id
from zwarm_tui.config.settings import load
from zwarm_tui.core.model import SessionView
from zwarm_tui.executors.process import PROJECT_MARK
from zwarm_tui.host.connect import connect
from zwarm_tui.store.reader import Reader
from zwarm_tui.wire import place

DEMO = 'executor = "demo"\nmax_concurrent = 20\n[pilot]\nbrain = "demo"\n'
PATIENCE = 30.0


class Stage:
    """A project, the command line in it, and an end to all that was started."""

    def __init__(self, project: Path) -> None:
        self.project = project

    def settings(self, text: str) -> None:
        folder = self.project / ".zwarm"
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "config.toml").write_text(text)

    def zwarm(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the command line as a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "zwarm_tui", "--project", str(self.project), *arguments],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            env={**os.environ, **variables},
        )

    def json(self, *arguments: str, **variables: str) -> Any:
        """What a verb answers with --json."""
        done = self.zwarm(*arguments, "--json", **variables)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    async def connect(self) -> EngineClient:
        return await connect(self.project, load(self.project).settings)

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[EngineClient]:
        client = await self.connect()
        try:
            yield client
        finally:
            await client.aclose()

    def pid(self) -> int:
        card = place.standing(self.project)
        assert card is not None
        return card.pid

    def kill(self) -> None:
        """kill -9 of the host; returns when it is dead."""
        host = psutil.Process(self.pid())
        host.send_signal(signal.SIGKILL)
        until(lambda: dead(host), "the host is dead")

    def reader(self) -> Reader:
        return Reader(self.project / ".zwarm" / "zwarm.db")

    def session(self, id: str) -> SessionView:
        reader = self.reader()
        try:
            view = reader.session(id)
        finally:
            reader.close()
        assert view is not None
        return view

    def processes(self) -> list[psutil.Process]:
        """All that carries the project's mark: the host, and what it started."""
        mark, found = project_id(self.project), []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(PROJECT_MARK) == mark or self._is_host(process):
                    found.append(process)
        return found

    def _is_host(self, process: psutil.Process) -> bool:
        line = process.cmdline()
        return str(self.project) in line and line[-1] != "--json" and "host" in line

    def end(self) -> None:
        """Whatever happened: nothing is left."""
        while left := self.processes():
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            time.sleep(0.01)  # a zombie, of whom pid 1 takes its time to hear, is no process


def dead(process: psutil.Process) -> bool:
    """It is gone, or would be if its parent took note."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def until(condition: Callable[[], Any], what: str = "it happened") -> Any:
    """Wait for a fact of another process, which nobody tells us."""
    limit = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < limit, f"waited in vain until {what}"
        time.sleep(0.01)
    return found


async def eventually(condition: Callable[[], Any], what: str = "it happened") -> Any:
    """The same, while this process's own clients go on."""
    limit = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < limit, f"waited in vain until {what}"
        await asyncio.sleep(0.01)
    return found


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A project whose agents are the demo's."""
    monkeypatch.setenv("ZWARM_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.delenv("ZWARM_HOST", raising=False)
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    (project / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    made = Stage(project)
    made.settings(DEMO)
    yield made
    made.end()
