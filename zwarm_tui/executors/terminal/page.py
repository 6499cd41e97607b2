"""What a terminal shows, as plain lines, and what is new between two looks at it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True, slots=True)
class Page:
    """Lines without their ends' blanks, from some line of the terminal down to the last
    that holds something. `full`: a full-screen program's screen, which keeps nothing
    that has gone out of it."""

    lines: tuple[str, ...] = ()
    full: bool = False

    @classmethod
    def of(cls, lines: Sequence[str], *, full: bool = False) -> Page:
        trimmed = [line.rstrip() for line in lines]
        while trimmed and not trimmed[-1]:
            trimmed.pop()
        return cls(tuple(trimmed), full)


def added(before: Page, now: Page) -> list[str]:
    """The lines of `now` that `before` did not have. What a program only prints comes
    after what was there; of what it draws anew, the lines that differ."""
    if before.full != now.full:
        return list(now.lines)
    if not now.full and now.lines[: len(before.lines)] == before.lines:
        return list(now.lines[len(before.lines) :])
    steps = SequenceMatcher(None, before.lines, now.lines, autojunk=False).get_opcodes()
    return [
        line
        for step, _, _, start, end in steps
        if step in ("insert", "replace")
        for line in now.lines[start:end]
    ]


def scrolled_out(before: Page, now: Page) -> list[str]:
    """The lines that left a full screen at its top, since the rest moved up. A line that
    was only drawn over (a clock, a spinner) is none."""
    if not (before.full and now.full):
        return []
    steps = SequenceMatcher(None, before.lines, now.lines, autojunk=False).get_opcodes()
    out: list[str] = []
    for at, (step, start, end, new_start, new_end) in enumerate(steps):
        moved = any(later[0] in ("insert", "replace") for later in steps[at + 1 :])
        if moved and step in ("delete", "replace"):
            # Of a few lines that became fewer, the first were drawn over (a header).
            out += before.lines[start + (new_end - new_start) : end]
    return out
