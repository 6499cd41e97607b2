"""Snapshots: the whole work tree as a commit under refs/zwarm/, which git's garbage
collection respects and no branch, log or push shows unasked.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from zwarm_tui.core.errors import GitError, SnapshotError, UsageError
from zwarm_tui.git.command import git
from zwarm_tui.git.index import Uncovered, capture
from zwarm_tui.git.repo import Repo, alone, commits

__all__ = ["MAX_UNTRACKED_BYTES", "Snapshot", "Uncovered", "take"]

REFS = "refs/zwarm/"
MAX_UNTRACKED_BYTES = 50 * 2**20

_TRIES = 3
_PAUSE = 0.05
"""Seconds between tries: those who write may be done by then."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A work tree at one time. `head` is the commit it was at (None before the first),
    `files` counts what the tree holds."""

    commit: str
    tree: str
    head: str | None
    uncovered: tuple[Uncovered, ...]
    files: int


async def take(
    repo: Repo,
    *,
    ref: str,
    message: str,
    parent: str | None = None,
    max_untracked_bytes: int = MAX_UNTRACKED_BYTES,
) -> Snapshot:
    """Record the work tree under `ref` (refs/zwarm/…). The commit's only parent is HEAD,
    so that dropping a ref frees what it alone held. If neither files nor HEAD changed
    since `parent` (the snapshot before, which may be gone), its commit is used again.

    Raises `SnapshotError` when three tries failed: files that change while they are
    read, a full disk, a file that may not be read. The ref is then as it was."""
    if not ref.startswith(REFS):
        raise UsageError(f"snapshots are kept under {REFS}, not as {ref}")
    async with alone(repo):
        cause = ""
        for number in range(_TRIES):
            if number:
                await asyncio.sleep(_PAUSE * number)
            try:
                return await _take(repo, ref, message, parent, max_untracked_bytes)
            except (GitError, OSError) as error:
                cause = str(error)
        raise SnapshotError(repo.top, cause)


async def _take(repo: Repo, ref: str, message: str, parent: str | None, limit: int) -> Snapshot:
    now, before = await commits(repo.top, "HEAD", parent or "HEAD")
    head = now.id if now else None
    captured = await capture(repo, limit)
    if parent and before and (before.tree, before.parent) == (captured.tree, head):
        commit = before.id
    else:
        commit = await write_commit(repo, captured.tree, head, message)
    unlock(repo, ref)
    await git(repo.top, "update-ref", ref, commit)
    return Snapshot(commit, captured.tree, head, captured.uncovered, captured.files)


def unlock(repo: Repo, ref: str) -> None:
    """Clear the lock on a ref of ours that a killed git left: it isn't in use, since only
    who is alone in the repository moves those."""
    (repo.common / f"{ref}.lock").unlink(missing_ok=True)


async def write_commit(
    repo: Repo, tree: str, parent: str | None, message: str, *, as_user: bool = False
) -> str:
    """A commit that no ref names yet."""
    parents = ("-p", parent) if parent else ()
    text = message.replace("\0", "").encode(errors="replace") or b"\n"
    out = await git(repo.top, "commit-tree", tree, *parents, stdin=text, as_user=as_user)
    return out.decode().strip()
