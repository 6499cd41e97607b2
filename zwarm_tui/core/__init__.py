"""The pure domain: no I/O, no asyncio, no terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zwarm_tui.core.checkpoints import Checkpoint as Checkpoint
    from zwarm_tui.core.checkpoints import CheckpointManager as CheckpointManager
    from zwarm_tui.core.costs import ModelPricing as ModelPricing
    from zwarm_tui.core.costs import estimate_cost as estimate_cost
    from zwarm_tui.core.costs import estimate_session_cost as estimate_session_cost
    from zwarm_tui.core.costs import format_cost as format_cost
    from zwarm_tui.core.costs import get_pricing as get_pricing

_HOMES = {
    "Checkpoint": "checkpoints",
    "CheckpointManager": "checkpoints",
    "ModelPricing": "costs",
    "estimate_cost": "costs",
    "estimate_session_cost": "costs",
    "format_cost": "costs",
    "get_pricing": "costs",
}
__all__ = [*_HOMES]


def __getattr__(name: str) -> object:
    # Every start imports this package for its errors and events: the rest waits.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
