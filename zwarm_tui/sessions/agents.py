"""The agents of a swarm, by their names: each made when it is first needed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zwarm_tui.executors.base import Executor, ExecutorSettings
from zwarm_tui.executors.registry import NAMES, create


class Agents:
    """Adapters by name. `default` is a name or an adapter; `state_dir` is where they may
    keep their raw protocol lines."""

    def __init__(
        self, default: str | Executor, settings: Mapping[str, ExecutorSettings], state_dir: Path
    ) -> None:
        self._settings, self._state_dir = settings, state_dir
        self._made: dict[str, Executor] = {}
        if isinstance(default, str):
            self.default = default
        else:
            self.default = default.name
            self.add(default)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the agents there are."""
        own = (name for name, one in self._settings.items() if one.interactive)
        return tuple(sorted({*NAMES, *own, *self._made}))

    def get(self, name: str) -> Executor:
        """The adapter of that name; `ExecutorError` where there is none."""
        if name not in self._made:
            self._made[name] = create(name, settings=self.settings(name), state_dir=self._state_dir)
        return self._made[name]

    def settings(self, name: str) -> ExecutorSettings:
        return self._settings.get(name, ExecutorSettings())

    def add(self, executor: Executor) -> None:
        """Make an adapter available under its own name."""
        self._made[executor.name] = executor

    def capabilities(self) -> dict[str, dict[str, Any]]:
        """What the default one can do, and those that were in use so far, by their names."""
        self.get(self.default)
        return {name: asdict(x.capabilities) for name, x in sorted(self._made.items())}

    def dismiss(self) -> dict[str, Executor]:
        """Those that `get` can make again: it will. Their processes are the caller's to end."""
        return {name: self._made.pop(name) for name in NAMES if name in self._made}

    async def aclose(self) -> None:
        """End all their processes."""
        await asyncio.gather(*(x.aclose() for x in self._made.values()))
