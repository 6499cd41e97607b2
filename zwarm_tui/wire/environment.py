"""What of a process's environment agents depend on: compared, and never kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

_VALUES = ("PATH", "CODEX_HOME")
_KEYS = ("_API_KEY", "_TOKEN", "_SECRET")


def fingerprint(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """{PATH, CODEX_HOME, keys: names of variables that look like keys}: of those only
    that they are set."""
    keys = sorted(name for name, value in environ.items() if value and name.endswith(_KEYS))
    return {name: environ.get(name) for name in _VALUES} | {"keys": keys}


def differences(host: Mapping[str, Any], client: Mapping[str, Any]) -> list[str]:
    """Sentences for the person of the client: agents run in the host's environment."""
    said = [
        f"agents run with the host's {name}: {host.get(name) or 'not set'}"
        for name in _VALUES
        if host.get(name) != client.get(name)
    ]
    ours, theirs = _names(host), _names(client)
    if missing := sorted(theirs - ours):
        said.append(f"the host was started without {', '.join(missing)}")
    if more := sorted(ours - theirs):
        said.append(f"the host has {', '.join(more)}, which is not set here")
    return [f"{s} (zwarm-tui host stop, and the next start takes yours)" for s in said]


def _names(environment: Mapping[str, Any]) -> set[str]:
    keys = environment.get("keys")
    return {str(k) for k in keys} if isinstance(keys, list) else set()
