"""`HostClient`: the engine's verbs, done by the project's host."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from zwarm_tui.client import EngineClient
from zwarm_tui.core.errors import UsageError, ZwarmError
from zwarm_tui.host.verbs import VERBS
from zwarm_tui.wire.connection import Connection, Lost, NotBegun, Notice

Json = dict[str, Any]


class HostClient:
    """Has every verb of `client.EngineClient`, made from its signatures; make one with
    `host.connect`. A host that was lost is looked for again, and started where need be;
    one that said good-bye only when the next verb needs it."""

    def __init__(self, dial: Callable[[Notice], Awaitable[Connection]]) -> None:
        self._dial = dial
        self._connection: Connection | None = None
        self._dialling = asyncio.Lock()
        self._keeper: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[int], None]] = []
        self.dismissed = False
        """The host said good-bye: it was told to end, or had nothing to do any more."""
        self._closed = False
        self.differences: list[str] = []
        """How this process's environment differs from the host's, in sentences."""
        self.trouble = ""
        """See `EngineClient.trouble`; also why a host that was lost could not be had again."""

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        verb = VERBS.get(name)
        if verb is None:
            raise AttributeError(name)

        async def send(*args: Any, **kwargs: Any) -> Any:
            params = verb.bind(*args, **kwargs)
            while True:
                with contextlib.suppress(NotBegun):  # the next host is asked
                    return await (await self.connection()).call(name, params)

        return send

    async def connection(self) -> Connection:
        """The connection, made (again) where there is none."""
        async with self._dialling:
            if self._closed:
                raise UsageError("this client was closed")
            if self._connection is None or self._connection.closed.is_set():
                self._connection = await self._greeted()
                if self._keeper is None:
                    self._keeper = asyncio.create_task(self._keep(), name="host keeper")
            return self._connection

    async def _greeted(self) -> Connection:
        """A new connection. A host that dies takes some more for an instant: try again."""
        tries = 3
        while True:
            self.dismissed = False
            connection = await self._dial(self._notice)
            try:
                answer = await connection.greet()
                self.differences, self.trouble = list(answer["differences"]), str(answer["trouble"])
                if self._listeners:
                    await connection.call("subscribe", {})
                return connection
            except BaseException as error:
                await connection.aclose()
                tries -= 1
                if not isinstance(error, Lost) or not tries:
                    raise

    async def on_log(self, listener: Callable[[int], None]) -> None:
        """Call `listener` with the log's last seq, whenever the host has added to it."""
        self._listeners.append(listener)
        connection = await self.connection()
        with contextlib.suppress(Lost):  # the next connection begins with it
            await connection.call("subscribe", {})

    async def aclose(self, *, running: str = "leave") -> None:
        """Hang up. What runs goes on, whatever `running` says: it is the host's."""
        self._closed = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        if self._connection is not None:
            await self._connection.aclose()

    def _notice(self, method: str, params: Json) -> None:
        if method == "log":
            for listener in list(self._listeners):
                listener(int(params.get("seq", 0)))
        elif method == "trouble":
            self.trouble = str(params.get("text", ""))
        elif method == "bye":
            self.dismissed, self.trouble = True, ""

    async def _keep(self) -> None:
        """Have a host again when it was lost: what it ran has to be taken care of."""
        while True:
            assert self._connection is not None
            await self._connection.closed.wait()
            if self.dismissed:
                self._keeper = None
                return
            try:
                await self.connection()
            except (ZwarmError, OSError) as error:
                self.trouble = str(error)
                self._keeper = None
                return  # the next verb tries again, and says what is wrong


def hosted(client: EngineClient | None) -> HostClient | None:
    """The client as a host's, None where it is an engine of this process."""
    found: object = client
    return found if isinstance(found, HostClient) else None
