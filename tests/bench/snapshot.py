"""A snapshot with ten changed files against the bare plumbing commands and one
`git status -z`: the worst of three sizes of repository."""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from zwarm_tui.git.repo import Repo, find
from zwarm_tui.git.snapshot import take

SIZES = (1_000, 10_000, 50_000)
ROUNDS = 7
CHANGED = 10

ENV = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{role}_{part}": "bench" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")},
}


def git(top: Path, *arguments: str, env: dict[str, str] | None = None) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=top, env=env or ENV, check=True, capture_output=True, text=True
    ).stdout.strip()


def repository(top: Path, files: int) -> Repo:
    """One commit of so many small files in folders of a hundred."""
    for number in range(files):
        path = top / f"part{number // 1000}" / f"module{number // 100 % 10}" / f"file{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"value = {number}\n" * 20)
    git(top, "init", "-q")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "first")
    found = asyncio.run(find(top))
    assert found is not None
    return found


def change(top: Path, mark: str) -> None:
    for number in range(0, CHANGED * 97, 97):
        (top / f"part{number // 1000}" / f"module{number // 100 % 10}" / f"file{number}.py").write_text(mark)
    (top / f"new-{mark}").write_text(mark)


def bare(repo: Repo, index: Path) -> float:
    """Seconds for what a script would do."""
    env = {**ENV, "GIT_INDEX_FILE": os.fspath(index)}
    began = time.perf_counter()
    git(repo.top, "status", "-z")
    git(repo.top, "add", "-A", env=env)
    tree = git(repo.top, "write-tree", env=env)
    commit = git(repo.top, "commit-tree", tree, "-p", "HEAD", "-m", "bare", env=env)
    git(repo.top, "update-ref", "refs/bare/1", commit)
    return time.perf_counter() - began


async def ours(repo: Repo, parent: str | None) -> tuple[float, str]:
    """(seconds, commit) of a snapshot."""
    began = time.perf_counter()
    taken = await take(repo, ref="refs/zwarm/bench", message="ours", parent=parent)
    return time.perf_counter() - began, taken.commit


def measure(repo: Repo) -> tuple[float, float]:
    """(ours, bare): median seconds, taken in turns so that both meet the same machine."""
    index = repo.git_dir / "bare-index"
    shutil.copy2(repo.git_dir / "index", index)
    parent: str | None = None
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(ROUNDS + 1):
        change(repo.top, f"a{number}")
        second = bare(repo, index)
        change(repo.top, f"b{number}")
        first, parent = asyncio.run(ours(repo, parent))
        if number:  # the first ones read what has never been read
            times[0].append(first)
            times[1].append(second)
    return statistics.median(times[0]), statistics.median(times[1])


def run() -> tuple[float, dict[str, str]]:
    ratios, notes = [], {}
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            mine, theirs = measure(repository(Path(folder).resolve(), size))
        ratios.append(mine / theirs)
        notes[f"{size}"] = f"{mine * 1000:.0f} / {theirs * 1000:.0f} ms"
    return max(ratios), notes
