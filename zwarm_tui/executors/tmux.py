"""Real tmux sessions, on a tmux server of our own.

Never the person's server, and never their ~/.tmux.conf: the server is known by its
socket (`config.paths.tmux_socket`), reads no configuration, and ends with its last
session. A session outlives whoever made it, so a later process finds it again by its
name; what runs in it carries a mark (`MARK`), so that all of it can be ended.

tmux takes some of what it is given for more than text: a ";" at an argument's end is a
separator, "#" begins a format, and an unknown folder silently becomes another one.
All that is dealt with here, once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zwarm_tui.core.errors import TmuxError
from zwarm_tui.executors.sweep import Identity, descendants, sweep
from zwarm_tui.executors.tmux_installed import check_library, library, program
from zwarm_tui.executors.tty import line_editor

if TYPE_CHECKING:  # slow to import, and an extra
    import libtmux

MARK = "ZWARM_TMUX"
"""In the environment of all that runs in a session: its server's socket and its name."""

READY = 20.0
"""Seconds that what runs in a session has to become ready for keys."""

SIZE = (200, 50)
HISTORY = 50_000
"""Columns and lines of a session that nobody looks at; lines kept above its screen."""

Lines = list[str]  # by this name too, since a server has a method `list`
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OWN = ("TERM", "TMUX", "TMUX_PANE", "PWD", "OLDPWD", "SHLVL", "_")
_SHELLS = ("bash", "zsh", "fish", "sh", "dash", "ksh", "tcsh", "nu", "xonsh")
_TICK = 0.02
_NO_SESSION = ("can't find session", "no current target")
"""What tmux says where a session is not there (any more)."""
_MISSED = 50
"""Ticks in which tmux has to find out how a program ended."""
_STILL = 0.3
"""Seconds without a change after which a program without a line editor counts as ready."""


def safe_name(text: str) -> str:
    """A name that tmux takes as it is, made from any text."""
    name = re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-")[:100].strip("-")
    return name or "session"


