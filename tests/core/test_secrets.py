"""What is put over keys of the environment."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from zwarm_tui.core.secrets import Veil

KEY = 'sk-"quoted"-é-8d1f0c'


def test_values_of_keys_give_way_to_their_names() -> None:
    veil = Veil({"OPENAI_API_KEY": KEY, "PGPASSWORD": "hunter-2-sesame", "DEPLOY_TOKEN": f"{KEY}-more"})
    text = json.dumps({"output": f"a {KEY}-more b {KEY} c hunter-2-sesame"})
    assert json.loads(veil.over(text)) == {"output": "a [DEPLOY_TOKEN] b [OPENAI_API_KEY] c [PGPASSWORD]"}
    spoken = json.dumps([KEY], ensure_ascii=False)
    assert json.loads(veil.over(spoken)) == ["[OPENAI_API_KEY]"]


def test_what_is_no_key_stays() -> None:
    plain = {
        "HOME": "/home/somebody-else",
        "SHORT_TOKEN": "main",
        "PORT_TOKEN": "123456789012.5",
        "A_TOKEN": "",
    }
    text = json.dumps({"cwd": "/home/somebody-else", "branch": "main", "time": 123456789012.5})
    assert Veil(plain).over(text) is text


@given(st.text(min_size=12, alphabet=st.characters(codec="utf-8")), st.text(), st.text())
def test_no_text_holds_a_key(key: str, before: str, after: str) -> None:
    text = json.dumps(f"{before} {key} {after}")
    found = Veil({"X_API_KEY": key}).over(text)
    assert "[X_API_KEY]" in found or re.fullmatch(r"[\d.eE+-]+", key)


def test_the_beginning_of_a_key_at_the_end_of_a_text() -> None:
    veil = Veil({"A_TOKEN": "abcabdabcabe-s", "B_TOKEN": "s3cret-s3cret"})
    assert veil.begun("nothing") == 0
    assert veil.begun("xx abcab") == 5
    assert veil.begun("xx abcabcab") == 5
    assert veil.begun("s") == 1
    assert veil.begun("this is abcabdabcabe-s") == 0, "whole, and not the beginning of the other"
    assert veil.begun("s3cret-s3cret") == 0
    assert veil.begun("s3cret-s3cre") == 12
    assert veil.begun("") == 0
    assert Veil({}).begun("s") == 0
