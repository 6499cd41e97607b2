"""What a work tree holds that a snapshot doesn't, at the price of one look at each file's
times. Nothing is written into the repository."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from pathlib import Path

from zwarm_tui.core.errors import GitError
from zwarm_tui.git.command import attempt, git, in_thread, names, together
from zwarm_tui.git.index import copy
from zwarm_tui.git.repo import Repo


async def since(repo: Repo, commit: str, besides: Collection[str] = ()) -> list[str]:
    """Paths that differ from a snapshot of this work tree, but for those that it does not
    cover (`besides`; a folder ends in "/"). Cheap where the snapshot was the last one."""
    try:
        with tempfile.TemporaryDirectory(prefix="zwarm-") as folder:
            found = await _since(repo, commit, Path(folder) / "index")
    except OSError as error:
        raise GitError(f"what changed in {repo.top} can't be found out: {error}") from error
    return [path for path in found if not _within(path, besides)]


async def _since(repo: Repo, commit: str, index: Path) -> list[str]:
    # What either index knows of files' times spares git from reading them.
    known = repo.index if repo.index.exists() else repo.git_dir / "index"
    await in_thread(copy, known, index)
    await git(repo.top, "read-tree", "--reset", commit, index=index)
    await attempt(repo.top, "update-index", "-q", "--refresh", index=index)  # 1: some have changed
    listed = await together(
        git(repo.top, "diff-files", "-z", "--name-only", index=index),
        git(repo.top, "ls-files", "-z", "--others", "--exclude-standard", index=index),
    )
    return sorted({path for out in listed for path in names(out)})


def _within(path: str, folders: Collection[str]) -> bool:
    return any(path == one or (one.endswith("/") and path.startswith(one)) for one in folders)
