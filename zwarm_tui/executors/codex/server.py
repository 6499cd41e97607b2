"""The app-server process: started, greeted, ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import uuid
from collections.abc import Callable
from typing import Any

from zwarm_tui import __version__
from zwarm_tui.core.errors import ExecutorError, ThreadLostError
from zwarm_tui.executors.base import ExecutorSettings
from zwarm_tui.executors.codex.find import run
from zwarm_tui.executors.codex.heir import Heir
from zwarm_tui.executors.codex.rpc import Raw, Rpc, RpcError, ServerGone
from zwarm_tui.executors.codex.settings import HELPERS, THREAD_MARK
from zwarm_tui.executors.process import RUN_MARK, SESSION_MARK, end_process, spawn
from zwarm_tui.executors.sweep import descendants, sweep

GREETING_TIMEOUT = 20.0
"""Seconds that codex may take to start (0.3 s on an idle machine)."""


def environment(settings: ExecutorSettings) -> dict[str, str]:
    """What codex inherits: our environment and the user's additions, without the
    marks of an agent that we may ourselves have been started by."""
    marks = (SESSION_MARK, RUN_MARK, THREAD_MARK)
    return {k: v for k, v in os.environ.items() if k not in marks} | settings.env


class NoAppServer(ExecutorError):
    """This codex has no app-server."""


class Server:
    """A running, greeted app-server."""

    def __init__(self, rpc: Rpc, run: str, agent: str, heir: Heir | None) -> None:
        self.rpc, self.run, self.agent = rpc, run, agent
        self._heir = heir

    @classmethod
    async def start(
        cls,
        binary: str,
        settings: ExecutorSettings,
        *,
        on_message: Callable[[Raw, str], None],
        on_noise: Callable[[str], None],
        on_gone: Callable[[ServerGone], None],
    ) -> Server:
        """Start codex and greet it. Raises `ExecutorError` with what it said instead, as
        `NoAppServer` where it doesn't know the command at all."""
        run = uuid.uuid4().hex
        # Without a network codex would reconnect for ever; the user hears of it this way.
        argv = [binary, *settings.args, "app-server", "-c", "features.unbounded_connection_retries=false"]
        env, mark = environment(settings), {RUN_MARK: run}
        child = await spawn(argv, env=env, marks=mark, stdin=True)
        rpc = Rpc(child, on_message=on_message, on_noise=on_noise, on_gone=on_gone)
        hello = {
            "clientInfo": {"name": "zwarm_tui", "title": "zwarm_tui", "version": __version__},
            "capabilities": {"experimentalApi": True},
        }
        try:
            result = await rpc.call("initialize", hello, timeout=GREETING_TIMEOUT)
            rpc.notify("initialized")
            agent = result.get("userAgent") if isinstance(result, dict) else None
            server = cls(rpc, run, str(agent or ""), await Heir.of(child, env | mark))
            if rpc.gone is not None:  # meanwhile: whoever was told of that did not have it yet
                await server.clean_up()
                raise rpc.gone
            return server
        except (RpcError, ServerGone, TimeoutError) as error:
            await end_process(child)
            await rpc.wait_gone()
            said = (rpc.gone.stderr if rpc.gone else "") or str(error) or "no answer"
            kind = ExecutorError if await _has_app_server(binary, settings) else NoAppServer
            said = said.partition("\nStack backtrace:")[0].rstrip()
            raise kind(f"{binary} app-server could not be used: {said[-500:]}") from error
        except BaseException:  # nobody waits for it any more
            await end_process(child)
            await rpc.wait_gone()
            raise

    async def call(self, method: str, params: Raw) -> Any:
        """A request whose failure is ours to report. Raises `ExecutorError`."""
        try:
            return await self.rpc.call(method, params)
        except RpcError as error:
            raise refusal(method, error.message) from error
        except ServerGone as error:
            raise ExecutorError(f"{error} while it was asked for {method}: {error.stderr[-500:]}") from error
        except TimeoutError as error:
            raise ExecutorError(f"codex app-server did not answer {method} within a minute") from error

    async def end(self) -> None:
        """End the process and all that it left behind."""
        below = await descendants(self.rpc.child.pid)
        await self._dismiss()
        if self.rpc.child.stdin is not None:
            self.rpc.child.stdin.close()  # its way of being told to leave: 0.07 s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                await self.rpc.child.wait()
        await end_process(self.rpc.child)
        await self.rpc.wait_gone()
        await sweep({RUN_MARK: self.run}, below)

    async def clean_up(self) -> None:
        """End what the process left behind when it died."""
        await self._dismiss()
        await sweep({RUN_MARK: self.run}, helpers=HELPERS)

    async def _dismiss(self) -> None:
        if self._heir is not None:
            await self._heir.dismiss()


async def _has_app_server(binary: str, settings: ExecutorSettings) -> bool:
    """An older codex takes the word for a prompt, and shows its general help."""
    _, out, _ = await run([binary, "app-server", "--help"], environment(settings))
    return f"{os.path.basename(binary)} app-server" in out or "codex app-server" in out


def refusal(method: str, message: str) -> ExecutorError:
    """A refusal as an error, with what to do about the known ones."""
    if "already has an active writer" in message:
        return ExecutorError(
            "another codex process has this thread open (one may write to it at a time): "
            f"end that one, or fork the thread ({message})"
        )
    if "no rollout found" in message or "thread not found" in message:
        return ThreadLostError(
            f"codex does not know this thread any more; was CODEX_HOME changed? ({message})"
        )
    return ExecutorError(f"codex refused {method}: {message}")
