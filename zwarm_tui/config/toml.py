"""A TOML file that can say in which line a key stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zwarm_tui.core.errors import ConfigError

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_TABLE = re.compile(rf"\s*\[\[?\s*({_DOTTED})\s*\]")
_VALUE = re.compile(rf"\s*({_DOTTED})\s*=")


@dataclass(frozen=True, slots=True)
class Document:
    """A file that was read. `data` is plain TOML data."""

    path: Path
    text: str
    data: dict[str, Any]

    def error(self, message: str, *keys: str) -> ConfigError:
        """An error about the value under `keys`, with the line where that stands, or
        where the nearest table around it does."""
        return ConfigError(self.path, message, self._line(keys))

    def holds(self, *keys: str) -> bool:
        """Does the file set the value under `keys`?"""
        value: Any = self.data
        for key in keys:
            if not isinstance(value, dict) or key not in value:
                return False
            value = value[key]
        return True

    def _line(self, keys: tuple[str, ...]) -> int | None:
        best, best_line = 0, None
        for number, path in self._places():
            shared = min(len(path), len(keys))
            if shared > best and path[:shared] == keys[:shared]:
                best, best_line = shared, number
        return best_line

    def _places(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        """(line, keys) of every line that opens a table or sets a value. The parser says
        nothing of lines, so this looks at the text; a line of a multi-line text that
        looks like one of these is taken for one, which at worst costs a line number."""
        table: tuple[str, ...] = ()
        for number, line in enumerate(self.text.splitlines(), 1):
            if opened := _TABLE.match(line):
                table = _split(opened[1])
                yield number, table
            elif value := _VALUE.match(line):
                yield number, table + _split(value[1])


def _split(dotted: str) -> tuple[str, ...]:
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in re.findall(_PART, dotted))


def read(path: Path) -> Document:
    """Read a TOML file. `ConfigError` where it can't be read or is no TOML, with the
    line; `FileNotFoundError` where it isn't there."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(path, f"can't be read: {error.strerror}") from None
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(path, "this is not UTF-8 text; save the file as UTF-8", line) from None
    try:
        return Document(path, text, tomllib.loads(text))
    except RecursionError:
        raise ConfigError(path, "its values are nested too deeply", 1) from None
    except ValueError as error:  # mostly the parser's own; a number of 5,000 digits is another
        raise ConfigError(path, *_told(str(error), text)) from None


def _told(message: str, text: str) -> tuple[str, int]:
    """The parser's message without its place, and the place's line."""
    at = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    if at is None:
        return message, 1
    message = message[: at.start()]
    if at[1] is None:
        return f"{message} at the end of the file", max(1, len(text.splitlines()))
    return f"{message} (column {at[2]})", int(at[1])
