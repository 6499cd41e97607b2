"""The worktrees that branches and sessions were given: which there are, what they hold,
and removing one that nobody needs."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from zwarm_tui.config.project import find_project
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ConfirmationNeededError, ConflictError, GitError, UsageError
from zwarm_tui.git import worktree
from zwarm_tui.git.adopt import merge
from zwarm_tui.git.command import git
from zwarm_tui.git.index import capture
from zwarm_tui.git.repo import Repo, alone, commits, find
from zwarm_tui.git.worktree import Loss
from zwarm_tui.store.log import Store
from zwarm_tui.store.places import Worktree
from zwarm_tui.store.reader import Reader
from zwarm_tui.timeline.snapshots import ROOT, Snapshots, Tree, by_name

Json = dict[str, Any]


async def listing(reader: Reader, project: Path, max_untracked_bytes: int) -> list[Json]:
    """[{"path", "branch", "session", "used", "running", "missing", "holds", "also", "setup",
    "git_branch"}], oldest first. `used`: a branch works there; `running`: a turn does, now; `holds` says
    what it has beyond what it was made from and nobody took over, None where that is
    nothing; `also` where else all its files are, None where that isn't known or there is
    none that changed. Last come those that commands made: their `git_branch` is given, and
    `used` and `running` are None, since only the command knows. Starts no engine."""
    names = {b.id: b.name for b in reader.branches()}
    repo = await find(project)
    found = []
    for one in _there(reader):
        missing = not Path(one.path).is_dir()
        lost, also = None, None
        if repo is not None and not missing:
            lost, also = await _held(reader, repo, one, max_untracked_bytes)
        found.append(
            {
                "path": one.path,
                "branch": names.get(one.branch),
                "session": one.session or None,
                "used": one.state == "made",
                "running": bool(_running(reader, one)),
                "missing": missing,
                "holds": str(lost) if lost else None,
                "also": also,
                "setup": one.problem,
                "git_branch": None,
            }
        )
    return (
        found if repo is None else [*found, *await _of_commands(reader, repo, project, max_untracked_bytes)]
    )


async def _of_commands(reader: Reader, repo: Repo, project: Path, limit: int) -> list[Json]:
    """Worktrees of the project that are no branch's and no session's."""
    known, found = {w.path for w in reader.places().worktrees}, []
    for tree in (await worktree.list_(repo))[1:]:
        path = str(tree.path)
        if path in known or tree.missing or tree.path == repo.top:  # which may be a linked one itself
            continue
        if find_project(tree.path) != project.resolve():
            continue
        lost = await worktree.loss(repo, tree.path, max_untracked_bytes=limit)
        branch = (tree.branch or "").removeprefix("refs/heads/") or None
        about: Json = {"path": path, "branch": None, "session": None, "used": None, "running": None}
        about |= {"missing": False, "holds": str(lost) if lost else None, "also": None, "setup": None}
        found.append(about | {"git_branch": branch})
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
        "uncovered": [{path, why}], "commits": [texts]}, "also": where else all its files
        are | None, "kept": commit | None}; ignored files in it go as well."""
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
        lost, also = None, None
        if Path(one.path).is_dir():
            lost, also = await _held(self._reader, repo, one, limit)
        answer: Json = {
            "path": one.path,
            "branch": name,
            "session": one.session or None,
            "removed": False,
            "stays": str(lost) if lost and not force else None,
            "goes": _goes(lost),
            "also": also,
            "kept": None,
        }
        if dry_run:
            return answer
        if lost and not force:
            why = (
                f"only {also} holds this besides"
                if also and lost.files
                else "it holds what nothing else does"
            )
            raise ConfirmationNeededError(
                f"{one.path} stays, since {why}: {lost}. Commit or adopt it first, "
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
            # What was looked at may go; where it changed meanwhile, it stays.
            began = lost.tree if lost is not None and also else one.snapshot
            await worktree.remove(
                repo, Path(one.path), began=began, force=bool(lost), max_untracked_bytes=limit
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
        raise UsageError(f"no worktree '{which}' of a branch or a session (zwarm-tui worktrees shows them)")


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


async def _held(reader: Reader, repo: Repo, one: Worktree, limit: int) -> tuple[Loss, str | None]:
    """What would go with it, and where else all its files are. They don't go where a git
    branch, or what lies in the checkout, has them."""
    lost = await worktree.loss(repo, Path(one.path), began=one.snapshot, max_untracked_bytes=limit)
    if not lost.files:
        return lost, None
    if where := await _taken_over(repo, one, lost.tree, limit):
        return replace(lost, files=()), where
    return lost, None if lost.uncovered or lost.commits else await _recorded(reader, repo, one, lost.tree)


async def _taken_over(repo: Repo, one: Worktree, tree: str, limit: int) -> str | None:
    """Who has all that was done to the files: certain, since a merge would change nothing."""
    listed = await git(repo.top, "for-each-ref", "--format=%(tree) %(refname:short)", "refs/heads")
    for line in listed.decode(errors="replace").splitlines():
        if line.startswith(f"{tree} "):
            return f"git branch {line.partition(' ')[2]}"
    [head] = await commits(repo.top, "HEAD")
    places = [(head.tree, f"commit {head.id[:10]}")] if head else []
    async with alone(repo):
        places.append(((await capture(repo, limit)).tree, "your checkout"))
        for ours, where in places:
            with contextlib.suppress(ConflictError):
                if await merge(repo, base=one.snapshot, ours=ours, theirs=tree) == ours:
                    return where
    return None


async def _recorded(reader: Reader, repo: Repo, one: Worktree, tree: str) -> str | None:
    """The label of the branch's last checkpoint, where that holds the same files."""
    tip = next(b.tip for b in reader.branches() if b.id == one.branch)
    held = by_name(reader.checkpoint_state(tip).get("files")).get(one.session or ROOT) or {}
    [found] = await commits(repo.top, held["commit"]) if held.get("commit") else [None]
    if found is None or found.tree != tree:
        return None
    return next(c.label for c in reader.checkpoints() if c.id == tip)


def _goes(lost: Loss | None) -> Json:
    if lost is None:
        return {"files": [], "uncovered": [], "commits": []}
    return {
        "files": [delta.path for delta in lost.files],
        "uncovered": [{"path": u.path, "why": u.why} for u in lost.uncovered],
        "commits": list(lost.commits),
    }
