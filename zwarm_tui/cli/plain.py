"""Agents' text for a person's terminal: what would act on the terminal is shown instead.

Escape sequences, other control characters, characters that reorder or hide text
and lone surrogates come out as Python writes them (`\\x1b`, `\\u202e`). Nothing is
dropped, so that two different texts never look the same by accident.
"""

from __future__ import annotations

import re
import unicodedata

_ACTS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 and C1, but for tab and newline
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"  # direction, invisible, line ends
    "\ud800-\udfff\U000e0000-\U000e007f]"  # no characters at all; tags
)
_SPACE = re.compile(r"\s+")


def plain(text: str) -> str:
    """The text with its lines and tabs, and nothing that a terminal would obey."""
    return _ACTS.sub(_shown, text.replace("\r\n", "\n")).expandtabs(4)


def one_line(text: str) -> str:
    """The text in one line: every run of white space is one space."""
    return plain(_SPACE.sub(" ", text).strip())


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def width(text: str) -> int:
    """How many columns a terminal gives to a (plain) text."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def fit(text: str, columns: int) -> str:
    """The text, cut with an ellipsis where it is wider than `columns`."""
    if width(text) <= columns:
        return text
    kept, used = [], 0
    for character in text:
        used += _columns(character)
        if used > columns - 1:
            break
        kept.append(character)
    return "".join(kept) + "…"


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
