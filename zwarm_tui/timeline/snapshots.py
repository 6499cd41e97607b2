"""The files of the swarm's work trees, as commits that checkpoints point to.

What a checkpoint holds of files is `{"root": F | None, "sessions": {id: F}, "problem"}`;
`problem` says why there are none at all. F is one work tree: `{"path", "commit", "head",
"mid_turn", "uncovered": [{"path", "why"}], "problem"}`; its commit is None where the
files could not be captured, and `problem` says why.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zwarm_tui.config.settings import CheckpointSettings
from zwarm_tui.core.errors import GitError, UsageError
from zwarm_tui.git import prune, snapshot
from zwarm_tui.git.repo import Repo, find

Json = dict[str, Any]
REFS = f"{snapshot.REFS}checkpoints/"
ROOT = "root"

_SHOWN = 20
"""Uncovered paths of one work tree that a checkpoint names; the rest is counted."""

_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Tree:
    """A work tree to capture: ROOT or a session's id, its folder, what runs in it now."""

    name: str
    folder: Path
    busy: bool


class Snapshots:
    """Takes them, and drops the old ones. One at a time a repository (`git` sees to it)."""

    def __init__(self, project: Path, settings: CheckpointSettings) -> None:
        self._project, self._settings = project, settings
        self._known: dict[Path, Repo] = {}

    @property
    def max_untracked_bytes(self) -> int:
        return int(self._settings.max_untracked_mb * 2**20)

    async def repo(self, folder: Path | None = None) -> Repo | None:
        """The repository of a folder (the project by default), None if there is none.
        Raises as `git.repo.find` does."""
        folder = folder or self._project
        if folder not in self._known:
            if not any((above / ".git").exists() for above in (folder.resolve(), *folder.resolve().parents)):
                return None  # no git is run for it: it may become a repository at any time
            found = await find(folder)
            if found is None:
                return None
            self._known[folder] = found
        return self._known[folder]

    async def why_none(self) -> str | None:
        """Why the project's files are in no checkpoint; None where they are."""
        try:
            found = await self.repo()
        except (GitError, UsageError) as error:
            return str(error)
        return None if found else f"no git repository: {self._project}"

    async def take(
        self, checkpoint: int, message: str, trees: Iterable[Tree], before: Mapping[str, Json]
    ) -> Json:
        """Capture work trees for a checkpoint; `before` is what the last one had of each
        tree by name, and stands for those that `trees` leaves out."""
        if problem := await self.why_none():
            return {"root": None, "sessions": {}, "problem": problem}
        taken = dict(before)
        for tree in trees:
            ref = f"{REFS}{checkpoint}/{tree.name}"
            taken[tree.name] = await self.one(tree, ref, message, (before.get(tree.name) or {}).get("commit"))
        return {"root": taken.pop(ROOT, None), "sessions": taken, "problem": None}

    async def one(self, tree: Tree, ref: str, message: str, parent: str | None = None) -> Json:
        """One work tree now, as F, kept under `ref`."""
        none: Json = {"path": str(tree.folder), "commit": None, "head": None, "mid_turn": tree.busy}
        try:
            repo = await self.repo(tree.folder)
            if repo is None:
                raise UsageError(f"no git repository: {tree.folder}")
            limit = self.max_untracked_bytes
            taken = await snapshot.take(
                repo, ref=ref, message=message, parent=parent, max_untracked_bytes=limit
            )
        except (GitError, UsageError) as error:
            self._known.pop(tree.folder, None)
            return {**none, "uncovered": [], "problem": getattr(error, "cause", None) or str(error)}
        return {
            "path": str(repo.top),
            "commit": taken.commit,
            "head": taken.head,
            "mid_turn": tree.busy,
            "uncovered": _uncovered(taken.uncovered),
            "problem": None,
        }

    async def prune(self, keep: Collection[str]) -> list[str]:
        """Drop what the settings call old, but nothing of `keep` (commits)."""
        try:
            repo = await self.repo()
            if repo is None:
                return []
            age = self._settings.days * _DAY
            return await prune.prune(repo, keep=keep, count=self._settings.keep, age=age, prefix=REFS)
        except (GitError, UsageError):
            return []  # they stay a while longer

    async def holds(self, commit: str) -> bool:
        """Is a snapshot's commit still there?"""
        from zwarm_tui.git.repo import commits

        repo = await self.repo()
        return repo is not None and (await commits(repo.top, commit))[0] is not None


def by_name(files: Json | None) -> dict[str, Json]:
    """A checkpoint's F by the name of its work tree."""
    if not files:
        return {}
    found: dict[str, Json] = dict(files.get("sessions") or {})
    if files.get("root"):
        found[ROOT] = files["root"]
    return found


def commits_of(files: Json | None) -> set[str]:
    """The snapshot commits that a checkpoint points to."""
    return {f["commit"] for f in by_name(files).values() if f["commit"]}


def summary(files: Json) -> Json:
    """What a list of checkpoints says of files: {problem, mid_turn, uncovered}; the last
    counts what is neither ignored nor captured."""
    trees = by_name(files).values()
    problem = files["problem"] or next((f["problem"] for f in trees if f["problem"]), None)
    plain = sum(1 for f in trees for u in f["uncovered"] if u["why"] != IGNORED)
    return {"problem": problem, "mid_turn": any(f["mid_turn"] for f in trees), "uncovered": plain}


IGNORED = "ignored"


def _uncovered(found: Collection[snapshot.Uncovered]) -> list[Json]:
    first = sorted(found, key=lambda u: u.ignored)  # what nobody chose to leave out comes first
    shown = [{"path": u.path, "why": u.why} for u in first[:_SHOWN]]
    if len(first) > _SHOWN:
        shown.append(
            {"path": "…", "why": IGNORED if first[_SHOWN].ignored else f"{len(first) - _SHOWN} more"}
        )
    return shown
