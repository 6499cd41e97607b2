"""A manager over the demo agent, and a folder to work in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from zwarm_tui.core import events as e
from zwarm_tui.sessions import CodexSessionManager


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my project"
    folder.mkdir()
    return folder


@pytest.fixture
async def sessions(tmp_path: Path) -> AsyncIterator[CodexSessionManager]:
    async with CodexSessionManager(tmp_path / ".zwarm", executor="demo") as m:
        yield m


def logged(sessions: CodexSessionManager, session: str | None, *types: type[e.Event]) -> list[e.Event]:
    """The session's events of these types, as the log has them."""
    sessions.store.flush()
    path = sessions.reader.path(sessions.branch)
    return [r.event for r in sessions.reader.records(session, path) if isinstance(r.event, types)]
