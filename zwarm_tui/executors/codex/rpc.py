"""JSON-RPC over a child's pipes, one message a line, both ways."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from zwarm_tui.executors.process import Child, StderrTail, lines

Raw = dict[str, Any]


class RpcError(Exception):
    """The server refused a request."""

    def __init__(self, code: int, message: str) -> None:
        self.code, self.message = code, message
        super().__init__(message)


class ServerGone(Exception):
    """The server's process ended; `code` is its exit status, `stderr` its last lines."""

    def __init__(self, code: int | None, stderr: str) -> None:
        self.code, self.stderr = code, stderr
        super().__init__(f"codex app-server ended (exit status {code})")


class Rpc:
    """Speaks with one server process. Three callbacks, none of which may raise:
    `on_message(message, line)` for notifications and for requests of the server
    (these have an `id`; answer with `reply` or `refuse`), `on_noise(line)` for a
    line that is no message, `on_gone(ServerGone)` once, when the process is gone."""

    def __init__(
        self,
        child: Child,
        *,
        on_message: Callable[[Raw, str], None],
        on_noise: Callable[[str], None],
        on_gone: Callable[[ServerGone], None],
    ) -> None:
        assert child.stdout is not None
        assert child.stderr is not None
        self.child = child
        self.gone: ServerGone | None = None
        self._on_message, self._on_noise, self._on_gone = on_message, on_noise, on_gone
        self._stderr = StderrTail(child.stderr)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._last_id = 0
        self._reader = asyncio.create_task(self._read(child.stdout), name="codex reader")
        self._watcher = asyncio.create_task(self._watch(), name="codex watcher")

    async def call(self, method: str, params: Raw, timeout: float | None = 60.0) -> Any:
        """Send a request: its result. Raises `RpcError`, `ServerGone`, `TimeoutError`."""
        if self.gone is not None:
            raise self.gone
        self._last_id += 1
        number = self._last_id
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        self._send({"id": number, "method": method, "params": params})
        try:
            async with asyncio.timeout(timeout):
                return await future
        finally:
            self._waiting.pop(number, None)

    def notify(self, method: str) -> None:
        """Send a notification."""
        self._send({"method": method})

    def reply(self, request: Any, result: Raw) -> None:
        """Answer a request of the server."""
        self._send({"id": request, "result": result})

    def refuse(self, request: Any, message: str) -> None:
        """Answer a request of the server with an error (-32601: no such method)."""
        self._send({"id": request, "error": {"code": -32601, "message": message}})

    async def wait_gone(self) -> None:
        """Until the process is gone and `on_gone` has been called."""
        await asyncio.wait({self._watcher})

    def _send(self, message: Raw) -> None:
        stdin = self.child.stdin
        assert stdin is not None
        if self.gone is None and not stdin.is_closing():
            # ASCII only: a lone surrogate in a prompt must not break the pipe's encoding.
            stdin.write(json.dumps(message).encode("ascii") + b"\n")

    async def _read(self, stdout: asyncio.StreamReader) -> None:
        async for line in lines(stdout):
            self._take(line)

    def _take(self, line: str) -> None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            if line.strip():
                self._on_noise(line)
        elif isinstance(message.get("method"), str):
            self._on_message(message, line)
        else:
            self._settle(message, line)

    def _settle(self, message: Raw, line: str) -> None:
        number, error = message.get("id"), message.get("error")
        future = self._waiting.get(number) if type(number) is int else None
        if future is None or future.done():
            if future is None and type(number) is not int:
                self._on_noise(line)
            return
        if isinstance(error, dict):
            code = error.get("code")
            future.set_exception(RpcError(code if type(code) is int else 0, str(error.get("message"))))
        else:
            future.set_result(message.get("result"))

    async def _watch(self) -> None:
        """Notice the end of the process at once; what it had still printed is read first."""
        code = await self.child.wait()
        await asyncio.wait({self._reader})
        self.gone = ServerGone(code, await self._stderr.finish())
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(self.gone)
        self._on_gone(self.gone)
