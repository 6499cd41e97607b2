"""OpenAI's Responses API, as far as codex speaks it: requests in, stream events out. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

from zwarm_tui.executors.script import Ask, Call, Called, Item, Run, Said, Say, Think, Tokens, Write

Json = dict[str, Any]

_CONTEXT = re.compile(r"\s*(<(\w+)[^>]*>.*</\2>\s*|# AGENTS\.md instructions\b.*)", re.DOTALL)
"""What codex puts into the user's mouth: the environment, instructions, an abort."""


def conversation(items: list[Any]) -> list[Item]:
    """The conversation in a request's `input`, without what codex adds to it."""
    found: list[Item] = []
    outputs = {
        i.get("call_id"): _text(i.get("output"))
        for i in items
        if isinstance(i, dict) and str(i.get("type", "")).endswith("_call_output")
    }
    for item in items:
        if not isinstance(item, dict):
            continue
        kind = item.get("type", "message")
        if kind == "message" and item.get("role") in ("user", "assistant"):
            text = _text(item.get("content"))
            if item["role"] == "assistant" or not _CONTEXT.fullmatch(text):
                found.append(Said(item["role"], text))
        elif kind in ("function_call", "custom_tool_call") and item.get("call_id") in outputs:
            name = str(item.get("name"))
            space = item.get("namespace")
            found.append(
                Called(f"{space}.{name}" if space else name, _arguments(item), outputs[item["call_id"]])
            )
    return found


def message_texts(items: list[Any]) -> list[str]:
    """The user's messages in a request's `input`."""
    return [i.text for i in conversation(items) if isinstance(i, Said) and i.role == "user"]


def offered(request: Mapping[str, Any]) -> dict[str, Json]:
    """The tools of a request by name; those in a namespace as "namespace.name"."""
    tools: dict[str, Json] = {}
    for tool in request.get("tools") or []:
        if tool.get("type") == "namespace":
            for inner in tool.get("tools") or []:
                tools[f"{tool.get('name')}.{inner.get('name')}"] = inner
        else:
            tools[str(tool.get("name") or tool.get("type"))] = tool
    return tools


def _arguments(item: Json) -> Json:
    if "arguments" not in item:
        return {"input": item.get("input")}
    try:
        value = json.loads(item["arguments"])
    except (ValueError, TypeError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(c.get("text", "")) for c in content if isinstance(c, dict))
    return content if isinstance(content, str) else ""


class Answer:
    """Builds the events of one response, and the items in it."""

    def __init__(self, response: str, model: str, tools: Mapping[str, Json]) -> None:
        self._id, self._model, self._tools = response, model, tools
        self._output: list[Json] = []
        self._count = 0

    def created(self) -> Json:
        return {"type": "response.created", "response": self._response("in_progress")}

    def completed(self, tokens: Tokens) -> Json:
        usage = {
            "input_tokens": tokens.input,
            "input_tokens_details": {"cached_tokens": tokens.cached},
            "output_tokens": tokens.output,
            "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
            "total_tokens": tokens.input + tokens.output,
        }
        response = self._response("completed") | {"usage": usage, "output": self._output}
        return {"type": "response.completed", "response": response}

    def failed(self, message: str) -> Json:
        # This code is not worth a retry to codex, and it shows the message as it is.
        error = {"code": "invalid_prompt", "message": message}
        return {"type": "response.failed", "response": self._response("failed") | {"error": error}}

    def _response(self, status: str) -> Json:
        return {"id": self._id, "object": "response", "status": status, "model": self._model}

    # -- text ---------------------------------------------------------------------------------

    def text(self, said: Say | Think) -> Json:
        """The item of a message or of a piece of reasoning."""
        if isinstance(said, Think):
            summary = [{"type": "summary_text", "text": said.text}]
            return {
                "type": "reasoning",
                "id": self._name("rs"),
                "summary": summary,
                "encrypted_content": None,
            }
        content = [{"type": "output_text", "text": said.text, "annotations": []}]
        return {"type": "message", "role": "assistant", "id": self._name("msg"), "content": content}

    def begin(self, item: Json) -> list[Json]:
        """The events before an item's deltas."""
        empty = item | ({"summary": []} if item["type"] == "reasoning" else {"content": []})
        events = [{"type": "response.output_item.added", "output_index": self._index, "item": empty}]
        if item["type"] == "reasoning":
            part = {"type": "summary_text", "text": ""}
            events.append(
                {
                    "type": "response.reasoning_summary_part.added",
                    "item_id": item["id"],
                    "output_index": self._index,
                    "summary_index": 0,
                    "part": part,
                }
            )
        return events

    def delta(self, item: Json, piece: str) -> Json:
        event: Json = {"item_id": item["id"], "output_index": self._index, "delta": piece}
        if item["type"] == "reasoning":
            return event | {"type": "response.reasoning_summary_text.delta", "summary_index": 0}
        return event | {"type": "response.output_text.delta", "content_index": 0}

    def done(self, item: Json) -> Json:
        index = self._index
        self._output.append(item)
        return {"type": "response.output_item.done", "output_index": index, "item": item}

    # -- calls --------------------------------------------------------------------------------

    def whole(self, item: Json) -> list[Json]:
        """An item's events where it doesn't stream."""
        return [
            {"type": "response.output_item.added", "output_index": self._index, "item": item},
            self.done(item),
        ]

    def call(self, call: Call) -> Json:
        """The item of a call, with the tools that were offered."""
        if isinstance(call, Run):
            arguments: Json = {"cmd": call.command}
            if call.escalate:
                arguments |= {
                    "sandbox_permissions": "require_escalated",
                    "justification": "this reaches outside of its sandbox",
                }
            return self._function("exec_command", arguments)
        if isinstance(call, Write):
            return self._patch(call)
        if isinstance(call, Ask):
            if "chat" in self._tools:
                return self._function("chat", {"message": call.question, "wait_for_user_input": True})
            options = [{"label": word, "description": word} for word in ("Yes", "No")]
            question = {"id": "answer", "header": "Question", "question": call.question, "options": options}
            return self._function("request_user_input", {"questions": [question]})
        return self._function(call.name, call.arguments)

    def _patch(self, call: Write) -> Json:
        lines = "".join(f"+{line}\n" for line in call.text.removesuffix("\n").split("\n"))
        patch = f"*** Begin Patch\n*** Add File: {call.path}\n{lines}*** End Patch\n"
        if self._tools.get("apply_patch", {}).get("type") == "custom":
            name = self._name("ctc")
            return {
                "type": "custom_tool_call",
                "id": name,
                "call_id": f"call_{name}",
                "name": "apply_patch",
                "input": patch,
                "status": "completed",
            }
        return self._function("exec_command", {"cmd": f"apply_patch {shlex.quote(patch)}"})

    def _function(self, name: str, arguments: Json) -> Json:
        item = self._name("fc")
        space, dot, inner = name.partition(".")
        return {
            "type": "function_call",
            "id": item,
            "call_id": f"call_{item}",
            "name": inner if dot else name,
            **({"namespace": space} if dot else {}),
            "arguments": json.dumps(arguments),
            "status": "completed",
        }

    @property
    def _index(self) -> int:
        return len(self._output)

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._id}_{self._count}"
