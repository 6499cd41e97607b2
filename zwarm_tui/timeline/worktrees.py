"""The worktrees that branches and sessions were given: which there are, what they hold,
and removing one that nobody needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ConfirmationNeededError, GitError, UsageError
from zwarm_tui.git import worktree
from zwarm_tui.git.repo import Repo, find
from zwarm_tui.git.worktree import Loss
from zwarm_tui.store.log import Store
from zwarm_tui.store.places import Worktree
from zwarm_tui.store.reader import Reader
from zwarm_tui.timeline.snapshots import Snapshots, Tree

Json = dict[str, Any]


async def listing(reader: Reader, project: Path, max_untracked_bytes: int) -> list[Json]:
    """[{"path", "branch", "session", "used", "running", "missing", "holds", "setup"}], oldest
    first. `used`: a branch works there; `running`: a turn does, now; `holds` says what it
    has beyond what it was made from, None where that is nothing. Starts no engine."""
    names = {b.id: b.name for b in reader.branches()}
    repo = await find(project)
    found = []
    for one in _there(reader):
        missing = not Path(one.path).is_dir()
        lost = None
        if repo is not None and not missing:
            lost = await _loss(repo, one, max_untracked_bytes)
        found.append(
            {
                "path": one.path,
                "branch": names.get(one.branch),
                "session": one.session or None,
                "used": one.state == "made",
                "running": bool(_running(reader, one)),
                "missing": missing,
                "holds": str(lost) if lost else None,
                "setup": one.problem,
            }
        )
    return found


class Removal:
    """Removes them: never one that is in use, and one that holds anything only where the
    person insists; then a snapshot of it is kept."""

    def __init__(self, store: Store, reader: Reader, snapshots: Snapshots, project: Path) -> None:
        self._store, self._reader = store, reader
        self._snapshots, self._project = snapshots, project

    async def remove(self, which: str, *, force: bool, dry_run: bool) -> Json:
        """`which` is a path, a branch's name or a session's id. {"path", "branch", "session",
        "removed", "stays": why it does without `force` | None, "goes": {"files": [paths],
        "uncovered": [{path, why}], "commits": [texts]}, "kept": commit | None}; ignored
        files in it go as well."""
        one = self._find(which)
        name = next(b.name for b in self._reader.branches() if b.id == one.branch)
        if running := _running(self._reader, one):
            raise UsageError(f"{', '.join(running)} still runs in {one.path}: it stays")
        position = self._reader.position()
        if (
            not one.session
            and one.state == "made"
            and position.branch == one.branch
            and not position.detached
        ):
            raise UsageError(f"{one.path} is where the current branch works: go to another one first")
        repo = await find(self._project)
        if repo is None:
            raise UsageError(f"no git repository: {self._project}")
        limit = self._snapshots.max_untracked_bytes
        lost = await _loss(repo, one, limit) if Path(one.path).is_dir() else None
        answer: Json = {
            "path": one.path,
            "branch": name,
            "session": one.session or None,
            "removed": False,
            "stays": str(lost) if lost and not force else None,
            "goes": _goes(lost),
            "kept": None,
        }
        if dry_run:
            return answer
        if lost and not force:
            raise ConfirmationNeededError(
                f"{one.path} stays, since it holds what nothing else does: {lost}. Commit or adopt it first, "
                "or insist (--force): then a snapshot of its files is kept"
            )
        if lost:
            ref = f"refs/zwarm/removed/{Path(one.path).name}"
            kept = await self._snapshots.one(
                Tree("removed", Path(one.path), False), ref, f"{one.path}, removed"
            )
            if kept["commit"] is None:
                raise GitError(f"{one.path} stays: its files could not be kept: {kept['problem']}")
            answer["kept"] = kept["commit"]
        if Path(one.path).is_dir():
            await worktree.remove(
                repo, Path(one.path), began=one.snapshot, force=bool(lost), max_untracked_bytes=limit
            )
        await self._store.commit(
            e.Record(e.WorktreeGone(one.path, "removed by the person"), branch=one.branch)
        )
        return {**answer, "removed": True}

    def _find(self, which: str) -> Worktree:
        there = _there(self._reader)
        ids = {b.name: b.id for b in self._reader.branches()}
        path = str(Path(which).expanduser().absolute())
        for one in reversed(there):
            if path == one.path or which == one.session:
                return one
            if not one.session and one.branch == ids.get(which):
                return one
        raise UsageError(f"no worktree '{which}' (zwarm-tui worktrees shows them)")


def _there(reader: Reader) -> list[Worktree]:
    return [w for w in reader.places().worktrees if w.state in ("made", "left")]


def _running(reader: Reader, one: Worktree) -> list[str]:
    """Sessions whose turns run there."""
    if one.state != "made":
        return []
    own = {w.session for w in _there(reader) if w.session and w.branch == one.branch}
    turns = [t for t in reader.unfinished() if t.branch == one.branch]
    return sorted(
        {t.session for t in turns if (t.session == one.session if one.session else t.session not in own)}
    )


async def _loss(repo: Repo, one: Worktree, limit: int) -> Loss:
    return await worktree.loss(repo, Path(one.path), began=one.snapshot, max_untracked_bytes=limit)


def _goes(lost: Loss | None) -> Json:
    if lost is None:
        return {"files": [], "uncovered": [], "commits": []}
    return {
        "files": [delta.path for delta in lost.files],
        "uncovered": [{"path": u.path, "why": u.why} for u in lost.uncovered],
        "commits": list(lost.commits),
    }
