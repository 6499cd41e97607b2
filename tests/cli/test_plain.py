"""Hostile text on a person's terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zwarm_tui.cli.plain import fit, one_line, plain, width

ANY = st.text(st.characters(), max_size=60)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("nul\x00 bell\x07 del\x7f csi\x9b2J", "nul\\x00 bell\\x07 del\\x7f csi\\x9b2J"),
        ("user\u202etxt.exe", "user\\u202etxt.exe"),
        ("half \ud83d pair", "half \\ud83d pair"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("10%\r20%\r\ndone\n", "10%\\x0d20%\ndone\n"),
        ("[red]list[int] [/tmp/x]", "[red]list[int] [/tmp/x]"),
        ("naïve 日本語 👩‍💻 ✓", "naïve 日本語 👩‍💻 ✓"),
    ],
)
def test_what_acts_on_a_terminal_is_shown(raw: str, shown: str) -> None:
    assert plain(raw) == shown


@given(ANY)
def test_nothing_survives_that_a_terminal_obeys(text: str) -> None:
    for character in plain(text):
        assert character == "\n" or unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")


@given(ANY)
def test_one_line_is_one(text: str) -> None:
    line = one_line(text)
    assert line == " ".join(line.split(" "))
    assert len(line.splitlines()) <= 1


@given(ANY, st.integers(1, 30))
def test_fit_fits(text: str, columns: int) -> None:
    line = one_line(text)
    assert width(fit(line, columns)) <= columns
    if width(line) <= columns:
        assert fit(line, columns) == line


def test_a_huge_text_is_quick_enough() -> None:
    assert plain("x" * 5_000_000 + "\x1b").endswith("x\\x1b")
