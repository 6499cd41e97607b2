"""What changed in a work tree since its last snapshot, at the price of one look at each
file's times. Nothing is written into the repository."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Collection
from pathlib import Path

from zwarm_tui.core.errors import GitError
from zwarm_tui.git.command import attempt, git, names, together
from zwarm_tui.git.index import copy
from zwarm_tui.git.repo import Repo


async def since(repo: Repo, commit: str, besides: Collection[str] = ()) -> list[str]:
    """Paths that differ from a snapshot of this work tree, but for those that it does not
    cover (`besides`; a folder ends in "/"). Cheap where the snapshot was the last one."""
    try:
        return await _since(repo, commit, besides)
    except OSError as error:
        raise GitError(f"what changed in {repo.top} can't be found out: {error}") from error


async def _since(repo: Repo, commit: str, besides: Collection[str]) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="zwarm-") as folder:
        index = Path(folder) / "index"
        await asyncio.to_thread(copy, repo.index, index)
        listed = await together(
            git(repo.top, "diff-files", "-z", "--name-only", index=index),
            git(repo.top, "ls-files", "-z", "--others", "--exclude-standard", index=index),
            # The index may be that of a later snapshot.
            git(repo.top, "diff-index", "-z", "--cached", "--name-only", commit, index=index),
        )
        # Something may have been written anew with what it held, or put back.
        found = await _really(repo, index, commit) if any(listed) else []
    return [path for path in found if not _within(path, besides)]


async def _really(repo: Repo, index: Path, commit: str) -> list[str]:
    """The paths whose content or mode is another one."""
    await attempt(repo.top, "update-index", "-q", "--refresh", index=index)
    tracked = names(await git(repo.top, "diff-index", "-z", "--name-only", commit, index=index))
    others = names(await git(repo.top, "ls-files", "-z", "--others", "--exclude-standard", index=index))
    return sorted({*tracked, *others})


def _within(path: str, folders: Collection[str]) -> bool:
    return any(path == one or (one.endswith("/") and path.startswith(one)) for one in folders)
