"""One connection to a project's host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zwarm_tui import __version__
from zwarm_tui.core.errors import UsageError, ZwarmError
from zwarm_tui.wire import rpc
from zwarm_tui.wire.environment import fingerprint

Json = dict[str, Any]
Notice = Callable[[str, Json], None]


class Lost(ZwarmError):
    """The host ended before it answered."""


class NotBegun(Lost):
    """It was about to end, and did not begin with what it was asked for: the next one can be."""


class Connection:
    """One connection to a host. `on_notice(method, params)` hears what it tells unasked;
    `closed` is set when the connection is over."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_notice: Notice | None = None
    ) -> None:
        self._reader, self._writer = reader, writer
        self._on_notice = on_notice
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._last = 0
        self._begun: set[int] | None = None
        """What a host that said good-bye was still at; None where it said none."""
        self.closed = asyncio.Event()
        self._task = asyncio.create_task(self._read(), name="host connection")

    @classmethod
    async def open(cls, socket: str | Path, on_notice: Notice | None = None) -> Connection:
        """Connect, without a greeting. OSError where nobody listens."""
        return cls(*await asyncio.open_unix_connection(socket, limit=rpc.LIMIT), on_notice)

    async def greet(self) -> Json:
        """Say which version this is: {differences: what differs between the environments,
        in sentences; trouble: see `EngineClient`}. `LockedError` where the host is of
        another version."""
        hello = {"version": __version__, "environment": fingerprint()}
        answer: Json = await self.call("hello", hello)
        return answer

    async def call(self, method: str, params: Json) -> Any:
        """Ask, and wait for the answer as long as it takes. Raises what the verb raised
        in the host, or `Lost` (`NotBegun`)."""
        if self.closed.is_set():
            raise NotBegun("the host has ended")
        self._last += 1
        number = self._last
        line = rpc.encode({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        if len(line) > rpc.LIMIT:
            raise UsageError("this is more than 64 MiB: put it into a file, and name that")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self._writer.write(line)
        try:
            return await answer
        except asyncio.CancelledError:
            self._writer.write(rpc.encode({"jsonrpc": "2.0", "method": "cancel", "params": {"id": number}}))
            raise
        finally:
            self._waiting.pop(number, None)

    async def aclose(self) -> None:
        """Hang up. What was asked for is seen through by the host."""
        self._writer.close()
        await asyncio.wait({self._task})

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                self._take(rpc.decode(line))
        except (OSError, ValueError, rpc.Malformed):
            pass  # whatever it was, the connection is of no more use
        finally:
            self.closed.set()
            self._writer.close()
            for number, answer in self._waiting.items():
                if not answer.done():
                    answer.set_exception(self._lost(number))

    def _lost(self, number: int) -> Lost:
        if self._begun is not None and number not in self._begun:
            return NotBegun("the host has ended")
        return Lost("the host ended before it answered (zwarm-tui ls says what is)")

    def _take(self, message: Json) -> None:
        if "method" in message:
            if message["method"] == "bye":
                self._begun = set(message.get("params", {}).get("begun", self._waiting))
            if self._on_notice is not None:
                self._on_notice(message["method"], message.get("params", {}))
            return
        number = message.get("id")
        answer = self._waiting.get(number) if isinstance(number, int) else None
        if answer is None or answer.done():
            return  # who asked went away
        if "error" in message:
            answer.set_exception(rpc.raised(message["error"]))
        else:
            answer.set_result(message.get("result"))