class TmuxServer:
    """The tmux server at a socket; it runs while it has sessions. `TmuxError` where
    libtmux or tmux is missing, said when it is first needed."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self._server: libtmux.Server | None = None

    async def new(
        self,
        name: str,
        *,
        cwd: str | Path,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] | str | None = None,
        reuse: bool = False,
        keep: bool = False,
        log: Path | None = None,
    ) -> TmuxSession:
        """A session that runs `command` (a shell line where it is a text; None: the
        person's shell) in `cwd`, its environment ours with `env`. A taken name is an
        error, but with `reuse` the session that has it. `keep` keeps the screen when the
        command has ended; `log` is a file for every byte that it prints. Where this is
        cancelled, nothing is left of it."""
        if not _NAME.fullmatch(name):
            raise TmuxError(
                f"{name!r} can't name a tmux session: letters, digits, _ and - are taken, up to 100"
            )
        folder = Path(cwd).absolute()
        if not folder.is_dir():
            raise TmuxError(f"tmux session {name} was not made: {folder} is no folder")
        if reuse and (there := await self.get(name)) is not None:
            return there
        new = asyncio.to_thread(self._new, name, folder, dict(env or {}), command, keep, log)
        making = asyncio.ensure_future(new)
        try:
            await asyncio.shield(making)
        except asyncio.CancelledError:
            with contextlib.suppress(TmuxError):
                await making  # a thread can't be stopped
                await self.kill(name)
            raise
        return TmuxSession(self, name)

    async def get(self, name: str) -> TmuxSession | None:
        """The session of exactly that name; None where there is none."""
        return next((s for s in await self.list() if s.name == name), None)

    async def list(self) -> list[TmuxSession]:
        """All sessions of this server, oldest first; none where it does not run."""
        if not self.socket.exists():
            return []
        done, said, why = await self._ask("list-sessions", "-F", "#{session_created} #{session_name}")
        if not done and not _no_server(why):
            raise TmuxError(f"tmux could not list its sessions: {why}")
        rows = sorted((int(made), name) for made, _, name in (line.partition(" ") for line in said))
        return [TmuxSession(self, name) for _, name in rows]

    async def kill(self, name: str) -> None:
        """End a session and every process in it; nothing happens where there is none."""
        await TmuxSession(self, name).kill()

    def attach_argv(self, name: str) -> Lines:
        """The command that shows the session in a terminal, also in one of tmux's."""
        return ["env", "-u", "TMUX", program(), "-S", str(self.socket), "attach-session", "-t", f"={name}"]

    # -- tmux -------------------------------------------------------------------------

    async def run(self, *arguments: str) -> Lines:
        """What a tmux command prints, by lines; `TmuxError` where it fails."""
        done, said, why = await self._ask(*arguments)
        if not done:
            raise TmuxError(f"tmux {arguments[0]} failed: {why or 'it did not say why'}")
        return said

    async def _ask(self, *arguments: str) -> tuple[bool, Lines, str]:
        """(it worked, what it printed by lines, what it complained of)"""
        return await asyncio.to_thread(self._cmd, *arguments)

    def _cmd(self, *arguments: str) -> tuple[bool, Lines, str]:
        if self._server is None:
            check_library()
            self._server = library().Server(
                socket_path=self.socket, config_file="/dev/null", tmux_bin=program()
            )
        done = self._server.cmd(arguments[0], *(_literal(a) for a in arguments[1:]))
        return done.returncode == 0, done.stdout, " ".join(done.stderr)

    def _new(
        self,
        name: str,
        folder: Path,
        env: dict[str, str],
        command: Sequence[str] | str | None,
        keep: bool,
        log: Path | None,
    ) -> None:
        # By hand, since libtmux would show the environment's values to everyone (ps), and
        # tmux would keep the first session's for all others. Marks may be seen; they are
        # set apart, so that the server itself never carries one and is swept for it.
        check_library()
        marks = {k: v for k, v in env.items() if k.startswith("ZWARM_")} | {MARK: self._mark(name)}
        ours = {k: v for k, v in os.environ.items() if k not in _OWN and not k.startswith("ZWARM_")}
        clean = ours | {k: v for k, v in env.items() if k not in marks}
        names = [k for k in clean if _VARIABLE.fullmatch(k)]
        argv = [command] if isinstance(command, str) else list(command or ())
        if not isinstance(command, str) and len(argv) == 1:
            argv = ["/usr/bin/env", *argv]  # a single word would be given to a shell
        steps: Sequence[Sequence[str]] = [
            ["start-server"],
            ["set-option", "-g", "history-limit", str(HISTORY)],
            ["set-option", "-g", "update-environment", " ".join(names)],
            [
                *("new-session", "-d", "-s", name, "-x", str(SIZE[0]), "-y", str(SIZE[1])),
                *("-c", str(folder).replace("#", "##")),
                *(part for k, v in marks.items() for part in ("-e", f"{k}={v}")),
                *(("--", *argv) if argv else ()),
            ],
            ["set-option", "-g", "update-environment", ""],
            *([["set-option", "-w", "-t", f"={name}:", "remain-on-exit", "on"]] if keep else []),
            *([["pipe-pane", "-t", f"={name}:", _into(log)]] if log else []),
            *(["set-environment", "-g", "-u", k] for k in env if k in names),
        ]
        line = [program(), "-S", str(self.socket), "-f", "/dev/null"]
        for at, step in enumerate(steps):
            line += [*([";"] if at else []), *(_literal(part) for part in step)]
        for _ in range(5):
            try:
                done = subprocess.run(
                    line, env=clean, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False
                )
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                raise TmuxError(f"tmux session {name} was not made: {error}") from error
            if done.returncode == 0:
                return
            why = done.stderr.decode(errors="replace").strip() or f"tmux ended with {done.returncode}"
            if not _no_server(why):
                break
            time.sleep(_TICK)  # the server was just leaving with its last session: nothing was made
        raise TmuxError(f"tmux session {name} was not made: {why}")

    def _mark(self, name: str) -> str:
        return f"{self.socket}:{name}"


class TmuxSession:
    """One session of a server, by its name."""

    def __init__(self, server: TmuxServer, name: str) -> None:
        self.server, self.name = server, name
        self._pane = f"={name}:"

    def __repr__(self) -> str:
        return f"<TmuxSession {self.name}>"

    async def send(self, text: str, enter: bool = True, *, timeout: float = READY) -> None:
        """Type a text once what runs there is ready for it, and then Enter once it has
        been taken. Several lines go as one paste. `TmuxError` where it does not become
        ready in `timeout` seconds."""
        await self.ready(timeout)
        await self.type(text, enter)

    async def type(self, text: str, enter: bool = True) -> None:
        """Type a text (and Enter) now: the caller knows that it is waited for."""
        plain = "".join(c for c in text.replace("\r\n", "\n") if c.isprintable() or c in "\n\t")
        if plain:
            before = await self._changes()
            await self._paste(plain)
            await self._taken(before)
        if enter:  # taken before we return: what is sent next must not come to the same prompt
            before = await self._changes()
            await self.keys("Enter")
            await self._taken(before)

    async def keys(self, *keys: str) -> None:
        """Press keys, by tmux's names ("Enter", "C-c", "Escape")."""
        await self.server.run("send-keys", "-t", self._pane, *keys)

    async def ready(self, timeout: float = READY) -> None:
        """Wait until keys are not lost: a shell is at its prompt, another program's line
        editor is up, or it has nothing more to print."""
        started = since = time.monotonic()
        last: list[str] = []
        while True:
            tty, program, dead, started_with, *now = await self.facts(
                "pane_tty", "pane_current_command", "pane_dead", "pane_start_command",
                "cursor_x", "cursor_y", "history_size", "alternate_on", "pane_in_mode",
            )  # fmt: skip
            if dead == "1":
                raise TmuxError(f"nothing runs in tmux session {self.name} any more")
            if now != last:
                last, since = now, time.monotonic()
            editing = await asyncio.to_thread(line_editor, tty)
            shell = program.removeprefix("-") in _SHELLS
            still = time.monotonic() - since
            if shell or started_with:
                if editing and now[:2] != ["0", "0"]:
                    return
                if not editing and still > (4 * _STILL if shell else _STILL):  # it has no line editor
                    return
            if time.monotonic() - started > timeout:
                busy = f"{program} runs in it" if not shell else f"{program} shows no prompt"
                raise TmuxError(f"tmux session {self.name} was not ready in {timeout:g} s: {busy}")
            await asyncio.sleep(_TICK)

    async def capture(self, *, history: bool = False) -> str:
        """The screen as text, wrapped lines joined; with `history` all that is kept
        above it too."""
        above = ("-S", "-") if history else ()
        return "\n".join(await self.server.run("capture-pane", "-p", "-J", *above, "-t", self._pane))

    async def screen(self, first: int = 0) -> Lines:
        """Its lines from `first` on, counted from the top of the screen (negative: above
        it), wrapped ones joined."""
        return await self.server.run("capture-pane", "-p", "-J", "-S", str(first), "-t", self._pane)

    async def note(self, option: str, text: str) -> None:
        """Keep a word with the session, under a name that begins with "@"."""
        await self.server.run("set-option", "-t", self._pane, option, text)

    async def noted(self, option: str) -> str:
        """What `note` kept; "" where nothing was."""
        return "\n".join(await self.server.run("show-options", "-q", "-v", "-t", self._pane, option))

    async def alive(self) -> bool:
        """Whether its program runs; what `keep` kept does not."""
        try:
            return (await self.facts("pane_dead"))[0] == "0"
        except TmuxError:
            return False

    async def exit_code(self) -> int | None:
        """The status that a kept session's program ended with (negative: the signal's
        number); None while it runs, or where tmux does not know. Waits a moment for tmux
        to take note of an end that it missed."""
        for _ in range(_MISSED):
            names = ("pane_dead", "pane_dead_status", "pane_dead_signal", "pid")
            dead, status, number, server = await self.facts(*names)
            if dead != "1":
                return None
            if status.isdigit() or number.isdigit():
                return int(status) if status.isdigit() else -int(number)
            # Its terminal is closed, but tmux has not waited for it: seen with tmux 3.3a,
            # which then never did. Asked again it does.
            with contextlib.suppress(OSError):
                os.kill(int(server), signal.SIGCHLD)
            await asyncio.sleep(_TICK)
        return None

    async def environment(self, variable: str) -> str | None:
        """The value of a variable that the session was made with."""
        done, said, _ = await self.server._ask("show-environment", "-t", f"={self.name}", variable)
        return said[0].partition("=")[2] if done and said else None

    async def pids(self) -> list[int]:
        """The first process of each of its panes."""
        done, said, _ = await self.server._ask("list-panes", "-s", "-t", f"={self.name}", "-F", "#{pane_pid}")
        return [int(line) for line in said] if done else []

    async def kill(self) -> None:
        """End it and every process in it, those that left its terminal too."""
        also: list[Identity] = []
        for pid in await self.pids():
            also += await descendants(pid)
        done, _, why = await self.server._ask("kill-session", "-t", f"={self.name}")
        # The server goes with its last session, and may be ours to reap (a host's orphan).
        await sweep({MARK: self.server._mark(self.name)}, also, helpers=("tmux: server",))
        if not done and not _no_server(why) and not any(part in why for part in _NO_SESSION):
            raise TmuxError(f"tmux session {self.name} could not be ended: {why}")

    def attach_argv(self) -> list[str]:
        return self.server.attach_argv(self.name)

    async def facts(self, *names: str) -> Lines:
        """What tmux knows of it, by the names of its formats."""
        form = "\t".join(f"#{{{name}}}" for name in names)
        said = await self.server.run("list-panes", "-t", self._pane, "-F", form)
        return (said[0] if said else "").split("\t")

    async def _changes(self) -> Lines:
        return [*await self.facts("cursor_x", "cursor_y", "history_size"), await self.capture()]

    async def _taken(self, before: Lines) -> None:
        """Return once the screen shows that keys were taken, all of them; a password isn't
        echoed, so that is waited for only so long."""
        until, last = time.monotonic() + 1.0, before
        while time.monotonic() < until:
            now = await self._changes()
            if now == last and now != before:
                return
            last = now
            await asyncio.sleep(_TICK)

    async def _paste(self, text: str) -> None:
        path = await asyncio.to_thread(_written, text)
        try:
            await self.server.run("load-buffer", "-b", path.name, str(path))
            await self.server.run("paste-buffer", "-p", "-d", "-b", path.name, "-t", self._pane)
        finally:
            with contextlib.suppress(OSError):
                path.unlink()


def _written(text: str) -> Path:
    """A private file with that text."""
    handle, path = tempfile.mkstemp(prefix="zwarm-paste-")
    with open(handle, "w", encoding="utf-8", errors="replace") as out:
        out.write(text)
    return Path(path)


def _literal(argument: str) -> str:
    """An argument that tmux does not take for the end of a command."""
    return f"{argument[:-1]}\\;" if argument.endswith(";") else argument


def _into(log: Path) -> str:
    """A pipe-pane command that appends to a file, whatever its name."""
    return f"exec cat >> {shlex.quote(str(log))}".replace("#", "##").replace("%", "%%")


def _no_server(why: str) -> bool:
    return any(part in why for part in ("no server running", "error connecting", "server exited"))
