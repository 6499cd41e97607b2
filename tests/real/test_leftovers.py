"""Sessions whose commands left a process behind, outside of their group: ending them
ends it, through app-server (one process for all) and through exec."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest

from zwarm_tui.core.model import SessionStatus
from zwarm_tui.demo.codex_home import MODEL
from zwarm_tui.executors.base import Executor, ExecutorSettings
from zwarm_tui.executors.codex.appserver import AppServer
from zwarm_tui.executors.codex.exec import Exec
from zwarm_tui.sessions import CodexSessionManager

pytestmark = pytest.mark.codex
FULL = {"sandbox": "danger-full-access", "approvals": "never"}


def left(mark: str) -> list[psutil.Process]:
    """Processes whose arguments hold the mark, zombies too."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(mark in word for word in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def zombies() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            found += [process] if process.status() == psutil.STATUS_ZOMBIE else []
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("count", [6, pytest.param(100, marks=[pytest.mark.soak, pytest.mark.timeout(600)])])
@pytest.mark.parametrize("how", ["app-server", "exec"])
async def test_nothing_is_left(
    how: str, count: int, codex: ExecutorSettings, project: Path, tmp_path: Path
) -> None:
    mark = f"left-behind-{tmp_path.name}-{how}"
    command = f"setsid -f python3 -c 'import time; time.sleep(600)' {mark}"
    state = project / ".zwarm"
    adapter: Executor = AppServer(codex, state) if how == "app-server" else Exec(codex, state)
    async with CodexSessionManager(
        state, executor=adapter, default_model=MODEL, max_concurrent=10, thread_settings=FULL
    ) as manager:
        started = [
            await manager.start_session(f"@run {command}\n@say left one", working_dir=project)
            for _ in range(count)
        ]
        for s in started:
            assert (await manager.wait(s.id, 300)).status is SessionStatus.COMPLETED
        if how == "app-server":  # exec ends what a turn left behind with the turn
            assert len(left(mark)) == count
        first, *rest = started
        await manager.kill_session(first.id)
        if how == "app-server":
            assert len(left(mark)) == count - 1, "the others' processes are the others'"
        await asyncio.gather(*(manager.kill_session(s.id) for s in rest))
        assert left(mark) == []
    async with asyncio.timeout(20):  # one that has just ended, and is about to be reaped, does not stay
        while zombies():
            await asyncio.sleep(0.02)
