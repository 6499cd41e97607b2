"""The JSON that an agent was asked for, out of what it wrote around it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

from zwarm_tui.core.errors import ParseError

_FENCE = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)^[ \t]*```[ \t]*$", re.MULTILINE | re.DOTALL)
_LIMIT = 400_000
"""Characters at a text's end that are looked at: an answer is at the end, and hostile
text shall not cost minutes."""
_TRIES = 500
"""Braces that may begin no object before the search is given up."""


def parse_json_block(text: str, required: Collection[str] = ()) -> dict[str, Any]:
    """The JSON object in an agent's answer: all of it, else the last fenced block, else
    the last balanced object; each counts only with all `required` keys. `ParseError`,
    with an excerpt, where there is none."""
    text = text[-_LIMIT:]
    for found in _candidates(text):
        if isinstance(found, dict) and all(key in found for key in required):
            return found
    keys = f" with {', '.join(map(repr, required))}" if required else ""
    raise ParseError(f"no JSON object{keys} in the answer: {_excerpt(text)}")


def _candidates(text: str) -> Iterator[Any]:
    yield _loads(text.strip())
    fences = _FENCE.findall(text)
    if fences:
        yield _loads(fences[-1].strip())
    yield from reversed(list(_objects(text)))


def _objects(text: str) -> Iterator[Any]:
    """The balanced objects of a text that are not within another, in order."""
    decoder, at, tries = json.JSONDecoder(), text.find("{"), 0
    while at >= 0 and tries < _TRIES:
        try:
            found, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            tries += 1
            at = text.find("{", at + 1)
        else:
            yield found
            at = text.find("{", end)


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _excerpt(text: str, width: int = 160) -> str:
    line = " ".join(text.split())
    if not line:
        return "(it is empty)"
    return repr(line if len(line) <= width else f"…{line[-width:]}")
