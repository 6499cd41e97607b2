"""A scripted model server on the loopback: OpenAI's Responses API over SSE.

It lets the real codex work without an account: the answer to each request is what
`executors.script` makes of the conversation in it. It answers any number of requests
at once, in the event loop it was started in::

    async with ModelServer(log=project / ".zwarm" / "model-server.jsonl") as server:
        home = make_codex_home(folder, server.url)   # demo.codex_home
        …
        server.requests        # every request, in order of arrival: `Request`
        server.delivered()     # {model: Tokens} of the responses that arrived whole
        server.peak_streams    # the most that were open at once

The log has a line for each finished request, a JSON object with the fields of
`Request`. It holds whole prompts, so only its owner can read it; headers with keys are
never in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.demo.http import Head, HttpError, read_request, sse, start_stream, write_json
from zwarm_tui.demo.responses import Answer, conversation, message_texts, offered
from zwarm_tui.executors import script
from zwarm_tui.executors.script import Tokens


@dataclass
class Request:
    """One request for a model response.

    `thread` is what codex names the conversation (its thread's id); `input` are the
    items as they were sent; `messages` its user messages alone, without what codex adds;
    `tools` the names offered; `started` and `finished` are seconds since the epoch.
    `usage` is what the response claimed; `delivered`, whether it went out whole.
    `response` is the response's id.
    `outcome`: running, completed, failed, dropped (by script) or cut off (by the client)."""

    number: int
    thread: str | None
    model: str
    input: list[Any]
    messages: list[str]
    tools: list[str]
    started: float
    finished: float | None = None
    usage: Tokens | None = None
    delivered: bool = False
    response: str = ""
    outcome: str = "running"
    said: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)


class ModelServer:
    """The server. `url` has no path (`…/v1` is the API); `log` is where the request
    log goes, None for nowhere; with `pace` it writes so many times slower than its
    script says. Raises ExecutorError where it can't be started."""

    def __init__(self, *, log: Path | None = None, pace: float = 1.0) -> None:
        self.url = ""
        self._pace = pace
        self.requests: list[Request] = []
        self.peak_streams = 0
        self._log_path = log
        self._log: int | None = None
        self._open = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> ModelServer:
        try:
            if self._log_path is not None:
                self._log_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._log = os.open(self._log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=2**20)
        except OSError as error:
            raise ExecutorError(f"the scripted model server could not be started: {error}") from error
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._server.wait_closed()
        if self._log is not None:
            os.close(self._log)
            self._log = None

    def delivered(self) -> dict[str, Tokens]:
        """What was delivered, summed by model."""
        total: dict[str, Tokens] = {}
        for request in self.requests:
            if request.delivered and request.usage is not None:
                so_far = total.get(request.model, Tokens(0, 0, 0, 0))
                total[request.model] = Tokens(*(a + b for a, b in zip(so_far, request.usage, strict=True)))
        return total

    # -- a connection -------------------------------------------------------------------------

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer), name="model server connection")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head, body = await read_request(reader)
            await self._route(head, body, reader, writer)
        except HttpError as error:
            with contextlib.suppress(ConnectionError):
                await write_json(writer, error.status, {"error": {"message": str(error)}})
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the client left: what that means stands in the request's outcome
        finally:
            writer.close()

    async def _route(
        self, head: Head, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        path = head.path.split("?")[0].rstrip("/")
        if head.method == "GET" and path == "/v1/models":
            await write_json(writer, 200, {"object": "list", "data": [], "models": []})
        elif head.method == "POST" and path == "/v1/responses":
            try:
                wanted = json.loads(body)
                request = self._request(head, wanted)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise HttpError(400, f"this is no request for a response: {error!r}") from error
            await self._stream(request, wanted, reader, writer)
        else:
            raise HttpError(404, f"there is no {head.method} {path} here")

    def _request(self, head: Head, wanted: dict[str, Any]) -> Request:
        thread = wanted.get("prompt_cache_key") or head.headers.get("session_id")
        return Request(
            number=len(self.requests) + 1,
            thread=head.headers.get("conversation_id") or thread,
            model=str(wanted["model"]),
            input=list(wanted["input"]),
            messages=message_texts(wanted["input"]),
            tools=sorted(offered(wanted)),
            started=time.time(),
        )

    async def _stream(
        self,
        request: Request,
        wanted: dict[str, Any],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Answer, for as long as the client listens."""
        self.requests.append(request)
        self._open += 1
        self.peak_streams = max(self.peak_streams, self._open)
        answering = asyncio.create_task(self._answer(request, wanted, writer), name="answer")
        leaving = asyncio.create_task(reader.read(1), name="client leaves")
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                request.outcome = "cut off"
        finally:
            for task in (answering, leaving):
                task.cancel()
            await asyncio.wait({answering, leaving})
            self._open -= 1
            request.finished = time.time()
            if request.outcome == "running":
                request.outcome = "cut off"
            self._write_log(request)
        if not answering.cancelled() and (error := answering.exception()):
            raise error

    async def _answer(self, request: Request, wanted: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        tools = offered(wanted)
        hands = "exec_command" in tools
        response = script.respond(conversation(request.input), tools, hands=hands)
        assert response.tokens is not None
        # A thread may outlive a server: an id must not come again in it.
        name = f"{(request.thread or '')[-6:]}{len(request.input)}x{request.number}"
        request.response = f"resp_{name}"
        answer = Answer(request.response, request.model, tools)
        await start_stream(writer)
        await sse(writer, answer.created())
        for action in response.actions:
            if isinstance(action, script.Pause):
                await asyncio.sleep(action.seconds)
            elif isinstance(action, script.Hang):
                await asyncio.Event().wait()
            elif isinstance(action, script.Die):
                request.outcome = "dropped"
                writer.transport.abort()
                return
            elif isinstance(action, script.Raw):
                writer.write(b"data: " + action.text.encode("utf-8", "surrogatepass") + b"\n\n")
            elif isinstance(action, script.Fail):
                request.outcome = "failed"
                await sse(writer, answer.failed(action.message))
                return
            elif isinstance(action, script.Say | script.Think):
                request.said += action.text if isinstance(action, script.Say) else ""
                await self._text(answer, action, writer)
            else:
                item = answer.call(action)
                request.calls.append(item)
                for event in answer.whole(item):
                    await sse(writer, event)
        request.usage = response.tokens
        await sse(writer, answer.completed(response.tokens))
        request.outcome, request.delivered = "completed", True

    async def _text(
        self, answer: Answer, said: script.Say | script.Think, writer: asyncio.StreamWriter
    ) -> None:
        item = answer.text(said)
        pieces = script.pieces_of(said)
        began = time.monotonic()
        for event in answer.begin(item):
            await sse(writer, event)
        for number, piece in enumerate(pieces, 1):
            await sse(writer, answer.delta(item, piece))
            left = began + said.seconds * self._pace * number / len(pieces) - time.monotonic()
            if left > 0.005:
                await asyncio.sleep(left)
        await sse(writer, answer.done(item))

    def _write_log(self, request: Request) -> None:
        if self._log is not None:
            line = json.dumps(asdict(request) | {"usage": request.usage and request.usage._asdict()})
            os.write(self._log, line.encode("ascii") + b"\n")
