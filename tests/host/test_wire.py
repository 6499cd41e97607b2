"""The socket: every verb alike, errors that keep their type, and odd clients."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.host.conftest import PATIENCE, Stage, eventually
from zwarm_tui.client import EngineClient
from zwarm_tui.core import errors
from zwarm_tui.core.errors import (
    ConfigError,
    LockedError,
    SessionNotFoundError,
    StoreError,
    UsageError,
    ZwarmError,
)
from zwarm_tui.engine import Engine
from zwarm_tui.host import server as server_module
from zwarm_tui.host.client import HostClient, hosted
from zwarm_tui.host.server import HostServer
from zwarm_tui.host.verbs import VERBS
from zwarm_tui.wire import place, rpc
from zwarm_tui.wire.connection import Connection
from zwarm_tui.wire.environment import differences

QUICK = "@say Done.\n@usage 1000 200 50"


@pytest.fixture
async def wire(stage: Stage) -> Any:
    """A server in this process, over an engine of this process, and its socket."""
    async with await Engine.open(stage.project) as engine:
        server = HostServer(engine)
        socket = place.new_socket(stage.project)
        await server.listen(socket)
        unsubscribe = engine.store.subscribe(
            lambda seq: loop.call_soon_threadsafe(server.grew, seq) and None  # type: ignore[func-returns-value]
        )
        loop = asyncio.get_running_loop()
        yield server, socket
        unsubscribe()
        await server.close("the test is over")
        await eventually(lambda: not server.peers)
        socket.unlink()


async def lines(socket: Path, *requests: bytes) -> list[dict[str, Any]]:
    """Send raw bytes; the answers, one a request."""
    reader, writer = await asyncio.open_unix_connection(socket)
    writer.write(b"".join(requests))
    found = [json.loads(await reader.readline()) for _ in requests]
    writer.close()
    await writer.wait_closed()
    return found


async def test_who_comes_while_it_closes_is_sent_away_with_a_good_bye(stage: Stage) -> None:
    """And not listened to by an engine that is about to end: the next host is."""
    came, go_on = asyncio.Event(), asyncio.Event()

    class Slow(HostServer):
        async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            came.set()
            await go_on.wait()
            await super()._serve(reader, writer)

    async with await Engine.open(stage.project) as engine:
        server, socket = Slow(engine), place.new_socket(stage.project)
        await server.listen(socket)
        reader, writer = await asyncio.open_unix_connection(socket)
        writer.write(rpc.encode({"jsonrpc": "2.0", "id": 1, "method": "host.status"}))
        await came.wait()
        await server.close("the test is over")
        go_on.set()
        bye, *more = (await reader.read()).splitlines()
        assert json.loads(bye)["method"] == "bye"
        assert not more
        writer.close()
        socket.unlink()


async def test_a_verb_is_seen_through_and_answered_when_the_host_ends(
    wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, socket = wire
    half_done, go_on = asyncio.Event(), asyncio.Event()

    async def note(label: str, text: str) -> Any:
        half_done.set()
        await go_on.wait()
        return {"note": text}

    monkeypatch.setattr(server.engine, "note", note)
    told: list[str] = []
    connection = await Connection.open(socket, lambda method, _: told.append(method))
    await connection.greet()
    asked = asyncio.create_task(connection.call("note", {"label": "T1", "text": "so"}))
    await half_done.wait()
    closing = asyncio.create_task(server.close("the test is over"))
    await asyncio.sleep(0)  # it begins
    go_on.set()
    assert await asked == {"note": "so"}
    await closing
    await connection.closed.wait()
    assert told == ["bye"]
    await connection.aclose()


async def test_what_is_asked_while_it_closes_is_done_by_the_next_host(
    wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, socket = wire
    sockets = [socket, socket.with_name("next.sock")]
    half_done, go_on = asyncio.Event(), asyncio.Event()

    async def note(label: str, text: str) -> Any:
        half_done.set()
        await go_on.wait()
        return {"note": text}

    async def dial(notice: Any) -> Connection:
        return await Connection.open(sockets.pop(0), notice)

    monkeypatch.setattr(server.engine, "note", note)
    successor = HostServer(server.engine)
    await successor.listen(sockets[-1])
    client = HostClient(dial)
    noted = asyncio.create_task(client.note("T1", "so"))
    await half_done.wait()
    closing = asyncio.create_task(server.close("the test is over"))
    await asyncio.sleep(0)  # it begins
    asked = asyncio.create_task(client.checkpoint("here"))
    await asyncio.sleep(0)  # it is on its way
    go_on.set()
    assert await noted == {"note": "so"}
    await closing
    assert (await asked)["label"] == "T1", "and not that the host ended before it answered"
    await client.aclose()
    await successor.close("the test is over")


async def test_who_comes_just_as_it_leaves_since_nobody_is_there_finds_it_staying(wire: Any) -> None:
    server, socket = wire
    leaving = asyncio.create_task(server.until_stopped())
    connection = await Connection.open(socket)
    await connection.greet()
    server.stop("idle")
    assert (await connection.call("host.status", {}))["stopping"] is None
    assert not leaving.done()
    server.stop("interrupt")
    await leaving
    assert server.how == "interrupt"
    await connection.aclose()


# -- verbs ------------------------------------------------------------------------------


def test_the_engine_serves_every_verb_by_the_same_signature() -> None:
    assert {"say", "delegate", "approve", "goto", "tool", "status"} <= set(VERBS)
    for name in VERBS:
        ours, theirs = (
            inspect.signature(getattr(EngineClient, name)),
            inspect.signature(getattr(Engine, name)),
        )
        assert ours == theirs, name
    client = HostClient(lambda _: asyncio.sleep(0))  # type: ignore[arg-type,return-value]
    assert all(callable(getattr(client, name)) for name in VERBS)
    with pytest.raises(AttributeError):
        client.no_such_verb  # noqa: B018


@pytest.mark.parametrize(
    ("verb", "params", "said"),
    [
        ("delegate", {}, "task"),
        ("delegate", {"task": 5}, "task can't be 5"),
        ("delegate", {"task": "x", "colour": "red"}, "colour"),
        ("delegate", {"task": "x", "confirm": 1}, "confirm"),
        ("fork", {"session_id": "x", "at_turn": True}, "at_turn"),
        ("tool", {"name": "sleep", "arguments": []}, "arguments"),
    ],
)
async def test_wrong_arguments(wire: Any, verb: str, params: dict[str, Any], said: str) -> None:
    connection = await Connection.open(wire[1])
    await connection.greet()
    with pytest.raises(UsageError, match=said):
        await connection.call(verb, params)
    await connection.aclose()


async def test_errors_are_what_an_engine_would_raise(stage: Stage) -> None:
    async with stage.client() as client:
        with pytest.raises(SessionNotFoundError) as caught:
            await client.interrupt("nobody")
        assert (caught.value.wanted, caught.value.candidates) == ("nobody", [])
        with pytest.raises(TypeError):
            await client.interrupt()  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "error",
    [
        SessionNotFoundError("a", ["ab", "ac"]),
        ConfigError(Path("/x/y"), "wrong", 3),
        *(
            kind("what happened")
            for kind in vars(errors).values()
            if kind in (UsageError, StoreError, LockedError)
        ),
    ],
    ids=lambda e: type(e).__name__,
)
def test_an_error_survives_the_wire(error: ZwarmError) -> None:
    made = rpc.raised(json.loads(rpc.encode({"e": rpc.failure(error)}))["e"])
    assert type(made) is type(error)
    assert str(made) == str(error)


def test_an_error_of_an_adapters_own_arrives_as_the_nearest_one() -> None:
    class Odd(StoreError):
        pass

    assert type(rpc.raised(rpc.failure(Odd("x")))) is StoreError
    assert "bug" in str(rpc.raised(rpc.failure(ValueError("x"))))


# -- odd clients ------------------------------------------------------------------------


async def test_garbage_is_answered_and_the_host_stays(wire: Any) -> None:
    found = await lines(
        wire[1],
        b"hello?\n",
        b"[]\n",
        b'{"id": [], "method": "hello"}\n',
        b'{"id": 1, "method": 5}\n',
        b'{"id": 2, "method": "hello", "params": []}\n',
        b'{"id": 3, "method": "ls"}\n',
        b"\xff\xfe\x00\n",
        b"[" * 100_000 + b"\n",
        b'{"id": 4, "method": "delegate", "params": {"task": "x"}}\n',
    )
    codes = [answer["error"]["code"] for answer in found]
    assert codes[:3] == [rpc.PARSE_ERROR, rpc.INVALID, rpc.INVALID]
    assert {answer["id"] for answer in found} == {None, 1, 2, 3, 4}
    assert "say hello first" in str(found)
    (greeted,) = await lines(wire[1], b'{"id": 9, "method": "host.status"}\n')
    assert greeted["result"]["clients"] == 0


@given(st.binary(max_size=200).map(lambda raw: raw.replace(b"\n", b"")))
def test_no_line_makes_the_reader_of_requests_fail(raw: bytes) -> None:
    try:
        method, params, _ = rpc.request(raw)
    except rpc.Malformed as malformed:
        assert rpc.encode(rpc.failure(malformed))
    else:
        assert isinstance(method, str)
        assert isinstance(params, dict)


async def test_a_line_without_an_end(wire: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = await asyncio.open_unix_connection(wire[1])
    block = b"x" * 2**20

    async def pour() -> None:
        for _ in range(2 * rpc.LIMIT // len(block) + 1):
            writer.write(block)
            await writer.drain()

    pouring = asyncio.create_task(pour())
    answer = json.loads(await reader.readline())
    assert str(rpc.LIMIT) in answer["error"]["message"]
    await asyncio.wait({pouring})
    assert isinstance(pouring.exception(), ConnectionError)
    writer.close()
    assert (await lines(wire[1], b'{"id": 1, "method": "host.status"}\n'))[0]["result"]


async def test_another_version_is_refused_with_a_way_out(wire: Any) -> None:
    connection = await Connection.open(wire[1])
    with pytest.raises(LockedError, match=r"0\.0\.9.*host stop"):
        await connection.call("hello", {"version": "0.0.9"})
    with pytest.raises(UsageError, match="say hello first"):
        await connection.call("delegate", {"task": QUICK})
    assert (await connection.call("host.status", {}))["version"]
    assert (await connection.call("host.stop", {"how": "drain"})) == {"stopping": "drain"}
    await connection.aclose()


async def test_a_client_that_does_not_read_is_dropped(wire: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "BUFFER", 100_000)
    server, socket = wire
    other = await Connection.open(socket)
    reader, writer = await asyncio.open_unix_connection(socket)
    await eventually(lambda: len(server.peers) == 2)
    ask = b'{"id": 1, "method": "%s"}\n' % (b"x" * 1000)

    async def pester() -> None:
        while True:
            writer.write(ask * 100)
            await writer.drain()

    pestering = asyncio.create_task(pester())
    await eventually(lambda: len(server.peers) == 1, "it was dropped")
    await asyncio.wait({pestering}, timeout=PATIENCE)
    assert isinstance(pestering.exception(), ConnectionError)
    assert (await other.call("host.status", {}))["pid"] == os.getpid()
    writer.close()
    await other.aclose()
    del reader


async def test_a_verb_is_seen_through_when_its_client_leaves(stage: Stage) -> None:
    stage.json("host", "start")
    card = place.standing(stage.project)
    assert card is not None
    connection = await Connection.open(card.socket)
    await connection.greet()
    asking = asyncio.create_task(connection.call("delegate", {"task": QUICK}))
    await asyncio.sleep(0)
    await connection.aclose()
    with pytest.raises(ZwarmError, match="before it answered"):
        await asking
    await eventually(lambda: [s for s in stage.json("ls") if s["status"] == "completed"])


# -- news -------------------------------------------------------------------------------


async def test_readers_hear_that_the_log_grew(wire: Any) -> None:
    server, socket = wire
    heard: list[int] = []

    async def dial(notice: Any) -> Connection:
        return await Connection.open(socket, notice)

    client = HostClient(dial)
    await client.on_log(heard.append)
    taken = await client.checkpoint("here")
    assert taken["label"] == "T1"
    last = server.engine.reader.last_seq()
    await eventually(lambda: heard and heard[-1] == last)
    quiet = len(heard)
    for seq in range(last + 1, last + 1000):
        server.grew(seq)
    await eventually(lambda: heard[-1] == last + 999)
    assert len(heard) - quiet <= 3, "a burst is a notice or two"
    await client.aclose()


async def test_who_wants_to_hear_of_news_does_so_though_the_host_dies_over_that(stage: Stage) -> None:
    class Dying(HostServer):
        async def answer(self, peer: Any, method: str, params: Any) -> Any:
            if method == "subscribe" and not died:
                died.append(peer)
                peer._writer.transport.abort()
            return await super().answer(peer, method, params)

    died: list[Any] = []
    heard: list[int] = []
    async with await Engine.open(stage.project) as engine:
        server, socket = Dying(engine), place.new_socket(stage.project)
        await server.listen(socket)

        async def dial(notice: Any) -> Connection:
            return await Connection.open(socket, notice)

        client = HostClient(dial)
        await client.connection()
        await client.on_log(heard.append)
        await eventually(
            lambda: any(peer.subscribed for peer in server.peers if peer not in died), "it is connected again"
        )
        server.grew(5)
        await eventually(lambda: heard == [5])
        await client.aclose()
        await server.close("the test is over")
        socket.unlink()


async def test_a_lost_host_is_started_again(stage: Stage) -> None:
    async with stage.client() as client:
        session = (await client.delegate("@hang"))["session_id"]
        await eventually(lambda: stage.session(session).status.value == "running")
        old = stage.pid()
        os.kill(old, signal.SIGKILL)
        await eventually(lambda: stage.session(session).status.value == "interrupted")
        await eventually(lambda: place.standing(stage.project))
        assert stage.pid() != old
        assert stage.session(session).attention is not None
        assert (await client.resume(session))["turns"] == 2


async def test_one_that_said_good_bye_is_started_when_it_is_needed(stage: Stage) -> None:
    async with stage.client() as client:
        stage.json("host", "stop")
        remote = hosted(client)
        assert remote is not None
        await eventually(lambda: remote._connection is not None and remote._connection.closed.is_set())
        await asyncio.sleep(0.2)
        assert place.standing(stage.project) is None
        assert (await client.checkpoint())["label"] == "T1"
        assert place.standing(stage.project) is not None


async def test_two_clients_see_the_same(stage: Stage) -> None:
    async with stage.client() as one, stage.client() as two:
        session = (await one.delegate("@ask Which?"))["session_id"]
        await eventually(lambda: stage.session(session).status.value == "awaiting_input")
        assert (await two.answer(session, "This"))["answer"] == "This"
        with pytest.raises(UsageError):
            await one.answer(session, "That")


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ("/a:/b:/c:/d", "PATH, without /c and 1 more ("),
        ("/b:/a", "PATH, in another order ("),
        ("/a", "PATH, with /b ("),
        (None, "PATH, with /a and 1 more ("),
    ],
)
def test_a_longer_path_than_the_hosts_is_said_in_a_few_words(theirs: str | None, said: str) -> None:
    host = {"PATH": "/a:/b", "CODEX_HOME": None, "keys": []}
    (sentence,) = differences(host, {**host, "PATH": theirs})
    assert said in sentence
    assert len(sentence) < 130
    assert differences(host, host) == []
