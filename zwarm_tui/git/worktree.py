"""Worktrees of branches: made from a snapshot, listed, removed only when nothing goes
with them that the person doesn't know of.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from zwarm_tui.core.errors import ConfirmationNeededError, GitError, UsageError
from zwarm_tui.git.command import attempt, git, in_thread, joined, names
from zwarm_tui.git.diff import FileDelta, changed
from zwarm_tui.git.include import copy_included
from zwarm_tui.git.index import Uncovered, capture, copy
from zwarm_tui.git.repo import Repo, alone, empty_tree, find
from zwarm_tui.git.snapshot import MAX_UNTRACKED_BYTES
from zwarm_tui.git.undo import put_back

_SHOWN = 5
"""Names of each kind that a refusal shows."""


@dataclass(frozen=True, slots=True)
class Worktree:
    """One of a repository's work trees; `branch` is a full ref, None while detached.
    `missing`: its folder is gone."""

    path: Path
    head: str | None
    branch: str | None
    locked: bool
    missing: bool


@dataclass(frozen=True, slots=True)
class Loss:
    """What a worktree holds that nothing else does: files that differ from where it
    began, things no snapshot covers, commits on no branch, tag or remote ("id subject").
    `tree`: its files as they are, "" where they can't be known."""

    files: tuple[FileDelta, ...]
    uncovered: tuple[Uncovered, ...]
    commits: tuple[str, ...]
    tree: str = ""

    def __bool__(self) -> bool:
        return bool(self.files or self.uncovered or self.commits)

    def __str__(self) -> str:
        parts = (
            ("changed files", [delta.path for delta in self.files]),
            ("files in no snapshot", [u.path for u in self.uncovered]),
            ("commits on no branch", [commit.split(" ", 1)[0][:10] for commit in self.commits]),
        )
        return "; ".join(f"{len(found)} {what} ({_few(found)})" for what, found in parts if found)


async def add(repo: Repo, path: Path, *, head: str | None, snapshot: str) -> Path:
    """Make a worktree at `path` (nothing may lie there) with the files of a snapshot:
    detached at `head`, what the snapshot has beyond it as uncommitted changes. With no
    head it is before its first commit, as the snapshot was. Files of the user's checkout
    that `.worktreeinclude` names are copied. Nothing is left where it fails."""
    if path.exists():
        raise UsageError(f"{path} is there already")
    async with alone(repo):
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise GitError(f"{path.parent} can't be made: {error.strerror}") from error
        try:
            await _make(repo, path, head, snapshot)
        except BaseException:
            await clear(repo, path)
            raise
    return path


async def discard(repo: Repo, path: Path) -> None:
    """Take back an `add` that was cut short, however far it came; with all in it."""
    async with alone(repo):
        await clear(repo, path)


async def list_(repo: Repo) -> list[Worktree]:
    """All of the repository's work trees, the main one first."""
    out = await git(repo.top, "worktree", "list", "--porcelain")
    found = []
    for block in os.fsdecode(out).strip("\n").split("\n\n"):
        fields = {key: value for key, _, value in (line.partition(" ") for line in block.split("\n"))}
        head = fields.get("HEAD")
        path = Path(fields["worktree"])
        found.append(
            Worktree(
                path=path,
                head=None if head is None or not head.strip("0") else head,
                branch=fields.get("branch"),
                locked="locked" in fields,
                missing=not path.is_dir(),
            )
        )
    return found


async def loss(
    repo: Repo, path: Path, *, began: str | None = None, max_untracked_bytes: int = MAX_UNTRACKED_BYTES
) -> Loss:
    """What would go with a worktree. `began` is the snapshot it was made from, or a later
    one that is kept: what that holds doesn't go. HEAD counts by default. Ignored files
    aren't looked at."""
    async with alone(repo):
        return await _loss(repo, await _registered(repo, path), began, max_untracked_bytes)


async def remove(
    repo: Repo,
    path: Path,
    *,
    began: str | None = None,
    force: bool = False,
    max_untracked_bytes: int = MAX_UNTRACKED_BYTES,
) -> Loss:
    """Remove a worktree and its folder; what went with it. Unless `force`, raises
    `ConfirmationNeededError` for one that holds something nothing else does (see
    `loss`). `UsageError` for the main work tree, or a folder that is none."""
    async with alone(repo):
        tree = await _registered(repo, path)
        lost = await _loss(repo, tree, began, max_untracked_bytes)
        if lost and not force:
            raise ConfirmationNeededError(f"with {path} would go: {lost}")
        await git(repo.top, "worktree", "remove", "--force", os.fspath(tree.path), finish=True)
        return lost


