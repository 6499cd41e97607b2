"""Our index: a copy of the user's, brought up to what lies in the work tree.

The user's index says what is tracked (also what an ignore rule names, or what a sparse
checkout leaves out), and its notes on file times spare git from reading most files. So
every snapshot begins with a copy of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from zwarm_tui.git.command import attempt, failure, git, in_thread, joined, names, together
from zwarm_tui.git.repo import Repo, is_sparse

IGNORED_SHOWN = 50
"""Ignored paths that a snapshot names; the rest is counted."""

_STATE = "/.zwarm/"
_NESTED = "a repository of its own"

_PLAIN, _LINKED = b"H ", b"H 160000 "
"""How most entries of an index begin when listed, and those of other repositories."""

# git refuses these names at any depth, each as a failure of the whole command.
_REFUSED = re.compile(r"(^|/)(\.git|git~[0-9]+)(/|$)", re.IGNORECASE)

# What git says of a folder that it can't look into; for the rest it goes on.
_CLOSED = re.compile(r"^warning: could not open directory '(.*?)': ", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Uncovered:
    """Something in the work tree (`path` is relative to its top, a folder ends in "/")
    whose content a snapshot does not hold."""

    path: str
    why: str
    ignored: bool = False


@dataclass(frozen=True, slots=True)
class Captured:
    """The work tree as git objects: its tree, how many files it holds, what it doesn't."""

    tree: str
    files: int
    uncovered: tuple[Uncovered, ...]


def seed(repo: Repo) -> None:
    """Make our index a copy of the user's (none where the user has none yet)."""
    unlock(repo)
    copy(repo.git_dir / "index", repo.index)


def unlock(repo: Repo) -> None:
    """Clear the lock on our index that a killed git left: it isn't in use, since only
    who is alone in the repository uses our index."""
    repo.index.with_name(repo.index.name + ".lock").unlink(missing_ok=True)


def copy(source: Path, target: Path) -> None:
    """Copy an index whole, or remove the target where there is none. The time of the
    file is part of it: git looks twice at files no older than their index."""
    fresh = target.with_name(target.name + ".new")
    try:
        with source.open("rb") as old, fresh.open("wb") as new:
            taken = os.fstat(old.fileno())
            shutil.copyfileobj(old, new, 2**20)
    except FileNotFoundError:
        target.unlink(missing_ok=True)
        return
    os.utime(fresh, ns=(taken.st_atime_ns, taken.st_mtime_ns))
    fresh.replace(target)


async def capture(repo: Repo, max_untracked_bytes: int) -> Captured:
    """Bring our index up to the work tree and write it as a tree. `GitError`, often a
    passing one, where files change while git reads them."""
    await in_thread(seed, repo)
    listing = ("ls-files", "-z", "--others", "--exclude-standard")
    more = ("--ignored", "--directory", "--no-empty-directory")
    found, hidden = await together(
        attempt(repo.top, *listing, index=repo.index),
        attempt(repo.top, *listing, *more, index=repo.index),
    )
    for done, arguments in ((found, listing), (hidden, (*listing, *more))):
        if done.code:
            raise failure(arguments, done)
    others, ignored = names(found.out), names(hidden.out)
    left_out = await asyncio.to_thread(_too_much, repo.top, others, max_untracked_bytes)
    left_out += await _nested(repo, [p for p in others if p.endswith("/")])
    tree, entries = await _add(repo, [u.path for u in left_out])
    if await _reveal(repo, entries):
        tree, entries = await _add(repo, [u.path for u in left_out])
    linked = [os.fsdecode(_path(e)) + "/" for e in entries if e.startswith(_LINKED)]
    uncovered = [Uncovered(path, _NESTED) for path in linked if _holds_any(repo.top / path)]
    closed = [Uncovered(path, "may not be opened") for path in _CLOSED.findall(found.err)]
    uncovered += [*left_out, *closed, *_shown(ignored)]
    return Captured(tree, len(entries) - len(linked), tuple(uncovered))


