"""Interactive agents: what they print is their transcript, and nothing is guessed."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pexpect
import pytest

from tests.executors.terminal.conftest import needs_tmux
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ExecutorError, ThreadLostError, TurnOverError
from zwarm_tui.executors.base import Executor, ExecutorSettings, Interactive, ThreadSpec
from zwarm_tui.executors.registry import create
from zwarm_tui.executors.terminal.agent import TerminalAgent
from zwarm_tui.executors.terminal.pty_seat import PtySeat
from zwarm_tui.executors.tmux import TmuxServer

PROGRAMS = Path(__file__).parent / "programs"
LINES = (sys.executable, "-u", str(PROGRAMS / "lines.py"))
SCREEN = (sys.executable, str(PROGRAMS / "screen.py"))
ASKS = (r"\[y/N\] ?$", r"Do you want to proceed\?")
FULL_READY = r"== ready$"


class Tape:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[e.Event] = []

    def emit(self, event: e.Event) -> None:
        self.events.append(event)

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> tuple[str, bool]:
        raise AssertionError("it has no tools")

    @property
    def said(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, e.Text)]

    @property
    def asked(self) -> list[e.ApprovalRequested | e.QuestionAsked]:
        return [x for x in self.events if isinstance(x, (e.ApprovalRequested, e.QuestionAsked))]

    async def until(self, what: Callable[[Tape], Any]) -> Any:
        end = time.monotonic() + 60
        while not (found := what(self)):
            assert time.monotonic() < end, self.events
            await asyncio.sleep(0.02)
        return found


class Stand:
    """One agent with one thread."""

    def __init__(self, agent: Executor, folder: Path) -> None:
        self.agent, self.folder, self.tape = agent, folder, Tape()
        self.thread = ""

    async def begin(self) -> Stand:
        self.thread = await self.agent.start(
            ThreadSpec(session=secrets.token_hex(4), cwd=str(self.folder)), self.tape
        )
        return self

    def looked_at(self, line: str) -> bool:
        """Whether the running turn has seen that line on the screen."""
        turn = cast(TerminalAgent, self.agent)._threads[self.thread].turn
        return turn is not None and line in turn._last.lines

    async def say(self, text: str) -> e.TurnEnded:
        async with asyncio.timeout(60):
            return await self.agent.run_turn(self.thread, text)


@pytest.fixture(params=["tmux", "pty"])
async def stand(
    request: pytest.FixtureRequest, server: TmuxServer, tmp_path: Path
) -> AsyncIterator[Callable[..., Stand]]:
    """Makes an agent, in tmux and without it."""
    if request.param == "tmux" and shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    made: list[Stand] = []

    def make(*command: str, **more: Any) -> Stand:
        socket = server.socket if request.param == "tmux" else None
        settings = ExecutorSettings(interactive=Interactive(command=command, socket=socket, **more))
        made.append(Stand(create("mine", settings=settings, state_dir=tmp_path / "state"), tmp_path))
        return made[-1]

    yield make
    for one in made:
        if one.thread:
            await one.agent.end(one.thread)
        await one.agent.aclose()


async def test_a_turn_is_what_was_printed_between_two_prompts(stand: Callable[..., Stand]) -> None:
    one = await stand(*LINES, ready="^lines> $").begin()
    assert (await one.say("say hallo")).status == "completed"
    assert one.tape.said == ["lines 1.0  [red]not markup[/red]", "hallo"]
    assert all(event.plain for event in one.tape.events if isinstance(event, e.Text))
    assert [type(x) for x in one.tape.events if isinstance(x, e.UsageUnknown)] == [e.UsageUnknown]
    assert (await one.say("many 120")).status == "completed"
    assert one.tape.said[2].split("\n") == [f"row {n}" for n in range(120)]
    await one.say("spin")
    assert one.tape.said[3] == "done worked"
    await one.say("escape")
    assert "\x1b" not in one.tape.said[4]
    assert "title" not in one.tape.said[4]


async def test_the_real_python_and_the_real_bash(stand: Callable[..., Stand]) -> None:
    python = await stand(sys.executable, "-i", "-q", ready="^>>> $").begin()
    await python.say("print(6 * 7)")
    await python.say("1/0")
    assert python.tape.said[0] == "42"
    assert python.tape.said[1].endswith("ZeroDivisionError: division by zero")
    bash = await stand("bash", "--norc", "--noprofile", ready=r"bash-[\d.]+[$#] $").begin()
    await bash.say("cd / && pwd; printf 'no newline'")
    assert bash.tape.said[-1] == "/\nno newline"
    await bash.say("for i in 1 2\ndo echo n$i\ndone")
    assert "n1\nn2" in bash.tape.said[-1]


async def test_a_question_waits_for_its_answer_also_before_the_first_message(
    stand: Callable[..., Stand],
) -> None:
    one = await stand(*LINES, "--trust", ready="^lines> $", asks=ASKS).begin()
    turn = asyncio.create_task(one.say("ask main.py"))
    trust = await one.tape.until(lambda tape: tape.asked)
    assert isinstance(trust[0], e.QuestionAsked)
    assert trust[0].text.endswith("Trust this folder? [y/N]")
    await one.agent.answer(one.thread, trust[0].request, "accept", "y")
    await one.tape.until(lambda tape: len(tape.asked) == 2)
    second = one.tape.asked[1]
    assert second.text.splitlines()[-1] == "Overwrite main.py? [y/N]"
    with pytest.raises(ExecutorError, match="does not wait for an answer"):
        await one.agent.answer(one.thread, trust[0].request, "accept", "y")
    await one.agent.answer(one.thread, second.request, "accept", "never")
    assert (await turn).status == "completed"
    assert one.tape.said[-1] == "answered 'never'"
    assert len(one.tape.asked) == 2


@pytest.mark.parametrize(("decision", "typed"), [("accept", "y"), ("decline", "n")])
async def test_an_approval_types_what_is_set_for_it(
    stand: Callable[..., Stand], decision: Any, typed: str
) -> None:
    one = await stand(*LINES, ready="^lines> $", asks=ASKS, approve="y", deny="n").begin()
    assert one.agent.capabilities.approvals
    turn = asyncio.create_task(one.say("ask it"))
    (asked,) = await one.tape.until(lambda tape: tape.asked)
    assert isinstance(asked, e.ApprovalRequested)
    assert asked.choices == ("accept", "decline")
    await one.agent.answer(one.thread, asked.request, decision)
    assert (await turn).status == "completed"
    assert one.tape.said[-1] == f"answered '{typed}'"


async def test_the_end_of_the_program_is_a_fact(stand: Callable[..., Stand]) -> None:
    for code, status in ((0, "completed"), (3, "failed")):
        one = await stand(*LINES, ready="^lines> $").begin()
        ended = await one.say(f"exit {code}")
        assert (ended.status, ended.exit_code) == (status, code)
        with pytest.raises(ExecutorError):
            await one.say("again")
    missing = await stand(sys.executable, "-c", "pass", ready="^x$").begin()
    ended = await missing.say("hi")
    assert (ended.status, ended.error) == ("failed", "mine ended before it took the message, exit status 0")


async def test_without_a_pattern_nothing_says_that_it_is_done(stand: Callable[..., Stand]) -> None:
    one = await stand(*LINES).begin()
    assert not one.agent.capabilities.protocol
    turn = asyncio.create_task(one.say("say hallo"))
    await one.tape.until(lambda t: any("hallo" in x.text for x in t.events if isinstance(x, e.TextDelta)))
    await asyncio.wait({turn}, timeout=1.0)
    assert not turn.done()
    await one.agent.steer(one.thread, "say more")
    await one.tape.until(lambda t: any("more" in x.text for x in t.events if isinstance(x, e.TextDelta)))
    await one.agent.interrupt(one.thread)
    assert (await turn).status == "interrupted"


async def test_a_message_into_a_turn_is_answered_in_it_or_comes_too_late(stand: Callable[..., Stand]) -> None:
    one = await stand(*LINES, ready="^lines> $").begin()
    for i in range(6):
        turn = asyncio.create_task(one.say(f"say first{i}"))
        await one.tape.until(lambda t, i=i: any(f"first{i}" in text for text in t.said))
        if i:  # about when its end is noticed
            await asyncio.wait({turn}, timeout=0)
            for _ in range(i - 1):
                await asyncio.sleep(0)
        try:
            await one.agent.steer(one.thread, f"say second{i}")
            typed = True
        except TurnOverError:
            typed = False
        assert (await turn).status == "completed"
        assert any(f"second{i}" in text for text in one.tape.said) == typed


async def test_an_interrupted_turn_ends_with_the_prompt(stand: Callable[..., Stand]) -> None:
    one = await stand(*LINES, ready="^lines> $").begin()
    turn = asyncio.create_task(one.say("hang"))
    await one.tape.until(lambda t: any("hangs" in x.text for x in t.events if isinstance(x, e.TextDelta)))
    await one.agent.interrupt(one.thread)
    assert (await turn).status == "interrupted"
    assert one.tape.said[-1].endswith("stopped")
    assert (await one.say("say on")).status == "completed"


async def test_several_lines_go_to_a_program_that_takes_one(stand: Callable[..., Stand]) -> None:
    """They are one message, not one a line (each may cost money), and that is said."""
    one = await stand(
        sys.executable, "-c", "while True: print('got', repr(input('p> ')))", ready="^p> $"
    ).begin()
    await one.say("one\ntwo")
    assert "got 'one two'" in one.tape.said[-1]
    notes = [event.text for event in one.tape.events if isinstance(event, e.Notice)]
    assert any("line breaks were typed as blanks" in note for note in notes) == (
        "one two" in one.tape.said[-1]
    )


async def test_the_end_of_a_program_is_waited_for_by_one_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two that do, one finds no such process."""
    looks, go, alone, alive = threading.Event(), threading.Event(), threading.Lock(), pexpect.spawn.isalive

    def slowly(child: pexpect.spawn[str]) -> bool:
        assert alone.acquire(blocking=False), "another one waits"
        looks.set()
        try:
            return go.wait(30) and alive(child)
        finally:
            alone.release()

    monkeypatch.setattr(pexpect.spawn, "isalive", slowly)
    seat = await PtySeat.start(["cat"], cwd=str(tmp_path), env={}, session=secrets.token_hex(4))
    assert await asyncio.to_thread(looks.wait, 30)
    ends = [asyncio.create_task(seat.end()) for _ in range(2)]
    await asyncio.wait(ends, timeout=0.5)
    go.set()
    await asyncio.gather(*ends)
    assert await seat.exit_code() == -signal.SIGHUP


