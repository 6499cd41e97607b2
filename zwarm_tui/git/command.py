"""Running git: never a shell, never a prompt, a hook or a signature, and none of the
variables by which a caller's own git command could lead us to another repository.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from zwarm_tui.core.errors import GitError

T = TypeVar("T")

_locks: ContextVar[tuple[int, ...]] = ContextVar("locks", default=())

_PATIENCE = 2.0
"""Seconds that a git has to end when it was asked to."""

_SHOWN = 2000
"""Characters of git's complaint that an error repeats."""

_CONFIG = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",  # it would be run, and trusted
    "core.splitIndex=false",  # its shared half would lie beside the user's
    "core.safecrlf=false",  # a warning to people, an error to us
    "core.quotePath=false",
    "commit.gpgSign=false",
    "i18n.commitEncoding=UTF-8",
    "advice.addEmbeddedRepo=false",
    "submodule.recurse=false",
    "gc.auto=0",
    "maintenance.auto=false",
)
_OPTIONS = [part for setting in _CONFIG for part in ("-c", setting)]

# All other GIT_ variables name a repository, an index or a way to trace.
_KEPT = frozenset({"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_EXEC_PATH"})

_OURSELVES = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "zwarm"), ("EMAIL", "zwarm@localhost"))
}


@dataclass(frozen=True, slots=True)
class Done:
    """How a git ended: `code` is negative where a signal ended it."""

    code: int
    out: bytes
    err: str


async def git(
    cwd: Path,
    *arguments: str,
    stdin: bytes = b"",
    index: Path | None = None,
    as_user: bool = False,
    finish: bool = False,
) -> bytes:
    """The output of a git that must succeed; `GitError` where it doesn't."""
    done = await attempt(cwd, *arguments, stdin=stdin, index=index, as_user=as_user, finish=finish)
    if done.code:
        raise failure(arguments, done)
    return done.out


async def attempt(
    cwd: Path,
    *arguments: str,
    stdin: bytes = b"",
    index: Path | None = None,
    as_user: bool = False,
    finish: bool = False,
) -> Done:
    """Run git in a folder, whatever its exit status. `index` is used in place of the
    user's; commits are the user's `as_user`, ours otherwise. A git that was cancelled is
    ended, or with `finish` (it changes files) waited for. Raises `GitError` where git
    can't be started."""
    try:
        process = await asyncio.create_subprocess_exec(
            "git",
            *_OPTIONS,
            *arguments,
            cwd=cwd,
            env=_environment(index, as_user),
            stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            pass_fds=_locks.get(),
        )
    except FileNotFoundError as error:
        missing = cwd if not cwd.is_dir() else "git (install it, or look at PATH)"
        raise GitError(f"not found: {missing}") from error
    except OSError as error:
        raise GitError(f"git could not be started in {cwd}: {error.strerror}") from error
    talk = asyncio.ensure_future(process.communicate(stdin or None))
    try:
        out, err = await asyncio.shield(talk)
    except asyncio.CancelledError:
        if not finish:
            _signal(process, signal.SIGTERM)
            asyncio.get_running_loop().call_later(_PATIENCE, _signal, process, signal.SIGKILL)
        await _end(talk)
        if talk.cancelled():  # by a loop that ends: it cancels all that goes on in it, once
            if process.stdin is not None:
                process.stdin.close()
            await process.communicate()
        raise
    assert process.returncode is not None
    return Done(process.returncode, out, err.decode(errors="replace"))


def failure(arguments: tuple[str, ...], done: Done) -> GitError:
    """What to raise for a git that failed."""
    said = "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in done.err.strip()[-_SHOWN:])
    if done.code < 0:
        said = f"ended by {signal.Signals(-done.code).name}{': ' + said if said else ''}"
    return GitError(f"git {arguments[0]}: {said or f'exit status {done.code}'}")


@contextlib.contextmanager
def locking(handle: int) -> Iterator[None]:
    """Every git that is run within it has this open file too. Should we be killed, a lock
    on it stays until the last of them has ended: until then they may still write."""
    token = _locks.set((*_locks.get(), handle))
    try:
        yield
    finally:
        _locks.reset(token)


async def in_thread(work: Callable[..., T], *arguments: object) -> T:
    """What a thread makes of it. A caller that is cancelled goes on when that has ended, not
    beside it: files are written."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await _end(task)
        raise


async def _end(work: asyncio.Future[T]) -> None:
    """Wait for it, however often one is cancelled meanwhile."""
    while not work.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait({work})
    if not work.cancelled():
        work.exception()  # nobody else asks


async def together(*work: Awaitable[T]) -> list[T]:
    """All at the same time; the first error only when none of them runs any more."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [r for r in results if not isinstance(r, BaseException)]


def names(listed: bytes) -> list[str]:
    """Paths of a list that git ended with NULs."""
    return [os.fsdecode(name) for name in listed.split(b"\0") if name]


def joined(paths: list[str]) -> bytes:
    """Paths as a list that git reads with -z."""
    return b"".join(os.fsencode(path) + b"\0" for path in paths)


def _environment(index: Path | None, as_user: bool) -> dict[str, str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k in _KEPT}
    env.update(LC_ALL="C", GIT_TERMINAL_PROMPT="0", GIT_OPTIONAL_LOCKS="0", GIT_EDITOR="false")
    if not as_user:
        env.update(_OURSELVES)
    if index is not None:
        env["GIT_INDEX_FILE"] = os.fspath(index)
    return env


def _signal(process: asyncio.subprocess.Process, number: int) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
