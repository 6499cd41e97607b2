"""What host and clients say to each other: JSON-RPC 2.0, one message a line.

An error carries the name of its type in `core.errors`, so that a client raises just
what an engine of its own would have raised.
"""

from __future__ import annotations

import json
from typing import Any

from zwarm_tui.core import errors
from zwarm_tui.core.errors import UsageError, ZwarmError

Json = dict[str, Any]

LIMIT = 64 * 2**20
"""Bytes a line may have, newline included."""

PARSE_ERROR, INVALID, NO_METHOD, BAD_PARAMS, BUG, FAILED = -32700, -32600, -32601, -32602, -32603, -32000

_TYPES = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, ZwarmError)
}


class Malformed(Exception):
    """A line that is no request; `code` is JSON-RPC's, `id` its number where it has one."""

    def __init__(self, code: int, message: str, id: Any = None) -> None:
        self.code, self.message, self.id = code, message, id
        super().__init__(message)


def encode(message: Json) -> bytes:
    """A message as a line. ASCII only: lone surrogates survive."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes) -> Json:
    """The message in a line; `Malformed` where there is none."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise Malformed(PARSE_ERROR, "this line is no JSON") from None
    if not isinstance(message, dict):
        raise Malformed(INVALID, "a JSON object is wanted")
    return message


def request(line: bytes) -> tuple[str, Json, Any]:
    """The method, parameters and number in a line; `Malformed`. The number is None for a
    notification, which gets no answer."""
    message = decode(line)
    method, params, number = message.get("method"), message.get("params", {}), message.get("id")
    if not isinstance(number, int | str | None):
        raise Malformed(INVALID, "an id is a number or a text")
    if not isinstance(method, str) or not isinstance(params, dict):
        raise Malformed(INVALID, "a method is wanted, and parameters by name", number)
    return method, params, number


def failure(error: Exception) -> Json:
    """The `error` member of an answer."""
    if isinstance(error, Malformed):
        return {"code": error.code, "message": error.message}
    if isinstance(error, ZwarmError):
        kind = next(t for t in type(error).__mro__ if t.__name__ in _TYPES)
        fields = json.loads(json.dumps(vars(error), default=str))
        return {"code": FAILED, "message": str(error), "data": {"type": kind.__name__, "fields": fields}}
    return {"code": BUG, "message": f"{type(error).__name__}: {error}"}


def raised(error: Any) -> ZwarmError:
    """The exception that an `error` member stands for."""
    if not isinstance(error, dict):
        return ZwarmError(f"the host answered with an error that says nothing: {error!r}")
    message, data = str(error.get("message")), error.get("data")
    if error.get("code") == BUG:
        return ZwarmError(f"the host failed: {message} (a bug in zwarm_tui: its log has the details)")
    if not isinstance(data, dict) or data.get("type") not in _TYPES:
        return UsageError(f"the host refused this: {message}")
    kind = _TYPES[data["type"]]
    made: ZwarmError = kind.__new__(kind)  # some take other things than their message
    Exception.__init__(made, message)
    if isinstance(data.get("fields"), dict):
        vars(made).update(data["fields"])
    return made