# -- what only tmux can do -----------------------------------------------------------------


@contextlib.asynccontextmanager
async def in_tmux(server: TmuxServer, folder: Path, *command: str, **more: Any) -> AsyncIterator[Stand]:
    settings = ExecutorSettings(interactive=Interactive(command=command, socket=server.socket, **more))
    one = await Stand(create("mine", settings=settings, state_dir=folder / "state"), folder).begin()
    yield one
    await one.agent.end(one.thread)


@needs_tmux
async def test_a_full_screen_agent_leaves_no_garbage(server: TmuxServer, tmp_path: Path) -> None:
    async with in_tmux(server, tmp_path, *SCREEN, ready=FULL_READY, asks=ASKS, approve="1", deny="2") as one:
        assert (await one.say("hallo")).status == "completed"
        assert "reply to hallo" in one.tape.said[-1]
        assert not any(sign in one.tape.said[-1] for sign in "⠋⠙⠹⠸\x1b")
        many = asyncio.create_task(one.say("many"))
        for n in range(5, 30, 6):  # what scrolls by between two looks is lost to anyone
            await one.tape.until(lambda _, n=n: one.looked_at(f"row {n}"))
            (tmp_path / f"seen {n}").touch()
        assert (await many).status == "completed"
        lines = [line for line in "\n".join(one.tape.said).split("\n") if line.startswith("row ")]
        assert lines == [f"row {n}" for n in range(30)]
        turn = asyncio.create_task(one.say("ask"))
        (asked,) = await one.tape.until(lambda tape: tape.asked)
        assert "Do you want to proceed?\n  1. Yes   2. No" in asked.text
        await one.agent.answer(one.thread, asked.request, "accept")
        assert (await turn).status == "completed"
        assert "chose 1" in one.tape.said[-1]
        assert len(one.tape.asked) == 1


