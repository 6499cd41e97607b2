"""The demo agent through the adapter's seam, with real child processes."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.executors import demo as demo_module
from zwarm_tui.executors.base import ExecutorSettings, ThreadSpec, Tool
from zwarm_tui.executors.demo import DemoExecutor
from zwarm_tui.executors.sweep import runs


class Sink:
    """Keeps events, and lets a test wait for one."""

    def __init__(self, results: dict[str, str] | None = None) -> None:
        self.events: list[e.Event] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._results = results or {}
        self._news = asyncio.Event()

    def emit(self, event: e.Event) -> None:
        self.events.append(event)
        self._news.set()

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> tuple[str, bool]:
        self.calls.append((name, arguments))
        return self._results.get(name, "{}"), name in self._results

    async def wait_for(self, wanted: Callable[[e.Event], bool]) -> Any:
        async with asyncio.timeout(60):
            while True:
                for event in self.events:
                    if wanted(event):
                        return event
                self._news.clear()
                await self._news.wait()

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def said(self) -> list[str]:
        return [event.text for event in self.of(e.Text)]


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[DemoExecutor]:
    executor = DemoExecutor(ExecutorSettings(), tmp_path / ".zwarm")
    yield executor
    await executor.aclose()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my repo"
    folder.mkdir()
    return folder


def spec(folder: Path, **more: Any) -> ThreadSpec:
    return ThreadSpec(**{"session": "s1", "cwd": str(folder), **more})


async def test_a_turn_of_everything(demo: DemoExecutor, folder: Path) -> None:
    sink = Sink()
    thread = await demo.start(spec(folder), sink)
    (folder / "b.txt").write_text("old\n")
    script = "\n".join(
        (
            "@think hmm",
            "@say [red] \\e[31m \\ud800",
            "@run echo out; echo err >&2; exit 3",
            "@usage 1000 400 50 20",
            "@write sub/a.txt one\\ntwo\\n",
            "@write b.txt new\\n",
            "@say done",
        )
    )
    ended = await demo.run_turn(thread, script)
    assert (ended.status, ended.turn_id, ended.error) == ("completed", "s1-1.1", None)
    assert sink.said == ["[red] \x1b[31m \ud800", "done"]
    (command,) = sink.of(e.CommandDone)
    assert (command.exit_code, command.status, command.cwd) == (3, "failed", str(folder))
    assert sorted(command.output.split()) == ["err", "out"]
    assert (folder / "sub/a.txt").read_text() == "one\ntwo\n"
    files = [f.changes[0] for f in sink.of(e.FilesChanged) if f.status == "completed"]
    assert [(f.path, f.change) for f in files] == [("sub/a.txt", "add"), ("b.txt", "update")]
    assert "-old\n+new\n" in files[1].diff
    assert sink.of(e.TurnDiff)[-1].text == files[0].diff + files[1].diff
    first, second = sink.of(e.Usage)[:2]
    assert (second.input, second.cached, second.output, second.reasoning) == (600, 400, 50, 20)
    assert first.model == "gpt-5.1-codex"
    assert len(sink.of(e.Usage)) == 4
    assert not sink.of(e.Unknown)


async def test_the_same_script_gives_the_same_events(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        executor, sink = DemoExecutor(ExecutorSettings(), tmp_path / name), Sink()
        thread = await executor.start(spec(tmp_path), sink)
        await executor.run_turn(thread, "@stream 0 9000\n@run echo hi\n@say done")
        await executor.aclose()
        found.append(sink.events)
    assert found[0] == found[1]


async def test_text_streams_in_pieces(demo: DemoExecutor, folder: Path) -> None:
    sink = Sink()
    thread = await demo.start(spec(folder), sink)
    await demo.run_turn(thread, "@stream 0.3 300\n@flood 0.2 100")
    stream, flood = sink.of(e.Text)
    deltas = [d for d in sink.of(e.TextDelta) if d.item == stream.item]
    assert "".join(d.text for d in deltas) == stream.text
    assert len(deltas) == 7
    assert sum(d.item == flood.item for d in sink.of(e.TextDelta)) == 20


async def test_a_small_believable_job(demo: DemoExecutor, folder: Path) -> None:
    sink = Sink()
    thread = await demo.start(spec(folder), sink)
    ended = await demo.run_turn(thread, "Implement: add due dates to the list")
    assert ended.status == "completed"
    assert sink.said[-1].startswith("## Added: due dates")
    compile((folder / "todo/due.py").read_text(), "due.py", "exec")
    assert all(c.exit_code == 0 for c in sink.of(e.CommandDone)[1:])


# -- threads ----------------------------------------------------------------------------------


def history(tmp_path: Path, thread: str) -> list[list[dict[str, Any]]]:
    file = tmp_path / ".zwarm" / "demo" / f"{thread}.json"
    return [turn["items"] for turn in json.loads(file.read_text())]


async def test_a_new_process_goes_on_with_the_thread(
    demo: DemoExecutor, folder: Path, tmp_path: Path
) -> None:
    thread = await demo.start(spec(folder), Sink())
    await demo.run_turn(thread, "@run echo one\n@say first")
    later, sink = DemoExecutor(ExecutorSettings(), tmp_path / ".zwarm"), Sink()
    with pytest.raises(ExecutorError, match="resume it first"):
        await later.run_turn(thread, "x")
    await later.resume(thread, spec(folder), sink)
    ended = await later.run_turn(thread, "@say second")
    await later.aclose()
    assert ended.turn_id == f"{thread}.2"
    first, second = history(tmp_path, thread)
    assert first[0] == {"user": "@run echo one\n@say first"}
    assert first[1] == {"tool": "run", "arguments": {"command": "echo one"}, "output": "exit code 0\none\n"}
    assert second == [{"user": "@say second"}, {"assistant": "second"}]
    (usage,) = sink.of(e.Usage)
    assert usage.cached > 0  # it knows what was said before


async def test_a_fork_has_exactly_the_history_up_to_its_turn(
    demo: DemoExecutor, folder: Path, tmp_path: Path
) -> None:
    thread = await demo.start(spec(folder), Sink())
    turns = [(await demo.run_turn(thread, f"@say {n}")).turn_id for n in (1, 2, 3)]
    before = history(tmp_path, thread)
    forked = await demo.fork(thread, spec(folder), Sink(), at_turn=turns[1])
    assert forked.exact
    assert history(tmp_path, forked.thread) == before[:2]
    again = await demo.fork(forked.thread, spec(folder), Sink(), at_turn=turns[0])
    await demo.run_turn(again.thread, "@say other")
    assert history(tmp_path, again.thread)[1][0] == {"user": "@say other"}
    tip = await demo.fork(thread, spec(folder), Sink())
    assert history(tmp_path, tip.thread) == before == history(tmp_path, thread)
    assert len({thread, forked.thread, again.thread, tip.thread}) == 4


async def test_forks_beside_a_running_turn(demo: DemoExecutor, folder: Path, tmp_path: Path) -> None:
    sink = Sink()
    thread = await demo.start(spec(folder), sink)
    first = await demo.run_turn(thread, "@say 1")
    running = asyncio.create_task(demo.run_turn(thread, "@hang"))
    started = await sink.wait_for(lambda event: event == e.TurnStarted(f"{thread}.2"))
    tip = await demo.fork(thread, spec(folder), Sink())
    assert len(history(tmp_path, tip.thread)) == 1
    await demo.fork(thread, spec(folder), Sink(), at_turn=first.turn_id)
    with pytest.raises(ExecutorError, match="still runs"):
        await demo.fork(thread, spec(folder), Sink(), at_turn=started.turn_id)
    with pytest.raises(ExecutorError, match="no turn nonsense"):
        await demo.fork(thread, spec(folder), Sink(), at_turn="nonsense")
    with pytest.raises(ExecutorError, match="runs on thread"):
        await demo.run_turn(thread, "again")
    await demo.interrupt(thread)
    await running


async def test_a_thread_that_is_not_there(demo: DemoExecutor, folder: Path) -> None:
    with pytest.raises(ExecutorError, match="no thread 'nobody'"):
        await demo.resume("nobody", spec(folder), Sink())
    with pytest.raises(ExecutorError):
        await demo.fork("nobody", spec(folder), Sink())


async def test_what_is_kept_is_private(demo: DemoExecutor, folder: Path, tmp_path: Path) -> None:
    thread = await demo.start(spec(folder), Sink())
    await demo.run_turn(thread, "@say hi")
    for file in (f"demo/{thread}.json", f"raw/{thread}.jsonl"):
        path = tmp_path / ".zwarm" / file
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    raw = (tmp_path / ".zwarm" / "raw" / f"{thread}.jsonl").read_text()
    assert json.loads(raw.splitlines()[0]) == {"type": "turn.started", "turn": f"{thread}.1"}


# -- asking, tools, steering ----------------------------------------------------------------------


@pytest.mark.parametrize(("decision", "status"), [("accept", "completed"), ("decline", "declined")])
async def test_an_approval(demo: DemoExecutor, folder: Path, decision: Any, status: str) -> None:
    sink = Sink()
    thread = await demo.start(spec(folder), sink)
    turn = asyncio.create_task(demo.run_turn(thread, "@escalate touch made\n@say on"))
    asked = await sink.wait_for(lambda event: isinstance(event, e.ApprovalRequested))
    assert asked.text == "touch made"
    assert not (folder / "made").exists()
    await demo.answer(thread, asked.request, decision)
    assert (await turn).status == "completed"
    assert sink.of(e.CommandDone)[0].status == status
    assert (folder / "made").exists() == (decision == "accept")
    with pytest.raises(ExecutorError):
        await demo.answer(thread, asked.request, "accept")


async def test_a_refusal_with_words(demo: DemoExecutor, folder: Path) -> None:
    sink = Sink()
    thread = await demo.start(spec(folder), sink)
    turn = asyncio.create_task(demo.run_turn(thread, "@escalate touch made\n@say as scripted"))
    asked = await sink.wait_for(lambda event: isinstance(event, e.ApprovalRequested))
    await demo.answer(thread, asked.request, "decline", "@say as told instead")
    assert (await turn).status == "completed"
    assert sink.said == ["as told instead"]


async def test_approvals_follow_the_spec(demo: DemoExecutor, folder: Path) -> None:
    never, sink = Sink(), Sink()
    thread = await demo.start(spec(folder, approvals="never"), never)
    await demo.run_turn(thread, "@escalate touch made")
    assert never.of(e.CommandDone)[0].status == "declined"
    assert not never.of(e.ApprovalRequested)
    thread = await demo.start(spec(folder, approvals="untrusted"), sink)
    turn = asyncio.create_task(demo.run_turn(thread, "@run ls"))
    asked = await sink.wait_for(lambda event: isinstance(event, e.ApprovalRequested))
    await demo.answer(thread, asked.request, "cancel")
    assert (await turn).status == "interrupted"


async def test_a_question(demo: DemoExecutor, folder: Path, tmp_path: Path) -> None:
    sink = Sink()
    thread = await demo.start(spec(folder), sink)
    turn = asyncio.create_task(demo.run_turn(thread, "@ask Which one?\n@say ok"))
    asked = await sink.wait_for(lambda event: isinstance(event, e.QuestionAsked))
    await demo.answer(thread, asked.request, "accept", "the blue one")
    await turn
    assert history(tmp_path, thread)[0][1]["output"] == "the blue one"


async def test_a_request_is_withdrawn_when_its_turn_ends(demo: DemoExecutor, folder: Path) -> None:
    sink = Sink()
    thread = await demo.start(spec(folder), sink)
    turn = asyncio.create_task(demo.run_turn(thread, "@escalate ls"))
    await sink.wait_for(lambda event: isinstance(event, e.ApprovalRequested))
    await demo.interrupt(thread)
    assert (await turn).status == "interrupted"
    assert sink.of(e.ApprovalResolved)[0].decision == "withdrawn"


async def test_tools(demo: DemoExecutor, folder: Path, tmp_path: Path) -> None:
    sink = Sink({"board": '{"ok": true}'})
    tools = (Tool("board", "a board", {"type": "object"}),)
    thread = await demo.start(spec(folder, tools=tools, tools_only=True), sink)
    await demo.run_turn(thread, '@tool board {"a": [1]}\n@tool nothing\n@run ls\n@write a b\n@say done')
    assert sink.calls == [("board", {"a": [1]}), ("nothing", {})]
    done = sink.of(e.ToolDone)
    assert [(d.tool, d.result, d.ok) for d in done] == [
        ("board", '{"ok": true}', True),
        ("nothing", "{}", False),
    ]
    assert [d.item for d in done] == [s.item for s in sink.of(e.ToolStarted)]
    assert sink.of(e.CommandDone)[0].status == "declined"  # no hands of its own
    assert list(folder.iterdir()) == []
    assert history(tmp_path, thread)[0][1]["output"] == '{"ok": true}'


async def test_the_pilot_delegates(demo: DemoExecutor, folder: Path) -> None:
    sink = Sink(
        {"delegate": '{"session_id": "x"}', "sleep": "{}", "list_sessions": "{}", "check_session": "{}"}
    )
    tools = tuple(Tool(name, "", {}) for name in ("delegate", "sleep", "list_sessions", "check_session"))
    thread = await demo.start(spec(folder, tools=tools, tools_only=True), sink)
    assert (await demo.run_turn(thread, "delegate: @say a")).status == "completed"
    assert sink.calls[0] == ("delegate", {"task": "@say a"})
    assert [name for name, _ in sink.calls] == ["delegate", "sleep", "list_sessions", "check_session"]


async def test_steering(demo: DemoExecutor, folder: Path, tmp_path: Path) -> None:
    sink = Sink()
    thread = await demo.start(spec(folder), sink)
    turn = asyncio.create_task(demo.run_turn(thread, "@escalate ls\n@say never said"))
    asked = await sink.wait_for(lambda event: isinstance(event, e.ApprovalRequested))
    await demo.steer(thread, "@say steered")
    await demo.answer(thread, asked.request, "accept")
    assert (await turn).status == "completed"
    assert sink.said == ["steered"]
    assert {"user": "@say steered"} in history(tmp_path, thread)[0]


# -- ends ------------------------------------------------------------------------------------------


async def agent_of(sink: Sink, folder: Path) -> psutil.Process:
    """The agent's process, by the pid that a command of it wrote."""
    await sink.wait_for(lambda event: isinstance(event, e.CommandDone))
    return psutil.Process(int((folder / "pid").read_text()))


