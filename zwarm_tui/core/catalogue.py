"""The price list of the `genai-prices` package, behind our own small table.

Its matching is meant for finding *a* price: "gpt-5.5-codex" gives that of "gpt-5.5".
Here a match counts only if it is the model that was asked for.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice

_SUFFIX = re.compile(r"-(latest|preview|20\d\d(-?(0[1-9]|1[0-2])(-?(0[1-9]|[12]\d|3[01]))?)?)")
_UNCOUNTED = ("requests_kcount", "output_reasoning_mtok", "output_citation_mtok")
"""Prices for things that we don't count: a model that has one costs an unknown sum."""


class Entry(NamedTuple):
    """USD per million tokens; None where there is no price of its own."""

    input: float
    output: float
    cached: float | None
    cache_write: float | None


def same_model(asked: str, found: str) -> bool:
    """Do two names differ by a date, "-latest" or "-preview" at the end at most?"""
    short, long = sorted((asked, found), key=len)
    return long.startswith(short) and (short == long or bool(_SUFFIX.fullmatch(long[len(short) :])))


def without_suffix(name: str) -> str:
    """A model's name without one date, "-latest" or "-preview" at its end."""
    match = re.search(_SUFFIX.pattern + "$", name)
    return name[: match.start()] if match else name


def look_up(name: str, size: int = 0, *, exact: bool = False) -> Entry | None:
    """The prices of a model for a request of `size` input tokens in all (cached ones
    too); None where it isn't known for certain. `name` is in small letters; with
    `exact` it has to be the very name in the list."""
    model = _model(name)
    if model is None or (exact and model.id != name):
        return None
    prices = model.get_prices(datetime.now(UTC))  # some depend on the time of day
    if any(getattr(prices, key) is not None for key in _UNCOUNTED):
        return None
    input, output = _rate(prices, "input_mtok", size), _rate(prices, "output_mtok", size)
    if input is None or output is None:
        return None
    return Entry(
        input, output, _rate(prices, "cache_read_mtok", size), _rate(prices, "cache_write_mtok", size)
    )


@lru_cache(maxsize=256)
def _model(name: str) -> ModelInfo | None:
    # 0.3 s to import, for models that our own table lacks: only then.
    from genai_prices import Usage, calc_price

    try:
        found = calc_price(Usage(input_tokens=0), model_ref=name).model
    except LookupError:
        return None
    return found if same_model(name, found.id) else None


def _rate(prices: ModelPrice, key: str, size: int) -> float | None:
    price = getattr(prices, key)
    if price is None:
        return None
    rate = getattr(price, "base", price)
    for tier in getattr(price, "tiers", ()):  # ascending; one that is passed holds for all tokens
        if size > tier.start:
            rate = tier.price
    return float(rate)
