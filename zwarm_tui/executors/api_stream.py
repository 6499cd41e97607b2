"""What pydantic-ai streams, as our events.

Its values are told apart by their `…_kind` strings, so that this module imports
nothing of it (it takes one to two seconds).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from zwarm_tui.core import events as e


class Items:
    """The items of one turn; `window` is the model's context window, where known."""

    def __init__(self, prefix: str, emit: Callable[[e.Event], None]) -> None:
        self._prefix, self._emit = prefix, emit
        self._response = 0
        self._answering: bool | None = None  # None: no request is out; True: an answer streams in
        self._open: dict[int, tuple[str, str]] = {}  # part -> (kind, text so far)
        self._tools: dict[str, tuple[e.ToolStarted, float]] = {}
        self._failed: set[str | None] = set()
        self._calls = 0
        self.window: int | None = None

    def request(self) -> None:
        self._response += 1
        self._answering = False

    def part(self, event: Any) -> None:
        if event.event_kind == "part_start" and event.part.part_kind in ("text", "thinking"):
            self._answering = True
            self._open[event.index] = (event.part.part_kind, "")
            self._grow(event.index, event.part.content)
        elif event.event_kind == "part_delta" and event.index in self._open:
            self._grow(event.index, getattr(event.delta, "content_delta", None) or "")
        elif event.event_kind == "part_start":
            self._answering = True
        elif event.event_kind == "part_end" and event.index in self._open:
            kind, _ = self._open.pop(event.index)
            self._said(event.index, kind, event.part.content)

    def _grow(self, index: int, text: str) -> None:
        kind, so_far = self._open[index]
        self._open[index] = (kind, so_far + text)
        if text:
            item = self._item(index)
            self._emit(e.TextDelta(item, text) if kind == "text" else e.ReasoningDelta(item, text))

    def _said(self, index: int, kind: str, text: str) -> None:
        if text:
            item = self._item(index)
            self._emit(e.Text(item, text) if kind == "text" else e.Reasoning(item, text))

    def _item(self, index: int) -> str:
        return f"{self._prefix}.{self._response}.{index}"

    def response(self, response: Any) -> None:
        """A response is complete: what it cost."""
        self._answering = None
        if response.usage.unmeasured_requests or not response.usage.has_values():
            self._emit(e.UsageUnknown("the API reported no usage for a response"))
        else:
            self._usage(response)
        if response.finish_reason == "length":
            self._emit(e.Notice("warning", "the answer was cut off at the model's output limit"))

    def _usage(self, response: Any) -> None:
        usage = response.usage
        self._emit(
            e.Usage(
                model=response.model_name,
                input=max(0, usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens),
                cached=usage.cache_read_tokens,
                cache_write=usage.cache_write_tokens,
                output=usage.output_tokens,
                reasoning=usage.output_reasoning_tokens,
                context=usage.input_tokens,
                window=self.window,
            )
        )

    def tool(self, event: Any) -> None:
        if event.event_kind == "function_tool_call":
            self._calls += 1
            started = e.ToolStarted(
                f"{self._prefix}.t{self._calls}", event.part.tool_name, _arguments(event.part)
            )
            self._tools[event.tool_call_id] = (started, time.monotonic())
            self._emit(started)
        elif event.event_kind == "function_tool_result" and event.tool_call_id in self._tools:
            ok = event.part.outcome == "success" and event.tool_call_id not in self._failed
            self._tool_done(event.tool_call_id, event.part.model_response_str(), ok)

    def failed(self, call: str | None) -> None:
        """The tool itself says that it failed; its result is still to come."""
        self._failed.add(call)

    def _tool_done(self, call: str, text: str, ok: bool) -> None:
        started, since = self._tools.pop(call)
        self._emit(
            e.ToolDone(
                item=started.item,
                tool=started.tool,
                arguments=started.arguments,
                result=text,
                ok=ok,
                seconds=time.monotonic() - since,
            )
        )

    def close(self, last: Any | None, interrupted: bool) -> None:
        """The turn is over: end what is still open. `last` is its last message if that
        is a response, which then may have been cut off."""
        for index, (kind, text) in sorted(self._open.items()):
            self._said(index, kind, text)
        for call in list(self._tools):
            self._tool_done(call, "interrupted", ok=False)
        if self._answering or (self._answering is False and interrupted):
            if last is not None and last.state == "interrupted" and last.usage.has_values():
                self._usage(last)
            self._emit(e.UsageUnknown("a response was cut off before its usage was reported"))


def _arguments(part: Any) -> dict[str, Any]:
    """A tool call's arguments; text that isn't a JSON object is shown as it came."""
    try:
        arguments = json.loads(part.args) if isinstance(part.args, str) else part.args
    except ValueError:
        arguments = part.args
    return arguments if isinstance(arguments, dict) else {} if not arguments else {"arguments": arguments}
