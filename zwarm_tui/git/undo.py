"""Putting files back after a checkout that was cut short, and no other file."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from zwarm_tui.git.command import git, in_thread, joined
from zwarm_tui.git.repo import Repo

_ABSENT = "000000"


async def put_back(repo: Repo, *, wrong: str, right: str) -> None:
    """Make the files in which two trees differ what `right` has, whatever they hold now;
    those in which they don't are left alone, and so is every index. Doing it twice does
    no harm. For a caller that is alone in the repository."""
    out = await git(repo.top, "diff-tree", "-r", "-z", "--raw", "--no-renames", wrong, right)
    fields = iter(out.split(b"\0"))
    entries, gone = [], []
    for meta in filter(None, fields):
        path = os.fsdecode(next(fields))
        _, mode, _, blob, _ = meta.decode().split(" ")
        if mode == _ABSENT:
            gone.append(path)
        else:
            entries.append(f"{mode} {blob}\t{path}")
    await in_thread(_remove, repo.top, gone)
    if not entries:
        return
    with tempfile.TemporaryDirectory(prefix="zwarm-") as folder:
        index = Path(folder) / "index"
        await git(repo.top, "update-index", "-z", "--index-info", stdin=joined(entries), index=index)
        await git(repo.top, "checkout-index", "--force", "--all", index=index, finish=True)


def _remove(top: Path, paths: list[str]) -> None:
    """Remove files, and folders that they leave empty."""
    for path in paths:
        target = top / path
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if stat.S_ISDIR(os.lstat(target).st_mode):
                continue  # another repository's, or made since
            target.unlink()
        for folder in target.parents:
            if folder == top:
                break
            try:
                folder.rmdir()
            except OSError:
                break
