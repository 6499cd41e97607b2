"""A hash of all that a stage's outcome depends on, so that a stored result is taken only
for the stage that it is the result of."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping, Set
from pathlib import PurePath
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any


def digest(*parts: Any) -> str:
    """A short hash of JSON values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def describe(value: Any) -> Any:
    """A value as JSON that is the same in the next process: a function by its code, its
    defaults, and what it refers to. An object of unknown kind counts by its type only,
    or by its `fingerprint`, where it has one."""
    return _Describer().of(value)


class _Describer:
    def __init__(self) -> None:
        self._seen: set[int] = set()

    def of(self, value: Any) -> Any:
        if value is None or isinstance(value, (str, int, float, bool)):
            return value
        if isinstance(own := getattr(value, "fingerprint", None), str):
            return own
        if isinstance(value, (bytes, PurePath)):
            return str(value)
        if isinstance(value, ModuleType):
            return value.__name__
        if isinstance(value, type):
            return f"{value.__module__}.{value.__qualname__}"
        if id(value) in self._seen:  # told already, or a circle
            return getattr(value, "__qualname__", type(value).__qualname__)
        self._seen.add(id(value))
        return self._parts(value)

    def _parts(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {"map": sorted(([self.of(k), self.of(v)] for k, v in value.items()), key=str)}
        if isinstance(value, (list, tuple)):
            return [self.of(v) for v in value]
        if isinstance(value, Set):
            return {"set": sorted((self.of(v) for v in value), key=str)}
        if isinstance(value, functools.partial):
            return {"partial": [self.of(x) for x in (value.func, value.args, value.keywords)]}
        if isinstance(value, MethodType):
            return {"method": self.of(value.__func__)}
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, CodeType):
            return [value.co_code.hex(), [self.of(c) for c in value.co_consts], list(value.co_names)]
        if dataclasses.is_dataclass(value):
            held = {f.name: self.of(getattr(value, f.name)) for f in dataclasses.fields(value)}
            return [type(value).__qualname__, held]
        return type(value).__qualname__

    def _function(self, function: FunctionType) -> Any:
        if function.__module__.partition(".")[0] == __name__.partition(".")[0]:
            # Ours: what it does changes with our version, not with the workflow's text.
            code: Any = f"{function.__module__}.{function.__qualname__}"
            names = []
        else:
            code, names = self.of(function.__code__), _names(function.__code__)
        cells = [self.of(_content(cell)) for cell in function.__closure__ or ()]
        uses = {n: self.of(function.__globals__[n]) for n in names if n in function.__globals__}
        return [code, self.of(function.__defaults__), self.of(function.__kwdefaults__), cells, uses]


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None


def _names(code: CodeType) -> list[str]:
    inner = [n for c in code.co_consts if isinstance(c, CodeType) for n in _names(c)]
    return sorted({*code.co_names, *inner})
