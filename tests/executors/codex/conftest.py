"""The real codex, with a home of its own, against a scripted model."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from zwarm_tui.core import events as e
from zwarm_tui.demo.codex_home import codex_env, make_codex_home
from zwarm_tui.demo.model_server import ModelServer
from zwarm_tui.executors.base import ExecutorSettings, ThreadSpec
from zwarm_tui.executors.codex.appserver import AppServer

E = TypeVar("E", bound=e.Event)


class Sink:
    """Collects a thread's events, and lets a test wait for one."""

    def __init__(self, tool: Callable[[str, dict[str, Any]], Any] | None = None) -> None:
        self.events: list[e.Event] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._tool = tool
        self._news = asyncio.Event()

    def emit(self, event: e.Event) -> None:
        self.events.append(event)
        self._news.set()

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> tuple[str, bool]:
        self.calls.append((name, arguments))
        self._news.set()
        return await self._tool(name, arguments) if self._tool else (f"{name} was run", True)

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def said(self) -> list[str]:
        return [event.text for event in self.of(e.Text)]

    def tokens(self) -> int:
        return sum(u.input + u.cached + u.output for u in self.of(e.Usage))

    async def until(self, kind: type[E], count: int = 1) -> E:
        async with asyncio.timeout(60):
            while len(self.of(kind)) < count:
                self._news.clear()
                await self._news.wait()
        return self.of(kind)[count - 1]

    async def called(self) -> None:
        async with asyncio.timeout(60):
            while not self.calls:
                self._news.clear()
                await self._news.wait()


@pytest.fixture(scope="session")
def codex_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CODEX_HOME (its path has a space); `model` says where it asks."""
    return make_codex_home(tmp_path_factory.mktemp("codex home"), "http://127.0.0.1:1")


@pytest.fixture
async def model(codex_home: Path) -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        config = codex_home / "config.toml"
        config.write_text(re.sub(r"http://[^/]+", server.url, config.read_text()))
        yield server


@pytest.fixture
def settings(codex_home: Path) -> ExecutorSettings:
    from codex_cli_bin import bundled_codex_path

    return ExecutorSettings(path=str(bundled_codex_path()), env=codex_env(codex_home))


@pytest.fixture
async def codex(settings: ExecutorSettings, model: ModelServer, tmp_path: Path) -> AsyncIterator[AppServer]:
    executor = AppServer(settings, tmp_path / "state")
    yield executor
    await executor.aclose()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", folder], check=True)
    return folder


@pytest.fixture
def spec(repo: Path) -> ThreadSpec:
    return ThreadSpec(session="s1", cwd=str(repo))


def texts(item: dict[str, Any]) -> str:
    """The text of a message in a request to the model."""
    content = item.get("content")
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content or [])
