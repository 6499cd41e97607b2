"""API models against a real HTTP server on loopback that speaks OpenAI's chat
completions, streamed, and plays a script."""

from __future__ import annotations

import asyncio
import itertools
import json
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.executors.api import ApiExecutor
from zwarm_tui.executors.base import ThreadSpec, Tool

Chunk = dict[str, Any] | asyncio.Event | None
"""A delta, a moment to wait for, or None: stop there."""


class ChatServer:
    """Answers each POST with the next entry of `script`: (status, error) or chunks."""

    def __init__(self) -> None:
        self.script: list[tuple[int, Any] | list[Chunk]] = []
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.url = ""
        self.length = ""  # a header line, for a body of known size

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
            self.keys.append(headers.get("authorization"))
            self.bodies.append(json.loads(await reader.readexactly(int(headers["content-length"]))))
            answer = self.script.pop(0)
            if isinstance(answer, tuple):
                data = json.dumps(answer[1]).encode()
                start = f"HTTP/1.1 {answer[0]} X\r\ncontent-type: application/json\r\nconnection: close\r\n"
                writer.write(f"{start}content-length: {len(data)}\r\n\r\n".encode() + data)
            else:
                start = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n"
                writer.write(f"{start}{self.length}\r\n".encode())
                await self.stream(writer, answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away, as an interrupted one does
        finally:
            writer.close()

    async def stream(self, writer: asyncio.StreamWriter, chunks: list[Chunk]) -> None:
        for chunk in chunks:
            if chunk is None:
                return
            if isinstance(chunk, asyncio.Event):
                await writer.drain()
                await chunk.wait()
                continue
            if "type" in chunk:  # the responses API
                writer.write(f"event: {chunk['type']}\ndata: {json.dumps(chunk)}\n\n".encode())
                continue
            body = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5.1", **chunk}
            writer.write(f"data: {json.dumps(body)}\n\n".encode())
        writer.write(b"data: [DONE]\n\n")


def delta(finish: str | None = None, **fields: Any) -> Chunk:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def usage(input: int = 100, cached: int = 0, output: int = 10, reasoning: int = 0) -> Chunk:
    return {
        "choices": [],
        "usage": {
            "prompt_tokens": input,
            "completion_tokens": output,
            "total_tokens": input + output,
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        },
    }


def says(*texts: str, **counts: int) -> list[Chunk]:
    return [
        delta(role="assistant", content=""),
        *(delta(content=t) for t in texts),
        delta("stop"),
        usage(**counts),
    ]


def calls(*tools: tuple[str, Any], **counts: int) -> list[Chunk]:
    made = [
        {
            "index": i,
            "id": f"call_{i}",
            "type": "function",
            "function": {"name": name, "arguments": a if isinstance(a, str) else json.dumps(a)},
        }
        for i, (name, a) in enumerate(tools)
    ]
    return [delta(role="assistant", tool_calls=made), delta("tool_calls"), usage(**counts)]


def responds(thought: str, text: str) -> list[Chunk]:
    """The same in OpenAI's responses API, after some reasoning."""
    reply = {"id": "r1", "object": "response", "created_at": 1, "model": "gpt-5.1-2025-11-13", "output": []}
    reply |= {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    message = {"type": "message", "id": "m1", "role": "assistant", "content": []}
    where = {"item_id": "m1", "output_index": 1, "content_index": 0}
    part = {"type": "output_text", "text": text, "annotations": []}
    counted = {
        "input_tokens": 1000,
        "input_tokens_details": {"cached_tokens": 800},
        "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 20},
        "total_tokens": 1050,
    }
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": reply | {"status": "in_progress"}},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {"type": "reasoning", "id": "t1", "summary": []},
        },
        {
            "type": "response.reasoning_summary_text.delta",
            "item_id": "t1",
            "output_index": 0,
            "summary_index": 0,
            "delta": thought,
        },
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": {
                "type": "reasoning",
                "id": "t1",
                "summary": [{"type": "summary_text", "text": thought}],
            },
        },
        {"type": "response.output_item.added", "output_index": 1, "item": message},
        {"type": "response.content_part.added", **where, "part": part | {"text": ""}},
        {"type": "response.output_text.delta", **where, "delta": text, "logprobs": []},
        {"type": "response.output_text.done", **where, "text": text, "logprobs": []},
        {"type": "response.output_item.done", "output_index": 1, "item": message | {"content": [part]}},
        {"type": "response.completed", "response": reply | {"status": "completed", "usage": counted}},
    ]
    return [event | {"sequence_number": i} for i, event in enumerate(events)]


