"""As much HTTP/1.1 as a loopback server for one client program needs: one request a
connection, answered with JSON or with a stream of server-sent events."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

_MOST = 64 * 2**20
"""Bytes a request's body may have."""

_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 413: "Content Too Large", 415: "Unsupported"}


class HttpError(Exception):
    """Answered with this status; the text is for whoever reads the answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Head:
    """A request's first line and headers (names in lower case)."""

    method: str
    path: str
    headers: dict[str, str]


async def read_request(reader: asyncio.StreamReader) -> tuple[Head, bytes]:
    """The one request of a connection. HttpError: it is none, or too large."""
    try:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
    except (asyncio.LimitOverrunError, ValueError) as error:
        raise HttpError(400, "this is no HTTP request") from error
    pairs = (line.partition(":") for line in lines[1:] if ":" in line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if headers.get("content-encoding", "identity") != "identity":
        raise HttpError(415, "a compressed body is not understood")
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _chunked(reader)
    else:
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > _MOST:
            raise HttpError(413, "the body is too large")
        body = await reader.readexactly(int(length))
    return Head(method, path, headers), body


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while True:
        size = int((await reader.readline()).split(b";")[0], 16)
        if size + len(body) > _MOST:
            raise HttpError(413, "the body is too large")
        body += (await reader.readexactly(size + 2))[:-2]
        if size == 0:
            return body


async def write_json(writer: asyncio.StreamWriter, status: int, value: object) -> None:
    """Answer with JSON, and that is all."""
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 {status} {_REASONS.get(status, '')}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
    await writer.drain()


async def start_stream(writer: asyncio.StreamWriter) -> None:
    """Begin a stream of events; the end of the connection ends it."""
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        b"Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    await writer.drain()


async def sse(writer: asyncio.StreamWriter, event: dict[str, Any]) -> None:
    """Send one event, whose name is its "type"."""
    data = json.dumps(event, separators=(",", ":"))
    writer.write(f"event: {event['type']}\ndata: {data}\n\n".encode())
    await writer.drain()
