"""Where branches and sessions work: the person's checkout, or worktrees of their own."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

from zwarm_tui.core.model import SessionView
from zwarm_tui.core.value import Value, value


@value(kw_only=True)
class Worktree(Value):
    """One that was made for a branch, or for one `session` on it. `state`: "begun" (not
    whole yet), "made", "left" (its branch works elsewhere now) or "gone" (removed). It was
    made from the commit `snapshot` at the commit `head`. `ready`: its set-up was run;
    `problem` is why that failed."""

    path: str
    branch: int
    session: str
    snapshot: str
    head: str | None
    checkout: str
    state: str
    ready: bool
    problem: str | None


@dataclass(frozen=True, slots=True)
class Places:
    """All worktrees there ever were, oldest first, and the branch that works in the
    person's checkout."""

    worktrees: tuple[Worktree, ...] = ()
    checkout_branch: int = 1

    def of_branch(self, branch: int) -> Worktree | None:
        """The worktree that a branch works in; None: the checkout, or none yet."""
        return self._made(branch, "")

    def placed(self, branch: int) -> bool:
        """Has the branch a place to work in?"""
        return branch == self.checkout_branch or self.of_branch(branch) is not None

    def of_session(self, session: str, line: Sequence[int]) -> Worktree | None:
        """A session's own worktree as a line of branches has it: the last one."""
        for branch in reversed(line):
            if found := self._made(branch, session):
                return found
        return None

    def map(self, path: str, branch: int) -> str:
        """A path of any branch's files, as the place of `branch` has it. Other paths, and
        those of a session's own worktree, stay what they are."""
        rooted = [w for w in self.worktrees if not w.session]
        if not rooted or not self.placed(branch):
            return path
        own = self.of_branch(branch)
        root = own.path if own else rooted[0].checkout
        for candidate in (path, os.path.realpath(path)):
            if any(w.session and _within(candidate, w.path) for w in self.worktrees):
                return path
            inside = [
                old for old in {rooted[0].checkout, *(w.path for w in rooted)} if _within(candidate, old)
            ]
            if inside:
                return _moved(candidate, max(inside, key=len), root)
        return path

    def seen(self, view: SessionView, line: Sequence[int]) -> SessionView:
        """A session with the folder that it works in on this line."""
        if view.settings.get("worktree"):
            own = self.of_session(view.id, line)
            if own is None or view.worktree is None:
                return view
            folder = _moved(view.working_dir, view.worktree, own.path)
            return replace(view, worktree=own.path, working_dir=folder)
        root = self.of_branch(line[-1])
        mapped = self.map(view.working_dir, line[-1])
        return replace(view, worktree=root.path if root else None, working_dir=mapped)

    def _made(self, branch: int, session: str) -> Worktree | None:
        if not session and branch == self.checkout_branch:
            return None
        for one in reversed(self.worktrees):
            if (one.branch, one.session, one.state) == (branch, session, "made"):
                return one
        return None


def read(db: sqlite3.Connection) -> Places:
    """What the log says of them."""
    rows = db.execute(
        "SELECT path, branch, session, snapshot, head, checkout, state, ready, problem FROM worktrees ORDER BY seq"
    )
    owner = db.execute("SELECT value FROM meta WHERE key = 'checkout'").fetchone()
    made = tuple(
        Worktree(
            path=r[0],
            branch=r[1],
            session=r[2],
            snapshot=r[3],
            head=r[4],
            checkout=r[5],
            state=r[6],
            ready=bool(r[7]),
            problem=r[8],
        )
        for r in rows
    )
    return Places(made, owner[0] if owner else 1)


def _within(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def _moved(path: str, old: str, new: str) -> str:
    return os.path.normpath(os.path.join(new, os.path.relpath(path, old)))
