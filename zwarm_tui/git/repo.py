"""Finding the repository that a folder belongs to, and being alone in it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from zwarm_tui.core.errors import GitError, UsageError
from zwarm_tui.git.command import attempt, failure, git, locking

_NONE = ("not a git repository", "must be run in a work tree")

_Locks = dict[Path, asyncio.Lock]
_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, _Locks] = WeakKeyDictionary()

_TURN = 0.02
"""Seconds between two looks whether another process has let go."""
_LEFT = 10.0
"""Seconds that a git may go on writing which outlived the engine that had started it: whoever
waits for the next one's start gives that longer."""


@dataclass(frozen=True, slots=True)
class Repo:
    """A work tree (`top`), its own git folder and the one it shares with all worktrees
    of the repository. `head` is the commit it was at when it was found, None if it has
    none yet."""

    top: Path
    git_dir: Path
    common: Path
    head: str | None

    @property
    def index(self) -> Path:
        """Our index; git's own way of naming per-worktree files leads here."""
        return self.git_dir / "zwarm-index"


async def find(folder: Path) -> Repo | None:
    """The repository that holds a folder, None if there is none. Raises `UsageError`
    for one that spans the home folder or the whole disk, `GitError` for one that git
    won't open."""
    where = ("rev-parse", "--path-format=absolute", "--show-toplevel", "--git-dir", "--git-common-dir")
    done = await attempt(folder, *where)
    if done.code:
        if any(words in done.err for words in _NONE):
            return None
        raise failure(where, done)
    lines = os.fsdecode(done.out).split("\n")
    if len(lines) != 4:
        raise GitError(f"{folder}: paths of a repository can't hold line breaks")
    top, git_dir, common = (Path(line) for line in lines[:3])
    if top in (Path.home().resolve(), Path(top.anchor)):
        raise UsageError(f"{top} is no project: open a folder inside it")
    [head] = await commits(top, "HEAD")
    return Repo(top, git_dir, common, head.id if head else None)


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit: its id, its tree, its first parent."""

    id: str
    tree: str
    parent: str | None


async def commits(top: Path, *wanted: str) -> list[Commit | None]:
    """Commits by id, or "HEAD"; None for one that isn't there."""
    out = await git(top, "cat-file", "--batch", stdin="".join(f"{name}\n" for name in wanted).encode())
    found: list[Commit | None] = []
    for _ in wanted:
        first, _, out = out.partition(b"\n")
        words = first.decode(errors="replace").split(" ")
        if len(words) != 3 or not words[2].isdigit():
            found.append(None)
            continue
        size = int(words[2])
        body, out = out[:size].decode(errors="replace"), out[size + 1 :]
        lines = body.split("\n", 2)
        if words[1] != "commit":
            found.append(None)
            continue
        parent = lines[1].removeprefix("parent ") if lines[1].startswith("parent ") else None
        found.append(Commit(words[0], lines[0].removeprefix("tree "), parent))
    return found


async def commit_at(repo: Repo, wanted: str) -> Commit:
    """One commit; `GitError` if it isn't there any more."""
    [found] = await commits(repo.top, wanted)
    if found is None:
        raise GitError(f"the repository {repo.top} holds no commit {wanted}")
    return found


async def tree_of(repo: Repo, commit: str) -> str:
    """The tree of a commit (or of a tree). `GitError` if it isn't there any more."""
    return (await git(repo.top, "rev-parse", "--verify", f"{commit}^{{tree}}")).decode().strip()


async def empty_tree(repo: Repo) -> str:
    """The tree of no files: where a repository without a commit begins."""
    return (await git(repo.top, "mktree")).decode().strip()


async def is_sparse(repo: Repo) -> bool:
    """Some of what is tracked is kept out of the work tree on purpose."""
    done = await attempt(repo.top, "config", "--type=bool", "core.sparseCheckout")
    return done.out.strip() == b"true"


@contextlib.asynccontextmanager
async def alone(repo: Repo) -> AsyncIterator[None]:
    """One operation at a time in a repository, in this process and among processes. One
    that was killed is over when the gits have ended that it had started."""
    locks = _locks.setdefault(asyncio.get_running_loop(), {})
    async with locks.setdefault(repo.common, asyncio.Lock()):
        try:
            handle = os.open(repo.common / "zwarm.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise GitError(f"{repo.common} can't be written: {error.strerror}") from error
        try:
            while not _locked(handle):  # noqa: ASYNC110  (another process sets no Event)
                await asyncio.sleep(_TURN)
            with locking(handle):
                yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)  # also for a process that is just being started
            os.close(handle)


async def left_alone(repo: Repo) -> None:
    """Return when no git of a dead engine works there any more; `GitError` where one
    doesn't end."""
    try:
        async with asyncio.timeout(_LEFT), alone(repo):
            return
    except TimeoutError:
        raise GitError(f"a git that was left running still works in {repo.top}: end it") from None


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
