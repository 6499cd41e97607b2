"""`@value`: a frozen dataclass to the type checker, a light one at run time.

Every command starts by importing some fifty of these. `dataclass(frozen=True)` compiles
six methods a class (1 ms each on a slow machine) and sets each field through a function;
here only `__init__` is compiled, when the first of a class is made (most commands make
few of them), and what the rest does is inherited.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields, make_dataclass
from typing import Any, ClassVar, TypeVar, cast, dataclass_transform

T = TypeVar("T", bound=type)


class Value:
    """Equal, hashed and shown by its fields."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def _all(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Value) and type(self) is type(other) and self._all() == other._all()

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name}={getattr(self, name)!r}" for name in self.__dataclass_fields__ if name != "kind"
        )
        return f"{type(self).__name__}({shown})"


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(*, kw_only: bool = False) -> Callable[[T], T]:
    """Make a subclass of `Value` a dataclass with slots. It is not to be changed: the
    type checker sees to that."""

    def make(cls: T) -> T:
        made: Any = dataclass(init=False, slots=True, eq=False, repr=False, kw_only=kw_only)(cls)
        _compile_later(made)
        return cast("T", made)

    return make


def _compile_later(cls: Any) -> None:
    def __init__(self: object, *args: object, **kwargs: object) -> None:
        its = [
            (f.name, Any, field(default=f.default, default_factory=f.default_factory, kw_only=f.kw_only))
            for f in fields(cls)
        ]
        compiled: Any = make_dataclass(cls.__name__, its, eq=False, repr=False)
        cls.__init__ = compiled.__init__
        compiled.__init__(self, *args, **kwargs)

    cls.__init__ = __init__
