"""The user's price table, put in front of the built-in prices."""

from __future__ import annotations

from collections.abc import Callable

from zwarm_tui.config.settings import Settings
from zwarm_tui.core.costs import Priced, price_usage, user_prices
from zwarm_tui.core.events import Usage


def pricer(settings: Settings) -> Callable[[str | None, Usage], Priced]:
    """Install the user's prices for the whole process; what prices one response."""
    user_prices(settings.prices)
    return price_usage
