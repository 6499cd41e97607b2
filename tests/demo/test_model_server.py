"""The scripted model server, spoken to over real connections."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.demo.model_server import ModelServer
from zwarm_tui.executors.script import Tokens

SHELL = [{"type": "function", "name": "exec_command"}]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ModelServer]:
    async with ModelServer(log=tmp_path / ".zwarm" / "model-server.jsonl") as server:
        yield server


def said(text: str, role: str = "user") -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}


def body(*items: Any, tools: Any = SHELL) -> dict[str, Any]:
    return {
        "model": "m",
        "input": list(items),
        "tools": tools,
        "stream": True,
        "prompt_cache_key": "thread-1",
    }


class Connection:
    """One request, and what comes back."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, server: ModelServer, data: bytes) -> "Connection":
        port = int(server.url.rpartition(":")[2])
        connection = cls(*await asyncio.open_connection("127.0.0.1", port))
        connection.writer.write(data)
        return connection

    async def until(self, mark: bytes) -> None:
        async with asyncio.timeout(20):
            await self.reader.readuntil(mark)

    async def all(self) -> tuple[int, str]:
        """(status, body)"""
        async with asyncio.timeout(20):
            data = await self.reader.read()
        self.close()
        head, _, rest = data.partition(b"\r\n\r\n")
        return int(head.split()[1]), rest.decode()

    def close(self) -> None:
        self.writer.close()


def post(value: Any, path: str = "/v1/responses", **headers: str) -> bytes:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    more = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{more}Content-Length: {len(data)}\r\n\r\n".encode() + data


async def events(server: ModelServer, request: dict[str, Any]) -> list[dict[str, Any]]:
    status, text = await (await Connection.open(server, post(request))).all()
    assert status == 200
    found = []
    for block in text.split("\n\n")[:-1]:
        name, data = block.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


async def test_text_is_streamed_and_its_usage_is_the_script_s(server: ModelServer) -> None:
    found = await events(server, body(said("@think hmm\n@stream 0.2 50\n@usage 1000 400 50 20")))
    deltas = [event["delta"] for event in found if event["type"] == "response.output_text.delta"]
    whole = [event["item"] for event in found if event["type"] == "response.output_item.done"]
    assert [item["type"] for item in whole] == ["reasoning", "message"]
    assert "".join(deltas) == whole[1]["content"][0]["text"]
    assert len(deltas) == 5
    assert found[-1]["type"] == "response.completed"
    assert found[-1]["response"]["usage"] == {
        "input_tokens": 1000,
        "input_tokens_details": {"cached_tokens": 400},
        "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 20},
        "total_tokens": 1050,
    }
    assert server.delivered() == {"m": Tokens(1000, 400, 50, 20)}


async def test_calls_go_step_by_step(server: ModelServer) -> None:
    items = [
        said("<environment_context>\n<cwd>/x</cwd>\n</environment_context>"),
        said("@run ls\n@write a b\n@say c"),
    ]
    made = []
    for _ in range(3):
        found = await events(server, body(*items))
        item = next(event["item"] for event in found if event["type"] == "response.output_item.done")
        made.append(item)
        items += [item, {"type": "function_call_output", "call_id": item.get("call_id"), "output": "ok"}]
    assert json.loads(made[0]["arguments"]) == {"cmd": "ls"}
    assert made[1]["name"] == "exec_command"  # no apply_patch is offered: through the shell
    assert "*** Add File: a\n+b\n" in json.loads(made[1]["arguments"])["cmd"]
    assert made[2]["content"][0]["text"] == "c"
    assert len({item["id"] for item in made}) == 3


async def test_tools_are_called_as_they_are_offered(server: ModelServer) -> None:
    tools = [
        {"type": "custom", "name": "apply_patch"},
        {"type": "namespace", "name": "board", "tools": [{"type": "function", "name": "move"}]},
    ]
    (patch,) = [
        e["item"] for e in await events(server, body(said("@write a b"), tools=tools)) if "done" in e["type"]
    ]
    assert (patch["type"], patch["name"]) == ("custom_tool_call", "apply_patch")
    move = (await events(server, body(said('@tool board.move {"to": 1}'), tools=tools)))[-2]["item"]
    assert (move["namespace"], move["name"], move["arguments"]) == ("board", "move", '{"to": 1}')
    pilot = [{"type": "function", "name": "delegate"}]
    begun = await events(server, body(said("delegate: @say a | b"), tools=pilot))
    calls = [
        e["item"] for e in begun if e["type"] == "response.output_item.done" and "arguments" in e["item"]
    ]
    assert [json.loads(call["arguments"]) for call in calls] == [{"task": "@say a"}, {"task": "b"}]


