"""Calling a person who looks elsewhere."""

from __future__ import annotations

from zwarm_tui.core.model import Attention, SessionStatus, SessionView
from zwarm_tui.tui.notices import Notices, terminal_notice


def session(name: str, reason: str | None = None, since: float = 1.0, branch: int = 1) -> SessionView:
    flag = Attention(reason=reason, since=since, detail="a\x1b[2Jb") if reason else None
    return SessionView(
        id=name,
        task=f"task {name}",
        status=SessionStatus.RUNNING,
        executor="x",
        attention=flag,
        branch_id=branch,
    )


def test_each_flag_is_told_once() -> None:
    notices = Notices()
    assert notices.look([session("a", "failed")], None) == []  # there when the screen was opened
    (call,) = notices.look([session("a", "failed"), session("b", "approval")], None)
    assert (call.session, call.severity) == ("b", "warning")
    assert call.title == "task b wants leave for something"
    assert "\x1b" not in call.text
    assert notices.look([session("b", "approval")], None) == []
    assert notices.look([session("b")], None) == []
    assert len(notices.look([session("b", "approval", since=2.0)], None)) == 1
    assert len(notices.look([session("b", "approval", since=2.0, branch=2)], None)) == 1


def test_nothing_is_told_of_what_is_being_looked_at() -> None:
    notices = Notices()
    notices.look([], None)
    assert notices.look([session("a", "completed")], "a") == []
    assert notices.look([session("a", "completed")], None) == []


def test_severity_follows_the_reason() -> None:
    notices = Notices()
    notices.look([], None)
    flagged = [session(reason, reason) for reason in ("failed", "question", "completed")]
    assert [c.severity for c in notices.look(flagged, None)] == ["error", "warning", "information"]


def test_terminal_sequences_hold_no_sequences_of_others() -> None:
    text = "a\x1b]52;c;x\x07b;c\n"
    assert terminal_notice(text, {"TERM": "xterm-kitty"}) == "\x1b]9;a ]52 c x b c \x07"
    assert terminal_notice(text, {"TERM": "foot"}) == "\x1b]777;notify;zwarm;a ]52 c x b c \x07"
    assert terminal_notice("hi", {"TERM": "tmux", "TMUX": "/tmp/x"}) == "\x1bPtmux;\x1b\x1b]9;hi\x07\x1b\\"
