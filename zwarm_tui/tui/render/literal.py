"""Agents' text made safe to paint: every character that could act on the terminal,
or lie about the order of what is read, becomes one that shows itself."""

from __future__ import annotations

import re
import unicodedata

_ACTS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and newline, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidi marks, embeddings, overrides, isolates
    "\u2028\u2029\ufff9-\ufffb"  # line and paragraph separators, interlinear notes
    "\ud800-\udfff]"  # lone surrogates: no encoding takes them
)
_COLOURS = re.compile("\x1b\\[[0-9;:]*m|\x1b\\[[0-2]?K")


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else "␤" if code in (0x2028, 0x2029) else "�"


def literal(text: str) -> str:
    """`text` with each acting character replaced by one that is only seen. The length
    stays, so offsets into the result are offsets into `text`. Keeps tabs and newlines."""
    return _ACTS.sub(_shown, text) if _ACTS.search(text) else text


def line_of(text: str) -> str:
    """`literal` for something that must stay on one line."""
    return literal(text).replace("\n", " ").replace("\t", " ")


def output_of(text: str) -> str:
    """A command's output as a terminal would have left it: colours dropped, a line
    that was overwritten in place (progress bars) as it ended; the rest `literal`."""
    if "\x1b" in text:
        text = _COLOURS.sub("", text)
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if "\r" in text:
        text = "\n".join(_overwritten(line) if "\r" in line else line for line in text.split("\n"))
    return literal(text)


def _overwritten(line: str) -> str:
    return next((part for part in reversed(line.split("\r")) if part), "")


def exact(text: str) -> str:
    """For what a person decides about: as `literal`, and characters that take no space
    or have no glyph are spelled out, so that nothing hides in a command."""
    if text.isascii():
        return literal(text)
    return "".join(c if c.isascii() or not _hidden(c) else f"‹U+{ord(c):04X}›" for c in literal(text))


def _hidden(char: str) -> bool:
    return unicodedata.category(char) in ("Cf", "Cn", "Co", "Zl", "Zp")
