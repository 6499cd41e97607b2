"""What tokens cost, in USD.

The one rule for counts: **input is without cached tokens**. Adapters normalise once,
so that `input`, `cached` and `cache_write` never overlap, and `output` includes
reasoning. A price that isn't known is None and reads "?", never 0.

Prices are looked for in the user's table, then in `MODEL_PRICING`, then in the
`genai-prices` package (see `core.catalogue`), first under the exact name, then without
a date, "-latest" or "-preview" at its end. Nothing else matches: a near name is another
model, with another price.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from zwarm_tui.core import catalogue
from zwarm_tui.core.events import Usage
from zwarm_tui.core.money import format_cost as format_cost  # pinned here, and cheaper there


@dataclass(frozen=True)
class ModelPricing:
    """USD per million tokens. Without a cached price, cached tokens cost the input's."""

    input_per_million: float
    output_per_million: float
    cached_input_per_million: float | None = None

    def estimate_cost(self, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float:
        """USD; `input_tokens` excludes the cached ones."""
        return _Rates.of(self).cost(input_tokens, output_tokens, cached_tokens)


MODEL_PRICING: dict[str, ModelPricing] = {
    "gpt-5.1-codex": ModelPricing(1.25, 10.0, 0.125),
    "gpt-5.1-codex-mini": ModelPricing(0.25, 2.0, 0.025),
    "gpt-5.1-codex-max": ModelPricing(1.25, 10.0, 0.125),
    "gpt-5": ModelPricing(1.25, 10.0, 0.125),
    "gpt-5-mini": ModelPricing(0.25, 2.0, 0.025),
    "claude-sonnet-4-20250514": ModelPricing(3.0, 15.0, 0.3),
    "claude-opus-4-20250514": ModelPricing(15.0, 75.0, 1.5),
    "claude-3-5-sonnet-20241022": ModelPricing(3.0, 15.0, 0.3),
}

MODEL_ALIASES: dict[str, str] = {
    "codex": "gpt-5.1-codex",
    "codex-mini": "gpt-5.1-codex-mini",
    "codex-max": "gpt-5.1-codex-max",
    "gpt5": "gpt-5",
    "gpt5-mini": "gpt-5-mini",
    "sonnet": "claude-sonnet-4-20250514",
    "opus": "claude-opus-4-20250514",
}

_CACHE_WRITE = {
    "claude-sonnet-4-20250514": 3.75,
    "claude-opus-4-20250514": 18.75,
    "claude-3-5-sonnet-20241022": 3.75,
}
"""USD per million tokens written to a cache, where that is not the input's price."""

_user: dict[str, ModelPricing] = {}


class _Rates(NamedTuple):
    """The four prices of one response, USD per million tokens."""

    input: float
    output: float
    cached: float
    cache_write: float

    @classmethod
    def of(cls, pricing: ModelPricing, cache_write: float | None = None) -> _Rates:
        base, cached = pricing.input_per_million, pricing.cached_input_per_million
        return cls(
            base,
            pricing.output_per_million,
            base if cached is None else cached,
            base if cache_write is None else cache_write,
        )

    def cost(self, input: int, output: int, cached: int = 0, cache_write: int = 0) -> float:
        parts = (
            input * self.input + output * self.output + cached * self.cached + cache_write * self.cache_write
        )
        return parts / 1_000_000


@dataclass(frozen=True)
class Priced:
    """What one response cost: USD, or None where the price is unknown. `source` is
    "user", "built-in", "genai-prices" or "unknown"; `rates` the prices that were
    applied, in USD per million: input, cached, cache_write, output."""

    cost: float | None
    source: str
    rates: dict[str, float] = field(default_factory=dict)


def user_prices(table: Mapping[str, ModelPricing]) -> None:
    """Put the user's own prices in front of all others, in place of earlier ones."""
    global _user
    _user = {name.lower(): pricing for name, pricing in table.items()}


def price_usage(model: str | None, usage: Usage) -> Priced:
    """Price one model response by itself: some prices depend on the request's size, so
    the sum of two responses may cost more than both."""
    found = _find(model, usage.input + usage.cached + usage.cache_write)
    if found is None:
        return Priced(None, "unknown")
    rates = _Rates.of(found.pricing, found.cache_write)
    cost = rates.cost(usage.input, usage.output, usage.cached, usage.cache_write)
    return Priced(cost, found.source, rates._asdict())


def get_pricing(model: str | None) -> ModelPricing | None:
    """The prices of a model, None where they are unknown; the case of letters never
    matters. Where they depend on the request's size: those of a small one."""
    found = _find(model)
    return found.pricing if found else None


def estimate_cost(
    model: str | None, input_tokens: int, output_tokens: int, cached_tokens: int = 0
) -> float | None:
    """USD, or None where the price is unknown; `input_tokens` excludes the cached ones."""
    pricing = get_pricing(model)
    return pricing.estimate_cost(input_tokens, output_tokens, cached_tokens) if pricing else None


def estimate_session_cost(model: str | None, token_usage: Mapping[str, Any]) -> dict[str, Any]:
    """Price the summed counts of a session: an estimate, since sizes of single requests
    are lost in the sum (the ledger prices each response).

    `token_usage`: input_tokens (without cached ones), cached_tokens, cache_write_tokens,
    output_tokens, reasoning_tokens (a part of output); a missing key is 0. Codex's raw
    counts are recognised by the key `cached_input_tokens`: only where that stands
    *instead of* `cached_tokens` do input_tokens include the cached ones, which are then
    taken off. Returned: cost, cost_formatted, pricing_known, model, input_tokens (without
    cached ones), output_tokens.
    """
    counts = {
        key: token_usage.get(key) or 0 for key in ("input_tokens", "cache_write_tokens", "output_tokens")
    }
    input_tokens, cached = counts["input_tokens"], token_usage.get("cached_tokens")
    if cached is None:
        cached = token_usage.get("cached_input_tokens") or 0
        input_tokens = max(0, input_tokens - cached)
    found = _find(model)
    cost = None
    if found:
        rates = _Rates.of(found.pricing, found.cache_write)
        cost = rates.cost(input_tokens, counts["output_tokens"], cached, counts["cache_write_tokens"])
    return {
        "cost": cost,
        "cost_formatted": format_cost(cost),
        "pricing_known": found is not None,
        "model": model,
        "input_tokens": input_tokens,
        "output_tokens": counts["output_tokens"],
    }


class _Found(NamedTuple):
    pricing: ModelPricing
    cache_write: float | None
    source: str


def _find(model: str | None, size: int = 0) -> _Found | None:
    """The prices of a model for a request of `size` input tokens in all."""
    if not model:
        return None
    name = model.lower()
    if name in _user:  # also where it is an alias: the user's word comes first
        return _Found(_user[name], None, "user")
    name = MODEL_ALIASES.get(name, name)
    # No prefix of an alias: "codex-mini-latest" is a model of its own.
    base = catalogue.without_suffix(name)
    return (
        _listed(name)
        or _catalogued(name, size, exact=True)
        or _listed(base)
        or _catalogued(name, size)
        or _catalogued(base, size)
    )


def _listed(name: str) -> _Found | None:
    if name in _user:
        return _Found(_user[name], None, "user")
    if name in MODEL_PRICING:
        return _Found(MODEL_PRICING[name], _CACHE_WRITE.get(name), "built-in")
    return None


def _catalogued(name: str, size: int, *, exact: bool = False) -> _Found | None:
    entry = catalogue.look_up(name, size, exact=exact)
    if entry is None:
        return None
    return _Found(ModelPricing(entry.input, entry.output, entry.cached), entry.cache_write, "genai-prices")
