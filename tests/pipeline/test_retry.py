"""The retry policy with a client of our own: no process, no clock."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.pipeline.conftest import Silence
from zwarm_tui.core import events as e
from zwarm_tui.pipeline import (
    AgentExitError,
    EventSink,
    IdleTimeoutError,
    IdleTimeoutRetryPolicy,
    IterationResult,
    LifecycleContext,
    MessageStreamProcessor,
    RetryConfig,
    SessionExecutionState,
)
from zwarm_tui.pipeline import retry as retry_module
from zwarm_tui.pipeline.retry import default_idle_timeout

END = e.TurnEnded(status="completed")
DEAD = e.TurnEnded(status="failed", error="gone", exit_code=3)
IDLE = 0.02


class Client:
    """Plays messages; after the last one it is silent, unless that ends the turn."""

    def __init__(self, *messages: Any, session_id: str | None = "s1", dies: Exception | None = None) -> None:
        self.messages, self.dies = messages, dies
        self.session_id = session_id
        self.asked: tuple[str, str | None] | None = None
        self.disconnected = 0
        self.closed = False

    async def query(self, prompt: str, session_id: str | None = None) -> None:
        self.asked = (prompt, session_id)
        if self.dies is not None:
            raise self.dies

    async def receive_response(self) -> AsyncIterator[Any]:
        try:
            for message in self.messages:
                if isinstance(message, float):
                    await asyncio.sleep(message)
                else:
                    yield message
            await asyncio.Event().wait()
        finally:
            self.closed = True

    async def disconnect(self) -> None:
        self.disconnected += 1


class Drive:
    """A policy over a row of clients, and what it did."""

    def __init__(self, *clients: Client, config: RetryConfig | None = None) -> None:
        self.clients, self.used = list(clients), 0
        self.slept: list[float] = []
        self.told: list[tuple[Any, ...]] = []
        self.state, self.ctx = SessionExecutionState(), LifecycleContext()
        drive = self

        class Sink(EventSink):
            def on_retry_scheduled(self, *args: Any) -> None:
                drive.told.append(args)

            def on_warning(self, *args: Any) -> None:
                drive.told.append(args)

        self.policy = IdleTimeoutRetryPolicy(
            self.make,
            MessageStreamProcessor,
            config or RetryConfig(idle_resume_prompt="resume {issue_id}"),
            sleep=self.sleep,
            events=Sink(),
        )

    def make(self, options: Any) -> Client:
        self.used += 1
        return self.clients[self.used - 1]

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def run(self, idle: float | None = IDLE, **more: Any) -> IterationResult:
        async with asyncio.timeout(60):
            return await self.policy.execute_iteration(
                "do it", {"model": "m"}, self.state, self.ctx, None, idle, issue_id="i-7", **more
            )

    @property
    def asked(self) -> list[Any]:
        return [c.asked for c in self.clients[: self.used]]


def command(item: str) -> e.CommandStarted:
    return e.CommandStarted(item, "make")


def done(item: str) -> e.CommandDone:
    return e.CommandDone(item=item, command="make", exit_code=0)


def test_fields_and_defaults() -> None:
    assert IterationResult(True) == IterationResult(True, None, True, None)
    config = RetryConfig()
    assert (config.max_idle_retries, config.idle_retry_backoff) == (2, (0.0, 5.0, 15.0))
    assert config.idle_resume_prompt
    parameters = list(inspect.signature(IdleTimeoutRetryPolicy.execute_iteration).parameters.values())[1:]
    assert [p.name for p in parameters] == [
        *("query", "options", "state", "lifecycle_ctx", "lint_cache", "idle_timeout_seconds", "tracer"),
        "issue_id",
    ]
    assert parameters[-1].kind is inspect.Parameter.KEYWORD_ONLY
    assert parameters[-1].default == ""


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_idle_retries": -1}, "max_idle_retries"),
        ({"idle_resume_prompt": " "}, "idle_resume_prompt"),
        ({"idle_retry_backoff": (1.0, -2.0)}, "idle_retry_backoff"),
        ({"idle_resume_prompt": "go on, {name}"}, "name"),
    ],
)
def test_wrong_configurations(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RetryConfig(**values)
    RetryConfig(max_idle_retries=0, idle_resume_prompt="")


def test_the_default_idle_timeout() -> None:
    assert [default_idle_timeout(t) for t in (100, 2000, 3600, 99999, None)] == [300, 400, 720, 900, 900]


async def test_a_normal_run_takes_one_client() -> None:
    drive = Drive(Client(e.Text("t", "Hello."), END))
    result = await drive.run()
    assert result == IterationResult(True, "s1")
    assert drive.asked == [("do it", None)]
    assert drive.ctx.session_id == "s1"
    assert drive.clients[0].closed
    assert drive.told == []


async def test_a_session_goes_on() -> None:
    drive = Drive(Client(END, session_id=None))
    drive.state.session_id = "old"
    assert (await drive.run()).session_id == "old"
    assert drive.asked == [("do it", "old")]


async def test_backoffs_and_exhaustion() -> None:
    config = RetryConfig(3, (1.0, 2.0), "resume {issue_id}")
    drive = Drive(*(Client() for _ in range(4)), config=config)
    with pytest.raises(IdleTimeoutError) as caught:
        await drive.run()
    assert str(caught.value) == "Max idle retries (3) exceeded"
    assert caught.value.result == IterationResult(False, "s1", False, "Max idle retries (3) exceeded")
    assert drive.slept == [1.0, 2.0, 2.0]
    assert drive.asked == [("do it", None), *[("resume i-7", "s1")] * 3]
    assert [c.disconnected for c in drive.clients] == [1, 1, 1, 1]
    assert "idle_timeout_seconds = 0.02" in str(caught.value.__cause__)
    assert [t[1:5] for t in drive.told] == [("idle", 1, 3, 1.0), ("idle", 2, 3, 2.0), ("idle", 3, 3, 2.0)]


async def test_no_sleep_where_the_backoff_is_zero() -> None:
    drive = Drive(Client(), Client(END))
    assert (await drive.run()).success
    assert drive.slept == []


async def test_no_retries_at_all_still_disconnects() -> None:
    drive = Drive(Client(), config=RetryConfig(max_idle_retries=0))
    with pytest.raises(IdleTimeoutError, match=r"\(0\)"):
        await drive.run()
    assert drive.clients[0].disconnected == 1


async def test_a_retry_in_three_ways() -> None:
    known = Drive(Client(command("c"), done("c")), Client(END))
    assert (await known.run()).success
    assert known.asked[1] == ("resume i-7", "s1")
    fresh = Drive(Client(session_id=None), Client(END, session_id="s2"))
    assert (await fresh.run()).session_id == "s2"
    assert fresh.asked[1] == ("do it", None)
    refused = Drive(Client(command("c"), done("c"), command("d"), done("d"), session_id=None))
    with pytest.raises(IdleTimeoutError) as caught:
        await refused.run()
    assert str(caught.value) == "Cannot retry: 2 tool calls occurred without session context"
    assert caught.value.result == IterationResult(False, None, False, str(caught.value))
    assert refused.used == 1  # S-14: nothing is repeated


async def test_the_session_may_be_known_from_the_lifecycle() -> None:
    drive = Drive(Client(command("c"), done("c"), session_id=None), Client(END, session_id=None))
    drive.ctx.session_id = "from the lifecycle"
    assert (await drive.run()).session_id == "from the lifecycle"


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (command("c"), done("c")),
        (e.ToolStarted("t", "look"), e.ToolDone(item="t", tool="look")),
        (
            e.ApprovalRequested(request="r", what="command", text="rm"),
            e.ApprovalResolved(request="r", decision="accept"),
        ),
        (e.QuestionAsked("q", "Which?"), e.QuestionAnswered("q", "Which?", "this")),
    ],
)
async def test_nothing_is_idle_while_a_tool_call_is_pending(start: e.Event, end: e.Event) -> None:
    drive = Drive(Client(start, IDLE * 5, end, END))
    assert (await drive.run()).success
    assert drive.used == 1


@pytest.mark.parametrize("idle", [0.0, -1.0, None])
async def test_the_idle_timeout_can_be_off(idle: float | None) -> None:
    drive = Drive(Client(IDLE * 3, END))
    assert (await drive.run(idle)).success


async def test_any_message_is_a_sign_of_life(silence: Silence) -> None:
    """The time begins anew with each."""
    drive = Drive(Client(*[x for _ in range(5) for x in (IDLE, object())], END))
    assert (await drive.run(idle=1.0)).success
    assert silence.limits == [1.0] * 6


async def test_an_exit_is_retried_by_its_own_count() -> None:
    drive = Drive(Client(DEAD), Client(), Client(DEAD), Client(END), config=RetryConfig(2, (7.0,), "on"))
    assert (await drive.run()).success
    assert drive.slept == [1.0, 7.0, 2.0]


async def test_five_exits_are_enough() -> None:
    drive = Drive(*(Client(DEAD) for _ in range(5)))
    result = await drive.run()
    assert not result.success
    assert not result.should_continue
    assert "gone (exit status 3)" in (result.error_message or "")
    assert drive.slept == [1.0, 2.0, 4.0, 8.0]


async def test_an_exit_at_the_query_is_not_retried() -> None:
    drive = Drive(Client(dies=AgentExitError("could not be started")))
    with pytest.raises(AgentExitError, match="started"):
        await drive.run()
    assert drive.used == 1
    assert drive.clients[0].disconnected == 1


async def test_a_failed_turn_is_not_retried() -> None:
    drive = Drive(Client(e.TurnEnded(status="failed", error="no credit")))
    assert await drive.run() == IterationResult(False, "s1", False, "no credit")
    assert not drive.state.interrupted
    drive = Drive(Client(e.TurnEnded(status="interrupted")))
    assert not (await drive.run()).success
    assert drive.state.interrupted


async def test_cancelling_during_the_backoff() -> None:
    drive = Drive(Client(), Client(), config=RetryConfig(2, (1000.0,), "on"))
    asleep = asyncio.Event()

    async def sleep(seconds: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    drive.policy._sleep = sleep
    running = asyncio.create_task(drive.run())
    await asyncio.wait_for(asleep.wait(), 30)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert drive.clients[0].disconnected == 1
    assert drive.used == 1


async def test_cancelling_while_messages_come() -> None:
    drive = Drive(Client(e.Text("t", "Hello.")))
    heard = asyncio.Event()
    drive.policy._stream_processor_factory = lambda: MessageStreamProcessor(
        on_agent_text=lambda _: heard.set()
    )
    running = asyncio.create_task(drive.run(idle=0))
    await asyncio.wait_for(heard.wait(), 30)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert drive.clients[0].disconnected == 1
    assert drive.clients[0].closed


@pytest.mark.parametrize("fails", [True, False])
async def test_a_client_that_lets_go_badly_is_a_warning(fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_module, "DISCONNECT_PATIENCE", (0.01, 0.01))
    client = Client(END)

    async def disconnect() -> None:
        if fails:
            raise OSError("broken pipe")
        await asyncio.Event().wait()

    client.disconnect = disconnect  # type: ignore[method-assign]
    drive = Drive(client)
    assert (await drive.run()).success
    assert ("broken pipe" if fails else "did not let go") in drive.told[-1][1]


async def test_one_policy_serves_two_sessions_at_once() -> None:
    drive = Drive(
        Client(session_id="a"),
        Client(session_id="b"),
        Client(END, session_id="a"),
        Client(END, session_id="b"),
    )

    async def one(query: str) -> IterationResult:
        return await drive.policy.execute_iteration(
            query,
            None,
            SessionExecutionState(),
            LifecycleContext(),
            idle_timeout_seconds=IDLE,
            issue_id=query,
        )

    a, b = await asyncio.gather(one("first"), one("second"))
    assert {a.session_id, b.session_id} == {"a", "b"}
    assert drive.asked[2:] == [("resume first", "a"), ("resume second", "b")]


async def test_the_callbacks_of_the_moment_are_used() -> None:
    heard: list[str] = []
    hear: Callable[[str], None] = heard.append
    drive = Drive(
        Client(), Client(e.Text("t", "Hi."), e.Text("u", "sub", parent="x"), command("c"), done("c"), END)
    )
    drive.policy._stream_processor_factory = lambda: MessageStreamProcessor(
        lambda tool, arguments: heard.append(f"{tool} {arguments}"), hear
    )
    cache: dict[str, int | None] = {}
    seen: list[Any] = []

    class Tracer:
        def log_message(self, message: Any) -> None:
            seen.append(message)

    result = await drive.policy.execute_iteration("x", None, drive.state, drive.ctx, cache, IDLE, Tracer())
    assert result.success
    assert heard == ["Hi.", "shell {'command': 'make'}"]
    assert cache == {"make": 0}
    assert seen[-1] == END
    assert drive.state.answer == "Hi."
