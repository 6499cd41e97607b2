"""The way to the engine: it is opened after the first paint, and may fail to open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from zwarm_tui.client import EngineClient
from zwarm_tui.core.errors import ReadOnlyError, ZwarmError

OpenEngine = Callable[[], Awaitable[EngineClient]]


class Link:
    """Verbs that come early wait for the engine. Without one the screen only reads."""

    def __init__(self, open_engine: OpenEngine | None) -> None:
        self._open = open_engine
        self._settled = asyncio.Event()
        self._client: EngineClient | None = None
        self.problem = "" if open_engine else "this screen only reads"
        """Why there is no engine, as a sentence."""

    @property
    def ready(self) -> bool:
        return self._client is not None

    @property
    def trouble(self) -> str:
        """Why nothing new can be started just now, as far as the engine said."""
        return self._client.trouble if self._client is not None else ""

    async def connect(self) -> dict[str, Any] | None:
        """Open the engine; its `status`, or None where that failed (see `problem`)."""
        try:
            if self._open is not None:
                self._client = await self._open()
                return await self._client.status()
        except ZwarmError as error:
            self.problem = str(error)
        finally:
            self._settled.set()
        return None

    async def client(self) -> EngineClient:
        """The engine, once it is open; `ReadOnlyError` where it can't be."""
        await self._settled.wait()
        if self._client is None:
            raise ReadOnlyError(f"Nothing can be done from here: {self.problem}")
        return self._client

    async def aclose(self) -> None:
        """Leave: what runs is interrupted, and can be resumed."""
        client, self._client = self._client, None
        if client is not None:
            self.problem = "it is closing"
            await client.aclose()
