"""What a program may say to an agent in its own words: `extra_flags`."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Iterable
from typing import Any

_GUARDED = ("sandbox", "approval", "shell_environment_policy")
"""Beginnings of keys that say what an agent may do: that is `permission_mode`'s."""


def config_of(provider: str, flags: str | Iterable[str] | None) -> dict[str, Any]:
    """The overrides of codex's configuration in `-c key=value` (or `--config`), a value
    being TOML or else text. `ValueError` names any other flag: an agent that is no command
    line can't heed it."""
    words = shlex.split(flags) if isinstance(flags, str) else [str(word) for word in flags or ()]
    if words and provider != "codex":
        raise ValueError(f"{provider} takes no extra_flags: leave them out, or bring a runner of your own")
    found: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        name, is_joined, pair = word.partition("=") if word.startswith("--") else (word, "", "")
        if name not in ("-c", "--config"):
            raise ValueError(
                f"codex takes no flag '{word}' here, only -c key=value: leave it out, or bring a runner of your own"
            )
        key, equals, value = (pair if is_joined else next(rest, "")).partition("=")
        if not key or not equals:
            raise ValueError(f"extra_flags: after {name} comes key=value")
        if key.startswith(_GUARDED):
            raise ValueError(f"extra_flags can't set {key}: say it with permission_mode")
        found[key] = _value(value)
    return found


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
