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
    said = []
    if host.get("PATH") != client.get("PATH"):
        said.append(f"agents run with the host's PATH, {_paths(host.get('PATH'), client.get('PATH'))}")
    if host.get("CODEX_HOME") != client.get("CODEX_HOME"):
        said.append(f"agents run with the host's CODEX_HOME: {host.get('CODEX_HOME') or 'not set'}")
    ours, theirs = _names(host), _names(client)
    if missing := sorted(theirs - ours):
        said.append(f"the host was started without {', '.join(missing)}")
    if more := sorted(ours - theirs):
        said.append(f"the host has {', '.join(more)}, which is not set here")
    return [f"{s} (a host that starts anew takes yours: zwarm-tui host stop)" for s in said]


def _paths(host: str | None, client: str | None) -> str:
    """How one PATH differs from another, in a few words: each may be a screen full."""
    theirs, ours = (list(filter(None, (path or "").split(":"))) for path in (host, client))
    for word, folders in (
        ("without", [f for f in ours if f not in theirs]),
        ("with", [f for f in theirs if f not in ours]),
    ):
        if folders:
            return f"{word} {folders[0]}" + (f" and {len(folders) - 1} more" if folders[1:] else "")
    return "in another order"


def _names(environment: Mapping[str, Any]) -> set[str]:
    keys = environment.get("keys")
    return {str(k) for k in keys} if isinstance(keys, list) else set()