async def _add(repo: Repo, left_out: list[str]) -> tuple[str, list[bytes]]:
    """Stage all but some paths; the tree, and what our index now holds, an entry being
    b"<tag> <mode> <id> <stage>\\t<path>"."""
    if left_out:
        paths = joined([":/", *(f":(top,exclude,literal){path.rstrip('/')}" for path in left_out)])
        chosen = ("--pathspec-from-file=-", "--pathspec-file-nul")
        await git(repo.top, "add", "--all", "--sparse", *chosen, stdin=paths, index=repo.index)
    else:
        await git(repo.top, "add", "--all", "--sparse", index=repo.index)
    tree, entries = await together(
        git(repo.top, "write-tree", index=repo.index),
        git(repo.top, "ls-files", "-z", "--stage", "-v", index=repo.index),
    )
    return tree.decode().strip(), entries.split(b"\0")[:-1]


async def _reveal(repo: Repo, entries: list[bytes]) -> bool:
    """Drop the marks by which the user tells git not to look at a file (what an agent
    wrote there counts); say whether there were any. In a sparse checkout the one kind
    stands for files that aren't there, and stays."""
    marked = [entry for entry in entries if not entry.startswith(_PLAIN)]
    trusted = [_path(entry) for entry in marked if entry[:1].islower()]
    skipped = [_path(entry) for entry in marked if entry[:1] in b"sS"]
    if skipped:
        skipped = [] if await is_sparse(repo) else skipped
    for option, paths in (("--no-assume-unchanged", trusted), ("--no-skip-worktree", skipped)):
        if paths:
            listed = b"".join(path + b"\0" for path in paths)
            await git(repo.top, "update-index", option, "-z", "--stdin", stdin=listed, index=repo.index)
    return bool(trusted or skipped)


def _too_much(top: Path, untracked: list[str], limit: int) -> list[Uncovered]:
    """The untracked files that can't or shouldn't be taken."""
    found = []
    for path in untracked:
        try:
            status = os.lstat(top / path)
        except OSError:
            continue  # gone again: then it is not staged either
        if _REFUSED.search(path) or (path.endswith(".gitmodules") and stat.S_ISLNK(status.st_mode)):
            found.append(Uncovered(path, "git does not take files of this name"))
        elif not stat.S_ISREG(status.st_mode):
            continue
        elif status.st_size > limit:
            found.append(Uncovered(path, f"untracked and larger than {limit / 2**20:g} MiB"))
        elif not os.access(top / path, os.R_OK):
            found.append(Uncovered(path, "may not be read"))
    return found


async def _nested(repo: Repo, untracked: list[str]) -> list[Uncovered]:
    """Repositories inside this one. Git could take them as links, but such a link comes
    back as an empty folder, which it then holds for deleted; one without a commit makes it
    stage nothing at all."""
    found = []
    for path in untracked:
        with contextlib.suppress(OSError):
            inner = await attempt(repo.top / path, "rev-parse", "--quiet", "--verify", "HEAD")
            found.append(Uncovered(path, f"{_NESTED}, without a commit" if inner.code else _NESTED))
    return found


def _holds_any(folder: Path) -> bool:
    """Not the empty folder that stands for a submodule which was not fetched."""
    try:
        with os.scandir(folder) as found:
            return next(found, None) is not None
    except OSError:
        return True


def _path(entry: bytes) -> bytes:
    return entry.split(b"\t", 1)[1]


def _shown(ignored: list[str]) -> list[Uncovered]:
    ignored = [path for path in ignored if _STATE not in f"/{path}"]
    shown = [Uncovered(path, "ignored", ignored=True) for path in ignored[:IGNORED_SHOWN]]
    if more := len(ignored) - len(shown):
        shown.append(Uncovered("…", f"{more} more are ignored", ignored=True))
    return shown
