"""A new branch's worktree from a snapshot against `git worktree add`."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from tests.bench.snapshot import change, git, ours, repository
from zwarm_tui.git import worktree
from zwarm_tui.git.repo import Repo

FILES = 10_000
ROUNDS = 5


async def _add(repo: Repo, path: Path, snapshot: str) -> float:
    began = time.perf_counter()
    await worktree.add(repo, path, head=repo.head, snapshot=snapshot)
    return time.perf_counter() - began


def run() -> tuple[float, dict[str, str]]:
    mine, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder).resolve() / "checkout"
        top.mkdir()
        repo = repository(top, FILES)
        change(top, "x")
        _, snapshot = asyncio.run(ours(repo, None))
        for number in range(ROUNDS):
            began = time.perf_counter()
            git(top, "worktree", "add", "-q", "--detach", f"{folder}/bare{number}", "HEAD")
            theirs.append(time.perf_counter() - began)
            mine.append(asyncio.run(_add(repo, Path(folder).resolve() / f"ours{number}", snapshot)))
    median = statistics.median
    return median(mine) / median(theirs), {
        "ms": f"{median(mine) * 1000:.0f} / {median(theirs) * 1000:.0f}",
        "files": f"{FILES}",
    }
