"""The parser of the demo agent's lines: total, and exact where it understands."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zwarm_tui.core import events as e
from zwarm_tui.executors.demo_parse import _EVENTS, parse

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = ["item", "text", "turn", "status", "command", "cwd", "output", "exit_code", "changes", "id", "name"]
objects = st.dictionaries(st.sampled_from(_FIELDS), values, max_size=8)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event(line: bytes) -> None:
    assert isinstance(parse(line), e.Event)


@given(st.sampled_from(sorted(_EVENTS)), objects)
def test_any_shape_is_an_event_that_the_log_can_keep(kind: str, fields: dict[str, Any]) -> None:
    event = parse(json.dumps({"type": kind, **fields}).encode())
    assert e.load(event.kind, e.dump(event)) == event


@given(st.text())
def test_text_comes_through_as_it_is(text: str) -> None:
    line = json.dumps({"type": "text", "item": "1", "text": text}).encode()
    assert parse(line + b"\n") == e.Text("1", text)


def test_counts_are_normalised() -> None:
    line = b'{"type":"usage","model":"m","input":1000,"cached":400,"output":50,"reasoning":20}'
    usage = parse(line)
    assert isinstance(usage, e.Usage)
    assert (usage.input, usage.cached, usage.output, usage.reasoning) == (600, 400, 50, 20)
    assert usage.context == 1000


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"text","item":"1","te',
        b"\xff\xfe",
        b"[]",
        b'{"type":7}',
        b'{"type":"novel","x":1}',
        b'{"type":"text","item":1,"text":"x"}',
        b'{"type":"usage","model":null,"input":-1,"cached":0,"output":0,"reasoning":0}',
        b'{"type":"turn.ended","turn":"t","status":"whatever"}',
        b"[" * 100_000,
    ],
)
def test_what_is_not_understood_is_kept(line: bytes) -> None:
    event = parse(line)
    assert isinstance(event, e.Unknown)
    assert event.raw == line.decode("utf-8", "replace")


def test_a_line_of_5_mb() -> None:
    text = "x" * 5_000_000
    assert parse(json.dumps({"type": "text", "item": "1", "text": text})) == e.Text("1", text)