async def _make(repo: Repo, path: Path, head: str | None, snapshot: str) -> None:
    where = ("--no-checkout", "--detach", os.fspath(path), head or snapshot)
    await git(repo.top, "worktree", "add", *where, finish=True)
    made = _opened(repo, path, head)
    await git(path, "read-tree", "--reset", "-u", snapshot, index=made.index)
    user_index = made.git_dir / "index"
    if head is None:
        # An unborn branch: nobody's, and the agent's own if it ever commits.
        await git(path, "symbolic-ref", "HEAD", f"refs/heads/zwarm/{made.git_dir.name}")
        user_index.unlink(missing_ok=True)
    else:
        # Starting from what was just written, git knows what it needn't read again.
        await in_thread(copy, made.index, user_index)
        await git(path, "read-tree", "--reset", head)
    ignored = names(await git(path, "ls-files", "-z", "-c", "-i", "--exclude-standard", index=made.index))
    if ignored:
        await _track(path, head, snapshot, ignored)
    if (made.git_dir / "info" / "sparse-checkout").exists():  # git copies it to where it counts
        await _fill(made, head, snapshot)
    await copy_included(repo.top, path)


async def _fill(made: Repo, head: str | None, snapshot: str) -> None:
    """What git left out of a sparse checkout and the snapshot has beyond its head: somebody
    wrote that, and left away it would look as if the branch had deleted it."""
    await put_back(made, wrong=head or await empty_tree(made), right=snapshot)
    await attempt(made.top, "update-index", "-q", "--refresh")  # from now on git looks there


def _opened(repo: Repo, path: Path, head: str | None) -> Repo:
    line = os.fsdecode((path / ".git").read_bytes())
    return Repo(path, Path(line.removeprefix("gitdir: ").rstrip("\n")), repo.common, head)


async def _track(path: Path, head: str | None, snapshot: str, ignored: list[str]) -> None:
    """Files that the user had staged in spite of an ignore rule: untracked here, the
    next snapshot would miss them."""
    if head is not None:
        only = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--diff-filter=A")
        new = frozenset(names(await git(path, *only, head, snapshot)))
        ignored = [name for name in ignored if name in new]
    if ignored:
        await git(path, "update-index", "--add", "-z", "--stdin", stdin=joined(ignored))


async def _registered(repo: Repo, path: Path) -> Worktree:
    trees = await list_(repo)
    if trees[0].path == path:
        raise UsageError(f"{path} is the main work tree: it stays")
    for tree in trees[1:]:
        if tree.path == path or tree.path == path.resolve():
            return tree
    raise UsageError(f"{path} is no worktree of {repo.top}")


async def _loss(repo: Repo, tree: Worktree, began: str | None, limit: int) -> Loss:
    commits: tuple[str, ...] = ()
    if tree.head is not None and tree.branch is None:
        kept = ("--branches", "--tags", "--remotes", "HEAD")
        log = ("log", "--no-color", "--no-decorate", "--format=%H %s", tree.head, "--not", *kept)
        commits = tuple((await git(repo.top, *log)).decode(errors="replace").splitlines())
    opened = None if tree.missing else await find(tree.path)
    if opened is None or opened.top != tree.path:
        return Loss((), (), commits)
    captured = await capture(opened, limit)
    since = began or opened.head or await empty_tree(repo)
    uncovered = tuple(u for u in captured.uncovered if not u.ignored)
    return Loss(tuple(await changed(opened, since, captured.tree)), uncovered, commits, captured.tree)


async def clear(repo: Repo, path: Path) -> None:
    """What `discard` does, for who is `alone` in the repository already."""
    with contextlib.suppress(GitError):  # it may not have come that far
        await attempt(repo.top, "worktree", "remove", "--force", "--force", os.fspath(path), finish=True)
    await in_thread(lambda: shutil.rmtree(path, ignore_errors=True))


def _few(found: list[str]) -> str:
    more = len(found) - _SHOWN
    shown = (name if name.isprintable() else ascii(name) for name in found[:_SHOWN])
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