async def test_ends_that_are_none(server: ModelServer) -> None:
    failed = await events(server, body(said("@fail out of luck")))
    assert failed[-1]["type"] == "response.failed"
    assert failed[-1]["response"]["error"]["message"] == "out of luck"
    dropped = await Connection.open(server, post(body(said("@say a\n@die"))))
    assert "response.completed" not in (await dropped.all())[1]
    left = await Connection.open(server, post(body(said("@say a\n@hang"))))
    await left.until(b"response.output_item.done")
    assert server.requests[-1].outcome == "running"
    left.close()
    while server.requests[-1].finished is None:
        await asyncio.sleep(0.001)
    assert [r.outcome for r in server.requests] == ["failed", "dropped", "cut off"]
    assert not any(r.delivered for r in server.requests)
    assert server.delivered() == {}


async def test_streams_are_open_at_once_and_counted(server: ModelServer) -> None:
    hanging = [await Connection.open(server, post(body(said("@say a\n@hang")))) for _ in range(3)]
    for connection in hanging:
        await connection.until(b"response.output_text.delta")
    await events(server, body(said("@say b")))
    assert server.peak_streams == 4
    for connection in hanging:
        connection.close()


async def test_the_log_has_a_private_line_a_request(server: ModelServer, tmp_path: Path) -> None:
    instructions = said("# AGENTS.md instructions for /x\n\n<INSTRUCTIONS>\nbe kind\n</INSTRUCTIONS>")
    await events(server, body(instructions, said("@say hi\n@usage 10 0 5")))
    await events(server, body(said("@say hi"), said("hi", "assistant"), said("@run ls")))
    path = tmp_path / ".zwarm" / "model-server.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first, second = [json.loads(line) for line in path.read_text().splitlines()]
    assert (first["thread"], first["outcome"], first["delivered"]) == ("thread-1", "completed", True)
    assert first["messages"] == ["@say hi\n@usage 10 0 5"]
    assert first["input"][0] == instructions
    assert first["usage"] == {"input": 10, "cached": 0, "output": 5, "reasoning": 0}
    assert second["messages"] == ["@say hi", "@run ls"]
    assert second["calls"][0]["name"] == "exec_command"
    assert first["started"] <= first["finished"] <= second["finished"]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /v1/models HTTP/1.1\r\n\r\n", 200),
        (b"GET /favicon.ico HTTP/1.1\r\n\r\n", 404),
        (b"nonsense\r\n\r\n", 400),
        (post({}), 400),
        (post([1]), 400),
        (post({"model": "m", "input": None}), 400),
        (post(b"{"), 400),
        (post(b"{}", content_encoding="zstd"), 415),
        (b"POST /v1/responses HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"POST /v1/responses HTTP/1.1\r\nContent-Length: x\r\n\r\n", 413),
    ],
)
async def test_other_requests_get_an_answer(server: ModelServer, data: bytes, status: int) -> None:
    assert (await (await Connection.open(server, data)).all())[0] == status


async def test_a_client_that_leaves_in_the_middle_of_its_request(server: ModelServer) -> None:
    (await Connection.open(server, post(body(said("@say hi")))[:-5])).close()
    await events(server, body(said("@say hi")))
    assert len(server.requests) == 1


async def test_odd_items_are_survived(server: ModelServer) -> None:
    odd = [None, 7, {}, {"type": "reasoning"}, {"type": "function_call", "call_id": "x", "arguments": "{"}]
    odd += [{"type": "function_call_output", "call_id": "x", "output": [{"text": "y"}, 3]}]
    odd += [{"role": "user", "content": "@say still"}]
    found = await events(server, body(*odd))
    assert found[-2]["item"]["content"][0]["text"] == "still"


async def test_closing_cuts_off_what_is_open(tmp_path: Path) -> None:
    async with ModelServer() as server:
        connection = await Connection.open(server, post(body(said("@say a\n@hang"))))
        await connection.until(b"response.output_text.delta")
    assert server.requests[0].outcome == "cut off"
    connection.close()


async def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExecutorError, match="could not be started"):
        async with ModelServer(log=tmp_path / "file" / "log"):
            pass
