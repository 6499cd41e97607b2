"""Real tmux on a socket of the test's own; whatever a test leaves there is ended."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from zwarm_tui.executors.tmux import TmuxServer

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


@pytest.fixture
async def server() -> AsyncIterator[TmuxServer]:
    folder = Path(tempfile.mkdtemp(prefix="zt-"))
    server = TmuxServer(folder / "t")
    yield server
    for session in await server.list():
        await session.kill()
    shutil.rmtree(folder, ignore_errors=True)  # a server that is just leaving takes its socket away itself