class Sink:
    """Keeps the events; a tool answers with what `tools` holds for it."""

    def __init__(self) -> None:
        self.events: list[e.Event] = []
        self.called: list[tuple[str, dict[str, Any]]] = []
        self.tools: Callable[[str, dict[str, Any]], Awaitable[tuple[str, bool]]] | None = None
        self._seen = asyncio.Condition()
        self._woken: set[asyncio.Task[None]] = set()

    def emit(self, event: e.Event) -> None:
        self.events.append(event)
        task = asyncio.ensure_future(self._wake())
        self._woken.add(task)
        task.add_done_callback(self._woken.discard)

    async def _wake(self) -> None:
        async with self._seen:
            self._seen.notify_all()

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> tuple[str, bool]:
        self.called.append((name, arguments))
        return await self.tools(name, arguments) if self.tools else (f"{name} done", True)

    def of(self, kind: type[e.Event]) -> list[Any]:
        return [event for event in self.events if type(event) is kind]

    async def until(self, kind: type[e.Event], count: int = 1) -> None:
        async with asyncio.timeout(20), self._seen:
            await self._seen.wait_for(lambda: len(self.of(kind)) >= count)


DELEGATE = Tool(
    "delegate", "Give a task away.", {"type": "object", "properties": {"task": {"type": "string"}}}
)
SPEC = ThreadSpec(
    session="s1", cwd="/", instructions="You are the pilot.", tools=(DELEGATE,), tools_only=True
)


@pytest.fixture
async def server() -> AsyncIterator[ChatServer]:
    chat = ChatServer()
    listener = await asyncio.start_server(chat.serve, "127.0.0.1", 0)
    chat.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    async with listener:
        yield chat


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ZWARM_TEST_KEY", "k-1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return "ZWARM_TEST_KEY"


@pytest.fixture
def api(server: ChatServer, key: str, tmp_path: Path) -> Callable[[], ApiExecutor]:
    return lambda: ApiExecutor("openai:gpt-5.1", base_url=server.url, api_key_env=key, state_dir=tmp_path)


def roles(body: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(m["role"], m.get("content") or m.get("tool_calls")) for m in body["messages"]]


async def test_a_turn_streams_text_and_reports_its_tokens(
    server: ChatServer, api: Callable[[], ApiExecutor]
) -> None:
    server.script = [says("Hello", ", you", input=1000, cached=800, output=50, reasoning=20)]
    sink, executor = Sink(), api()
    thread = await executor.start(SPEC, sink)
    ended = await executor.run_turn(thread, "hi \ud800")

    assert ended == e.TurnEnded(status="completed", turn_id=sink.of(e.TurnStarted)[0].turn_id)
    assert [d.text for d in sink.of(e.TextDelta)] == ["Hello", ", you"]
    (text,) = sink.of(e.Text)
    assert text.text == "Hello, you"
    assert {d.item for d in sink.of(e.TextDelta)} == {text.item}
    (used,) = sink.of(e.Usage)
    assert (used.input, used.cached, used.output, used.reasoning, used.context) == (200, 800, 50, 20, 1000)
    assert used.model == "gpt-5.1"
    assert not sink.of(e.UsageUnknown)
    assert server.keys == ["bearer k-1"]
    assert roles(server.bodies[0]) == [("system", "You are the pilot."), ("user", "hi ?")]
    assert server.bodies[0]["tools"][0]["function"]["name"] == "delegate"


