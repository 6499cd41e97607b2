"""Worktrees of branches and of sessions: made so that the log knows of them before and
after, prepared once, and rebuilt on another branch from what its checkpoint holds.

What is made is written down first (`WorktreeBegun`), and used only once it is whole
(`WorktreeMade`). What a dead engine left between the two is taken away by `recover`.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from zwarm_tui.config.paths import data_dir
from zwarm_tui.config.project import claim
from zwarm_tui.config.settings import WorktreeSettings
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import GitError, UsageError, ZwarmError
from zwarm_tui.core.model import SessionView
from zwarm_tui.git import snapshot, worktree
from zwarm_tui.git.repo import Repo, find, left_alone
from zwarm_tui.sessions.setup import run_setup
from zwarm_tui.store.log import Store
from zwarm_tui.store.places import Worktree
from zwarm_tui.store.reader import Reader

Json = dict[str, Any]


class Worktrees:
    """All worktrees of a project. `project` is the person's checkout, or a folder in it."""

    def __init__(
        self,
        store: Store,
        reader: Reader,
        *,
        project: Path,
        settings: WorktreeSettings,
        max_untracked_bytes: int = snapshot.MAX_UNTRACKED_BYTES,
    ) -> None:
        self.project = project
        self._store, self._reader, self._settings = store, reader, settings
        self._limit = max_untracked_bytes
        self._preparing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    # -- names --------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """Where they lie: outside of the person's tree, unless the settings say so."""
        base = Path(self._settings.dir).expanduser() if self._settings.dir else data_dir() / "worktrees"
        top = self.project.resolve()
        return base.absolute() / f"{_slug(top.name)}-{hashlib.sha256(bytes(top)).hexdigest()[:8]}"

    def plan(self, name: str) -> Path:
        """A folder for a new one, that nothing ever had."""
        known = {w.path for w in self._reader.places().worktrees}
        path, number = self.folder / _slug(name), 1
        while str(path) in known or path.exists():
            number += 1
            path = self.folder / f"{_slug(name)}-{number}"
        return path

    # -- making -------------------------------------------------------------------------

    async def build(
        self, repo: Repo, path: Path, *, branch: int, session: str = "", commit: str, head: str | None
    ) -> e.WorktreeMade:
        """Make one from a snapshot; the event that puts it to use is the caller's to
        write. Nothing is left of one that could not be made. Raises as `git` does."""
        begun = e.WorktreeBegun(
            path=str(path),
            branch=branch,
            session=session,
            snapshot=commit,
            head=head,
            checkout=str(repo.top),
        )
        await self._write(begun, branch=branch)
        try:
            await worktree.add(repo, path, head=head, snapshot=commit)
            claim(path, self.project)
        except BaseException as error:
            gone = e.WorktreeGone(str(path), str(error) or type(error).__name__)
            self._store.append(e.Record(gone, branch=branch))
            if isinstance(error, Exception):
                await self._store.commit()
            raise
        return e.WorktreeMade(str(path))

    async def take_back(self, path: Path, branch: int, why: str) -> None:
        """Remove what `build` made, since it is not put to use after all."""
        checkout = next(w.checkout for w in self._reader.places().worktrees if w.path == str(path))
        await worktree.discard(await self.repo(Path(checkout)), path)
        await self._write(e.WorktreeGone(str(path), why), branch=branch)

    async def recover(self) -> list[str]:
        """Take away what a dead engine left half made. A sentence on each; what can't be taken
        away now (its git does not end, its repository is gone) is left to the next start."""
        told = []
        for one in [w for w in self._reader.places().worktrees if w.state == "begun"]:
            half = "a worktree that was not made to its end was"
            try:
                await left_alone(await self.repo(Path(one.checkout)))
                await self.take_back(Path(one.path), one.branch, "it was not made to its end")
            except (GitError, UsageError) as error:
                told.append(f"{half} not taken away, the next start tries again: {one.path} ({error})")
            else:
                told.append(f"{half} taken away: {one.path}")
        return told

    # -- before a turn --------------------------------------------------------------------

    async def prepare(self, view: SessionView, branch: int) -> list[str]:
        """See to it that a session's next turn on a branch has its folder. What the
        session should be told: a set-up that failed."""
        if view.settings.get("worktree"):
            place: Worktree | None = await self._own(view, branch)
        else:
            place = self._reader.places().of_branch(branch)
        if place is None:
            return []
        seen = self._reader.session(view.id, self._reader.path(branch))
        if seen is not None and Path(seen.working_dir).is_relative_to(place.path):
            Path(seen.working_dir).mkdir(parents=True, exist_ok=True)  # an empty folder is in no snapshot
        problem = await self._set_up(place)
        return [" ".join(problem.split())] if problem else []

    async def hand_over(self, session: str, heir: str, branch: int) -> Worktree | None:
        """A session's own worktree is another session's from now on, as it is; None where
        it has none."""
        own = self._reader.places().of_session(session, [branch])
        if own is None:
            return None
        begun = e.WorktreeBegun(
            path=own.path,
            branch=branch,
            session=heir,
            snapshot=own.snapshot,
            head=own.head,
            checkout=own.checkout,
        )
        ready = [e.WorktreeReady(own.path, own.problem)] if own.ready else []
        # At once: one that was only begun is taken for half made.
        await self._write(begun, e.WorktreeMade(own.path), *ready, branch=branch)
        return own

    async def _own(self, view: SessionView, branch: int) -> Worktree:
        """The worktree that a session has for itself on a branch, made where it lacks."""
        own = self._reader.places().of_session(view.id, [branch])
        if own is not None and Path(own.path).is_dir():
            return own
        origin = self._reader.places().map(str(view.settings["worktree"]), branch)
        repo = await self.repo(Path(origin))
        commit, head = await self._source(repo, view.id, branch)
        planned = Path(view.worktree) if view.worktree else None
        known = {w.path for w in self._reader.places().worktrees}
        if planned is None or str(planned) in known or planned.exists():
            planned = self.plan(f"session-{view.id}")
        made = await self.build(repo, planned, branch=branch, session=view.id, commit=commit, head=head)
        gone = [e.WorktreeGone(own.path, "its folder is gone")] if own is not None else []
        await self._write(*gone, made, branch=branch)
        found = self._reader.places().of_session(view.id, [branch])
        assert found is not None
        return found

    async def _source(self, repo: Repo, session: str, branch: int) -> tuple[str, str | None]:
        """(snapshot, HEAD) that a session's worktree begins with: what the branch's last
        checkpoint has of it, else the branch's files as they are now."""
        of_branch = next(b for b in self._reader.branches() if b.id == branch)
        files = self._reader.checkpoint_state(of_branch.tip).get("files") or {}
        if held := (files.get("sessions") or {}).get(session):
            if held["commit"] is None:
                raise GitError(f"the files of {session} are not in its checkpoint: {held['problem']}")
            return held["commit"], held["head"]
        ref = f"{snapshot.REFS}sessions/{session}/{branch}"
        message = f"where {session} begins"
        taken = await snapshot.take(repo, ref=ref, message=message, max_untracked_bytes=self._limit)
        return taken.commit, taken.head

    async def _set_up(self, place: Worktree) -> str | None:
        """Run the set-up command once in each worktree; why it failed, to the first who
        asks."""
        if self._settings.setup is None or place.ready:
            return None
        async with self._preparing[place.path]:
            if any(w.path == place.path and w.ready for w in self._reader.places().worktrees):
                return None
            problem = await run_setup(
                self._settings.setup, Path(place.path), timeout=self._settings.setup_timeout
            )
            await self._write(e.WorktreeReady(place.path, problem), branch=place.branch)
            return problem

    # -- helpers --------------------------------------------------------------------------

    async def repo(self, folder: Path) -> Repo:
        """The repository that a worktree of a folder is made of; `UsageError` where it
        can't have one."""
        try:
            repo = await find(folder)
        except ZwarmError as error:
            raise UsageError(f"no worktree can be made: {error}") from error
        if repo is None:
            raise UsageError(f"a worktree needs a git repository, and {folder} is in none")
        return repo

    async def _write(self, *events: e.Event, branch: int) -> None:
        await self._store.commit(*(e.Record(event, branch=branch) for event in events))


def _slug(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "worktree"
