"""A stage with the real codex and the scripted model server."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from zwarm_tui.demo.codex_home import MODEL, codex_env, make_codex_home
from zwarm_tui.demo.model_server import ModelServer
from zwarm_tui.executors.base import ExecutorSettings
from zwarm_tui.sessions import CodexSessionManager

pytestmark = pytest.mark.codex


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


@pytest.fixture
def codex(server: ModelServer, tmp_path: Path) -> ExecutorSettings:
    """Settings of a codex that asks the scripted server."""
    return ExecutorSettings(env=codex_env(make_codex_home(tmp_path / "codex home", server.url)))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "my project"
    folder.mkdir()
    return folder


@pytest.fixture
async def manager(codex: ExecutorSettings, project: Path) -> AsyncIterator[CodexSessionManager]:
    async with CodexSessionManager(
        project / ".zwarm", default_model=MODEL, settings={"codex": codex}, max_concurrent=20
    ) as m:
        yield m


def texts(request: Any) -> str:
    """All that a request to the model held, as one text."""
    return str(request.input)


async def idle(manager: CodexSessionManager) -> None:
    async with asyncio.timeout(60):
        while tasks := [t.task for t in manager.running() if t.task is not None]:
            await asyncio.wait(tasks)


@pytest.fixture
def codex_settings(tmp_path: Path) -> Any:
    """A configuration folder whose codex asks a scripted server, which runs beside."""
    ready, done = threading.Event(), threading.Event()
    found: list[str] = []

    async def serve() -> None:
        async with ModelServer() as server:
            found.append(server.url)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait(20)
    env = codex_env(make_codex_home(tmp_path / "codex home", found[0]))
    folder = tmp_path / "config"
    folder.mkdir()
    table = "\n".join(f"{k} = {json.dumps(v)}" for k, v in env.items())
    (folder / "config.toml").write_text(f"[codex.env]\n{table}\n")
    yield folder
    done.set()
    thread.join()
