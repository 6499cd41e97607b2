"""The session manager over the demo agent: real child processes, the real log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from zwarm_tui.core.errors import SessionBusyError, SessionNotFoundError, UsageError
from zwarm_tui.core.events import ApprovalResolved, Notice, Record
from zwarm_tui.core.model import SessionStatus
from zwarm_tui.executors.base import Decision, ExecutorSettings
from zwarm_tui.executors.demo import DemoExecutor
from zwarm_tui.sessions import CodexSessionManager, ExecutorSession

QUICK = "@say Done.\n@usage 1000 200 50"


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[CodexSessionManager]:
    async with CodexSessionManager(tmp_path / ".zwarm", executor="demo", max_concurrent=2) as m:
        yield m


async def until(manager: CodexSessionManager, session: str, status: SessionStatus) -> None:
    """Wait for the event: the log says that the session has that status."""
    async with asyncio.timeout(60):
        while manager.get_session(session).status is not status:
            seen = asyncio.get_running_loop().create_future()
            loop = asyncio.get_running_loop()
            off = manager.store.subscribe(
                lambda _, seen=seen, loop=loop: loop.call_soon_threadsafe(
                    lambda: seen.done() or seen.set_result(None)
                )
            )
            if manager.get_session(session).status is not status:
                await asyncio.wait({seen}, timeout=1)
            off()


async def test_a_session_runs_and_is_flagged(manager: CodexSessionManager, tmp_path: Path) -> None:
    s = await manager.start_session(QUICK, working_dir=tmp_path)
    assert s.status.active
    done = await manager.wait(s.id, timeout=60)
    assert done.status is SessionStatus.COMPLETED
    assert done.needs_attention
    assert done.attention_reason == "completed"
    assert [m["role"] for m in done.messages] == ["user", "assistant"]
    assert done.messages[1]["content"] == "Done."
    assert done.token_usage["input_tokens"] == 800
    assert done.token_usage["cached_tokens"] == 200
    assert done.token_usage["output_tokens"] == 50
    assert done.working_dir == str(tmp_path)


async def test_peeking_leaves_the_flag_and_converse_clears_it(
    manager: CodexSessionManager, tmp_path: Path
) -> None:
    s = await manager.start_session(QUICK, working_dir=tmp_path)
    await manager.wait(s.id, timeout=60)
    assert manager.get_session(s.id[:4]).needs_attention
    again = await manager.send_message(s.id, "@say Twice.")
    assert not again.needs_attention
    done = await manager.wait(s.id, timeout=60)
    assert [m["content"] for m in done.messages if m["role"] == "assistant"] == ["Done.", "Twice."]
    assert done.view.turns == 2
    manager.acknowledge(s.id)
    assert not manager.get_session(s.id).needs_attention


async def test_only_so_many_turns_run_and_the_rest_queue(
    manager: CodexSessionManager, tmp_path: Path
) -> None:
    slow = [await manager.start_session("@hang", working_dir=tmp_path) for _ in range(2)]
    for s in slow:
        await until(manager, s.id, SessionStatus.RUNNING)
    third = await manager.start_session(QUICK, working_dir=tmp_path)
    assert manager.get_session(third.id).status is SessionStatus.PENDING
    await manager.interrupt(slow[0].id)
    assert manager.get_session(slow[0].id).status is SessionStatus.INTERRUPTED
    assert (await manager.wait(third.id, timeout=60)).status is SessionStatus.COMPLETED


async def test_a_turn_that_stood_in_the_queue_was_not_silent(tmp_path: Path) -> None:
    async with CodexSessionManager(tmp_path / ".zwarm", executor="demo", max_concurrent=1) as manager:
        first = await manager.start_session("@hang", working_dir=tmp_path)
        await until(manager, first.id, SessionStatus.RUNNING)
        await manager.start_session(QUICK, working_dir=tmp_path)
        _, queued = manager.running()
        queued.heard -= 3600  # so long ago that was
        await manager.interrupt(first.id)
        await queued.placed.wait()  # its agent has yet to say a word
        assert time.monotonic() - queued.heard < 1800
        assert (await manager.wait(queued.session, timeout=60)).status is SessionStatus.COMPLETED


async def test_a_queued_turn_can_be_taken_back(manager: CodexSessionManager, tmp_path: Path) -> None:
    for _ in range(2):
        s = await manager.start_session("@hang", working_dir=tmp_path)
        await until(manager, s.id, SessionStatus.RUNNING)
    queued = await manager.start_session(QUICK, working_dir=tmp_path)
    await manager.interrupt(queued.id)
    after = manager.get_session(queued.id)
    assert after.status is SessionStatus.INTERRUPTED
    assert after.thread_id is None


async def test_a_busy_session_says_so(manager: CodexSessionManager, tmp_path: Path) -> None:
    s = await manager.start_session("@hang", working_dir=tmp_path)
    with pytest.raises(SessionBusyError, match=s.id):
        await manager.send_message(s.id, "more")


async def test_who_sees_a_turn_s_end_can_go_on_at_once(tmp_path: Path) -> None:
    """Another process may read the end before the manager knows that it is written."""
    going_on = list[asyncio.Task[ExecutorSession]]()

    def heard(record: Record) -> None:
        if record.event.kind == "turn.ended" and not going_on:
            going_on.append(asyncio.create_task(manager.send_message(record.session, "@say Twice.")))

    async with CodexSessionManager(tmp_path / ".zwarm", executor="demo", events=heard) as manager:
        s = await manager.start_session(QUICK, working_dir=tmp_path)
        await manager.wait(s.id, timeout=60)
        await going_on[0]
        done = await manager.wait(s.id, timeout=60)
        assert [m["content"] for m in done.messages if m["role"] == "assistant"] == ["Done.", "Twice."]


async def test_kill_and_delete(manager: CodexSessionManager, tmp_path: Path) -> None:
    s = await manager.start_session("@hang", working_dir=tmp_path)
    await until(manager, s.id, SessionStatus.RUNNING)
    await manager.kill_session(s.id, "enough")
    killed = manager.get_session(s.id)
    assert killed.status is SessionStatus.KILLED
    assert killed.error == "enough"
    await manager.delete_session(s.id)
    assert manager.list_sessions() == []


async def test_a_failed_turn_keeps_its_cause(manager: CodexSessionManager, tmp_path: Path) -> None:
    s = await manager.start_session("@die", working_dir=tmp_path)
    failed = await manager.wait(s.id, timeout=60)
    assert failed.status is SessionStatus.FAILED
    assert failed.exit_code == 3
    assert failed.attention_reason == "failed"
    after = await manager.send_message(s.id, QUICK)
    assert (await manager.wait(after.id, timeout=60)).status is SessionStatus.COMPLETED


async def test_an_approval_waits_and_is_decided(manager: CodexSessionManager, tmp_path: Path) -> None:
    s = await manager.start_session("@escalate touch made\n@say Thanks.", working_dir=tmp_path)
    await until(manager, s.id, SessionStatus.AWAITING_INPUT)
    [request] = manager.reader.requests(s.id)
    assert manager.get_session(s.id).attention_reason == "approval"
    assert getattr(request.event, "text", "") == "touch made"
    await manager.requests.decide(request.id, "accept")
    assert (await manager.wait(s.id, timeout=60)).status is SessionStatus.COMPLETED
    assert (tmp_path / "made").exists()


class Slow(DemoExecutor):
    """Its agents have heard an answer some time before that is known."""

    def __init__(self, state: Path) -> None:
        super().__init__(ExecutorSettings(), state)
        self.given, self.go = asyncio.Event(), asyncio.Event()

    async def answer(self, thread: str, request: str, decision: Decision, message: str = "") -> None:
        await super().answer(thread, request, decision, message)
        self.given.set()
        await self.go.wait()


async def test_a_decision_that_ends_the_turn_is_no_other_and_leaves_its_flag(tmp_path: Path) -> None:
    agent, records = Slow(tmp_path / ".zwarm"), list[Record]()
    async with CodexSessionManager(tmp_path / ".zwarm", executor=agent, events=records.append) as manager:
        session = (await manager.start_session("@escalate ls\n@say Done.", working_dir=tmp_path)).id
        await until(manager, session, SessionStatus.AWAITING_INPUT)
        (turn,) = manager.running()
        (request,) = turn.requests
        deciding = asyncio.create_task(manager.requests.decide(request, "accept"))
        await agent.given.wait()
        with pytest.raises(UsageError, match="any more"):
            await manager.requests.decide(request, "decline")
        done = await manager.wait(session, timeout=30)
        agent.go.set()
        await deciding
        resolved = [r.event.decision for r in records if isinstance(r.event, ApprovalResolved)]
        assert resolved == ["accept"], "and not withdrawn"
        attention = manager.get_session(session).view.attention
        assert done.needs_attention
        assert attention is not None, "it has completed"
        assert attention.reason == "completed"


async def test_an_idle_turn_is_flagged_then_interrupted(tmp_path: Path) -> None:
    async with CodexSessionManager(tmp_path / ".zwarm", executor="demo", idle_timeout=0.6) as m:
        s = await m.start_session("@hang", working_dir=tmp_path)
        ids = await m.requests.wait_for_attention(60)
        assert ids == [s.id]
        done = await m.wait(s.id, timeout=60)
        assert done.status is SessionStatus.INTERRUPTED
        assert "idle_timeout = 0.6" in (done.error or "")


async def test_a_fork_has_the_history_up_to_its_turn(manager: CodexSessionManager, tmp_path: Path) -> None:
    s = await manager.start_session("@say one", working_dir=tmp_path)
    await manager.wait(s.id, timeout=60)
    await manager.send_message(s.id, "@say two")
    await manager.wait(s.id, timeout=60)
    child = await manager.fork_session(s.id, at_turn=1)
    assert child.parent_id == s.id
    await manager.send_message(child.id, "@say three")
    done = await manager.wait(child.id, timeout=60)
    assert done.thread_id != manager.get_session(s.id).thread_id
    with pytest.raises(UsageError, match="no ended turn 7"):
        await manager.fork_session(s.id, at_turn=7)


async def test_a_restart_shows_the_same_and_goes_on(tmp_path: Path) -> None:
    async with CodexSessionManager(tmp_path / ".zwarm", executor="demo") as m:
        s = await m.start_session("@say one", working_dir=tmp_path)
        before = (await m.wait(s.id, timeout=60)).to_json()
    async with CodexSessionManager(tmp_path / ".zwarm", executor="demo") as m:
        assert m.recover() == []
        assert m.get_session(s.id).to_json() == before
        await m.send_message(s.id, "@say two")
        done = await m.wait(s.id, timeout=60)
        assert done.view.how == "resumed"
        assert [x["content"] for x in done.messages if x["role"] == "assistant"] == ["one", "two"]


async def test_closing_interrupts_and_marks_resumable(tmp_path: Path) -> None:
    async with CodexSessionManager(tmp_path / ".zwarm", executor="demo") as m:
        s = await m.start_session("@hang", working_dir=tmp_path)
        await until(m, s.id, SessionStatus.RUNNING)
    async with CodexSessionManager(tmp_path / ".zwarm", executor="demo") as m:
        left = m.get_session(s.id)
        assert left.status is SessionStatus.INTERRUPTED
        assert "quit" in (left.error or "")


async def test_wrong_use_is_a_sentence(manager: CodexSessionManager, tmp_path: Path) -> None:
    with pytest.raises(SessionNotFoundError, match="no session 'nope'"):
        manager.get_session("nope")
    with pytest.raises(UsageError, match="is no folder"):
        await manager.start_session("x", working_dir=tmp_path / "missing")
    with pytest.raises(UsageError, match="needs some words"):
        await manager.start_session("  ")
    with pytest.raises(UsageError, match="no status 'busy'"):
        manager.list_sessions("busy")


async def test_a_long_session_says_so_once(manager: CodexSessionManager, tmp_path: Path) -> None:
    s = await manager.start_session("@say One.", working_dir=tmp_path)
    await manager.wait(s.id, timeout=60)

    def warnings() -> list[str]:
        manager.store.flush()
        records = manager.reader.records(s.id, manager.reader.path(manager.branch))
        return [r.event.text for r in records if isinstance(r.event, Notice)]

    for turn in range(2, 13):
        assert len(warnings()) == (turn > 10)
        await manager.send_message(s.id, "@say More.")
        await manager.wait(s.id, timeout=60)
    [warning] = warnings()
    assert "10 turns" in warning
    assert "branch from a checkpoint, or start afresh with a summary" in warning


async def test_a_full_context_is_told_of_at_once(manager: CodexSessionManager, tmp_path: Path) -> None:
    s = await manager.start_session("@say Full.\n@usage 258000 0 0", working_dir=tmp_path)
    await manager.wait(s.id, timeout=60)
    manager.store.flush()
    records = manager.reader.records(s.id, manager.reader.path(manager.branch))
    [warning] = [r.event.text for r in records if isinstance(r.event, Notice)]
    assert "1 turn, and its context is " in warning
