"""One function for every provider's output (AT-7, AT-12, F1–F4)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from zwarm_tui.workflow import EmptyResponseError, extract_text

Lines = list[dict[str, Any]]
OUTPUTS: dict[str, Lines] = {
    "codex": [
        {"type": "thread.started", "thread_id": "t"},
        {"type": "item.completed", "item": {"type": "agent_message", "text": "One. "}},
        {"type": "item.completed", "item": {"type": "command_execution", "aggregated_output": "no"}},
        {"type": "item.completed", "item": {"type": "agent_message", "text": "Two."}},
        {"type": "item.completed", "item": {"type": "agent_message", "text": ""}},
        {"type": "turn.completed", "usage": {}},
    ],
    "claude": [
        {"type": "system", "subtype": "init"},
        {
            "type": "assistant",
            "message": {"content": [{"type": "text", "text": "One."}, {"type": "tool_use"}]},
        },
        {
            "type": "assistant",
            "parent_tool_use_id": "t1",
            "message": {"content": [{"type": "text", "text": "no"}]},
        },
        {"type": "assistant", "message": {"content": [{"type": "text", "text": "Two."}]}},
        {"type": "assistant", "message": {"content": [{"type": "tool_use"}]}},
        {"type": "result", "subtype": "success", "result": "Two."},
    ],
    "copilot": [
        {"type": "assistant.message_delta", "data": {"deltaContent": "One"}},
        {"type": "assistant.message", "data": {"content": "One."}},
        {"type": "assistant.message", "data": {"content": "no", "parentToolCallId": "t1"}},
        {"type": "assistant.message", "data": {"content": "Two."}},
        {"type": "result", "sessionId": "s", "exitCode": 0},
    ],
    "gemini": [
        {"type": "message", "role": "user", "content": "no"},
        {"type": "message", "role": "assistant", "content": "On", "delta": True},
        {"type": "message", "role": "assistant", "content": "e.", "delta": True},
        {"type": "tool_use", "tool_name": "x"},
        {"type": "message", "role": "assistant", "content": "Two.", "delta": True},
        {"type": "result", "status": "success"},
    ],
    "opencode": [
        {"type": "text", "part": {"type": "text", "text": "One."}},
        {"type": "step_finish", "part": {"reason": "tool-calls"}},
        {"type": "text", "part": {"type": "text", "text": "Two."}},
        {"type": "step_finish", "part": {"reason": "stop"}},
    ],
    "demo": [
        {"type": "text.delta", "item": "m", "text": "One"},
        {"type": "text", "item": "m", "text": "One."},
        {"type": "text", "item": "n", "text": "Two."},
        {"type": "turn.ended", "status": "completed"},
    ],
}
OUTPUTS["qwen"] = OUTPUTS["claude"]


@pytest.mark.parametrize("provider", OUTPUTS)
def test_all_texts_of_the_agent_itself_and_nothing_else(provider: str) -> None:
    lines = OUTPUTS[provider]
    assert extract_text(provider, lines) == "One.\n\nTwo."
    assert extract_text(provider, "\n".join(map(json.dumps, lines))) == "One.\n\nTwo."


@pytest.mark.parametrize("provider", OUTPUTS)
def test_output_without_an_end_or_without_text_is_an_error(provider: str) -> None:
    lines = OUTPUTS[provider]
    with pytest.raises(EmptyResponseError, match=rf"{provider}: its output ends before its turn does"):
        extract_text(provider, lines[:-1])
    with pytest.raises(EmptyResponseError, match=rf"{provider}: completed, no text"):
        extract_text(provider, lines[-1:])


@pytest.mark.parametrize("wrong", ["not json", "[1]", [1], {"type": "text"}, None])
def test_a_wrong_shape_is_a_type_error(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"codex: "):
        extract_text("codex", wrong)


def test_an_unknown_provider_lists_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"Unsupported provider 'x'\. Available: claude, codex"):
        extract_text("x", [])
