"""How it shows that a program waits: by patterns that its person gave for it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

_TAIL = 15
"""Lines at the end of what was printed that a prompt may consist of."""
_AROUND = 8
"""Lines of a full screen above and below a prompt that belong to its text."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """It waits for its next message ("ready"), or with `text` for an answer ("ask").
    `lines` are how many of the last lines printed hold that prompt (0: a full screen),
    and `before` is what the first of them says before it."""

    kind: Literal["ready", "ask"]
    text: str
    lines: int
    before: str = ""


@dataclass(frozen=True, slots=True)
class Prompts:
    """An agent's patterns. They are searched with `^` and `$` at each line; of what a
    program prints they must match its very end, on a full screen they may anywhere."""

    ready: re.Pattern[str] | None
    asks: tuple[re.Pattern[str], ...]

    @classmethod
    def of(cls, ready: str | None, asks: Sequence[str]) -> Prompts:
        return cls(
            re.compile(ready, re.MULTILINE) if ready else None,
            tuple(re.compile(ask, re.MULTILINE) for ask in asks),
        )

    def waiting(self, printed: Sequence[str], *, full: bool, asks: bool = True) -> Waiting | None:
        """What the lines say it waits for; a question goes before readiness."""
        for ask in self.asks if asks else ():
            if found := _find(ask, printed, full):
                return Waiting("ask", *found)
        if self.ready is not None and (found := _find(self.ready, printed, full)):
            return Waiting("ready", *found)
        return None


def _find(pattern: re.Pattern[str], printed: Sequence[str], full: bool) -> tuple[str, int, str] | None:
    """(the prompt's text, how many of the last lines it is, what stands before it)"""
    if full:
        match = pattern.search("\n".join(printed))
        if match is None:
            return None
        first = match.string.count("\n", 0, match.start())
        last = match.string.count("\n", 0, match.end())
        around = printed[max(0, first - _AROUND) : last + 1 + _AROUND]
        return "\n".join(around).strip("\n"), 0, ""
    tail = printed[-_TAIL:]
    text = "\n".join(tail)
    for end in (" ", ""):  # a terminal doesn't say how many blanks a line ends with
        for match in pattern.finditer(text + end):
            if match.end() > match.start() and not match.string[match.end() :].strip():
                first = match.string.count("\n", 0, match.start())
                above = first
                while above and tail[above - 1].strip():
                    above -= 1
                before = match.string[match.string.rfind("\n", 0, match.start()) + 1 : match.start()]
                return "\n".join(tail[above:]), len(tail) - first, before
    return None
