"""The app-server executor, with the real codex."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.executors.codex.conftest import Sink, texts
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ExecutorError, TurnOverError
from zwarm_tui.demo.model_server import ModelServer, Request
from zwarm_tui.executors.base import ExecutorSettings, ThreadSpec, Tool
from zwarm_tui.executors.codex import appserver
from zwarm_tui.executors.codex.appserver import AppServer

pytestmark = pytest.mark.codex


def server_pid(codex: AppServer) -> int:
    assert codex._server is not None
    return codex._server.rpc.child.pid


async def test_a_turn_streams_all_that_it_does(codex: AppServer, spec: ThreadSpec, repo: Path) -> None:
    sink = Sink()
    thread = await codex.start(spec, sink)
    ended = await codex.run_turn(
        thread,
        "Do it.\n@think let me see\n@say I begin\n@usage 1000 0 10\n@run echo hi; exit 3\n"
        "@usage 1000 100 10 5\n@write new.txt hello\n@usage 900 0 20\n@say All done",
    )
    assert ended == e.TurnEnded(status="completed", turn_id=ended.turn_id)
    assert sink.of(e.TurnStarted) == [e.TurnStarted(ended.turn_id)]
    assert [r.text for r in sink.of(e.Reasoning)] == ["let me see"]
    assert sink.said() == ["I begin", "All done"]
    assert [d.text for d in sink.of(e.TextDelta)] == ["I begin", "All done"]
    [done] = sink.of(e.CommandDone)
    assert (done.command, done.cwd, done.exit_code, done.status) == (
        "echo hi; exit 3",
        str(repo),
        3,
        "failed",
    )
    assert "hi" in done.output
    before, after = sink.of(e.FilesChanged)
    assert (before.status, after.status, before.item) == ("in_progress", "completed", after.item)
    assert after.changes == (e.FileChange(str(repo / "new.txt"), "add", "hello\n"),)
    assert (repo / "new.txt").read_text() == "hello\n"
    assert "+hello" in sink.of(e.TurnDiff)[-1].text
    assert [(u.model, u.input, u.cached, u.output, u.context) for u in sink.of(e.Usage)] == [
        ("gpt-5.1-codex", 1000, 0, 10, 1000),
        ("gpt-5.1-codex", 900, 100, 10, 1000),
        ("gpt-5.1-codex", 900, 0, 20, 900),
    ]
    assert not sink.of(e.Unknown)
    assert not [n for n in sink.of(e.Notice) if n.level != "info" and "bubblewrap" not in n.text]


async def test_converse_sends_the_whole_history(
    codex: AppServer, spec: ThreadSpec, model: ModelServer
) -> None:
    thread = await codex.start(spec, Sink())
    await codex.run_turn(thread, "@run echo first-output\n@say the first answer")
    await codex.run_turn(thread, "@say the second answer")
    sent = str(model.requests[-1].input)
    assert "first-output" in sent
    assert "the first answer" in sent


async def test_raw_lines_are_kept_private_and_apart(
    codex: AppServer, spec: ThreadSpec, tmp_path: Path
) -> None:
    thread = await codex.start(spec, Sink())
    await codex.run_turn(thread, "@say kept")
    kept = tmp_path / "state" / "raw" / f"{thread}.jsonl"
    assert '"kept"' in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("decision", "status"), [("accept", "completed"), ("decline", "completed"), ("cancel", "interrupted")]
)
async def test_an_approval_waits_for_its_answer(
    codex: AppServer, spec: ThreadSpec, repo: Path, model: ModelServer, decision: str, status: str
) -> None:
    sink = Sink()
    thread = await codex.start(spec, sink)
    turn = asyncio.create_task(codex.run_turn(thread, f"@escalate touch {repo.parent}/outside\n@say over"))
    asked = await sink.until(e.ApprovalRequested)
    assert (asked.what, asked.cwd) == ("command", str(repo))
    assert asked.reason
    assert asked.text.endswith(f"'touch {repo.parent}/outside'")
    assert not turn.done()
    await codex.answer(thread, asked.request, decision, "do it inside" if decision == "decline" else "")  # type: ignore[arg-type]
    ended = await turn
    assert ended.status == status
    assert (repo.parent / "outside").exists() == (decision == "accept")
    assert ("do it inside" in str(model.requests[-1].input)) == (decision == "decline")
    with pytest.raises(ExecutorError, match="no longer waits"):
        await codex.answer(thread, asked.request, "accept")


async def test_an_accepted_command_is_not_asked_again_in_that_session(
    codex: AppServer, spec: ThreadSpec, repo: Path
) -> None:
    sink = Sink()
    thread = await codex.start(spec, sink)
    again = f"@escalate touch {repo.parent}/outside\n" * 2
    turn = asyncio.create_task(codex.run_turn(thread, again))
    await codex.answer(thread, (await sink.until(e.ApprovalRequested)).request, "accept_session")
    assert (await turn).status == "completed"
    assert len(sink.of(e.ApprovalRequested)) == 1


async def test_a_patch_is_shown_before_it_is_allowed(codex: AppServer, spec: ThreadSpec, repo: Path) -> None:
    sink = Sink()
    thread = await codex.start(replace(spec, approvals="untrusted"), sink)
    turn = asyncio.create_task(codex.run_turn(thread, "@write new.txt hello\n@say over"))
    asked = await sink.until(e.ApprovalRequested)
    assert asked.what == "files"
    assert asked.text == f"add {repo}/new.txt\n\nhello"
    await codex.answer(thread, asked.request, "decline")
    assert (await turn).status == "completed"
    assert sink.of(e.FilesChanged)[-1].status == "declined"
    assert not (repo / "new.txt").exists()


async def test_an_open_approval_is_withdrawn_with_its_turn(codex: AppServer, spec: ThreadSpec) -> None:
    sink = Sink()
    thread = await codex.start(spec, sink)
    turn = asyncio.create_task(codex.run_turn(thread, "@escalate touch /x\n@say over"))
    asked = await sink.until(e.ApprovalRequested)
    await codex.interrupt(thread)
    assert (await turn).status == "interrupted"
    [resolved] = sink.of(e.ApprovalResolved)
    assert (resolved.request, resolved.decision) == (asked.request, "withdrawn")


async def test_steer_reaches_the_running_turn(
    codex: AppServer, spec: ThreadSpec, repo: Path, model: ModelServer
) -> None:
    sink = Sink()
    thread = await codex.start(spec, sink)
    turn = asyncio.create_task(
        codex.run_turn(thread, "@run until [ -e steered ]; do sleep 0.02; done\n@say first")
    )
    await sink.until(e.CommandStarted)
    await codex.steer(thread, "and mind the gap\n@say second")
    (repo / "steered").touch()
    assert (await turn).status == "completed"
    assert "and mind the gap" in str(model.requests[-1].input)
    with pytest.raises(ExecutorError, match="no turn runs"):
        await codex.steer(thread, "too late")


async def test_a_start_that_nobody_waits_for_leaves_no_server(codex: AppServer, spec: ThreadSpec) -> None:
    before = psutil.Process().children()
    starting = asyncio.create_task(codex.start(spec, Sink()))
    async with asyncio.timeout(20):
        while not (below := [p for p in psutil.Process().children() if p not in before]):
            await asyncio.sleep(0)
    os.kill(below[0].pid, signal.SIGSTOP)  # it won't answer
    for _ in range(200):
        await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not any(process.is_running() for process in below)
    thread = await codex.start(spec, Sink())  # the next one starts another
    assert (await codex.run_turn(thread, "@say Hello.")).status == "completed"


async def test_a_message_after_the_last_response_is_answered_or_counted(
    codex: AppServer, spec: ThreadSpec
) -> None:
    """Codex accepts one in the moment between its last response and the turn's end, and
    answers it no more (measured: 0.163, in one of five that are sent at once after it)."""
    sink = Sink()
    thread = await codex.start(spec, sink)
    for i in range(40):
        sink.events.clear()
        turn = asyncio.create_task(codex.run_turn(thread, f"@say first{i}"))
        await sink.until(e.Usage if i % 2 else e.Text)
        await asyncio.sleep((i // 2) * 0.0002)
        refused = False
        try:
            await codex.steer(thread, f"@say second{i}")
        except TurnOverError:
            refused = True
        ended = await turn
        assert ended.status == "completed"
        answered = f"second{i}" in sink.said()
        assert refused or ended.late == int(not answered), f"round {i}"
        assert not (refused and answered), f"round {i}"


async def test_steer_cuts_a_response_off(codex: AppServer, spec: ThreadSpec, model: ModelServer) -> None:
    sink = Sink()
    thread = await codex.start(spec, sink)
    turn = asyncio.create_task(codex.run_turn(thread, "@run true\n@say partial\n@hang"))
    await sink.until(e.TextDelta)
    await codex.steer(thread, "go on\n@say second")
    assert (await turn).status == "completed"
    assert len(model.requests) == 3
    assert len(sink.of(e.UsageUnknown)) == 1


async def test_interrupt_cuts_a_response_off(codex: AppServer, spec: ThreadSpec) -> None:
    sink = Sink()
    thread = await codex.start(spec, sink)
    await codex.interrupt(thread)  # nothing runs: nothing happens
    turn = asyncio.create_task(codex.run_turn(thread, "@say partial\n@hang"))
    await sink.until(e.TextDelta)
    with pytest.raises(ExecutorError, match="at work"):
        await codex.run_turn(thread, "another")
    await codex.interrupt(thread)
    assert (await turn).status == "interrupted"
    assert len(sink.of(e.UsageUnknown)) == 1
    assert (await codex.run_turn(thread, "@usage 1000 0 10\n@say on we go")).status == "completed"
    assert sink.tokens() == 1010


async def test_interrupt_during_a_command_loses_no_tokens(codex: AppServer, spec: ThreadSpec) -> None:
    sink = Sink()
    thread = await codex.start(spec, sink)
    turn = asyncio.create_task(
        codex.run_turn(thread, "@usage 1000 0 10\n@run sleep 30\n@usage 700 0 7\n@say never")
    )
    await sink.until(e.CommandStarted)
    await codex.interrupt(thread)
    assert (await turn).status == "interrupted"
    assert (sink.tokens(), sink.of(e.UsageUnknown)) == (1010, [])


@pytest.mark.parametrize("at", ["a response", "a command", "nothing yet"])
async def test_a_turn_that_a_hanging_codex_is_at_ends_with_its_cost_unknown(
    codex: AppServer, spec: ThreadSpec, model: ModelServer, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    monkeypatch.setattr(appserver, "STOP_WAIT", 0.05)
    sink = Sink()
    thread = await codex.start(spec, sink)
    pid = server_pid(codex)
    if at == "nothing yet":
        os.kill(pid, signal.SIGSTOP)
    what = "@run sleep 30" if at == "a command" else "@say partial\n@hang"
    turn = asyncio.create_task(codex.run_turn(thread, what))
    if at != "nothing yet":
        await sink.until(e.CommandStarted if at == "a command" else e.TextDelta)
        os.kill(pid, signal.SIGSTOP)
    end = asyncio.create_task(codex.end(thread))
    try:
        await sink.until(e.UsageUnknown)
    finally:
        monkeypatch.undo()
        os.kill(pid, signal.SIGCONT)
    assert (await turn).status == "interrupted"
    await end
    assert len(sink.of(e.UsageUnknown)) == 1
    async with asyncio.timeout(20):  # nothing of it goes on behind our back
        while any(request.outcome == "running" for request in model.requests):
            await asyncio.sleep(0.01)


async def test_a_message_that_codex_may_have_taken_up_unheard_has_an_unknown_cost(
    codex: AppServer, spec: ThreadSpec
) -> None:
    class Deaf:
        async def call(self, method: str, params: dict[str, object]) -> None:
            raise TimeoutError

    sink = Sink()
    thread = await codex.start(spec, sink)
    codex._threads[thread].rpc = Deaf()  # type: ignore[assignment]
    with pytest.raises(ExecutorError, match="did not answer turn/start"):
        await codex.run_turn(thread, "@say Yes.")
    assert len(sink.of(e.UsageUnknown)) == 1


async def test_a_cancelled_turn_is_interrupted(
    codex: AppServer, spec: ThreadSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appserver, "STOP_WAIT", 30.0)  # codex may take its time to begin on it
    sink = Sink()
    thread = await codex.start(spec, sink)
    turn = asyncio.create_task(codex.run_turn(thread, "@say partial\n@hang"))
    await asyncio.sleep(0)  # codex has not even answered turn/start
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert (await codex.run_turn(thread, "@say still here")).status == "completed"
    assert sink.said() == ["still here"]


async def test_a_failed_response_fails_the_turn(codex: AppServer, spec: ThreadSpec) -> None:
    sink = Sink()
    thread = await codex.start(spec, sink)
    ended = await codex.run_turn(thread, "@fail the model is out of order")
    assert ended.status == "failed"
    assert "the model is out of order" in (ended.error or "")
    assert len(sink.of(e.UsageUnknown)) == 1


async def test_a_broken_stream_is_a_warning_then_a_failure(codex: AppServer, spec: ThreadSpec) -> None:
    sink = Sink()
    thread = await codex.start(spec, sink)
    ended = await codex.run_turn(thread, "@die")
    assert ended.status == "failed"
    assert [n.level for n in sink.of(e.Notice) if "Reconnecting" in n.text] == ["warning"]


async def test_fork_at_a_turn_into_another_folder(
    codex: AppServer, spec: ThreadSpec, tmp_path: Path, model: ModelServer
) -> None:
    sink, other = Sink(), Sink()
    thread = await codex.start(spec, sink)
    first = await codex.run_turn(thread, "@say the first answer")
    await codex.run_turn(thread, "@say the second answer")
    running = asyncio.create_task(codex.run_turn(thread, "@run sleep 0.3\n@say the third answer"))
    await sink.until(e.CommandStarted)

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    there = replace(spec, session="s2", cwd=str(elsewhere))
    forked = await codex.fork(thread, there, other, at_turn=first.turn_id)
    assert forked.exact
    assert forked.thread != thread
    ended = await codex.run_turn(forked.thread, "@run pwd; touch ../bad; touch good\n@say forked")
    assert ended.status == "completed"
    assert (await running).status == "completed"

    [done] = other.of(e.CommandDone)
    assert str(elsewhere) in done.output
    assert (elsewhere / "good").exists(), "workspace-write was sent again"
    assert not (tmp_path / "bad").exists(), "/tmp is no part of the workspace"
    asked = next(r for r in reversed(model.requests) if "@run pwd" in str(r.input))
    sent = [texts(item) for item in asked.input]
    assert any("the first answer" in text for text in sent)
    assert not any("the second answer" in text for text in sent)
    with pytest.raises(ExecutorError, match="turn not found"):
        await codex.fork(thread, spec, Sink(), at_turn="01a1fd7e-1ec9-7591-8feb-ccaca114a05a")


async def test_tokens_are_counted_once(
    codex: AppServer, spec: ThreadSpec, settings: ExecutorSettings, tmp_path: Path, model: ModelServer
) -> None:
    """1000 then 2000 cumulative add up to 2000; a fork of that at 3000 adds 1000."""
    sinks = [Sink() for _ in range(5)]
    thread = await codex.start(spec, sinks[0])
    first = await codex.run_turn(thread, "@usage 990 0 10\n@say one")
    await codex.run_turn(thread, "@usage 990 0 10\n@say two")
    assert sinks[0].tokens() == 2000
    fork = await codex.fork(thread, spec, sinks[1])
    await codex.run_turn(fork.thread, "@usage 990 0 10\n@say three")
    assert sinks[1].tokens() == 1000
    await codex.run_turn(thread, "@usage 500 0 0\n@say the parent goes on")
    assert sinks[0].tokens() == 2500

    # A fork whose first response is interrupted repeats what it inherited.
    cut = await codex.fork(thread, spec, sinks[2], at_turn=first.turn_id)
    turn = asyncio.create_task(codex.run_turn(cut.thread, "@say partial\n@hang"))
    await sinks[2].until(e.TextDelta)
    await codex.interrupt(cut.thread)
    await turn
    assert sinks[2].tokens() == 0

    # A revert lets the total fall.
    assert codex._server is not None
    second = (await codex._server.call("thread/turns/list", {"threadId": thread}))["data"][1]["id"]
    await codex._server.call("thread/revert", {"threadId": thread, "beforeTurnId": second})
    await codex.run_turn(thread, "@usage 300 0 0\n@say after the revert")
    assert sinks[0].tokens() == 2800
    await codex.aclose()

    # Another process, which knows no totals, resumes, forks and is interrupted.
    again = AppServer(settings, tmp_path / "state")
    try:
        await again.resume(thread, spec, sinks[3])
        await again.run_turn(thread, "@usage 200 0 0\n@say resumed")
        assert sinks[3].tokens() == 200
        other = await again.fork(fork.thread, spec, sinks[4])
        turn = asyncio.create_task(again.run_turn(other.thread, "@say partial\n@hang"))
        await sinks[4].until(e.TextDelta)
        await again.interrupt(other.thread)
        await turn
        assert sinks[4].tokens() == 0
    finally:
        await again.aclose()
    delivered = model.delivered()["gpt-5.1-codex"]
    assert sum(sink.tokens() for sink in sinks) == delivered.input + delivered.output


async def test_kill_9_fails_every_turn_at_once_and_the_threads_go_on(
    codex: AppServer, spec: ThreadSpec, repo: Path, model: ModelServer
) -> None:
    sinks = [Sink() for _ in range(3)]
    threads = [await codex.start(replace(spec, session=f"s{i}"), sink) for i, sink in enumerate(sinks)]
    await codex.run_turn(threads[2], "@say resting now")
    turns = [asyncio.create_task(codex.run_turn(t, "@say I was\n@run sleep 30\n@say x")) for t in threads[:2]]
    for sink in sinks[:2]:
        await sink.until(e.CommandStarted)
    began = time.monotonic()
    os.kill(server_pid(codex), signal.SIGKILL)
    for ended in await asyncio.gather(*turns):
        assert (ended.status, ended.exit_code) == ("failed", -9)
        assert "SIGKILL" in (ended.error or "")
    assert time.monotonic() - began < 25  # not when their commands would have ended
    assert [len(sink.of(e.UsageUnknown)) for sink in sinks] == [1, 1, 0]
    idle = await sinks[2].until(e.Notice)
    assert "SIGKILL" in idle.text

    ended = await codex.run_turn(threads[0], "@run touch still-writable\n@say back")
    assert ended.status == "completed"
    assert (repo / "still-writable").exists(), "the sandbox was sent again"
    assert "I was" in str(model.requests[-1].input)
    assert (await codex.run_turn(threads[2], "@say me too")).status == "completed"


async def test_two_processes_cannot_write_to_one_thread(
    codex: AppServer, spec: ThreadSpec, settings: ExecutorSettings, tmp_path: Path
) -> None:
    thread = await codex.start(spec, Sink())
    await codex.run_turn(thread, "@say mine")
    second = AppServer(settings, tmp_path / "second")
    try:
        with pytest.raises(ExecutorError, match="another codex process has this thread open"):
            await second.resume(thread, spec, Sink())
        with pytest.raises(ExecutorError, match="does not know this thread"):
            await second.resume("01a1fd7e-1ec9-7591-8feb-ccaca114a05a", spec, Sink())
        with pytest.raises(ExecutorError, match="not live"):
            await second.run_turn(thread, "hello")
    finally:
        await second.aclose()


# -- the pilot -------------------------------------------------------------------------

PILOT_TOOLS = (
    Tool("delegate", "hand out a task", {"type": "object", "properties": {"task": {"type": "string"}}}),
    Tool("look", "look around", {"type": "object", "properties": {}}),
)


@pytest.fixture
def pilot(spec: ThreadSpec) -> ThreadSpec:
    return replace(
        spec, approvals="never", instructions="You are the pilot.", tools=PILOT_TOOLS, tools_only=True
    )


def offered(request: Request) -> set[str]:
    return set(request.tools)


async def test_the_pilot_has_our_tools_and_nothing_else(
    codex: AppServer, pilot: ThreadSpec, model: ModelServer
) -> None:
    sink = Sink()
    thread = await codex.start(pilot, sink)
    ended = await codex.run_turn(thread, '@tool delegate {"task": "écrire"}\n@say handed out')
    assert ended.status == "completed"
    assert sink.calls == [("delegate", {"task": "écrire"})]
    [done] = sink.of(e.ToolDone)
    assert (done.tool, done.arguments, done.result, done.ok) == (
        "delegate",
        {"task": "écrire"},
        "delegate was run",
        True,
    )
    assert sink.of(e.Notice) == []
    request = model.requests[-1]
    assert offered(request) <= {"delegate", "look", "request_user_input"}
    said = [texts(item) for item in request.input if item["type"] == "message"]
    assert said == ["You are the pilot.", '@tool delegate {"task": "écrire"}\n@say handed out']

    forked = await codex.fork(thread, pilot, Sink())
    await codex.run_turn(forked.thread, "@run touch never\n@say on the branch")
    assert offered(model.requests[-1]) <= {"delegate", "look", "request_user_input"}
    assert not (Path(pilot.cwd) / "never").exists()


async def test_a_tool_that_fails_or_takes_long_holds_nobody_up(
    codex: AppServer, pilot: ThreadSpec, spec: ThreadSpec
) -> None:
    release = asyncio.Event()

    async def tool(name: str, arguments: dict[str, object]) -> tuple[str, bool]:
        if name == "look":
            raise ValueError("nothing to see")
        await release.wait()
        return "done at last", True

    sink = Sink(tool)
    thread = await codex.start(pilot, sink)
    turn = asyncio.create_task(codex.run_turn(thread, "@tool look {}\n@tool delegate {}\n@say over"))
    await sink.until(e.ToolStarted, 2)
    other = await codex.start(spec, Sink())
    assert (await codex.run_turn(other, "@say meanwhile")).status == "completed"
    release.set()
    assert (await turn).status == "completed"
    assert [(d.result, d.ok) for d in sink.of(e.ToolDone)] == [
        ("ValueError: nothing to see", False),
        ("done at last", True),
    ]


async def test_interrupting_the_pilot_cancels_its_tool(codex: AppServer, pilot: ThreadSpec) -> None:
    cancelled = asyncio.Event()

    async def tool(name: str, arguments: dict[str, object]) -> tuple[str, bool]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return "", True

    sink = Sink(tool)
    thread = await codex.start(pilot, sink)
    turn = asyncio.create_task(codex.run_turn(thread, "@tool delegate {}\n@say over"))
    await sink.called()
    await codex.interrupt(thread)
    assert (await turn).status == "interrupted"
    async with asyncio.timeout(20):
        await cancelled.wait()
    assert sink.of(e.UsageUnknown) == []