async def test_the_responses_api_with_reasoning(server: ChatServer, key: str, tmp_path: Path) -> None:
    whole = responds("Let me think.", "Done.")
    server.script = [whole, [*whole[:-1], None]]
    executor = ApiExecutor(
        "openai-responses:gpt-5.1", base_url=server.url, api_key_env=key, state_dir=tmp_path
    )
    sink = Sink()
    thread = await executor.start(SPEC, sink)
    assert (await executor.run_turn(thread, "hi")).status == "completed"
    assert [r.text for r in sink.of(e.Reasoning)] == ["Let me think."]
    assert [t.text for t in sink.of(e.Text)] == ["Done."]
    (used,) = sink.of(e.Usage)
    assert (used.model, used.input, used.cached) == ("gpt-5.1-2025-11-13", 200, 800)
    assert (used.output, used.reasoning) == (50, 20)

    ended = await executor.run_turn(thread, "and again")
    assert (ended.status, "broke its answer off" in str(ended.error)) == ("failed", True)


async def test_tools_are_called_through_the_sink(server: ChatServer, api: Callable[[], ApiExecutor]) -> None:
    server.script = [
        calls(("delegate", {"task": "a"}), ("delegate", {"task": "b"}), input=10),
        says("both given away", input=20),
    ]
    sink, executor = Sink(), api()
    both = asyncio.Barrier(2)

    async def tools(name: str, arguments: dict[str, Any]) -> tuple[str, bool]:
        await both.wait()  # only passes if the two calls run side by side
        return (f"session for {arguments['task']}", arguments["task"] == "a")

    sink.tools = tools
    ended = await executor.run_turn(await executor.start(SPEC, sink), "go")

    assert ended.status == "completed"
    assert sink.called == [("delegate", {"task": "a"}), ("delegate", {"task": "b"})]
    started, done = sink.of(e.ToolStarted), sink.of(e.ToolDone)
    assert [s.arguments for s in started] == [{"task": "a"}, {"task": "b"}]
    assert {(d.item, d.result, d.ok) for d in done} == {
        (started[0].item, "session for a", True),
        (started[1].item, "session for b", False),
    }
    assert [u.input for u in sink.of(e.Usage)] == [10, 20]
    tool_answers = [m["content"] for m in server.bodies[1]["messages"] if m["role"] == "tool"]
    assert tool_answers == ["session for a", "session for b"]


async def test_a_call_that_is_no_json_goes_back_to_the_model(
    server: ChatServer, api: Callable[[], ApiExecutor]
) -> None:
    server.script = [calls(("delegate", '{"task": ')), calls(("fly", {})), says("sorry")]
    sink, executor = Sink(), api()
    ended = await executor.run_turn(await executor.start(SPEC, sink), "go")
    assert ended.status == "completed"
    assert sink.called == []
    assert [d.ok for d in sink.of(e.ToolDone)] == [False, False]
    assert [s.tool for s in sink.of(e.ToolStarted)] == ["delegate", "fly"]


async def test_history_is_sent_again_exactly_and_by_a_new_process_too(
    server: ChatServer, api: Callable[[], ApiExecutor], tmp_path: Path
) -> None:
    server.script = [
        [delta(role="assistant", content="I'll ask. "), *calls(("delegate", {"task": "a"}))],
        says("one"),
        says("two"),
        says("three"),
    ]
    first = api()
    thread = await first.start(SPEC, Sink())
    await first.run_turn(thread, "first")
    await first.run_turn(thread, "second")
    await first.aclose()

    sink, second = Sink(), api()
    await second.resume(thread, SPEC, sink)
    assert (await second.run_turn(thread, "third")).status == "completed"

    sent = [body["messages"] for body in server.bodies]
    for earlier, later in itertools.pairwise(sent):
        assert later[: len(earlier)] == earlier
    assert [m["role"] for m in sent[-1]] == [
        *("system", "user", "assistant", "tool", "assistant"),
        *("user", "assistant", "user"),
    ]
    (file,) = (tmp_path / "api").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_a_fork_has_the_turns_up_to_where_it_was_made(
    server: ChatServer, api: Callable[[], ApiExecutor]
) -> None:
    server.script = [says("one"), says("two"), says("forked"), says("three")]
    sink, executor = Sink(), api()
    thread = await executor.start(SPEC, sink)
    first = await executor.run_turn(thread, "first")
    await executor.run_turn(thread, "second")

    forked = await api().fork(thread, SPEC, Sink(), at_turn=first.turn_id)
    assert forked.exact
    assert forked.thread != thread
    other = api()
    await other.resume(forked.thread, SPEC, Sink())
    await other.run_turn(forked.thread, "instead")
    await executor.run_turn(thread, "third")

    assert [c for r, c in roles(server.bodies[2])[1:]] == ["first", "one", "instead"]
    assert [c for r, c in roles(server.bodies[3])[1:]] == ["first", "one", "second", "two", "third"]
    tip = await executor.fork(thread, SPEC, Sink())
    assert len(executor._threads[tip.thread].file.turns()) == 3
    with pytest.raises(ExecutorError, match="no turn 'nope'"):
        await executor.fork(thread, SPEC, Sink(), at_turn="nope")