@pytest.mark.parametrize("what", ["@hang", "@run sleep 600", "@sleep 600", "@stream 600 600"])
async def test_an_interrupt(demo: DemoExecutor, folder: Path, what: str) -> None:
    sink = Sink()
    thread = await demo.start(spec(folder), sink)
    turn = asyncio.create_task(demo.run_turn(thread, f"@run echo $PPID > pid\n{what}"))
    process = await agent_of(sink, folder)
    if "sleep 600" in what and "run" in what:
        await sink.wait_for(lambda event: event.kind == "command.started" and event.command == "sleep 600")
    await demo.interrupt(thread)
    ended = await turn
    assert (ended.status, ended.error) == ("interrupted", None)
    assert not process.is_running()
    assert bool(sink.of(e.UsageUnknown)) == ("run" not in what)
    assert (await demo.run_turn(thread, "@say on")).status == "completed"


async def test_an_interrupt_before_it_could_say_a_word(demo: DemoExecutor, folder: Path) -> None:
    thread = await demo.start(spec(folder), Sink())
    turn = asyncio.create_task(demo.run_turn(thread, "@hang"))
    while True:
        await asyncio.sleep(0)
        try:
            await demo.interrupt(thread)
            break
        except ExecutorError:
            continue  # not spawned yet
    assert (await turn).status == "interrupted"


