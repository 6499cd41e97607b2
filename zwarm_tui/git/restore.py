"""Making the files of a work tree what a snapshot holds.

What our index does not hold was in no snapshot: ignored files, over-large ones, files
made since. Those are left alone. Where one is in the way that is found out beforehand,
so that nothing is changed by half; git itself would overwrite an ignored file.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from zwarm_tui.core.errors import ConflictError, GitError
from zwarm_tui.git.command import Done, attempt, failure, git
from zwarm_tui.git.index import seed, unlock
from zwarm_tui.git.repo import Repo, alone, is_sparse, tree_of
from zwarm_tui.git.undo import put_back

_IN_THE_WAY = re.compile(
    r"^error: (?:Entry|Untracked working tree file|Updating) '(.*?)' (?:not uptodate|would )", re.S | re.M
)

_ALL = ("-c", "core.sparseCheckout=false")
"""What two snapshots differ in somebody wrote, also outside of a sparse checkout; the
rest is left as it is."""

_LINKED = "160000"
"""The mode of another repository in a tree: git leaves its folder alone."""


async def checkout_into(repo: Repo, commit: str) -> None:
    """Make the files equal a snapshot (or a tree), coming from the last snapshot taken of
    this work tree: take one just before. Files that it holds and `commit` doesn't are
    removed; the user's index and HEAD are left alone.

    Raises `ConflictError` where a file changed since that snapshot, or one that no
    snapshot holds is in the way: then nothing was changed. `GitError` where writing
    failed, after the files were put back as well as could be."""
    async with alone(repo):
        await checkout(repo, commit)


async def recover(repo: Repo, *, interrupted: str, commit: str) -> None:
    """After a checkout to or from `interrupted` was cut short (a power cut, a kill): make
    the files equal `commit`, which was its other end or is the same. Whatever else was
    written at the paths of the two is lost."""
    async with alone(repo):
        await _recover(repo, interrupted, commit)


async def checkout(repo: Repo, commit: str) -> None:
    """`checkout_into`, for a caller that is alone in the repository already."""
    unlock(repo)
    if not repo.index.exists():
        seed(repo)
    now = (await git(repo.top, "write-tree", index=repo.index)).decode().strip()
    goal = await tree_of(repo, commit)
    if paths := await in_the_way(repo, now, goal):
        raise ConflictError("in no snapshot, and in the way", paths)
    two_way = ("read-tree", "-m", "-u", now, goal)
    tried = await attempt(repo.top, *_ALL, *two_way, "--dry-run", index=repo.index)
    if tried.code:
        raise refusal(two_way, tried)
    done = await attempt(repo.top, *_ALL, *two_way, index=repo.index, finish=True)
    if done.code and _IN_THE_WAY.search(done.err):
        raise refusal(two_way, done)
    if done.code:
        failed = failure(two_way, done)
        try:
            if await is_sparse(repo):
                await put_back(repo, wrong=goal, right=now)
            else:
                await _recover(repo, goal, now)
        except (GitError, OSError) as error:
            raise GitError(f"{failed}; and not all files could be put back: {error}") from error
        raise GitError(f"{failed}; the files were put back as they had been")


async def _recover(repo: Repo, interrupted: str, commit: str) -> None:
    unlock(repo)
    # From an index that names all files of the one and knows the times of none, git
    # removes those that the other lacks and writes the rest anew.
    await git(repo.top, "read-tree", interrupted, index=repo.index)
    await git(repo.top, "read-tree", "--reset", "-u", commit, index=repo.index, finish=True)


async def in_the_way(repo: Repo, now: str, goal: str) -> list[str]:
    """The files that neither tree knows and that going from `now` to `goal` would
    overwrite or remove with other content."""
    out = await git(repo.top, "diff-tree", "-r", "-z", "--raw", "--no-renames", now, goal)
    fields = iter(out.split(b"\0"))
    added: dict[str, str] = {}
    deleted = set()
    for meta in filter(None, fields):
        path = os.fsdecode(next(fields))
        _, mode, _, blob, letter = meta.decode().split(" ")
        if letter == "D":
            deleted.add(path)
        elif letter == "A" and mode != _LINKED:
            added[path] = blob
    found = await asyncio.to_thread(lambda: sorted(set(_unknown(repo.top, added, deleted))))
    return [path for path in found if not await _same(repo, path, added.get(path))]


def _unknown(top: Path, added: dict[str, str], deleted: set[str]) -> Iterator[str]:
    clear: set[str] = set()
    for path in added:
        names = path.split("/")
        parents = ["/".join(names[:count]) for count in range(1, len(names))]
        for parent in parents:
            if parent in clear:
                continue
            status = _lstat(top / parent)
            if status is None or parent in deleted:
                break  # nothing lies below that
            if not stat.S_ISDIR(status.st_mode):
                yield parent
                break
            clear.add(parent)
        else:
            status = _lstat(top / path)
            if status is not None and stat.S_ISDIR(status.st_mode):
                for folder, _, files in os.walk(top / path):
                    inside = (os.path.relpath(os.path.join(folder, name), top) for name in files)
                    yield from (name for name in inside if name not in deleted)
            elif status is not None:
                yield path


async def _same(repo: Repo, path: str, blob: str | None) -> bool:
    status = _lstat(repo.top / path)
    if blob is None or status is None or not stat.S_ISREG(status.st_mode):
        return False
    return (await attempt(repo.top, "hash-object", "--", path)).out.decode().strip() == blob


def _lstat(path: Path) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def refusal(arguments: tuple[str, ...], done: Done) -> GitError:
    """A checkout that git refused before it changed anything."""
    if paths := _IN_THE_WAY.findall(done.err):
        return ConflictError("changed since, or in no snapshot, and in the way", sorted(set(paths)))
    return failure(arguments, done)
