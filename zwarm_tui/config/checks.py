"""Checks of single settings: each takes a TOML value and returns what the setting
holds, or raises `Wrong`, which says what is wanted instead."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zwarm_tui.core.costs import ModelPricing

Check = Callable[[Any], Any]


class Wrong(ValueError):
    """What is wanted; `key` where it is about one key of the value."""

    def __init__(self, message: str, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key


def text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Wrong("a text is wanted, in quotes")
    return value


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong("true or false is wanted")
    return value


def one_of(*choices: str) -> Check:
    def check(value: Any) -> str:
        if value not in choices:
            raise Wrong("one of these is wanted: " + ", ".join(f'"{choice}"' for choice in choices))
        return str(value)

    return check


def at_least_one(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise Wrong("a whole number from 1 on is wanted")
    return value


def not_negative(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf:
        try:
            return float(value)
        except OverflowError:  # a whole number of hundreds of digits
            pass
    raise Wrong("a number from 0 on is wanted")


def path(value: Any) -> str:
    return str(Path(text(value)).expanduser())


def texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Wrong('a list of texts is wanted, like ["--one", "two"]')
    return tuple(value)


def any_text(value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong("a text is wanted, in quotes")
    return value


def brain(value: Any) -> str:
    if value in ("auto", "codex", "demo"):
        return str(value)
    provider, colon, model = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not (provider.strip() and colon and model.strip()):
        raise Wrong('"auto", "codex", "demo" or "PROVIDER:MODEL" is wanted, like "openai:gpt-5.1"')
    return str(value)


def url(value: Any) -> str:
    if not re.match(r"https?://[^/\s]", text(value)):
        raise Wrong("an address is wanted that begins with http:// or https://")
    return str(value)


def variable(value: Any) -> str:
    # The message doesn't repeat the value: a key that was pasted here stays off the screen.
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text(value)):
        raise Wrong("the name of an environment variable is wanted (not the key itself)")
    return str(value)


def price(value: Any) -> ModelPricing:
    """{input, output, cached_input}, USD per million tokens; the last may be missing."""
    if not isinstance(value, dict):
        raise Wrong("a table with input and output is wanted, in $ per million tokens")
    for key in value:
        if key not in ("input", "output", "cached_input"):
            raise Wrong(f"unknown price '{key}'; there are: input, output, cached_input", key)
    for key in ("input", "output"):
        if key not in value:
            raise Wrong(f"the price '{key}' is missing ($ per million tokens)")
    rates: dict[str, float] = {}
    for key, rate in value.items():
        try:
            rates[key] = not_negative(rate)
        except Wrong as wrong:
            raise Wrong(str(wrong), key) from None
    from zwarm_tui.core.costs import ModelPricing  # few set prices; everyone loads settings

    return ModelPricing(rates["input"], rates["output"], rates.get("cached_input"))