async def test_an_interrupt_keeps_what_was_said(server: ChatServer, api: Callable[[], ApiExecutor]) -> None:
    never = asyncio.Event()
    server.script = [
        [delta(role="assistant", content=""), delta(content="half a "), never],
        says("on we go"),
    ]
    sink, executor = Sink(), api()
    thread = await executor.start(SPEC, sink)
    turn = asyncio.create_task(executor.run_turn(thread, "talk"))
    await sink.until(e.TextDelta)
    await executor.interrupt(thread)
    ended = await turn
    never.set()

    assert (ended.status, ended.error) == ("interrupted", None)
    assert [t.text for t in sink.of(e.Text)] == ["half a "]
    assert len(sink.of(e.UsageUnknown)) == 1
    assert not sink.of(e.Usage)
    later = api()
    await later.resume(thread, SPEC, sink)
    assert (await later.run_turn(thread, "go on")).status == "completed"
    assert [c for r, c in roles(server.bodies[1])[1:]] == ["talk", "half a ", "go on"]


async def test_an_interrupt_before_the_first_request_sends_none(
    server: ChatServer, api: Callable[[], ApiExecutor]
) -> None:
    sink, executor = Sink(), api()
    thread = await executor.start(SPEC, sink)
    turn = asyncio.create_task(executor.run_turn(thread, "talk"))
    await asyncio.sleep(0)  # begun, and its library is being imported
    await executor.interrupt(thread)
    assert (await turn).status == "interrupted"
    assert server.bodies == []
    assert not sink.of(e.UsageUnknown)
    assert (await executor.fork(thread, SPEC, sink, at_turn=turn.result().turn_id)).exact


async def test_an_interrupt_ends_a_tool_that_runs(server: ChatServer, api: Callable[[], ApiExecutor]) -> None:
    server.script = [calls(("delegate", {"task": "a"})), says("again"), says("and again")]
    sink, executor = Sink(), api()
    stopped = asyncio.Event()

    async def tools(name: str, arguments: dict[str, Any]) -> tuple[str, bool]:
        try:
            return await asyncio.Future()
        finally:
            stopped.set()

    sink.tools = tools
    thread = await executor.start(SPEC, sink)
    turn = asyncio.create_task(executor.run_turn(thread, "go"))
    await sink.until(e.ToolStarted)
    await executor.interrupt(thread)

    assert (await turn).status == "interrupted"
    assert stopped.is_set()
    (done,) = sink.of(e.ToolDone)
    assert (done.ok, done.result) == (False, "interrupted")
    assert not sink.of(e.UsageUnknown)  # the response before it was complete
    for text in ("what now", "and now"):
        assert (await executor.run_turn(thread, text)).status == "completed"
    assert [r for r, _ in roles(server.bodies[1])] == ["system", "user", "assistant", "tool", "user"]
    assert server.bodies[2]["messages"][: len(server.bodies[1]["messages"])] == server.bodies[1]["messages"]


async def test_cancelling_the_turn_keeps_it_too(server: ChatServer, api: Callable[[], ApiExecutor]) -> None:
    never = asyncio.Event()
    server.script = [[delta(role="assistant", content="half"), never], says("ok")]
    sink, executor = Sink(), api()
    thread = await executor.start(SPEC, sink)
    turn = asyncio.create_task(executor.run_turn(thread, "talk"))
    await sink.until(e.TextDelta)
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    never.set()
    assert (await executor.run_turn(thread, "more")).status == "completed"
    assert [c for r, c in roles(server.bodies[1])[1:]] == ["talk", "half", "more"]


