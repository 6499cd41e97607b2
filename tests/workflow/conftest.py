"""A project whose agents are the demo's, and runners that a program may bring along."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from zwarm_tui.sessions import CodexSessionManager


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, and the current folder."""
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / ".zwarm").mkdir()
    (folder / ".zwarm" / "config.toml").write_text('executor = "demo"\n')
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ZWARM_CONFIG_DIR", str(tmp_path / "no config"))
    monkeypatch.setenv("ZWARM_HOST", "never")
    return folder


@pytest.fixture
async def manager(project: Path) -> AsyncIterator[CodexSessionManager]:
    async with CodexSessionManager(project / ".zwarm", executor="demo", max_concurrent=8) as m:
        yield m


async def until(true: Callable[[], bool]) -> None:
    """Wait for what has no event of its own."""
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


Answer = Callable[[Path, Path], int | subprocess.CompletedProcess[str] | None]


@dataclass
class FakeRunner:
    """Keeps what it was called with; `answer` writes the output, and may return an exit
    status."""

    answer: Answer = lambda given, out: out.write_text(f"answer to {given.read_text()}") and None
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)

    def __call__(self, *args: Any, **options: Any) -> subprocess.CompletedProcess[str]:
        self.calls.append((args, options))
        done = self.answer(args[2], args[3])
        if isinstance(done, subprocess.CompletedProcess):
            return done
        return subprocess.CompletedProcess(["fake"], done or 0, "", "it went wrong" if done else "")


@pytest.fixture
def fake() -> FakeRunner:
    return FakeRunner()
