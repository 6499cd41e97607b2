"""Telling a person who looks elsewhere that a session needs them: once a flag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from zwarm_tui.core.model import SessionView
from zwarm_tui.tui.render.literal import line_of
from zwarm_tui.tui.render.wrap import fit

_WORDS = {
    "approval": "wants leave for something",
    "question": "asks you something",
    "budget": "has used up its budget",
    "failed": "has failed",
    "interrupted": "was interrupted",
    "silent": "has been silent for long",
    "completed": "is done",
}
Severity = Literal["information", "warning", "error"]
_WARNINGS = frozenset({"approval", "question", "budget", "silent", "interrupted"})


@dataclass(frozen=True, slots=True)
class Call:
    """One notice. `severity` is Textual's: information, warning or error."""

    session: str
    title: str
    text: str
    severity: Severity


class Notices:
    """Knows which flags were told already. Those that are there at the start count as
    told: the list shows them."""

    def __init__(self) -> None:
        self._told: set[tuple[str, int, str, float]] | None = None

    def look(self, sessions: Iterable[SessionView], watched: str | None) -> list[Call]:
        """New flags, most urgent last. `watched` is the session that the person looks at:
        nothing has to be said about that one."""
        flags = {
            (s.id, s.branch_id, s.attention.reason, s.attention.since): s for s in sessions if s.attention
        }
        told, self._told = self._told, (self._told or set()) | set(flags)
        if told is None:
            return []
        return [_call(s, key[2]) for key, s in flags.items() if key not in told and s.id != watched]


def _call(session: SessionView, reason: str) -> Call:
    name = "The pilot" if session.role == "pilot" else fit(line_of(session.task), 48)
    detail = session.attention.detail if session.attention else ""
    severity: Severity = (
        "error" if reason == "failed" else "warning" if reason in _WARNINGS else "information"
    )
    return Call(session.id, f"{name} {_WORDS.get(reason, reason)}", fit(line_of(detail), 140), severity)


def terminal_notice(text: str, environ: Mapping[str, str]) -> str:
    """The sequence that makes a terminal show a notice: OSC 777 for those that know only
    that one, else OSC 9; wrapped where tmux would keep it to itself."""
    body = "".join(c if c.isprintable() and c != ";" else " " for c in text)
    term = environ.get("TERM", "")
    osc = f"777;notify;zwarm;{body}" if term.startswith(("rxvt", "foot")) else f"9;{body}"
    if environ.get("TMUX"):
        return f"\x1bPtmux;\x1b\x1b]{osc}\x07\x1b\\"
    return f"\x1b]{osc}\x07"