async def test_steering_reaches_the_running_turn(server: ChatServer, api: Callable[[], ApiExecutor]) -> None:
    server.script = [calls(("delegate", {"task": "a"})), says("done")]
    sink, executor = Sink(), api()
    go = asyncio.Event()

    async def tools(name: str, arguments: dict[str, Any]) -> tuple[str, bool]:
        await go.wait()
        return "ok", True

    sink.tools = tools
    thread = await executor.start(SPEC, sink)
    with pytest.raises(ExecutorError, match="no turn runs"):
        await executor.steer(thread, "too early")
    turn = asyncio.create_task(executor.run_turn(thread, "go"))
    await sink.until(e.ToolStarted)
    await executor.steer(thread, "use tabs")
    with pytest.raises(ExecutorError, match="a turn runs"):
        await executor.run_turn(thread, "me too")
    go.set()
    assert (await turn).status == "completed"
    assert ("user", "use tabs") in roles(server.bodies[1])


async def test_a_message_that_the_turn_never_read_is_counted(
    server: ChatServer, api: Callable[[], ApiExecutor]
) -> None:
    never = asyncio.Event()
    server.script = [[delta(role="assistant", content="half"), never]]
    sink, executor = Sink(), api()
    thread = await executor.start(SPEC, sink)
    turn = asyncio.create_task(executor.run_turn(thread, "go"))
    await sink.until(e.TextDelta)
    await executor.steer(thread, "use tabs")
    await executor.interrupt(thread)
    ended = await turn
    assert (ended.status, ended.late) == ("interrupted", 1)
    never.set()


async def test_an_answer_without_a_word_is_the_end_too(
    server: ChatServer, api: Callable[[], ApiExecutor]
) -> None:
    server.script = [calls(("delegate", {"task": "a"})), says(), says("more")]
    sink, executor = Sink(), api()
    thread = await executor.start(SPEC, sink)
    assert (await executor.run_turn(thread, "go")).status == "completed"
    assert (len(server.bodies), sink.of(e.Text)) == (2, [])
    assert (await executor.run_turn(thread, "and?")).status == "completed"


async def test_text_that_is_no_unicode_does_not_spoil_the_thread(
    server: ChatServer, api: Callable[[], ApiExecutor]
) -> None:
    server.script = [says("a\ud800b"), says("fine")]
    sink, executor = Sink(), api()
    thread = await executor.start(SPEC, sink)
    for text in ("first", "second"):
        ended = await executor.run_turn(thread, text)
        assert (ended.status, ended.error) == ("completed", None)
    assert [c for r, c in roles(server.bodies[1])[1:]][-1] == "second"


async def test_errors_of_the_api_are_sentences(server: ChatServer, api: Callable[[], ApiExecutor]) -> None:
    refused = {"error": {"message": "Incorrect API key provided: k-1.", "type": "invalid_request_error"}}
    server.script = [(401, refused), (404, {"error": {"message": "no such model"}}), says("better")]
    sink, executor = Sink(), api()
    thread = await executor.start(SPEC, sink)

    ended = await executor.run_turn(thread, "hi")
    assert ended.status == "failed"
    assert ended.error == (
        f"{server.url} answered 401: Incorrect API key provided: k-1. (check the key in ZWARM_TEST_KEY)"
    )
    assert not sink.of(e.UsageUnknown)
    assert "is 'gpt-5.1' the model's name?" in str((await executor.run_turn(thread, "hi")).error)
    assert (await executor.run_turn(thread, "again")).status == "completed"


