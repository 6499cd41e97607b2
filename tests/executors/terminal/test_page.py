"""The pure parts: pages, what is new on them, and what they wait for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zwarm_tui.executors.terminal.page import Page, added, scrolled_out
from zwarm_tui.executors.terminal.prompts import Prompts

LINES = st.lists(st.text("ab ", max_size=3), max_size=12)


@given(LINES, LINES)
def test_what_is_only_printed_is_new_exactly(before: list[str], more: list[str]) -> None:
    one = Page.of(before)
    two = Page.of([*one.lines, *more])
    assert (*one.lines, *added(one, two)) == two.lines


@given(LINES, LINES, st.booleans(), st.booleans())
def test_nothing_new_is_missed_however_it_was_drawn(
    before: list[str], now: list[str], full: bool, other: bool
) -> None:
    one, two = Page.of(before, full=full), Page.of(now, full=other)
    assert {*two.lines} - {*one.lines} <= {*added(one, two)}
    assert {*scrolled_out(one, two)} <= {*one.lines}


def test_lines_that_went_out_at_the_top_are_kept_and_a_spinner_is_not() -> None:
    one = Page.of(["header 1", "a", "b", "c", "⠋ busy"], full=True)
    assert scrolled_out(one, Page.of(["header 1", "a", "b", "c", "⠙ busy"], full=True)) == []
    assert scrolled_out(one, Page.of(["header 2", "b", "c", "d", "⠙ busy"], full=True)) == ["a"]


def test_a_prompt_is_what_stands_at_the_very_end() -> None:
    prompts = Prompts.of(r"\$ $", [r"\[y/N\] $"])
    assert prompts.waiting(["me:~$ ls", "file"], full=False) is None
    ready = prompts.waiting(["file", "no newline$"], full=False)
    assert ready is not None
    assert (ready.kind, ready.lines, ready.before) == ("ready", 1, "no newline")
    asked = prompts.waiting(["", "It is there.", "Overwrite? [y/N]"], full=False)
    assert asked is not None
    assert (asked.kind, asked.text) == ("ask", "It is there.\nOverwrite? [y/N]")
    assert prompts.waiting([], full=False) is None


@given(st.lists(st.text(max_size=10), max_size=5), st.booleans())
def test_any_text_can_be_looked_at(lines: list[str], full: bool) -> None:
    Prompts.of(r"^> $", [r"\?$"]).waiting(lines, full=full)
