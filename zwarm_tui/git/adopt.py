"""Adopting a branch: what it did since it began, put onto what the user has now.

Three ways to have it: as uncommitted changes, as one commit, as a git branch. What does
not fit is found out beforehand; then nothing is changed, and the files are named.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Awaitable, Callable, Collection, Iterator
from pathlib import Path

from zwarm_tui.core.errors import ConflictError, GitError, IndexLockedError, NothingToAdoptError, UsageError
from zwarm_tui.git.command import attempt, failure, git, joined, names
from zwarm_tui.git.diff import changed
from zwarm_tui.git.index import copy
from zwarm_tui.git.repo import Repo, alone, commit_at, commits, tree_of
from zwarm_tui.git.restore import checkout, in_the_way, refusal
from zwarm_tui.git.snapshot import write_commit
from zwarm_tui.git.undo import put_back

Before = Callable[[str], Awaitable[None]]
"""Told of the tree or commit to come, when all is checked and nothing is changed yet."""

_MARK = b"zwarm adopts a branch\n"


async def _unasked(_: str) -> None:
    """Nobody wants to know."""


async def merge(repo: Repo, *, base: str, ours: str, theirs: str) -> str:
    """The tree of `ours` with all that changed from `base` to `theirs` (three commits or
    trees). Touches no files. `ConflictError` names those that were changed on both sides."""
    # Commits of our own, since git before 2.40 merges only what has a history in common.
    root = await write_commit(repo, await tree_of(repo, base), None, "base")
    left = await write_commit(repo, await tree_of(repo, ours), root, "ours")
    right = await write_commit(repo, await tree_of(repo, theirs), root, "theirs")
    arguments = ("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", left, right)
    done = await attempt(repo.top, *arguments)
    tree, _, conflicts = done.out.partition(b"\0")
    if done.code == 1 and tree:
        raise ConflictError("changed on both sides", names(conflicts))
    if done.code and "usage:" in done.err:
        raise GitError("adopting needs git 2.38 or newer")
    if done.code:
        raise failure(arguments, done)
    return tree.decode()


async def spared(repo: Repo, *, base: str, theirs: str, path: Path | None, uncovered: Collection[str]) -> str:
    """`base`, or a tree of it without those files that `theirs` lacks only because a snapshot
    does not hold them any more (ignored by now, too large): the branch's own work tree at
    `path` still has them, or they are `uncovered`. Merged with that base, nobody's copy is removed."""
    only = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--diff-filter=D")
    lacking = names(await git(repo.top, *only, base, theirs))
    folders = tuple(name for name in uncovered if name.endswith("/"))
    there = [p for p in lacking if p in uncovered or p.startswith(folders) or (path and _lies_in(path, p))]
    if not there:
        return base
    with tempfile.TemporaryDirectory(prefix="zwarm-") as folder:
        index = Path(folder) / "index"
        await git(repo.top, "read-tree", base, index=index)
        left_out = ("update-index", "--force-remove", "-z", "--stdin")
        await git(repo.top, *left_out, stdin=joined(there), index=index)
        return (await git(repo.top, "write-tree", index=index)).decode().strip()


def _lies_in(top: Path, path: str) -> bool:
    """A file of its own: not in something that was put in the place of one of its folders."""
    *folders, _ = Path(path).parents
    real = all((top / f).is_dir() and not (top / f).is_symlink() for f in folders)
    return real and os.path.lexists(top / path) and ((top / path).is_symlink() or not (top / path).is_dir())


async def as_changes(repo: Repo, *, base: str, saved: str, theirs: str, before: Before = _unasked) -> str:
    """Apply it to the files of a checkout as uncommitted changes; the tree they have now.
    `saved` is the snapshot of the checkout taken just before. Raises as `merge` and
    `checkout_into` do; then nothing was changed."""
    async with alone(repo):
        tree = await merge(repo, base=base, ours=saved, theirs=theirs)
        if tree == await tree_of(repo, saved):
            raise NothingToAdoptError("there is nothing to adopt: the checkout has it all")
        await before(tree)
        await checkout(repo, tree)
        return tree


async def as_commit(
    repo: Repo, *, base: str, theirs: str, message: str, before: Before = _unasked, dry_run: bool = False
) -> str:
    """Commit it as the user onto what is checked out; the commit. The user's other
    changes, staged or not, stay as they are; hooks don't run. `ConflictError` names
    the files that the commit and those changes both touch. With `dry_run` no ref names
    the commit, and nothing is changed."""
    async with alone(repo):
        [head] = await commits(repo.top, "HEAD")
        if head is None:
            raise UsageError(f"{repo.top} has no commit yet: adopt the branch as changes")
        tree = await merge(repo, base=base, ours=head.id, theirs=theirs)
        if tree == head.tree:
            raise NothingToAdoptError("there is nothing to adopt: the checkout has it all")
        commit = await write_commit(repo, tree, head.id, message, as_user=True)
        if dry_run:
            await _tried(repo, head.id, commit)
        else:
            await _forward(repo, head.id, commit, before)
        return commit