@pytest.mark.parametrize("length", ["", "content-length: 9999\r\n"])
async def test_a_stream_that_breaks_off_fails_the_turn(
    server: ChatServer, api: Callable[[], ApiExecutor], length: str
) -> None:
    server.length = length
    server.script = [[delta(role="assistant", content="half"), None]]
    sink, executor = Sink(), api()
    ended = await executor.run_turn(await executor.start(SPEC, sink), "hi")
    assert ended.status == "failed"
    assert "without a `finish_reason`" in str(ended.error) or "complete message body" in str(ended.error)
    assert len(sink.of(e.UsageUnknown)) == 1
    assert [t.text for t in sink.of(e.Text)] == ["half"]


async def test_nobody_listens(key: str, tmp_path: Path) -> None:
    executor = ApiExecutor("local", base_url="http://127.0.0.1:9/v1", api_key_env=None, state_dir=tmp_path)
    ended = await executor.run_turn(await executor.start(SPEC, Sink()), "hi")
    assert ended.status == "failed"
    assert str(ended.error).startswith("the connection to http://127.0.0.1:9/v1 failed: ")


async def test_ending_a_thread_stops_its_turn(server: ChatServer, api: Callable[[], ApiExecutor]) -> None:
    never = asyncio.Event()
    server.script = [[delta(role="assistant", content="half"), never]]
    sink, executor = Sink(), api()
    thread = await executor.start(SPEC, sink)
    turn = asyncio.create_task(executor.run_turn(thread, "talk"))
    await sink.until(e.TextDelta)
    await executor.aclose()
    never.set()
    assert turn.done()
    with pytest.raises(ExecutorError, match="resume it first"):
        await executor.interrupt(thread)


async def test_a_line_that_a_crash_cut_off_is_left_out(
    server: ChatServer, api: Callable[[], ApiExecutor], tmp_path: Path
) -> None:
    server.script = [says("one"), says("two"), says("three")]
    executor = api()
    thread = await executor.start(SPEC, Sink())
    await executor.run_turn(thread, "first")
    path = tmp_path / "api" / f"{thread}.jsonl"
    with path.open("a") as file:
        file.write('{"turn":"x","at":0,"mess')
    later = api()
    await later.resume(thread, SPEC, Sink())
    await later.run_turn(thread, "second")
    assert (await later.run_turn(thread, "third")).status == "completed"
    assert [c for r, c in roles(server.bodies[2])[1:]] == ["first", "one", "second", "two", "third"]


async def test_what_can_not_be_resumed_says_so(api: Callable[[], ApiExecutor], tmp_path: Path) -> None:
    with pytest.raises(ExecutorError, match="no messages are kept of thread"):
        await api().resume("../../etc/passwd", SPEC, Sink())
    executor = api()
    thread = await executor.start(SPEC, Sink())
    (tmp_path / "api" / f"{thread}.jsonl").write_text("[]\n")
    ended = await executor.run_turn(thread, "hi")
    assert ended.status == "failed"
    assert "damaged" in str(ended.error)


async def test_probe_says_what_is_missing(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def probe(model: str, **more: Any) -> Any:
        return ApiExecutor(model, state_dir=tmp_path, **more).probe()

    info = await probe("openai:gpt-5.1")
    assert (info.found, info.login, info.problem) == (True, "no", "no API key: set OPENAI_API_KEY")
    info = await probe("openai:gpt-5.1", api_key_env=key)
    assert (info.login, info.problem) == ("yes", None)
    assert (await probe("gpt-5.1")).problem == "model 'gpt-5.1' names no provider: write it as openai:gpt-5.1"
    info = await probe("qwen3:8b", base_url="http://127.0.0.1:9/v1")
    assert (info.login, info.problem) == ("unknown", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert (await probe("openai:gpt-5.1")).problem == "API models need pydantic-ai: install zwarm-tui[pilot]"


def test_the_library_is_not_loaded_with_the_module() -> None:
    code = (
        "import sys, zwarm_tui.executors.api; print({'pydantic_ai', 'pydantic', 'openai'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


async def test_a_missing_key_fails_the_turn_in_words(key: str, tmp_path: Path) -> None:
    executor = ApiExecutor("openai:gpt-5.1", base_url=None, api_key_env=None, state_dir=tmp_path)
    ended = await executor.run_turn(await executor.start(SPEC, Sink()), "hi")
    assert ended == e.TurnEnded(status="failed", error="no API key: set OPENAI_API_KEY")
