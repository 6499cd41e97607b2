"""A codex that hangs: what a person decides about its session still happens, in time."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from zwarm_tui.core import events as e
from zwarm_tui.core.model import SessionStatus
from zwarm_tui.demo.codex_home import MODEL
from zwarm_tui.executors.base import ExecutorSettings
from zwarm_tui.executors.codex import appserver
from zwarm_tui.executors.codex.appserver import AppServer
from zwarm_tui.sessions import CodexSessionManager, stopping

pytestmark = pytest.mark.codex


async def test_an_interrupt_does_not_wait_for_one_that_has_not_begun(
    codex: ExecutorSettings, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "STOP_GRACE", 0.2)
    monkeypatch.setattr(appserver, "STOP_WAIT", 0.05)
    bound = asyncio.Event()

    def stop_it(record: e.Record) -> None:
        if isinstance(record.event, e.ThreadBound):  # it has the thread, and is about to get the turn
            assert adapter._server is not None
            os.kill(adapter._server.rpc.child.pid, signal.SIGSTOP)
            bound.set()

    adapter = AppServer(codex, project / ".zwarm")
    async with CodexSessionManager(
        project / ".zwarm", executor=adapter, default_model=MODEL, events=stop_it
    ) as manager:
        session = (await manager.start_session("@say never", working_dir=project)).id
        await bound.wait()
        await manager.running()[0].placed.wait()
        began = time.monotonic()
        interrupting = asyncio.create_task(manager.interrupt(session))
        async with asyncio.timeout(40):  # codex itself is given 60 s to begin on a turn
            while manager.get_session(session).status.active:
                await asyncio.sleep(0.02)
        assert adapter._server is not None
        os.kill(adapter._server.rpc.child.pid, signal.SIGCONT)
        await interrupting
        assert manager.get_session(session).status is SessionStatus.INTERRUPTED
        assert time.monotonic() - began < 40
