"""A YAML file as plain values, with the line of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from zwarm_tui.commands.errors import CommandLoadError, Problem

Key = tuple[str | int, ...]
"""The way to a value: keys and indexes."""

_LARGEST = 1_000_000
"""Bytes of a command's file."""
_MOST = 20_000
"""Values of a file, counting what aliases repeat: a small file can stand for billions."""


@dataclass(frozen=True)
class Document:
    """A file's top-level map, and the lines (from 1) at which its keys stand."""

    path: Path
    data: dict[str, Any]
    lines: dict[Key, int]

    def line(self, at: Key) -> int | None:
        """The line of a value, or of the nearest one around it."""
        while at and at not in self.lines:
            at = at[:-1]
        return self.lines.get(at)


def read(path: Path) -> Document:
    """Read a file. `CommandLoadError` names the line of what is no YAML."""
    try:
        if path.stat().st_size > _LARGEST:
            raise _wrong(path, None, "", f"it has more than {_LARGEST} bytes: that is no command")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise _wrong(path, None, "", "there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(path, None, "", f"it can't be read: {error}") from error
    try:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            lines: dict[Key, int] = {}
            _walk(path, node, (), lines)
            data = loader.construct_document(node) if node is not None else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(filter(None, (error.context, error.problem)))
        raise _wrong(path, mark.line + 1 if mark else None, "", f"no YAML: {said}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _wrong(path, None, "", f"no YAML: {error}") from error
    if not isinstance(data, dict):
        raise _wrong(path, 1, "", "a command is a map: `name: …`, `description: …`, `steps: […]`")
    return Document(path, data, lines)


def _walk(path: Path, node: yaml.Node | None, at: Key, lines: dict[Key, int]) -> None:
    if len(lines) > _MOST:
        raise _wrong(path, None, "", f"it stands for more than {_MOST} values: that is no command")
    if node is None:
        return
    lines.setdefault(at, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            name = getattr(key, "value", None)
            if not isinstance(name, str):
                raise _wrong(path, key.start_mark.line + 1, _dotted(at), "a key has to be a word")
            if name in seen:
                field = _dotted((*at, name))
                raise _wrong(path, key.start_mark.line + 1, field, "this key stands here twice")
            seen.add(name)
            lines[(*at, name)] = key.start_mark.line + 1
            _walk(path, value, (*at, name), lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(path, value, (*at, index), lines)


def _dotted(at: Key) -> str:
    return ".".join(map(str, at))


def _wrong(path: Path, line: int | None, field: str, message: str) -> CommandLoadError:
    return CommandLoadError([Problem(path, line, field, message)])
