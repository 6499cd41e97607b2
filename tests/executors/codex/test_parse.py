"""The parsers: recorded lines, and anything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zwarm_tui.core import events as e
from zwarm_tui.executors.codex import exec_parse
from zwarm_tui.executors.codex.items import _DONE, _TOOLS, bare
from zwarm_tui.executors.codex.parse import _READ, NOISE, parse, turn_ended

GOLDEN = Path(__file__).parents[2] / "golden" / "codex"


def recorded(name: str) -> list[str]:
    return (GOLDEN / name).read_text().splitlines()


def test_app_server_lines() -> None:
    found = [event for line in recorded("appserver.jsonl") for event in parse(json.loads(line), line)]
    written = "".join(f"{event.kind} {e.dump(event)}\n" for event in found)
    assert written == (GOLDEN / "appserver.events").read_text()


@pytest.mark.parametrize("name", ["simple", "shell", "resume", "die_once", "err401"])
def test_exec_lines(name: str) -> None:
    written = ""
    for line in recorded(f"exec_{name}.jsonl"):
        message = exec_parse.decode(line)
        assert message is not None
        written += "".join(f"{x.kind} {e.dump(x)}\n" for x in exec_parse.parse(message, line, "p1"))
    assert written == (GOLDEN / f"exec_{name}.events").read_text()


def test_exec_items_that_were_never_seen_live() -> None:
    todo = {
        "type": "todo_list",
        "id": "item_1",
        "items": [{"text": "a", "completed": True}, {"text": "b"}, 3],
    }
    message = {"type": "item.updated", "item": todo}
    assert exec_parse.parse(message, "", "p") == [e.Plan((("a", "completed"), ("b", "pending")))]
    moved = {
        "type": "file_change",
        "id": "i",
        "status": "completed",
        "changes": [{"path": "/a", "kind": "add"}],
    }
    message = {"type": "item.completed", "item": moved}
    assert exec_parse.parse(message, "", "p") == [e.FilesChanged("p:i", (e.FileChange("/a", "add"),))]


MCP = {"type": "mcpToolCall", "server": "s", "tool": "t"}
MOVE = {"path": "/a", "kind": {"type": "update", "move_path": "/b"}, "diff": "d"}
PARTS = [{"type": "text", "text": "x"}, {"type": "image"}]
ITEMS: list[tuple[dict[str, Any], list[e.Event]]] = [
    (
        {**MCP, "arguments": {"a": 1}, "status": "failed", "error": {"message": "no"}},
        [e.ToolDone(item="i", tool="s.t", arguments={"a": 1}, result="no", ok=False)],
    ),
    ({**MCP, "result": {"content": PARTS}}, [e.ToolDone(item="i", tool="s.t", result="x\n(image)")]),
    (
        {
            "type": "dynamicToolCall",
            "namespace": "board",
            "tool": "move",
            "success": False,
            "durationMs": 1500,
        },
        [e.ToolDone(item="i", tool="board.move", ok=False, seconds=1.5)],
    ),
    (
        {"type": "webSearch", "query": "q", "action": {"type": "openPage", "url": "u"}},
        [e.ToolDone(item="i", tool="web_search", arguments={"query": "q", "url": "u"})],
    ),
    (
        {"type": "fileChange", "status": "declined", "changes": [MOVE]},
        [e.FilesChanged("i", (e.FileChange("/a → /b", "move", "d"),), "declined")],
    ),
    (
        {"type": "contextCompaction"},
        [e.Notice("info", "codex condensed the conversation so far, to make room")],
    ),
    ({"type": "reasoning", "summary": [], "content": ["a", "b"]}, [e.Reasoning("i", "a\n\nb")]),
    ({"type": "exitedReviewMode", "review": "fine"}, [e.Text("i", "fine")]),
    ({"type": "userMessage"}, []),
]


@pytest.mark.parametrize(("item", "events"), ITEMS)
def test_items(item: dict[str, Any], events: list[e.Event]) -> None:
    assert parse({"method": "item/completed", "params": {"item": {"id": "i", **item}}}, "") == events


def test_what_is_not_known_is_kept_whole() -> None:
    line = '{"method":"thread/sang","params":{}}'
    assert parse(json.loads(line), line) == [e.Unknown("thread/sang", line)]
    line = '{"method":"item/completed","params":{"item":{"type":"poem"}}}'
    assert parse(json.loads(line), line) == [e.Unknown("item/completed", line)]
    assert exec_parse.parse({"type": "sang"}, "line", "p") == [e.Unknown("sang", "line")]


def test_a_retry_is_a_warning_and_a_failure_is_told_once() -> None:
    def error(retry: bool) -> list[e.Event]:
        said = {"message": "Reconnecting... 1/2", "additionalDetails": "reset"}
        return parse({"method": "error", "params": {"error": said, "willRetry": retry}}, "")

    assert error(True) == [e.Notice("warning", "Reconnecting... 1/2: reset")]
    assert error(False) == []


def test_a_turn_that_ends_strangely_has_failed() -> None:
    assert turn_ended({"turn": {"id": "u", "status": "exploded"}}).status == "failed"
    assert "exploded" in (turn_ended({"turn": {"status": "exploded"}}).error or "")
    assert turn_ended(None).status == "failed"


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("/bin/bash -lc 'echo hi; ls'", "echo hi; ls"),
        ("/usr/bin/zsh -lc \"a 'b'\"", "a 'b'"),
        ("bash -lc", "bash -lc"),
        ("/bin/bash -lc 'unbalanced", "/bin/bash -lc 'unbalanced"),
        ("python -c 'x'", "python -c 'x'"),
    ],
)
def test_commands_are_shown_without_their_shell(command: str, shown: str) -> None:
    assert bare(command) == shown


# -- total -----------------------------------------------------------------------------

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
KEYS = [
    "id",
    "type",
    "text",
    "item",
    "itemId",
    "turn",
    "status",
    "error",
    "message",
    "command",
    "cwd",
    "aggregatedOutput",
    "exitCode",
    "changes",
    "path",
    "kind",
    "diff",
    "move_path",
    "summary",
    "content",
    "plan",
    "step",
    "delta",
    "arguments",
    "tool",
    "server",
    "result",
    "durationMs",
    "action",
    "query",
    "willRetry",
    "items",
    "usage",
    "input_tokens",
    "codexErrorInfo",
    "additionalDetails",
    "aggregated_output",
    "exit_code",
    "summaryIndex",
    "name",
    "params",
]
TYPES = (*_DONE, *_TOOLS, *exec_parse._TYPES, "todo_list", "error", "poem")
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=12,
)
items = st.builds(
    lambda kind, more: {**more, "type": kind},
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(KEYS), values),
)
objects = st.dictionaries(st.sampled_from(KEYS), values | items, max_size=6)


@given(st.sampled_from([*_READ, *sorted(NOISE), "unheard/of"]), objects | values)
def test_no_notification_can_raise(method: str, params: Any) -> None:
    for event in parse({"method": method, "params": params}, "line"):
        assert e.load(event.kind, e.dump(event)) == event


@given(
    st.sampled_from(["item.started", "item.updated", "item.completed", "error", "turn.completed", "x"]),
    items | values,
)
def test_no_exec_line_can_raise(kind: str, item: Any) -> None:
    message = {"type": kind, "item": item, "usage": item, "message": item}
    for event in exec_parse.parse(message, "line", "p"):
        assert e.load(event.kind, e.dump(event)) == event
    exec_parse.total(message)


@given(st.text() | st.binary().map(lambda b: b.decode("utf-8", "replace")))
def test_no_text_can_raise(line: str) -> None:
    message = exec_parse.decode(line)
    assert message is None or isinstance(message["type"], str)


def test_a_deep_line_is_only_noise() -> None:
    assert exec_parse.decode("[" * 100_000) is None
    assert exec_parse.decode('{"type": ' + "[" * 100_000) is None