@needs_tmux
async def test_it_outlives_its_engine_and_nothing_that_it_printed_is_lost(
    server: TmuxServer, tmp_path: Path
) -> None:
    command = [*LINES]
    settings = ExecutorSettings(
        interactive=Interactive(command=tuple(command), ready="^lines> $", socket=server.socket)
    )
    first = await Stand(create("mine", settings=settings, state_dir=tmp_path), tmp_path).begin()
    await first.say("say before")
    await first.agent.aclose()
    session = await server.get(first.thread)
    assert session is not None
    await session.send("say meanwhile")
    second = Stand(create("mine", settings=settings, state_dir=tmp_path), tmp_path)
    await second.agent.resume(first.thread, ThreadSpec(session="abcd", cwd=str(tmp_path)), second.tape)
    second.thread = first.thread
    assert (await second.say("say after")).status == "completed"
    assert second.tape.said[-1] == "after"
    assert "meanwhile" in "\n".join(second.tape.said[:-1])
    assert "before" not in "\n".join(second.tape.said)
    await second.agent.end(second.thread)
    assert await server.list() == []
    with pytest.raises(ThreadLostError, match="is gone"):
        await second.agent.resume(first.thread, ThreadSpec(session="abcd", cwd=str(tmp_path)), second.tape)


@needs_tmux
async def test_what_a_person_answers_in_the_terminal_is_withdrawn_here(
    server: TmuxServer, tmp_path: Path
) -> None:
    async with in_tmux(server, tmp_path, *LINES, ready="^lines> $", asks=ASKS, approve="y", deny="n") as one:
        turn = asyncio.create_task(one.say("ask it"))
        await one.tape.until(lambda tape: tape.asked)
        session = await server.get(one.thread)
        assert session is not None
        await session.send("yes")
        assert (await turn).status == "completed"
        resolved = [event for event in one.tape.events if isinstance(event, e.ApprovalResolved)]
        assert [(r.decision, r.by) for r in resolved] == [("withdrawn", "terminal")]


