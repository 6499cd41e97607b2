"""Any API model as an executor, through pydantic-ai: it has the spec's tools and
nothing else, so it is a brain for the pilot, not a coding agent.

An API keeps no thread: each turn reads the thread's messages from its file, sends
them with the new one, and appends what comes back while it comes (`api_thread`).
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ExecutorError, TurnOverError
from zwarm_tui.executors.api_model import ModelSource
from zwarm_tui.executors.api_stream import Items
from zwarm_tui.executors.api_thread import Messages, ThreadFile
from zwarm_tui.executors.base import Capabilities, Decision, ExecutorInfo, Forked, Sink, ThreadSpec

if TYPE_CHECKING:  # imported when first used, in a thread: it takes one to two seconds
    from pydantic_ai import Agent, AgentRun, RunContext
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import Model

_RETRIES = 3
"""How often in a row a model may call a tool wrongly."""


class ApiExecutor:
    """An API model: `model` as "provider:name" ("openai:gpt-5.1"), or any name at an
    OpenAI-compatible `base_url`. `api_key_env` names the variable with the key (None:
    the provider's usual one). Threads are kept below `state_dir`/api."""

    name = "api"
    capabilities = Capabilities(
        fork="turn", resume=True, interrupt=True, steer=True, tools=True, deltas=True, live_usage=True
    )

    def __init__(
        self, model: str, *, base_url: str | None = None, api_key_env: str | None = None, state_dir: Path
    ) -> None:
        self._source = ModelSource(model, base_url, api_key_env)
        self._folder = state_dir / "api"
        self._threads: dict[str, _Thread] = {}

    async def probe(self) -> ExecutorInfo:
        problem = self._source.problem()
        try:
            version = importlib.metadata.version("pydantic-ai-slim")
        except importlib.metadata.PackageNotFoundError:
            version = None
        no_key = problem is not None and problem.startswith("no API key")
        return ExecutorInfo(
            name=self.name,
            found=version is not None,
            version=version,
            login="no" if no_key else "unknown" if problem or not self._source.keys else "yes",
            problem=problem,
            capabilities=self.capabilities,
        )

    async def start(self, spec: ThreadSpec, sink: Sink) -> str:
        return self._live(ThreadFile.create(self._folder), spec, sink)

    async def resume(self, thread: str, spec: ThreadSpec, sink: Sink) -> None:
        if thread not in self._threads:
            self._live(ThreadFile.open(self._folder, thread), spec, sink)

    async def fork(self, thread: str, spec: ThreadSpec, sink: Sink, *, at_turn: str | None = None) -> Forked:
        live = self._threads.get(thread)
        file = live.file if live else ThreadFile.open(self._folder, thread)
        turns = await asyncio.to_thread(file.turns)
        if at_turn is not None:
            if at_turn not in turns:
                raise ExecutorError(f"thread '{thread}' has no turn '{at_turn}' to fork at")
            ids = list(turns)
            turns = {turn: turns[turn] for turn in ids[: ids.index(at_turn) + 1]}
        return Forked(self._live(await asyncio.to_thread(ThreadFile.create, self._folder, turns), spec, sink))

    async def run_turn(self, thread: str, text: str) -> e.TurnEnded:
        live = self._get(thread)
        if live.turn is not None:
            raise ExecutorError(f"a turn runs on thread '{thread}' already")
        turn = live.turn = _Turn(live, self._source)
        try:
            return await turn.run(_clean(text))
        finally:
            live.turn = None
            turn.done.set()

    async def steer(self, thread: str, text: str) -> None:
        turn = self._get(thread).turn
        if turn is None:
            raise TurnOverError("no turn runs that the message could be put into: send it as a new one")
        turn.steer(_clean(text))

    async def interrupt(self, thread: str) -> None:
        if turn := self._get(thread).turn:
            turn.interrupt()

    async def answer(self, thread: str, request: str, decision: Decision, message: str = "") -> None:
        raise ExecutorError("an API model asks for nothing: its tools ask the person themselves")

    async def end(self, thread: str) -> None:
        live = self._threads.pop(thread, None)
        if live and (turn := live.turn):
            turn.interrupt()
            await turn.done.wait()

    async def aclose(self) -> None:
        await asyncio.gather(*(self.end(thread) for thread in list(self._threads)))

    def _live(self, file: ThreadFile, spec: ThreadSpec, sink: Sink) -> str:
        self._threads[file.thread] = _Thread(file, spec, sink)
        return file.thread

    def _get(self, thread: str) -> _Thread:
        try:
            return self._threads[thread]
        except KeyError:
            raise ExecutorError(f"thread '{thread}' is not live: resume it first") from None


class _Thread:
    def __init__(self, file: ThreadFile, spec: ThreadSpec, sink: Sink) -> None:
        self.file, self.spec, self.sink = file, spec, sink
        self.turn: _Turn | None = None


class _Turn:
    """One turn: pydantic-ai's run, as events and as lines of the thread's file."""

    def __init__(self, thread: _Thread, source: ModelSource) -> None:
        self._thread, self._source, self._emit = thread, source, thread.sink.emit
        self.id = uuid.uuid4().hex
        self.done = asyncio.Event()
        self._run: AgentRun[None, Any] | None = None
        self._interrupted = False
        self._early: list[str] = []  # steered before there was a run
        self._saved: Messages = []
        self._items = Items(self.id[:8], thread.sink.emit)

    def interrupt(self) -> None:
        self._interrupted = True
        if self._run is not None:
            self._run.cancel()

    def steer(self, text: str) -> None:
        if self._run is None:
            self._early.append(text)
            return
        from pydantic_ai.exceptions import UserError

        try:
            self._run.enqueue(text)
        except UserError as error:
            raise TurnOverError("the turn has just ended: send the message as a new one") from error

    async def run(self, text: str) -> e.TurnEnded:
        try:
            model, agent, history = await asyncio.to_thread(self._prepare)
        except ExecutorError as error:
            return e.TurnEnded(status="failed", error=str(error))
        from pydantic_ai.exceptions import RunCancelled

        self._items.window = model.context_window
        self._emit(e.TurnStarted(self.id))
        status, why = "completed", None
        try:
            self._thread.file.write(self.id, 0, [])  # a turn to fork at, whatever comes of it
            async with model:  # its connections are closed with the turn
                await self._drive(agent, text, history)
        except RunCancelled:
            status = "interrupted"
        except asyncio.CancelledError:
            self._interrupted = True
            raise
        except Exception as error:  # whatever an API or its library does, the turn ends in words
            status, why = "failed", self._source.explain(error, self._thread.spec.model)
        finally:
            self._finish()
        unread = len(self._early) + (len(self._run.pending_messages) if self._run else 0)
        return e.TurnEnded(status=status, turn_id=self.id, error=why, late=unread)

    def _prepare(self) -> tuple[Model, Agent[None, str | None], list[ModelMessage]]:
        """The model, an agent with the spec's tools, the thread's messages. Slow."""
        from pydantic import ValidationError

        spec = self._thread.spec
        model = self._source.build(spec.model)
        from pydantic_ai import Agent, Tool
        from pydantic_ai.messages import ModelMessagesTypeAdapter

        messages = [m for turn in self._thread.file.turns().values() for m in turn]
        try:
            history = ModelMessagesTypeAdapter.validate_json(_clean(json.dumps(messages, ensure_ascii=False)))
        except ValidationError as error:
            raise ExecutorError(
                f"{self._thread.file.path} was written by another version of pydantic-ai "
                "and can't be read: start a new thread"
            ) from error
        agent: Agent[None, str | None] = Agent(
            model,
            output_type=[str, type(None)],  # an empty answer is one; it isn't asked for again
            instructions=_clean(spec.instructions or "") or None,
            tools=[
                Tool.from_schema(self._caller(t.name), t.name, t.description, t.schema, takes_ctx=True)
                for t in spec.tools
            ],
            retries=_RETRIES,
            name="zwarm",
        )
        return model, agent, history

    def _caller(self, name: str) -> Callable[..., Awaitable[str]]:
        # a failure's text goes to the model as it is: the library's own way of failing
        # a call would wrap it once more
        async def call(context: RunContext[None], /, **arguments: Any) -> str:
            text, success = await self._thread.sink.call_tool(name, arguments)
            if not success:
                self._items.failed(context.tool_call_id)
            return _clean(text)

        return call

    async def _drive(self, agent: Agent[None, str | None], text: str, history: list[ModelMessage]) -> None:
        from pydantic_ai.usage import UsageLimits

        limits = UsageLimits(request_limit=None)  # a pilot polls for hours
        async with agent.iter(text, message_history=history, usage_limits=limits) as run:
            self._run = run
            if self._interrupted:
                run.cancel()
            while self._early:
                run.enqueue(self._early.pop(0))
            async for node in run:
                if agent.is_model_request_node(node):
                    self._keep([*run.new_messages(), node.request])
                    self._items.request()
                    async with node.stream(run.ctx) as stream:
                        self._keep(run.new_messages())
                        async for event in stream:
                            self._items.part(event)
                elif agent.is_call_tools_node(node):
                    self._keep(run.new_messages())
                    self._items.response(node.model_response)
                    _require_end(node.model_response)
                    async with node.stream(run.ctx) as events:
                        async for event in events:
                            self._items.tool(event)

    def _finish(self) -> None:
        """Keep and show what there is, however the turn ended."""
        messages: list[ModelMessage] = self._run.new_messages() if self._run else []
        try:
            self._keep(messages)
        except OSError as error:
            path = self._thread.file.path
            self._emit(
                e.Notice("error", f"the turn's last messages can't be kept in {path}: {error.strerror}")
            )
        last = messages[-1] if messages else None
        self._items.close(last if last and last.kind == "response" else None, self._interrupted)

    def _keep(self, messages: list[ModelMessage]) -> None:
        """Append to the thread's file what of the turn's messages is not in it yet;
        only the last one can still have grown."""
        from pydantic_ai.messages import ModelMessagesTypeAdapter

        at = max(0, min(len(self._saved), len(messages)) - 1)
        new: Messages = ModelMessagesTypeAdapter.dump_python(messages[at:], mode="json")
        if new != self._saved[at:]:
            self._thread.file.write(self.id, at, new)
            self._saved[at:] = new


def _require_end(response: ModelResponse) -> None:
    """ExecutorError where a stream just stopped: some servers close it like that when
    they fail, and half an answer is not one."""
    said = response.finish_reason or (response.provider_details or {}).get("finish_reason")
    if not said:
        raise ExecutorError("the API broke its answer off without an end: send the message again")


def _clean(text: str) -> str:
    """No lone surrogates: they can't be sent."""
    return text.encode("utf-8", "replace").decode()
