"""What differs between two snapshots (or any two commits or trees)."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from zwarm_tui.git.command import git
from zwarm_tui.git.repo import Repo

Kind = Literal["added", "deleted", "modified", "renamed", "type"]

_KINDS: dict[str, Kind] = {"A": "added", "D": "deleted", "M": "modified", "R": "renamed", "T": "type"}


@dataclass(frozen=True, slots=True)
class FileDelta:
    """A file that differs. `old_path` is set for a renamed one; `added` and `removed`
    count lines (0 in a `binary` file); "type" is a file that became a link or the like."""

    path: str
    old_path: str | None
    kind: Kind
    added: int
    removed: int
    binary: bool


async def changed(repo: Repo, a: str, b: str) -> list[FileDelta]:
    """The files that differ from `a` to `b`, by path."""
    out = await git(repo.top, "diff-tree", "-r", "-z", "-M", "--raw", "--numstat", a, b)
    return sorted(_deltas(out), key=lambda delta: delta.path)


async def patch(repo: Repo, a: str, b: str, *, paths: Collection[str] = ()) -> str:
    """The difference as a unified diff, of some paths only (both of a renamed file) or of
    all. Bytes that are no UTF-8 are replaced: it is for reading."""
    plain = ("--no-color", "--no-ext-diff", "--no-textconv")
    arguments = ("--literal-pathspecs", "diff-tree", "-r", "-p", "-M", *plain, a, b, "--", *paths)
    return (await git(repo.top, *arguments)).decode(errors="replace")


def _deltas(out: bytes) -> Iterator[FileDelta]:
    """Two lists, each field ended by a NUL: what kind of change, then the lines."""
    fields = iter(out.split(b"\0"))
    kinds: dict[bytes, tuple[Kind, bytes | None]] = {}
    for field in fields:
        if field.startswith(b":"):
            letter = field.rsplit(b" ", 1)[1][:1].decode()
            old = next(fields) if letter in "RC" else None
            kinds[next(fields)] = (_KINDS[letter], old)
        elif field:
            added, removed, path = field.split(b"\t", 2)
            if not path:
                next(fields)
                path = next(fields)
            kind, old = kinds[path]
            yield FileDelta(
                path=os.fsdecode(path),
                old_path=None if old is None else os.fsdecode(old),
                kind=kind,
                added=0 if added == b"-" else int(added),
                removed=0 if removed == b"-" else int(removed),
                binary=added == b"-",
            )