async def test_an_interrupt_that_its_start_passes_over(
    demo: DemoExecutor, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python does so now and then, in moments before it runs a program."""
    deaf = tmp_path / "deaf.py"
    deaf.write_text(
        "import os, signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nos.mkdir('up')\ntime.sleep(600)\n"
    )
    monkeypatch.setattr(demo_module, "_AGENT", deaf)
    thread = await demo.start(spec(folder), Sink())
    turn = asyncio.create_task(demo.run_turn(thread, "@hang"))
    async with asyncio.timeout(60):
        while not (folder / "up").exists():
            await asyncio.sleep(0.01)
        await demo.interrupt(thread)
        assert (await turn).status == "interrupted"


def test_an_interrupt_that_a_callback_swallows_is_heard_all_the_same(tmp_path: Path) -> None:
    """Imports have callbacks, and Python passes over what is raised in them."""
    swallow = (
        "import os, signal, sys, weakref\n"
        "from zwarm_tui.executors import demo_agent\n"
        "class Thing: pass\n"
        "thing = Thing()\n"
        "seen = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.SIGINT) or len('here it is raised'))\n"
        "play = demo_agent.Agent.play\n"
        "def first(agent):\n    global thing\n    del thing\n    play(agent)\n"
        "demo_agent.Agent.play = first\n"
        "demo_agent.main()\n"
    )
    file = tmp_path / "t.json"
    file.write_text(json.dumps([{"id": "t.1", "status": "running", "items": [{"user": "@hang"}]}]))
    order = {"file": str(file), "turn": "t.1", "cwd": str(tmp_path), "model": "m", "tools": []}
    order |= {"hands": True, "approvals": "never", "confined": True}
    with subprocess.Popen(
        [sys.executable, "-c", swallow],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as agent:
        assert agent.stdin is not None
        assert agent.stdout is not None
        assert agent.stderr is not None
        try:
            agent.stdin.write(json.dumps(order) + "\n")
            agent.stdin.flush()  # and left open: its end would end the agent
            said = agent.stdout.read()
        finally:
            agent.kill()
        assert "Exception ignored" in agent.stderr.read()
    assert json.loads(said.splitlines()[-1])["status"] == "interrupted"


async def test_kill_9(demo: DemoExecutor, folder: Path) -> None:
    sink = Sink()
    thread = await demo.start(spec(folder), sink)
    left = "setsid sleep 600 & echo $! > left"
    turn = asyncio.create_task(demo.run_turn(thread, f"@run {left}; echo $PPID > pid\n@hang"))
    process = await agent_of(sink, folder)
    sleeper = psutil.Process(int((folder / "left").read_text()))
    os.kill(process.pid, signal.SIGKILL)
    ended = await turn
    assert (ended.status, ended.exit_code) == ("failed", -9)
    assert "SIGKILL" in (ended.error or "")
    assert sink.of(e.UsageUnknown)
    assert not runs(sleeper)
    sink.events.clear()
    assert (await demo.run_turn(thread, "@say on")).status == "completed"
    assert sink.said == ["on"]


async def test_a_death_of_its_own(demo: DemoExecutor, folder: Path) -> None:
    thread = await demo.start(spec(folder), Sink())
    ended = await demo.run_turn(thread, "@say so far\n@die")
    assert (ended.status, ended.exit_code) == ("failed", 3)
    assert ended.stderr == "the demo agent dies, as its script says"


async def test_a_failure_in_the_protocol(demo: DemoExecutor, folder: Path) -> None:
    thread = await demo.start(spec(folder), Sink())
    ended = await demo.run_turn(thread, "@fail out of luck")
    assert (ended.status, ended.error, ended.exit_code) == ("failed", "out of luck", None)


async def test_what_a_session_left_behind_ends_with_it(demo: DemoExecutor, folder: Path) -> None:
    thread = await demo.start(spec(folder), Sink())
    ended = await demo.run_turn(thread, "@run setsid sleep 600 & echo $! > left")
    assert ended.status == "completed"
    sleeper = psutil.Process(int((folder / "left").read_text()))
    async with asyncio.timeout(20):
        while not (environment := sleeper.environ()):  # it is just becoming another program
            await asyncio.sleep(0.01)
    assert environment["ZWARM_SESSION"] == "s1"
    await demo.end(thread)
    assert not runs(sleeper)
    with pytest.raises(ExecutorError):
        await demo.steer(thread, "x")


async def test_closing_ends_running_turns(demo: DemoExecutor, folder: Path) -> None:
    sink = Sink()
    thread = await demo.start(spec(folder), sink)
    turn = asyncio.create_task(demo.run_turn(thread, "@run echo $PPID > pid\n@hang"))
    process = await agent_of(sink, folder)
    await demo.aclose()
    assert (await turn).status == "interrupted"
    assert not process.is_running()
    await demo.aclose()


async def test_cancelling_ends_the_process(demo: DemoExecutor, folder: Path) -> None:
    sink = Sink()
    thread = await demo.start(spec(folder), sink)
    turn = asyncio.create_task(demo.run_turn(thread, "@run echo $PPID > pid\n@hang"))
    process = await agent_of(sink, folder)
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert not process.is_running()
    assert len(sink.of(e.UsageUnknown)) == 1, "it was in the middle of a response"


async def test_a_folder_that_is_not_there(demo: DemoExecutor, folder: Path) -> None:
    thread = await demo.start(spec(folder / "gone"), Sink())
    with pytest.raises(ExecutorError):
        await demo.run_turn(thread, "@say x")


# -- hostile bytes -----------------------------------------------------------------------------------


async def test_hostile_lines_are_kept_and_the_turn_goes_on(demo: DemoExecutor, folder: Path) -> None:
    sink = Sink()
    thread = await demo.start(spec(folder), sink)
    script = (
        '@raw {"type":"text","item":\n@raw \\0\\x07\\ud800\n@raw {"type":"novel"}\n@raw null\n@say still here'
    )
    assert (await demo.run_turn(thread, script)).status == "completed"
    assert len(sink.of(e.Unknown)) == 4
    assert sink.said == ["still here"]


@pytest.mark.skipif(sys.platform != "linux", reason="writes through /proc")
async def test_half_a_line_at_the_end(demo: DemoExecutor, folder: Path) -> None:
    sink = Sink()
    thread = await demo.start(spec(folder), sink)
    half = '{"type":"text","item":"x","te'
    script = f"@run exec 3> /proc/$PPID/fd/1; printf '{half}' >&3; kill -9 $PPID"
    ended = await demo.run_turn(thread, script)
    assert (ended.status, ended.exit_code) == ("failed", -9)
    assert [event.raw for event in sink.of(e.Unknown)] == [half]


async def test_a_line_of_5_mb(demo: DemoExecutor, folder: Path) -> None:
    sink = Sink()
    thread = await demo.start(spec(folder), sink)
    assert (await demo.run_turn(thread, "@stream 0 5000000")).status == "completed"
    assert len(sink.said[0]) == 5_000_000
