"""Keys that agents have from the environment, and that nothing kept may hold."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_NAMES = re.compile(r"(API_?KEY|SECRET_KEY|ACCESS_KEY|TOKEN|SECRET|PASSWORD)$")
_SHORTEST = 12
"""Characters. What is shorter may be a word that texts are full of."""
_NUMBER = re.compile(r"[\d.eE+-]+")


class Veil:
    """Puts `[NAME]` where a text in JSON holds the value of a variable that is named like a
    key (`*_API_KEY`, `*_TOKEN`, `*_SECRET`, `*PASSWORD` …), in the environment or in what
    the settings add to it. Values of fewer than 12 characters stay."""

    def __init__(self, *environs: Mapping[str, str]) -> None:
        values = {
            value: name
            for environ in environs
            for name, value in environ.items()
            if _NAMES.search(name) and len(value) >= _SHORTEST and not _NUMBER.fullmatch(value)
        }
        # The longest first: one may be the beginning of another.
        self._keys = sorted(values, key=len, reverse=True)
        # As JSON writes them.
        self._hidden = [
            (json.dumps(value, ensure_ascii=ascii)[1:-1], f"[{values[value]}]")
            for value in self._keys
            for ascii in (True, False)
        ]

    def over(self, text: str) -> str:
        """The text without them; the very same object where it holds none."""
        for value, name in self._hidden:
            if value in text:
                text = text.replace(value, name)
        return text

    def begun(self, text: str) -> int:
        """How many characters at the end of a text (no JSON) may be the beginning of a key,
        whose rest is still to come."""
        longest = max((_beginning(key, text) for key in self._keys), default=0)
        # The end of one whole key, which another one's beginning looks like.
        if any(text.rfind(key) + len(key) > len(text) - longest for key in self._keys if key in text):
            return 0
        return longest


def _beginning(key: str, text: str) -> int:
    """The length of the longest part at the end of a text that a key begins with."""
    tail = text[1 - len(key) :]
    start = tail.find(key[0])
    while start >= 0:
        if key.startswith(tail[start:]):
            return len(tail) - start
        start = tail.find(key[0], start + 1)
    return 0
