"""The engine's verbs as they go over the wire, taken from `client.EngineClient` itself."""

from __future__ import annotations

import inspect
import types
import typing
from functools import cached_property
from typing import Any

from zwarm_tui.client import EngineClient
from zwarm_tui.core.errors import UsageError

Json = dict[str, Any]


class Verb:
    """One verb: its arguments by name, checked against the signature."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._function = getattr(EngineClient, name)

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self._function)

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return typing.get_type_hints(self._function)

    def bind(self, *args: Any, **kwargs: Any) -> Json:
        """The arguments of a call, by name."""
        bound = self._signature.bind(None, *args, **kwargs).arguments
        bound.pop("self")
        return dict(bound)

    def check(self, params: Json) -> None:
        """`UsageError` where these are not the verb's arguments."""
        try:
            self._signature.bind(None, **params)
        except TypeError as error:
            raise UsageError(f"{self.name}: {error}") from None
        for name, value in params.items():
            if not _fits(value, self._hints[name]):
                raise UsageError(f"{self.name}: {name} can't be {value!r}"[:200])


VERBS = {
    name: Verb(name)
    for name, member in vars(EngineClient).items()
    if inspect.iscoroutinefunction(member) and name != "aclose"
}
"""All but `aclose`: a client that leaves just closes its connection."""


def _fits(value: object, hint: Any) -> bool:
    if isinstance(hint, types.UnionType):
        return any(_fits(value, one) for one in typing.get_args(hint))
    if hint in (int, float):
        return isinstance(value, int | hint) and not isinstance(value, bool)
    return isinstance(value, typing.get_origin(hint) or hint)