async def test_a_program_that_is_not_there_is_said(stand: Callable[..., Stand]) -> None:
    one = stand("no-such-agent")
    info = await one.agent.probe()
    assert (info.found, info.problem) == (False, "mine: no-such-agent was not found (agents.mine.command)")
    with pytest.raises(ExecutorError, match="no-such-agent was not found"):
        await one.begin()


@needs_tmux
async def test_one_that_is_stopped_while_it_starts_is_gone(
    server: TmuxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """tmux is asked in a thread, which nothing stops."""
    asked, go, made = asyncio.Event(), threading.Event(), asyncio.Event()
    loop, new = asyncio.get_running_loop(), TmuxServer._new

    def slow(*arguments: Any) -> None:
        loop.call_soon_threadsafe(asked.set)
        assert go.wait(30)
        new(*arguments)
        loop.call_soon_threadsafe(made.set)

    monkeypatch.setattr(TmuxServer, "_new", slow)
    settings = ExecutorSettings(interactive=Interactive(command=LINES, socket=server.socket))
    agent = create("mine", settings=settings, state_dir=tmp_path / "state")
    starting = asyncio.create_task(agent.start(ThreadSpec(session="s", cwd=str(tmp_path)), Tape()))
    await asked.wait()
    starting.cancel()
    await asyncio.sleep(0)
    go.set()
    async with asyncio.timeout(30):
        await asyncio.wait({starting})
        await made.wait()
    assert starting.cancelled()
    assert await server.list() == []
    await agent.aclose()
