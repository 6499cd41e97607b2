"""Time travel: checkpoints are pointers into the log, branches are lines through it.

A checkpoint's place in the log says everything: of its branch, it holds the turns
that had ended by then, and the snapshots of its files. So recording one costs what
changed since the last one, and jumping moves one row. A branch begins when something
new is said at a checkpoint that has a future: it gets a worktree with the files of then.
The line it leaves stays whole, with its files, its threads and its costs.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from zwarm_tui.config.settings import CheckpointSettings
from zwarm_tui.core import events as e
from zwarm_tui.core.checkpoints import Checkpoint
from zwarm_tui.core.errors import ConfirmationNeededError, GitError, UsageError
from zwarm_tui.core.model import SessionView, TurnView
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.sessions.turn import Turn
from zwarm_tui.store.log import Store
from zwarm_tui.store.reader import Reader
from zwarm_tui.timeline.files import BranchFiles
from zwarm_tui.timeline.in_place import Checkout
from zwarm_tui.timeline.preview import Preview
from zwarm_tui.timeline.returned import told
from zwarm_tui.timeline.snapshots import Snapshots, commits_of, summary
from zwarm_tui.timeline.tree import Target, branch_view, changed, checkpoint, last, load, pointer, target

Json = dict[str, Any]
RUNNING = ("wait", "interrupt", "leave")
LONGEST_NAME = 64
"""Characters in the name of a checkpoint."""
PRUNE_EVERY = 25
"""Checkpoints between two looks for old snapshots."""


class Timeline:
    """The project's tree of checkpoints and its one current position."""

    def __init__(
        self,
        store: Store,
        reader: Reader,
        sessions: CodexSessionManager,
        *,
        project: Path,
        settings: CheckpointSettings | None = None,
    ) -> None:
        self._store, self._reader, self._sessions = store, reader, sessions
        self.project = project
        self.snapshots = Snapshots(project, settings or CheckpointSettings())
        self.files = BranchFiles(reader, sessions, self.snapshots, project)
        self.checkout = Checkout(store, reader, sessions, project)
        self._preview = Preview(reader, sessions, self.snapshots, self.files)
        self._one = asyncio.Lock()
        self._unsure = False
        """Something could not be written, and may yet be: then the log says where we are."""
        self.tree = load(reader)
        sessions.move(reader.position().branch)
        sessions.set_returned(self._returned)

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """One change of the timeline at a time, each from what the log says."""
        async with self._one:
            if self._unsure:
                self._reload()
            yield

    def _reload(self) -> None:
        self.tree = load(self._reader)
        self._sessions.move(self._reader.position().branch)
        self._unsure = False

    # -- recording ------------------------------------------------------------------

    async def record(
        self, description: str, *, branch: int | None = None, metadata: Json | None = None
    ) -> Checkpoint:
        """Take a checkpoint at the tip of a branch (the current one by default)."""
        async with self._alone():
            return await self._record(description, branch or self._reader.position().branch, metadata)

    async def _record(self, description: str, branch: int, metadata: Json | None = None) -> Checkpoint:
        parent, since = last(self._reader, branch)
        # What ends while the files are captured is of the next checkpoint.
        log = self._reader.last_seq()
        ended = [t for t in self._reader.ended(branch, since) if (t.end_seq or 0) <= log]
        number = self.tree.next_id
        trees = self.files.trees(branch, since)
        files = await self.snapshots.take(
            number, f"T{number}: {description}", trees, self.files.known(parent)
        )
        state = {
            "branch": branch,
            "log": log,
            "sessions": {t.session: pointer(t) for t in ended},
            "files": files,
        }
        here = self.tree.current()
        self.tree.goto(parent)
        taken = self.tree.record(
            description, state, {**(metadata or {}), "branch": branch, "files": summary(files)}
        )
        if branch != self._reader.position().branch and here is not None:
            self.tree.goto(here.checkpoint_id)  # a branch that was left, and still grows
        event = e.CheckpointTaken(
            checkpoint=taken.checkpoint_id,
            label=taken.label,
            description=description,
            parent=parent,
            time=taken.timestamp,
            state=state,
            metadata=taken.metadata,
        )
        await self._commit(event, branch=branch)
        if number % PRUNE_EVERY == 0:
            await self._prune()
        return taken

    def changed(self, branch: int) -> bool:
        """Did a turn end on the branch since its last checkpoint?"""
        return changed(self._reader, branch)

    async def prune(self) -> list[str]:
        """Drop the refs of old snapshots, but none that a branch needs."""
        async with self._alone():
            return await self._prune()

    async def _prune(self) -> list[str]:
        needed: set[str] = set()
        for view in self._reader.branches():
            for one in (view.tip, view.checkpoint):
                needed |= commits_of(self.files.held(one))
        needed |= {w.snapshot for w in self._reader.places().worktrees if w.state != "gone"}
        return await self.snapshots.prune(needed)

    async def remove_worktree(self, which: str, *, force: bool, dry_run: bool) -> Json:
        """See `timeline.worktrees.Removal.remove`."""
        from zwarm_tui.timeline.worktrees import Removal  # seldom needed

        removal = Removal(self._store, self._reader, self.snapshots, self.project)
        async with self._alone():
            return await removal.remove(which, force=force, dry_run=dry_run)

    async def recover(self) -> list[str]:
        """Finish or take back what a dead engine left half done. What was done about it."""
        told = await self._sessions.worktrees.recover()
        return [*await self.checkout.recover(), *told]

    # -- travelling -----------------------------------------------------------------

    async def preview(self, label: str, *, in_place: bool = False) -> Json:
        """What a jump would do; changes nothing."""
        await self._sessions.beside.quiet()
        to = target(self._reader, label)
        return await self._preview.of(to, self._next_name(), in_place=in_place)

    async def goto(self, label: str, *, running: str | None = None, in_place: bool = False) -> Json:
        """Jump. Where turns run on the branch to be left, `running` says whether to
        wait for them, interrupt them, or leave them running there. With `in_place` the
        files are put into the person's checkout, after a safety checkpoint."""
        if running is not None and running not in RUNNING:
            raise UsageError(f"running is one of {', '.join(RUNNING)}")
        await self._sessions.beside.quiet()
        here = self._reader.position()
        to = target(self._reader, label)  # an unknown label stops nothing
        turns = self._sessions.running(here.branch) if not here.detached else []
        if in_place:
            await self.checkout.repo()
            left = {here.branch} if running in ("wait", "interrupt") and not here.detached else set()
            self.checkout.check_quiet(*({self.checkout.branch, to.branch} - left))
        if turns and running is None:
            names = ", ".join(t.session for t in turns)
            raise ConfirmationNeededError(
                f"{names} still runs here: wait for it, interrupt it, or leave it running"
            )
        if running == "interrupt":
            for t in turns:
                with contextlib.suppress(
                    UsageError
                ):  # it has ended meanwhile, as a stage's does with its run
                    await self._sessions.interrupt(t.session)
        elif running == "wait":
            await asyncio.gather(*(self._sessions.wait(t.session) for t in turns))
        async with self._alone():
            here = self._reader.position()
            if not here.detached and self.changed(here.branch):
                await self._record(f"before the jump to {label}", here.branch)
            to = target(self._reader, label)
            if in_place:
                return await self._in_place(to)
            await self._move(to.branch, to.checkpoint)
            return {"label": to.label, "branch": branch_view(self._reader, to.branch).name}

    async def _in_place(self, to: Target) -> Json:
        """Put the files of a place into the person's checkout, and go there with them."""
        owner = self.checkout.branch
        self.checkout.check_quiet(owner, to.branch)
        named = branch_view(self._reader, to.branch).name
        if to.checkpoint is None and to.branch == owner:
            await self._move(owner, None)  # they are there
            return {"label": to.label, "branch": named, "safety": None}
        if to.checkpoint is None and await self.files.differ(to.branch):
            await self._record(f"before {named} moves into the checkout", to.branch)
        at = branch_view(self._reader, to.branch).tip if to.checkpoint is None else to.checkpoint
        goal, why = await self.files.root_of(at)
        if goal is None:
            raise UsageError(f"{to.label} holds no files ({why}): nothing was changed")
        safety = await self._record(f"before {to.label} is put into the checkout", owner)
        root = safety.state["files"]["root"] or {}
        if not root.get("commit"):
            raise GitError(f"nothing was changed, since {safety.label} could not hold your files")
        await self.checkout.change(root, goal)
        ended = e.RestoreEnded(root["path"])
        if to.checkpoint is None:
            own = self._reader.places().of_branch(to.branch)
            left = [e.WorktreeGone(own.path, "its branch works in the checkout", kept=True)] if own else []
            await self._commit(*left, e.CheckoutTaken(to.branch), e.Moved(to.branch), ended, branch=to.branch)
            self._reload()
            return {"label": to.label, "branch": named, "safety": safety.label}
        named = self._next_name()
        await self._begin_branch(named, to.checkpoint, taken=(ended,))
        return {"label": to.label, "branch": named, "safety": safety.label}

    async def settle(self, *, confirm: bool = False) -> int:
        """Called before anything new is said: where the position is in the past, a
        branch begins there, with files of its own. Returns the branch that the new turn
        belongs to. `ConfirmationNeededError`: the checkpoint has no files; with `confirm`
        the branch begins with those of now."""
        await self._sessions.beside.quiet()
        async with self._alone():
            here = self._reader.position()
            await self._at_root()
            if here.detached:
                return await self._fork(self._next_name(), here.checkpoint, confirm=confirm)
            await self._ensure(here.branch, confirm=confirm)
            return here.branch

    async def ensure(self, branch: int) -> None:
        """See to it that a branch that is there has its files."""
        async with self._alone():
            await self._ensure(branch, confirm=False)

    async def branch(self, name: str, *, start: str | None = None, confirm: bool = False) -> Json:
        """A new branch at the current place or at a checkpoint; goes there."""
        name = self._free(name)
        if start is not None:
            await self.goto(start, running="leave")
        async with self._alone():
            here = self._reader.position()
            await self._at_root()
            if not here.detached and (self.changed(here.branch) or await self.files.differ(here.branch)):
                await self._record(f"before branch {name}", here.branch)
                here = self._reader.position()
            branch = await self._fork(name, here.checkpoint, confirm=confirm)
            return {"branch": name, "id": branch, "from": self.tree.label_for(here.checkpoint)}

    async def rename(self, old: str, new: str) -> Json:
        """Give a branch another name."""
        async with self._alone():
            found = next((b for b in self._reader.branches() if b.name == old), None)
            if found is None:
                raise UsageError(f"no branch '{old}'")
            await self._commit(e.BranchRenamed(found.id, self._free(new)))
            return {"branch": new}

    async def name(self, label: str, name: str) -> Json:
        """A name beside a checkpoint's label; "" takes it away. {label, name}."""
        async with self._alone():
            found, name = checkpoint(self._reader, label), " ".join(name.split())
            if len(name) > LONGEST_NAME or re.fullmatch(r"(?i)root|T\d+", name):
                raise UsageError(
                    f"'{name[:80]}' can't name a checkpoint: {LONGEST_NAME} characters at most (not root, not a label)"
                )
            taken = next((c for c in self._reader.checkpoints() if name and c.name == name), None)
            if taken is not None and taken.id != found.id:
                raise UsageError(f"{taken.label} has the name '{name}' already: choose another one")
            if any(b.name == name for b in self._reader.branches()):
                raise UsageError(
                    f"there is a branch '{name}', which the name would lead to: choose another one"
                )
            await self._commit(e.CheckpointNamed(found.id, name), branch=found.branch)
            return {"label": found.label, "name": name}

    async def note(self, label: str, text: str) -> Json:
        """What to remember of a checkpoint; "" takes it away. {label, note}."""
        async with self._alone():
            found, text = checkpoint(self._reader, label), text.strip()
            await self._commit(e.CheckpointNoted(found.id, text), branch=found.branch)
            return {"label": found.label, "note": text}

    async def _fork(self, name: str, at: int, *, confirm: bool) -> int:
        """Begin a branch at a checkpoint: its files are made first, then one transaction
        makes it be and goes there."""
        new = max(b.id for b in self._reader.branches()) + 1
        made = await self.files.begin(new, name, at, confirm=confirm)
        return await self._begin_branch(name, at, made=made)

    async def _begin_branch(
        self, name: str, at: int, *, made: Sequence[e.Event] = (), taken: Sequence[e.Event] = ()
    ) -> int:
        """The transaction: with a worktree that was `made` for it, or (`taken` being the end
        of putting its files there) in the person's checkout."""
        new, line = max(b.id for b in self._reader.branches()) + 1, self._reader.path_at(at)
        created = e.BranchCreated(branch=new, name=name, parent=line[-1][0], checkpoint=at, cut=line[-1][1])
        owner = [e.CheckoutTaken(new)] if taken else []
        await self._commit(created, *made, *owner, e.Moved(new), *taken, branch=new)
        self.tree.goto(at)
        self._sessions.move(new)
        return new

    async def _move(self, branch: int, checkpoint: int | None) -> None:
        await self._commit(e.Moved(branch, checkpoint), branch=branch)
        self.tree.goto(branch_view(self._reader, branch).tip if checkpoint is None else checkpoint)
        self._sessions.move(branch)

    async def _ensure(self, branch: int, *, confirm: bool) -> None:
        if made := await self.files.ensure(branch, confirm=confirm):
            await self._commit(*made, branch=branch)

    async def _at_root(self) -> None:
        """Before the first turn: what the files are like, for who goes back to the root."""
        if len(self.tree) or self._reader.checkpoints() or self.files.held(0):
            return
        files = await self.snapshots.take(0, "before the first checkpoint", self.files.trees(1, 0), {})
        if files["problem"] is None:
            await self._commit(e.FilesAtRoot(files))

    async def _returned(self, view: SessionView, turn: Turn, before: TurnView) -> str | None:
        branch = branch_view(self._reader, turn.branch)
        return await told(self._reader, self.snapshots, view, branch, before)

    # -- helpers --------------------------------------------------------------------

    def _next_name(self) -> str:
        names = {b.name for b in self._reader.branches()}
        n = len(names) + 1
        while f"branch-{n}" in names:
            n += 1
        return f"branch-{n}"

    def _free(self, name: str) -> str:
        name = name.strip()
        if not re.fullmatch(r"[A-Za-z0-9][\w./-]{0,63}", name) or re.fullmatch(r"(?i)root|T\d+", name):
            raise UsageError(
                f"'{name}' can't name a branch: letters, digits and - _ . / (not root, not a checkpoint's label)"
            )
        if any(b.name == name for b in self._reader.branches()):
            raise UsageError(f"there is a branch '{name}' already: goto it, or choose another name")
        if taken := next((c for c in self._reader.checkpoints() if c.name == name), None):
            raise UsageError(
                f"{taken.label} has the name '{name}', which would lead to it no more: choose another"
            )
        return name

    async def _commit(self, *events: e.Event, branch: int = 1) -> None:
        try:
            await self._store.commit(*(e.Record(event, branch=branch) for event in events))
        except BaseException:
            self._unsure = True
            raise
