"""The host's side of the socket: any number of clients, one engine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from pathlib import Path
from typing import Any

from zwarm_tui import __version__
from zwarm_tui.client import EngineClient
from zwarm_tui.core.errors import LockedError, UsageError, ZwarmError
from zwarm_tui.executors.codex.heir import PROGRAM as HEIR
from zwarm_tui.executors.sweep import living
from zwarm_tui.host.verbs import VERBS
from zwarm_tui.wire import rpc
from zwarm_tui.wire.environment import differences, fingerprint

Json = dict[str, Any]
log = logging.getLogger("zwarm.host")

BUFFER = 8 * 2**20
"""Bytes that may wait for a client that doesn't read; with more it is dropped."""
NEWS = 0.05
"""Seconds between two notices that the log grew."""
SEE_THROUGH = 10.0
"""Seconds that a verb under way gets when the host ends. The next host would have to take
back what it had half done: files in the middle of being restored, say."""
GOOD_BYE = 1.0
"""Seconds in which clients have to take what is on its way to them."""
STOPS = ("drain", "interrupt", "leave")
FOR_ITS_CALLER = ("chat", "sleep", "bash")
"""Tools that only wait for something on behalf of their caller: they end when it leaves."""


class HostServer:
    """Serves the verbs of an engine. `stopping` is set when someone asks it to end, and
    `how` then says what becomes of running turns (one of `STOPS`, or "idle")."""

    def __init__(self, engine: EngineClient) -> None:
        self.engine = engine
        self.peers: set[Peer] = set()
        self.at_work: set[asyncio.Task[None]] = set()
        """Verbs under way. They see their work through, also where their client left."""
        self.stopping = asyncio.Event()
        self.how = ""
        self.environment = fingerprint()
        self.began = time.time()
        self._listener: asyncio.Server | None = None
        self.bye = ""
        """Why it takes no more connections and begins no more verbs, once that is so."""
        self._seq = 0
        self._told = 0
        self._trouble = ""
        self._timer: asyncio.TimerHandle | None = None

    async def listen(self, path: Path) -> None:
        """Take connections at a socket that only its owner can reach."""
        self._listener = await asyncio.start_unix_server(self._serve, path, limit=rpc.LIMIT)
        path.chmod(0o600)

    async def until_stopped(self) -> None:
        """Return when it is to end. Who came just as it was about to leave since nobody was
        here finds it staying."""
        await self.stopping.wait()
        while self.how == "idle" and (self.peers or self.at_work):
            self.how = ""
            self.stopping.clear()
            await self.stopping.wait()

    async def close(self, reason: str) -> None:
        """Take no more connections, see the verbs through that are under way, and say
        good-bye. What is asked for meanwhile is not begun: who asked is told by the
        good-bye, and asks the next host."""
        if self._listener is not None:
            self._listener.close()
        self.bye = reason
        for peer in self.peers:
            peer.let_go()
        if self.at_work:
            await asyncio.wait(set(self.at_work), timeout=SEE_THROUGH)
        serving = [peer.task for peer in self.peers]
        for peer in list(self.peers):
            peer.dismiss(reason)
        if serving:
            _, slow = await asyncio.wait(serving, timeout=GOOD_BYE)
            for task in slow:
                task.cancel()

    def stop(self, how: str) -> None:
        """Ask the host to end; see `STOPS`. A second wish wins over a patient first one."""
        self.how = how
        self.stopping.set()

    def grew(self, seq: int) -> None:
        """The log has a new end: subscribers hear of it, every `NEWS` seconds at most. Where
        it can't be written any more, or can again, all hear of that at once."""
        self._seq = max(seq, self._seq)
        if self._trouble != self.engine.trouble:
            self._trouble = self.engine.trouble
            log.warning("%s", self._trouble or "the log can be written again")
            notice = {"jsonrpc": "2.0", "method": "trouble", "params": {"text": self._trouble}}
            for peer in list(self.peers):
                if peer.greeted:
                    peer.send(notice)
        if self._timer is None:
            self._told = self._seq
            notice = {"jsonrpc": "2.0", "method": "log", "params": {"seq": self._seq}}
            for peer in list(self.peers):
                if peer.subscribed:
                    peer.send(notice)
            self._timer = asyncio.get_running_loop().call_later(NEWS, self._again)

    def _again(self) -> None:
        self._timer = None
        if self._told != self._seq:
            self.grew(self._seq)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        peer = Peer(self, writer, task)
        if self.bye:  # it came while the listener was being closed
            peer.dismiss(self.bye)
            return
        self.peers.add(peer)
        try:
            while line := await reader.readline():
                if not line.isspace():
                    peer.take(line)
        except ValueError:  # of readline, for a line without an end
            peer.refuse(rpc.Malformed(rpc.INVALID, f"a line has {rpc.LIMIT} bytes at most"), None)
        except (ConnectionError, asyncio.CancelledError):
            pass  # it was dropped, or died: what it asked for is seen through
        finally:
            self.peers.discard(peer)
            peer.let_go()
            peer.hang_up()

    async def answer(self, peer: Peer, method: str, params: Json) -> Any:
        """The result of a request; raises what is wrong with it."""
        match method:
            case "hello":
                return self._greet(peer, params)
            case "host.status":
                return await self._status()
            case "host.stop":
                how = params.get("how", "interrupt")
                if how not in STOPS:
                    raise UsageError(f"how is one of {', '.join(STOPS)}")
                self.stop(how)
                return {"stopping": how}
        if not peer.greeted:
            raise rpc.Malformed(rpc.INVALID, "say hello first")
        if method == "subscribe":
            peer.subscribed = True
            return {"seq": self._seq}
        if method == "cancel":
            peer.let_go(params.get("id"))
            return None
        verb = VERBS.get(method)
        if verb is None:
            raise rpc.Malformed(rpc.NO_METHOD, f"there is no method {method}")
        verb.check(params)
        result = await getattr(self.engine, method)(**params)
        if method == "status":
            result["problems"] = [*result["problems"], *peer.differences]
            result["host"] = os.getpid()
        return result

    def _greet(self, peer: Peer, params: Json) -> Json:
        theirs = params.get("version")
        if theirs != __version__:
            raise LockedError(
                f"this project's host is zwarm-tui {__version__}, and this is {theirs}: "
                "`zwarm-tui host stop` ends it, and the next start takes yours"
            )
        environment = params.get("environment")
        if isinstance(environment, dict):
            peer.differences = differences(self.environment, environment)
        peer.greeted = True
        return {
            "version": __version__,
            "pid": os.getpid(),
            "differences": peer.differences,
            "trouble": self.engine.trouble,
        }

    async def _status(self) -> Json:
        return {
            "version": __version__,
            "pid": os.getpid(),
            "since": self.began,
            "clients": sum(peer.greeted for peer in self.peers),
            "processes": await living(os.getpid(), besides=HEIR),
            "stopping": self.how or None,
        }


