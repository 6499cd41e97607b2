"""Gates, reviews and retries in the log, and how they are shown."""

from __future__ import annotations

import pytest

from zwarm_tui.cli.markdown import transcript as markdown
from zwarm_tui.cli.story import lines
from zwarm_tui.core import events as e
from zwarm_tui.core.checks import in_words
from zwarm_tui.core.model import SessionStatus, SessionView
from zwarm_tui.core.transcript import Transcript
from zwarm_tui.tui.render.blocks import block_parts, copy_of
from zwarm_tui.tui.render.palette import Palette

FINDINGS = (e.ReviewFinding(1, "No \x1b[31mtests", "Add\nsome.", "a.py", 3), e.ReviewFinding(2, "A name"))
GATE = e.GateDone(
    item="g1", gate="tests", command="make test", passed=False, exit_code=2, output="E\x1b[2J\n", seconds=1.5
)
EVENTS = [
    e.GateStarted("g1", "tests", "make test", 1, 3),
    GATE,
    e.ReviewStarted("r1", "agent"),
    e.ReviewDone(
        item="r1", reviewer="agent", passed=False, findings=FINDINGS, seconds=2.0, attempt=2, attempts=3
    ),
    e.ReviewDone(item="r2", reviewer="agent", passed=False, error="no JSON"),
    e.RetryScheduled("idle", 1, 2, "no message for 300 s", 5.0),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_what_is_dumped_is_loaded(event: e.Event) -> None:
    assert e.load(event.kind, e.dump(event)) == event


def test_a_start_and_its_end_are_one_block() -> None:
    fold = Transcript()
    for seq, event in enumerate(EVENTS, 1):
        fold.apply(e.Record(event, "s", 1, 1, 0.0, seq))
        if seq == 1:
            assert fold.blocks[0].streaming
    assert [b.event for b in fold.blocks] == [EVENTS[1], EVENTS[3], EVENTS[4], EVENTS[5]]
    assert not any(b.streaming for b in fold.blocks)


def test_in_plain_words() -> None:
    said = [in_words(event) for event in EVENTS]  # type: ignore[arg-type]
    assert said[0] == ("gate tests runs (attempt 1/3)", "$ make test")
    assert said[1][0] == "gate tests failed: exit status 2 (attempt 1/1, 1.5 s)"
    assert said[3][0] == "review by agent found what has to be fixed (attempt 2/3, 2.0 s)"
    assert "(a.py:3)\nAdd\nsome.\n[P2] A name" in said[3][1]
    assert said[4] == ("review by agent: no verdict (attempt 1/1)", "no JSON")
    assert said[5] == ("idle retry in 5 s (attempt 1/2)", "no message for 300 s")


def test_on_screen_in_a_terminal_and_as_markdown() -> None:
    fold = Transcript()
    for seq, event in enumerate(EVENTS, 1):
        fold.apply(e.Record(event, "s", 1, 1, 0.0, seq))
    palette = Palette.of({"foreground": "#dddddd", "zwarm-dim": "#888888", "panel": "#222222"})
    shown = []
    for block in fold.blocks:
        assert copy_of(block)
        for is_open in (False, True):
            parts = block_parts(block, open=is_open)
            assert parts
            shown += [strip.text for part in parts for strip in part.paint(60, palette)]
    told = [line for seq, event in enumerate(EVENTS) for line in lines(e.Record(event, "s", 1, 1, 0.0, seq))]
    session = SessionView(id="s", task="t", status=SessionStatus.COMPLETED, executor="demo")
    assert any("gate tests failed" in row for row in shown)
    text = "\n".join([*shown, *told, *markdown(session, fold.blocks)])
    assert "gate tests failed: exit status 2" in text
    assert "no message for 300 s" in text
    assert "\x1b[31mtests" not in text
    assert "\x1b[2J" not in text
