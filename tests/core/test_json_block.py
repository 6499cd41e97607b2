"""The JSON in an agent's answer (F8)."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zwarm_tui.core.errors import ParseError
from zwarm_tui.core.json_block import parse_json_block

FENCED = 'First:\n```json\n{"findings": [1]}\n```\nNo, rather:\n```json\n{"findings": [2]}\n```\nDone.'


def test_direct_then_the_last_fence_then_the_last_object() -> None:
    assert parse_json_block(' {"a": 1} ') == {"a": 1}
    assert parse_json_block(FENCED) == {"findings": [2]}
    assert parse_json_block('one {"a": {"b": 1}} two {"a": {"b": 2}} three') == {"a": {"b": 2}}
    assert parse_json_block('{not this} but {"a": "}"} {nor that') == {"a": "}"}


def test_only_with_all_required_keys() -> None:
    text = '{"findings": []} and then {"other": 1}'
    assert parse_json_block(text, ["findings"]) == {"findings": []}
    assert parse_json_block(f'{text}\n```json\n{{"x": 1}}\n```', ["findings"]) == {"findings": []}
    with pytest.raises(ParseError, match=r"'findings', 'verdict'.*other"):
        parse_json_block(text, ["findings", "verdict"])


@pytest.mark.parametrize(
    "text", ["", "  \n", "Looks good!", "[1, 2]", "```json\n{oops\n```", "null", '{"a": ']
)
def test_anything_else_is_loud(text: str) -> None:
    with pytest.raises(ParseError, match="no JSON object"):
        parse_json_block(text)


@given(
    st.text(),
    st.dictionaries(st.text(), st.integers()),
    st.text(alphabet=st.characters(exclude_characters="{`")),
)
def test_an_object_is_found_after_any_text(before: str, value: dict[str, int], after: str) -> None:
    text = f"{before}\n{json.dumps({'it': value})} {after}"
    try:
        assert "it" in parse_json_block(text, ["it"])
    except ParseError:
        assert "{" in before or "[" in before or '"' in before  # an unfinished value swallowed it


@pytest.mark.parametrize(
    "text", ['{"a":' * 60_000, "{" * 300_000, "```\n" * 50_000, '{"a":[' + "1," * 150_000]
)
def test_hostile_text_costs_no_time(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(ParseError):
        parse_json_block(text)
    assert time.monotonic() - began < 5
