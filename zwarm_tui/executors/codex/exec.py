"""Codex through `codex exec --json`: a process a turn, for a codex without app-server.

It can't ask for leave, take messages in mid turn, stream text or be given tools, and
it forks only at the tip. Its threads have a name of ours: the first turn tells
codex's own id, which is kept in a file beside the running total of tokens.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import uuid
from dataclasses import astuple, dataclass
from pathlib import Path

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.executors.base import (
    Capabilities,
    Decision,
    ExecutorInfo,
    ExecutorSettings,
    Forked,
    Sink,
    ThreadSpec,
)
from zwarm_tui.executors.codex import exec_parse
from zwarm_tui.executors.codex import settings as params
from zwarm_tui.executors.codex.find import locate, run, version
from zwarm_tui.executors.codex.server import environment
from zwarm_tui.executors.codex.usage import Running, Tokens
from zwarm_tui.executors.codex.values import obj, text
from zwarm_tui.executors.process import RUN_MARK, SESSION_MARK, Child, StderrTail, end_process, lines, spawn
from zwarm_tui.executors.rawlog import RawLog
from zwarm_tui.executors.sweep import sweep

CAPABILITIES = Capabilities(fork="tip", resume=True, interrupt=True, sandbox=True)

EXIT_WAIT = 5.0
"""Seconds codex may take to leave after it said that its turn is over."""


@dataclass
class _Thread:
    spec: ThreadSpec
    sink: Sink
    native: str | None
    running: Running
    mark: str
    child: Child | None = None
    interrupted: bool = False
    begun: bool = False
    """Codex took the turn up (else it has asked no model)."""
    turns: int = 0


class Exec:
    """The executor over one process a turn."""

    name = "codex"
    capabilities = CAPABILITIES

    def __init__(self, settings: ExecutorSettings, state_dir: Path) -> None:
        self._settings = settings
        self._folder = state_dir / "exec"
        self._raw = RawLog(state_dir, settings.env)
        self._threads: dict[str, _Thread] = {}

    async def probe(self) -> ExecutorInfo:
        """Find codex and ask who is logged in."""
        env = environment(self._settings)
        binary = locate(self._settings.path, env)
        status, _, _ = await run([binary, *self._settings.args, "login", "status"], env)
        return ExecutorInfo(
            name=self.name,
            found=True,
            path=binary,
            version=await version(binary, env),
            login="yes" if status == 0 else "unknown",  # a provider of the user's own needs none
            capabilities=CAPABILITIES,
        )

    # -- threads --------------------------------------------------------------------------

    async def start(self, spec: ThreadSpec, sink: Sink) -> str:
        """Make a new thread; codex hears of it with its first turn."""
        if spec.tools or spec.tools_only:
            raise ExecutorError(
                "codex exec can't be given our tools: the pilot needs a codex with app-server"
            )
        return self._add(f"exec-{uuid.uuid4().hex}", spec, sink, None, Running(Tokens()))

    async def resume(self, thread: str, spec: ThreadSpec, sink: Sink) -> None:
        """Make a thread live that an earlier process ran."""
        if thread not in self._threads:
            native, total = self._load(thread)
            self._add(thread, spec, sink, native, Running(total))

    async def fork(self, thread: str, spec: ThreadSpec, sink: Sink, *, at_turn: str | None = None) -> Forked:
        """A thread with all of this one's history. Its turns have no ids of their own
        here, so that `at_turn` can't be had: then the new thread is empty."""
        live = self._threads.get(thread)
        native, total = (live.native, live.running.total) if live else self._load(thread)
        if at_turn is not None or native is None:
            return Forked(await self.start(spec, sink), exact=False)
        made = await self._fork_native(native, spec)
        name = self._add(f"exec-{uuid.uuid4().hex}", spec, sink, made, Running(total))
        self._save(name, self._threads[name])
        return Forked(name)

    async def _fork_native(self, native: str, spec: ThreadSpec) -> str:
        argv = [*self._argv(spec, ""), "fork", native]
        status, out, stderr = await run(argv, environment(self._settings), timeout=30)
        for line in out.splitlines():
            message = exec_parse.decode(line)
            if message is not None and (made := text(message, "thread_id")):
                return made
        raise ExecutorError(f"codex exec fork failed (exit status {status}): {stderr[-500:]}")

    def _add(self, name: str, spec: ThreadSpec, sink: Sink, native: str | None, running: Running) -> str:
        self._threads[name] = _Thread(spec, sink, native, running, uuid.uuid4().hex)
        return name

    def _argv(self, spec: ThreadSpec, mark: str) -> list[str]:
        binary = locate(self._settings.path, environment(self._settings))
        return [binary, *self._settings.args, "exec", *params.flags(spec, mark)]

    def _live(self, thread: str) -> _Thread:
        live = self._threads.get(thread)
        if live is None:
            raise ExecutorError(f"thread {thread} is not live: resume it first")
        return live

    # -- what is kept of a thread -----------------------------------------------------------

    def _load(self, thread: str) -> tuple[str | None, Tokens | None]:
        path = self._folder / f"{thread}.json"
        if not thread.startswith("exec-"):
            return thread, None  # an app-server's thread: exec can go on with it
        try:
            kept = json.loads(path.read_text("utf-8"))
            total = Tokens(*kept["total"]) if kept["total"] is not None else None
            return kept["native"], total
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ExecutorError(f"nothing is known of thread {thread} any more ({path}: {error})") from error

    def _save(self, thread: str, live: _Thread) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        total = live.running.total
        kept = {"native": live.native, "total": None if total is None else astuple(total)}
        new = self._folder / f"{thread}.new"
        new.write_text(json.dumps(kept), "utf-8")
        os.replace(new, self._folder / f"{thread}.json")

    # -- turns ----------------------------------------------------------------------------

    async def run_turn(self, thread: str, text_: str) -> e.TurnEnded:
        """Run codex for one message, to its exit."""
        live = self._live(thread)
        if live.child is not None:
            raise ExecutorError(f"thread {thread} is at work on a turn: wait for it or interrupt it")
        live.interrupted = False
        ended = await self._run(thread, live, text_)
        if live.native and live.running.total == Tokens() and "no rollout found" in (ended.stderr or ""):
            live.native = None  # its first turn was stopped before codex had written anything down
            ended = await self._run(thread, live, text_)
        return ended

    async def _run(self, thread: str, live: _Thread, said: str) -> e.TurnEnded:
        env = environment(self._settings) | {SESSION_MARK: live.spec.session}
        argv = self._argv(live.spec, live.mark) + (["resume", live.native] if live.native else []) + ["-"]
        live.child = child = await spawn(
            argv, cwd=live.spec.cwd, env=env, marks={RUN_MARK: live.mark}, stdin=True
        )
        live.turns, live.begun = live.turns + 1, False
        assert child.stderr is not None
        tail = StderrTail(child.stderr)
        try:
            if live.interrupted:  # while it was started
                await end_process(child)
            else:
                self._say(child, said)
            ended = await self._follow(thread, live, child)
        except asyncio.CancelledError:
            if live.begun:
                live.sink.emit(_unreported())
            raise
        finally:
            self._raw.flush(thread)
            await end_process(child)
            live.child = None
            await sweep({RUN_MARK: live.mark}, helpers=params.HELPERS)
        stderr = await tail.finish()
        return self._verdict(live, child.returncode, stderr, ended)

    def _say(self, child: Child, said: str) -> None:
        # By stdin, closed at once: an argument can't be long, and an open pipe hangs codex.
        assert child.stdin is not None
        child.stdin.write(said.encode("utf-8", "replace"))
        child.stdin.close()

    async def _follow(self, thread: str, live: _Thread, child: Child) -> e.TurnEnded | None:
        """Read until codex says that the turn is over (then: how), or is gone (None)."""
        assert child.stdout is not None
        ended: e.TurnEnded | None = None
        tag = f"{live.mark[:8]}.{live.turns}"
        async for line in lines(child.stdout):
            self._raw.write(thread, line)
            message = exec_parse.decode(line)
            if message is None:
                live.sink.emit(e.Unknown("noise", line))
                continue
            kind = message["type"]
            if kind == "thread.started":
                live.native, live.begun = text(message, "thread_id") or live.native, True
                self._save(thread, live)
                live.sink.emit(e.TurnStarted())
            elif kind == "turn.completed":
                ended = e.TurnEnded(status="completed")
                self._book(thread, live, exec_parse.total(message))
            elif kind == "turn.failed":
                ended = e.TurnEnded(status="failed", error=text(obj(message, "error"), "message") or None)
            for event in exec_parse.parse(message, line, tag):
                live.sink.emit(event)
            if ended is not None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(EXIT_WAIT):
                        await child.wait()
                return ended
        return None

    def _book(self, thread: str, live: _Thread, total: Tokens) -> None:
        spent = live.running.spent(total)
        self._save(thread, live)
        if spent is None:
            live.sink.emit(e.UsageUnknown("what this thread had cost before is not known"))
        elif spent:
            # Exec gives one number a turn: its responses can't be priced one by one.
            live.sink.emit(spent.usage(live.spec.model))

    def _verdict(
        self, live: _Thread, code: int | None, stderr: str, ended: e.TurnEnded | None
    ) -> e.TurnEnded:
        if ended is not None and ended.status == "completed":
            return ended
        if live.begun:
            live.sink.emit(_unreported())
        if live.interrupted:
            return e.TurnEnded(status="interrupted", exit_code=code, stderr=stderr or None)
        why = ended.error if ended is not None else f"codex exec ended in mid turn (exit status {code})"
        return e.TurnEnded(status="failed", error=why, exit_code=code, stderr=stderr or None)

    async def steer(self, thread: str, text_: str) -> None:
        """Not to be had."""
        raise ExecutorError("codex exec takes no message in mid turn: wait, or interrupt it")

    async def interrupt(self, thread: str) -> None:
        """Stop the running turn."""
        live = self._live(thread)
        live.interrupted = True
        if live.child is not None:
            await end_process(live.child)  # a SIGINT before codex is under way goes unheard

    async def answer(self, thread: str, request: str, decision: Decision, message: str = "") -> None:
        """Not to be had."""
        raise ExecutorError("codex exec asks for nothing")

    async def end(self, thread: str) -> None:
        """Let the thread go."""
        live = self._threads.pop(thread, None)
        if live is not None:
            live.interrupted = True
            if live.child is not None:
                await end_process(live.child)
            await sweep({RUN_MARK: live.mark}, helpers=params.HELPERS)
        self._raw.close(thread)

    async def aclose(self) -> None:
        """End everything."""
        await asyncio.gather(*(self.end(thread) for thread in list(self._threads)))
        self._raw.close()


def _unreported() -> e.UsageUnknown:
    return e.UsageUnknown("codex exec reports no tokens of a turn that it did not complete")
