"""Prices: which one is found, and what tokens then cost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zwarm_tui.core import costs
from zwarm_tui.core.costs import (
    MODEL_ALIASES,
    MODEL_PRICING,
    ModelPricing,
    estimate_cost,
    estimate_session_cost,
    format_cost,
    get_pricing,
    price_usage,
    user_prices,
)
from zwarm_tui.core.events import Usage

COUNT = st.integers(0, 2_000_000)


@pytest.fixture(autouse=True)
def no_user_prices() -> Iterator[None]:
    user_prices({})
    yield
    user_prices({})


def test_cached_tokens_are_not_charged_twice() -> None:
    assert estimate_cost("gpt-5.1-codex", 10_000, 1_000, 90_000) == pytest.approx(0.03375)
    # The published example: 26,549 input of which 22,272 cached, 1,590 output.
    assert estimate_cost("codex", 26_549 - 22_272, 1_590, 22_272) == pytest.approx(0.0240, abs=5e-5)


def test_without_a_cached_price_cached_tokens_cost_the_input_price() -> None:
    assert ModelPricing(2.0, 8.0).estimate_cost(100_000, 0, 900_000) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("model", "rates"),
    [
        ("gpt-5.1-codex", (1.25, 10, 0.125)),
        ("gpt-5.1-codex-mini", (0.25, 2, 0.025)),
        ("gpt-5.1-codex-max", (1.25, 10, 0.125)),
        ("gpt-5", (1.25, 10, 0.125)),
        ("gpt-5-mini", (0.25, 2, 0.025)),
        ("claude-sonnet-4-20250514", (3, 15, 0.3)),
        ("claude-opus-4-20250514", (15, 75, 1.5)),
        ("claude-3-5-sonnet-20241022", (3, 15, 0.3)),
    ],
)
def test_the_built_in_table(model: str, rates: tuple[float, float, float]) -> None:
    assert get_pricing(model) == ModelPricing(*rates) == get_pricing(model.upper())


def test_every_alias_names_a_model_of_the_table() -> None:
    assert set(MODEL_ALIASES) == {"codex", "codex-mini", "codex-max", "gpt5", "gpt5-mini", "sonnet", "opus"}
    for alias, model in MODEL_ALIASES.items():
        assert get_pricing(alias) is MODEL_PRICING[model] is get_pricing(alias.title())


@pytest.mark.parametrize(
    ("asked", "is_model"),
    [
        ("gpt-5.1-codex-mini-2026-01", "gpt-5.1-codex-mini"),
        ("gpt-5.1-codex-2025-11-13", "gpt-5.1-codex"),
        ("gpt-5-mini-2025", "gpt-5-mini"),
        ("gpt-5-20250807", "gpt-5"),
        ("gpt-5-latest", "gpt-5"),
        ("GPT-5-Preview", "gpt-5"),
    ],
)
def test_a_date_latest_or_preview_at_the_end_is_the_same_model(asked: str, is_model: str) -> None:
    assert get_pricing(asked) == MODEL_PRICING[is_model]


NEAR = ("gpt-50", "gpt-5-2025-13", "gpt-5-latest-2025-01", "gpt-5.1-codex-nano", "codex-mini-latest")
NEARER = ("gpt-5.2-codex", "gpt-5.5-codex", "gpt-5-codex", "no-such-model", "", None)


@pytest.mark.parametrize("asked", [*NEAR, *NEARER])
def test_a_near_name_is_another_model(asked: str | None) -> None:
    assert get_pricing(asked) is None
    assert estimate_cost(asked, 1, 1) is None
    assert price_usage(asked, Usage(model=asked, input=5, output=5)).cost is None


def test_genai_prices_stands_behind_the_table() -> None:
    nano = get_pricing("gpt-5-nano")
    assert nano is not None
    assert nano != MODEL_PRICING["gpt-5"]
    priced = price_usage("GPT-5-nano", Usage(model="gpt-5-nano", input=1_000_000))
    assert (priced.source, priced.cost) == ("genai-prices", nano.input_per_million)
    assert get_pricing("gpt-5-nano-2025-08-07") == nano


def test_the_users_prices_come_first() -> None:
    mine = ModelPricing(1.0, 2.0)
    user_prices({"GPT-5.1-codex": mine, "house-model": mine})
    assert get_pricing("gpt-5.1-CODEX") is mine
    assert get_pricing("codex") is mine
    assert get_pricing("house-model-2026-02-01") is mine
    assert get_pricing("gpt-5") is MODEL_PRICING["gpt-5"]
    assert price_usage("house-model", Usage(model="house-model", input=1_000_000)).source == "user"
    user_prices({"gpt-5.5": mine})
    assert get_pricing("gpt-5.5-2026-04-01") is mine
    assert get_pricing("house-model") is None


def test_the_user_may_price_an_alias_itself() -> None:
    mine = ModelPricing(7.0, 7.0)
    user_prices({"codex": mine})
    assert get_pricing("codex") is mine
    assert get_pricing("gpt-5.1-codex") is MODEL_PRICING["gpt-5.1-codex"]


def test_a_big_request_is_priced_by_its_tier() -> None:
    small, big = (
        Usage(model="gpt-5.5", input=150_000, output=10),
        Usage(model="gpt-5.5", input=100_000, cached=200_000, output=10),
    )
    low, high = price_usage("gpt-5.5", small), price_usage("gpt-5.5", big)
    assert low.rates["input"] < high.rates["input"]
    assert low.rates["cached"] < high.rates["cached"]
    twice = price_usage("gpt-5.5", Usage(model="gpt-5.5", input=300_000, output=20))
    assert low.cost is not None
    assert twice.cost is not None
    assert twice.cost > 2 * low.cost


MODELS = ("gpt-5.5", "claude-sonnet-4-5", "gemini-2.5-pro", "gpt-5-nano")


@given(st.sampled_from(MODELS), COUNT, COUNT, COUNT)
def test_our_arithmetic_is_that_of_genai_prices(model: str, fresh: int, cached: int, output: int) -> None:
    from genai_prices import Usage as Theirs
    from genai_prices import calc_price

    theirs = calc_price(
        Theirs(input_tokens=fresh + cached, cache_read_tokens=cached, output_tokens=output), model_ref=model
    )
    ours = price_usage(model, Usage(model=model, input=fresh, cached=cached, output=output))
    assert ours.cost == pytest.approx(float(theirs.total_price))


def test_cache_writes_cost_their_own_price_where_one_is_known() -> None:
    for model, rate in (("sonnet", 3.75), ("claude-sonnet-4-5", 3.75), ("gpt-5", 1.25)):
        assert price_usage(model, Usage(model=model, input=0, cache_write=100_000)).cost == pytest.approx(
            rate / 10
        )
    user_prices({"sonnet": ModelPricing(4.0, 1.0)})
    assert price_usage("sonnet", Usage(model="sonnet", input=0, cache_write=500_000)).cost == pytest.approx(
        2.0
    )


@given(st.sampled_from(list(MODEL_PRICING)), COUNT, COUNT, COUNT, COUNT)
def test_a_price_says_how_it_came_about(
    model: str, fresh: int, cached: int, written: int, output: int
) -> None:
    priced = price_usage(
        model, Usage(model=model, input=fresh, cached=cached, cache_write=written, output=output)
    )
    counts = {"input": fresh, "cached": cached, "cache_write": written, "output": output}
    assert priced.source == "built-in"
    assert priced.cost == pytest.approx(sum(priced.rates[key] * n for key, n in counts.items()) / 1e6)


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        (None, "?"),
        (0.0, "$0.0000"),
        (0.00994, "$0.0099"),
        (0.01, "$0.010"),
        (0.03375, "$0.034"),
        (1.0, "$1.00"),
        (1234.5, "$1234.50"),
    ],
)
def test_money_reads_well(cost: float | None, text: str) -> None:
    assert format_cost(cost) == text


def test_a_session_costs_what_its_normalised_counts_say() -> None:
    counts = {
        "input_tokens": 10_000,
        "cached_tokens": 90_000,
        "output_tokens": 1_000,
        "reasoning_tokens": 600,
    }
    assert estimate_session_cost("gpt-5.1-codex", counts) == {
        "cost": pytest.approx(0.03375),
        "cost_formatted": "$0.034",
        "pricing_known": True,
        "model": "gpt-5.1-codex",
        "input_tokens": 10_000,
        "output_tokens": 1_000,
    }


def test_codexs_raw_counts_give_the_same() -> None:
    raw = {"input_tokens": 100_000, "cached_input_tokens": 90_000, "output_tokens": 1_000}
    told = estimate_session_cost("codex", raw)
    assert told["cost"] == pytest.approx(0.03375)
    assert told["input_tokens"] == 10_000
    # Once normalised, the raw key that may still stand beside it changes nothing.
    both = {**raw, "input_tokens": 10_000, "cached_tokens": 90_000}
    assert estimate_session_cost("codex", both)["cost"] == pytest.approx(0.03375)


def test_a_session_of_an_unknown_model_has_no_price() -> None:
    told = estimate_session_cost("gpt-50", {"input_tokens": 5, "output_tokens": None})
    assert (told["cost"], told["cost_formatted"], told["pricing_known"]) == (None, "?", False)
    assert (told["input_tokens"], told["output_tokens"]) == (5, 0)


def test_cache_writes_count_in_a_session() -> None:
    told = estimate_session_cost("sonnet", {"input_tokens": 0, "cache_write_tokens": 1_000_000})
    assert told["cost"] == pytest.approx(3.75)


def test_our_own_models_need_no_price_list() -> None:
    """The price list takes 0.3 s to import: not for the models of our own table."""
    code = (
        "import sys; from zwarm_tui.core import estimate_cost; estimate_cost('codex', 1, 1);"
        "sys.exit('genai_prices' in sys.modules or 'pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_returned_cannot_change_the_table() -> None:
    pricing = get_pricing("codex")
    with pytest.raises(AttributeError):
        pricing.input_per_million = 0.0  # type: ignore[misc, union-attr]


def test_the_core_exports_its_public_names() -> None:
    from zwarm_tui import core

    assert core.get_pricing is costs.get_pricing
    assert all(getattr(core, name) for name in core.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        core.nonsense  # noqa: B018