class Peer:
    """One connection."""

    def __init__(self, server: HostServer, writer: asyncio.StreamWriter, task: asyncio.Task[None]) -> None:
        self._server, self._writer = server, writer
        self.task = task
        self.greeted = False
        self.subscribed = False
        self.differences: list[str] = []
        self._begun: set[Any] = set()
        self._patient: dict[Any, asyncio.Task[None]] = {}

    def take(self, line: bytes) -> None:
        """Begin what a line asks for."""
        if self._server.bye:
            return
        try:
            method, params, number = rpc.request(line)
        except rpc.Malformed as malformed:
            self.refuse(malformed, malformed.id)
            return
        task = asyncio.create_task(self._answer(method, params, number), name=method)
        self._server.at_work.add(task)
        task.add_done_callback(self._server.at_work.discard)
        self._begun.add(number)
        task.add_done_callback(lambda _: self._begun.discard(number))
        if method == "tool" and params.get("name") in FOR_ITS_CALLER:
            self._patient[number] = task
            task.add_done_callback(lambda _: self._patient.pop(number, None))

    def let_go(self, number: Any = None) -> None:
        """The client no longer waits for that call (None: for any): what it began ends.
        Told once: it may be at writing that down when the client hangs up, too."""
        for asked in [asked for asked in self._patient if number in (None, asked)]:
            self._patient.pop(asked).cancel()

    async def _answer(self, method: str, params: Json, number: Any) -> None:
        try:
            result = await self._server.answer(self, method, params)
        except (ZwarmError, rpc.Malformed) as error:
            self.refuse(error, number)
        except Exception as error:  # a bug in one verb is told to who asked; the host stays up
            log.exception("%s failed", method)
            self.refuse(error, number)
        else:
            if number is not None:
                self.send({"jsonrpc": "2.0", "id": number, "result": result})

    def refuse(self, error: Exception, number: Any) -> None:
        self.send({"jsonrpc": "2.0", "id": number, "error": rpc.failure(error)})

    def send(self, message: Json) -> None:
        """Put a message on its way. Never blocks: who doesn't read is dropped."""
        transport = self._writer.transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size() > BUFFER:
            log.warning("a client does not read: dropped")
            transport.abort()
            return
        self._writer.write(rpc.encode(message))

    def dismiss(self, reason: str) -> None:
        """Say good-bye, and hang up."""
        begun = [number for number in self._begun if number is not None]
        self.send({"jsonrpc": "2.0", "method": "bye", "params": {"reason": reason, "begun": begun}})
        self.hang_up()

    def hang_up(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop may be closing
            self._writer.close()