async def as_branch(repo: Repo, name: str, *, theirs: str, message: str, dry_run: bool = False) -> str:
    """Make a git branch of a snapshot: the HEAD it was at, and one commit of the user's
    with what lay uncommitted. The commit; with `dry_run` no branch is at it. `UsageError`
    where a branch has that name."""
    async with alone(repo):
        if (await attempt(repo.top, "check-ref-format", "--branch", name)).code or name.startswith("@"):
            raise UsageError(f"'{name}' can't be a branch's name")
        ref = f"refs/heads/{name}"
        if (await attempt(repo.top, "show-ref", "--quiet", "--verify", ref)).code == 0:
            raise UsageError(f"there is a branch '{name}' already")
        snapshot = await commit_at(repo, theirs)
        commit = snapshot.parent
        if commit is None or (await commit_at(repo, commit)).tree != snapshot.tree:
            commit = await write_commit(repo, snapshot.tree, commit, message, as_user=True)
        if not dry_run:
            await git(repo.top, "update-ref", "-m", "zwarm: adopted", ref, commit, "")
        return commit


async def _forward(repo: Repo, old: str, new: str, before: Before) -> None:
    """Move HEAD, its branch, the user's index and the files on by one commit, or nothing.
    Cut short (a kill, a power cut), `complete` makes one of the two of it: `before` is told
    before the lock is made, since a lock that nobody knows of would stay."""
    if _lock(repo).exists():
        raise _taken(_lock(repo))
    await _tried(repo, old, new)
    await before(new)
    with _locked(repo):
        index = await _like_the_users(repo, _fresh(repo))
        try:
            await _fits(repo, old, new, index)  # still
            step = ("read-tree", "-m", "-u", old, new)
            await git(repo.top, *step, index=index, finish=True)
            await git(repo.top, "update-ref", "-m", "zwarm: adopted", "HEAD", new, old, finish=True)
            index.replace(repo.git_dir / "index")
        except ConflictError:
            raise
        except BaseException:
            if await _head(repo) == old:
                await put_back(repo, wrong=new, right=old)
            raise
        finally:
            _forget(repo)


async def complete(repo: Repo, *, old: str, new: str) -> bool | None:
    """After `as_commit` was cut short: all of it where HEAD is at `new` (True), else nothing
    of it (False). None: HEAD is elsewhere by now, and no file was touched."""
    async with alone(repo):
        head = await _head(repo)
        if head == old:
            await put_back(repo, wrong=new, right=old)
        elif head == new and _fresh(repo).exists():
            _fresh(repo).replace(repo.git_dir / "index")
        _forget(repo)
        lock = _lock(repo)
        if lock.exists() and lock.read_bytes() == _MARK:
            lock.unlink()
        return {old: False, new: True}.get(head or "")


async def _head(repo: Repo) -> str | None:
    [head] = await commits(repo.top, "HEAD")
    return head.id if head else None


@contextlib.contextmanager
def _locked(repo: Repo) -> Iterator[None]:
    """Hold the lock on the user's index, as git does, under a mark by which it is known
    as ours should we be killed."""
    lock = _lock(repo)
    try:
        handle = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        raise _taken(lock) from None
    except OSError as error:
        raise GitError(f"{lock} can't be made: {error.strerror}") from error
    try:
        os.write(handle, _MARK)
        os.close(handle)
        yield
    finally:
        lock.unlink(missing_ok=True)


def _lock(repo: Repo) -> Path:
    return repo.git_dir / "index.lock"


def _taken(lock: Path) -> IndexLockedError:
    return IndexLockedError(f"{lock} is there: another git works in this checkout, or one was killed")


def _fresh(repo: Repo) -> Path:
    """The user's index to be."""
    return repo.git_dir / "zwarm-adopted-index"


def _forget(repo: Repo) -> None:
    _fresh(repo).unlink(missing_ok=True)
    _fresh(repo).with_name(_fresh(repo).name + ".lock").unlink(missing_ok=True)


async def _like_the_users(repo: Repo, index: Path) -> Path:
    """A copy of the user's index that knows which files only look as if they had changed:
    git would not touch those."""
    copy(repo.git_dir / "index", index)
    await attempt(repo.top, "update-index", "-q", "--refresh", index=index)  # 1: some have
    return index


async def _tried(repo: Repo, old: str, new: str) -> None:
    """`_fits`, with nothing touched."""
    with tempfile.TemporaryDirectory(prefix="zwarm-") as folder:
        await _fits(repo, old, new, await _like_the_users(repo, Path(folder) / "index"))


async def _fits(repo: Repo, old: str, new: str, index: Path) -> None:
    """`ConflictError` where the user's own changes are in the way of a commit."""
    step = ("read-tree", "-m", "-u", old, new)
    hidden = await in_the_way(repo, old, new)
    tried = await attempt(repo.top, *step, "--dry-run", index=index)
    if hidden or tried.code:
        if paths := sorted({*hidden, *await _touched(repo, old, new)}):
            raise ConflictError("changed in the checkout, and in what is adopted", paths)
        raise refusal(step, tried)


async def _touched(repo: Repo, old: str, new: str) -> list[str]:
    """The files of a commit that the user has changed, staged or made as well."""
    status = ("status", "-z", "--no-renames", "--untracked-files=all", "--ignored=matching")
    mine = frozenset(entry[3:] for entry in names(await git(repo.top, *status)))
    theirs = await changed(repo, old, new)
    return sorted({p for d in theirs for p in (d.path, d.old_path) if p is not None and p in mine})
