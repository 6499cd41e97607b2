"""The files of branches: which snapshot each begins with, and the worktree made of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ConfirmationNeededError, GitError
from zwarm_tui.git.repo import commits
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.store.reader import Reader
from zwarm_tui.timeline.snapshots import ROOT, Snapshots, Tree, by_name

Json = dict[str, Any]


class BranchFiles:
    """Builds what a branch needs before anything is said on it."""

    def __init__(
        self, reader: Reader, sessions: CodexSessionManager, snapshots: Snapshots, project: Path
    ) -> None:
        self._reader, self._sessions, self._snapshots = reader, sessions, snapshots
        self._project = project

    def folder(self, branch: int) -> Path:
        """Where a branch works."""
        own = self._reader.places().of_branch(branch)
        return Path(own.path) if own else self._project

    def held(self, checkpoint: int) -> Json:
        """What a checkpoint has of files; {} for one from before there were any."""
        found: Json = self._reader.checkpoint_state(checkpoint).get("files") or {}
        return found

    async def root_of(self, checkpoint: int) -> tuple[Json | None, str | None]:
        """(F of the branch's own work tree, None) or (None, why there is none)."""
        files = self.held(checkpoint)
        root = files.get("root")
        if root is None:
            return None, files.get("problem") or "it was taken without files"
        if root["commit"] is None:
            return None, root["problem"]
        repo = await self._snapshots.repo()
        if repo is None or (await commits(repo.top, root["commit"]))[0] is None:
            return None, "its snapshot was pruned ([checkpoints] keep and days in config.toml)"
        return root, None

    def trees(self, branch: int, since: int) -> list[Tree]:
        """The work trees of a branch that its next checkpoint has to look at: its own,
        which a person may have changed too, and those of sessions that were at work."""
        places = self._reader.places()
        running = {t.session for t in self._sessions.running(branch) if t.running and t.watched}
        own = {
            w.session: w for w in places.worktrees if w.branch == branch and w.state == "made" and w.session
        }
        active = running | {t.session for t in self._reader.ended(branch, since)}
        found = [Tree(s, Path(w.path), s in running) for s, w in own.items() if s in active]
        if places.placed(branch) or not places.worktrees:
            found.append(Tree(ROOT, self.folder(branch), bool(running - set(own))))
        return found

    async def now(self, branch: int) -> Json | None:
        """F of a branch's files as they are now, without a checkpoint: with the same commit
        as the last one's where they did not change. None where there is no repository."""
        if await self._snapshots.repo() is None or not self._reader.places().placed(branch):
            return None
        tip = next(b for b in self._reader.branches() if b.id == branch).tip
        was = (self.held(tip).get("root") or {}).get("commit")
        tree = Tree(ROOT, self.folder(branch), busy=bool(self._sessions.running(branch)))
        return await self._snapshots.one(tree, f"refs/zwarm/now/{branch}", "as it is now", was)

    async def differ(self, branch: int) -> bool:
        """Do a branch's files differ from those of its last checkpoint?"""
        now = await self.now(branch)
        tip = next(b for b in self._reader.branches() if b.id == branch).tip
        return now is not None and now["commit"] != (self.held(tip).get("root") or {}).get("commit")

    async def begin(self, branch: int, name: str, checkpoint: int, *, confirm: bool) -> list[e.Event]:
        """Make the worktree of a branch that begins at a checkpoint. The events that put it
        to use, for the transaction in which the branch begins; none where there is no
        repository. `ConfirmationNeededError`: the checkpoint has no files."""
        if await self._snapshots.repo() is None:
            return []
        root, why = await self.root_of(checkpoint)
        if root is None:
            root = await self._as_they_are(branch, checkpoint, why or "", confirm=confirm)
        worktrees = self._sessions.worktrees
        repo = await worktrees.repo(self._project)
        path = worktrees.plan(name)
        return [await worktrees.build(repo, path, branch=branch, commit=root["commit"], head=root["head"])]

    async def ensure(self, branch: int, *, confirm: bool) -> list[e.Event]:
        """The same for a branch that is there and has no place to work in (any more)."""
        places = self._reader.places()
        own = places.of_branch(branch)
        if branch == places.checkout_branch or (own is not None and Path(own.path).is_dir()):
            return []
        view = next(b for b in self._reader.branches() if b.id == branch)
        if own is None and not self.held(view.tip).get("root"):
            return []  # it began where there was no repository: it shares the checkout
        made = await self.begin(branch, view.name, view.tip, confirm=confirm)
        return [*([e.WorktreeGone(own.path, "its folder is gone")] if own else []), *made]

    async def _as_they_are(self, branch: int, checkpoint: int, why: str, *, confirm: bool) -> Json:
        """Of a checkpoint without files: those of now, where the person wants that."""
        at = f"T{checkpoint}" if checkpoint else "the root"
        if not confirm:
            raise ConfirmationNeededError(
                f"{at} holds no files ({why}): confirm to begin there with the files as they are now"
            )
        tree = Tree(ROOT, self.folder(self._reader.path_at(checkpoint)[-1][0]), busy=False)
        now = await self._snapshots.one(
            tree, f"refs/zwarm/branches/{branch}", f"where branch {branch} begins"
        )
        if now["commit"] is None:
            raise GitError(f"the files as they are now can't be captured either: {now['problem']}")
        return now

    def known(self, checkpoint: int) -> Mapping[str, Json]:
        """A checkpoint's F by the name of its work tree."""
        return by_name(self.held(checkpoint))
