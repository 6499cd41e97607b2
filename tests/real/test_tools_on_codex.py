"""The nine tools and the session manager on the real codex binary."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.real.conftest import idle, texts
from zwarm_tui.core.model import SessionStatus
from zwarm_tui.demo.model_server import ModelServer
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.tools.delegation import DelegationTools

pytestmark = pytest.mark.codex


@pytest.fixture
def tools(manager: CodexSessionManager, project: Path) -> DelegationTools:
    return DelegationTools(manager, working_dir=project, bash="allow")


async def test_three_delegations_overlap_and_return_at_once(
    tools: DelegationTools, manager: CodexSessionManager, server: ModelServer
) -> None:
    await tools.delegate("@say warm")  # codex's own start is not what is measured
    await idle(manager)
    took = []
    for _ in range(3):
        began = time.monotonic()
        result = await tools.delegate("@say begun\n@hang")
        took.append(time.monotonic() - began)
        assert "session_id" in result
    assert min(took) < 0.3  # one may meet a machine that is busy with something else
    async with asyncio.timeout(60):
        while server.peak_streams < 3:
            await asyncio.sleep(0.02)
    for turn in manager.running():
        await manager.interrupt(turn.session)


async def test_converse_sends_task_and_tool_history(
    tools: DelegationTools, manager: CodexSessionManager, server: ModelServer
) -> None:
    sid = (await tools.delegate("Remember the word QUINCE.\n@run echo 'tool output FIGS'\n@say noted"))[
        "session_id"
    ]
    await idle(manager)
    await tools.converse(sid, "And now?\n@say still here")
    await idle(manager)
    last = texts(server.requests[-1])
    assert "QUINCE" in last
    assert "tool output FIGS" in last
    assert "noted" in last
    checked = await tools.check_session(sid)
    assert [m["content"] for m in checked["messages"] if m["role"] == "assistant"] == ["noted", "still here"]


async def test_cached_tokens_are_priced_once(tools: DelegationTools, manager: CodexSessionManager) -> None:
    sid = (await tools.delegate("@usage 100000 90000 1000\n@say ok"))["session_id"]
    await idle(manager)
    session = manager.get_session(sid)
    assert session.model == "gpt-5.1-codex"
    assert session.cost == pytest.approx(0.03375)
    assert session.token_usage["input_tokens"] == 10_000
    assert session.token_usage["cached_tokens"] == 90_000


async def test_cumulative_usage_adds_up_over_fork_and_interrupt(
    manager: CodexSessionManager, server: ModelServer, project: Path
) -> None:
    def spent() -> int:
        return sum(t.total for v in manager.reader.sessions() for t in [v.tokens])

    s = await manager.start_session("@usage 900 0 100\n@say one", working_dir=project)
    await manager.wait(s.id, 30)
    assert spent() == 1000
    await manager.send_message(s.id, "@usage 900 0 100\n@say two")
    await manager.wait(s.id, 30)
    assert spent() == 2000
    child = await manager.fork_session(s.id, at_turn=2)
    await manager.send_message(s.id, "@usage 900 0 100\n@say the parent goes on")
    await manager.wait(s.id, 30)
    await manager.send_message(child.id, "@usage 900 0 100\n@say the child")
    await manager.wait(child.id, 30)
    assert spent() == 4000
    assert "the parent goes on" not in texts(server.requests[-1])
    await manager.send_message(s.id, "@stream 30 3000")
    async with asyncio.timeout(20):
        while not any(r.outcome == "running" and r.said for r in server.requests):
            await asyncio.sleep(0.02)
    await manager.interrupt(s.id)
    assert manager.get_session(s.id).status is SessionStatus.INTERRUPTED
    await manager.send_message(s.id, "@usage 900 0 100\n@say back")
    await manager.wait(s.id, 30)
    delivered = server.delivered()["gpt-5.1-codex"]
    assert spent() == 5000 == delivered.input + delivered.output
    assert manager.get_session(s.id).cost is None  # a cut-off response is reported nowhere


async def test_killing_codex_in_mid_turn_is_said_and_survived(
    manager: CodexSessionManager, server: ModelServer, project: Path
) -> None:
    first = await manager.start_session("The word is MEDLAR.\n@say ok", working_dir=project)
    await manager.wait(first.id, 30)
    running = [await manager.start_session("@stream 60 6000", working_dir=project) for _ in range(2)]
    async with asyncio.timeout(20):
        while sum(r.outcome == "running" for r in server.requests) < 2:
            await asyncio.sleep(0.02)
    zombie = psutil.STATUS_ZOMBIE
    children = [c for c in psutil.Process().children() if c.status() != zombie]
    killed = [c for c in children if "app-server" in c.cmdline()]
    began = time.monotonic()
    for process in killed:
        os.kill(process.pid, signal.SIGKILL)
    for s in running:
        after = await manager.wait(s.id, 2)
        assert after.status is SessionStatus.FAILED
        assert after.exit_code == -signal.SIGKILL
        assert after.needs_attention
    assert time.monotonic() - began < 2
    again = await manager.send_message(first.id, "Which word?\n@say MEDLAR")
    assert (await manager.wait(again.id, 30)).status is SessionStatus.COMPLETED
    assert "The word is MEDLAR" in texts(server.requests[-1])
    resumed = await manager.send_message(running[0].id, "@say I am back")
    assert (await manager.wait(resumed.id, 30)).status is SessionStatus.COMPLETED


async def test_an_approval_shows_the_exact_command(manager: CodexSessionManager, project: Path) -> None:
    s = await manager.start_session("@escalate touch outside.txt\n@say done", working_dir=project)
    async with asyncio.timeout(20):
        while not (waiting := manager.reader.requests(s.id)):
            await asyncio.sleep(0.02)
    assert "touch outside.txt" in getattr(waiting[0].event, "text", "")
    assert manager.get_session(s.id).status is SessionStatus.AWAITING_INPUT
    await manager.requests.decide(waiting[0].id, "accept")
    assert (await manager.wait(s.id, 30)).status is SessionStatus.COMPLETED
    assert (project / "outside.txt").exists()
