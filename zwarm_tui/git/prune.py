"""Dropping the refs of old snapshots; git's own garbage collection does the rest."""

from __future__ import annotations

import time
from collections.abc import Collection

from zwarm_tui.git.command import git
from zwarm_tui.git.repo import Repo, alone
from zwarm_tui.git.snapshot import REFS, unlock

_FORMAT = "%(objectname) %(committerdate:unix) %(refname)"


async def prune(
    repo: Repo, *, keep: Collection[str], count: int, age: float, prefix: str = REFS
) -> list[str]:
    """Drop the snapshots' refs under `prefix` beyond the `count` newest, and those older
    than `age` seconds, except what `keep` names (refs or commit ids). All or none; the
    dropped refs, newest first."""
    async with alone(repo):
        out = await git(repo.top, "for-each-ref", "--sort=-committerdate", f"--format={_FORMAT}", prefix)
        oldest = time.time() - age
        kept = frozenset(keep)
        dropped, commands = [], []
        for place, line in enumerate(out.decode(errors="surrogateescape").splitlines()):
            commit, date, ref = line.split(" ", 2)
            if (place >= count or int(date) < oldest) and ref not in kept and commit not in kept:
                dropped.append(ref)
                unlock(repo, ref)
                commands.append(f"delete {ref}\0{commit}\0")
        if commands:
            await git(
                repo.top,
                "update-ref",
                "-z",
                "--stdin",
                stdin="".join(commands).encode(errors="surrogateescape"),
            )
        return dropped
