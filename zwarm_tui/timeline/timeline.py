"""Time travel: checkpoints are pointers into the log, branches are lines through it.

A checkpoint's place in the log says everything: of its branch, it holds the turns
that had ended by then. So recording one costs what changed since the last one, and
jumping moves one row. A branch begins when something new is said at a checkpoint
that has a future; the line it leaves stays whole, with its threads and its costs.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zwarm_tui.config.settings import CheckpointSettings
from zwarm_tui.core import events as e
from zwarm_tui.core.checkpoints import Checkpoint, CheckpointManager
from zwarm_tui.core.errors import ConfirmationNeededError, UsageError
from zwarm_tui.core.model import BranchView, CheckpointView, TurnView
from zwarm_tui.core.model import Path as Line
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.store.log import Store
from zwarm_tui.store.reader import Reader
from zwarm_tui.timeline.snapshots import ROOT, Snapshots, Tree, by_name, summary

Json = dict[str, Any]
RUNNING = ("wait", "interrupt", "leave")
LONGEST_NAME = 64
"""Characters in the name of a checkpoint."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a jump leads: a checkpoint (0: the root), or with None a branch's tip."""

    branch: int
    checkpoint: int | None
    label: str
    path: Line


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
        self._lock = asyncio.Lock()
        self.tree = load(reader)
        sessions.move(reader.position().branch)

    # -- recording ------------------------------------------------------------------

    async def record(
        self, description: str, *, branch: int | None = None, metadata: Json | None = None
    ) -> Checkpoint:
        """Take a checkpoint at the tip of a branch (the current one by default)."""
        async with self._lock:
            return await self._record(description, branch or self._reader.position().branch, metadata)

    async def _record(self, description: str, branch: int, metadata: Json | None = None) -> Checkpoint:
        parent, since = self._last(branch)
        # What ends while the files are captured is of the next checkpoint.
        log = self._reader.last_seq()
        ended = [t for t in self._reader.ended(branch, since) if (t.end_seq or 0) <= log]
        number = self.tree.next_id
        files = await self.snapshots.take(
            number, f"T{number}: {description}", self._trees(branch), by_name(self._files_of(parent))
        )
        state = {
            "branch": branch,
            "log": log,
            "sessions": {t.session: _pointer(t) for t in ended},
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
        try:
            await self._commit(event, branch=branch)
        except BaseException:
            self.tree = load(self._reader)  # only what the log has ever was
            raise
        return taken

    def _trees(self, branch: int) -> list[Tree]:
        """The work trees of a branch that its next checkpoint has to look at."""
        busy = any(t.running and t.watched for t in self._sessions.running(branch))  # a run writes nothing
        return [Tree(ROOT, self.project, busy)]

    def _files_of(self, checkpoint: int) -> Json | None:
        if checkpoint == 0:
            return None
        files: Json | None = self._reader.checkpoint_state(checkpoint).get("files")
        return files

    def _last(self, branch: int) -> tuple[int, int]:
        """(id, seq) of the last checkpoint on a branch, or of its fork."""
        view = self._branch(branch)
        forked_only = view.tip == view.checkpoint  # its first checkpoint is still to come
        return view.tip, view.cut if forked_only else self._reader.checkpoint_seq(view.tip)

    def changed(self, branch: int) -> bool:
        """Did a turn end on the branch since its last checkpoint?"""
        return bool(self._reader.ended(branch, self._last(branch)[1]))

    # -- travelling -----------------------------------------------------------------

    def target(self, label: str) -> Target:
        """What a label ("T3", "root") or a branch's name leads to."""
        wanted = label.strip()
        for b in self._reader.branches():
            if b.name == wanted:
                return Target(b.id, None, b.name, self._reader.path(b.id))
        if wanted.lower() == "root":
            return Target(1, 0, "root", self._reader.path_at(0))
        try:
            found = self._checkpoint(wanted)
        except UsageError:
            raise UsageError(
                f"no checkpoint or branch '{wanted}' (zwarm-tui checkpoints shows them)"
            ) from None
        if self._branch(found.branch).tip == found.id and not self.changed(found.branch):
            return Target(found.branch, None, found.label, self._reader.path(found.branch))
        return Target(found.branch, found.id, found.label, self._reader.path_at(found.id))

    def preview(self, label: str) -> Json:
        """What a jump would do; changes nothing."""
        position, target = self._reader.position(), self.target(label)
        then = {s.id: s.turns for s in self._reader.sessions(target.path)}
        now = self._reader.sessions(position.path)
        running = self._sessions.running(position.branch)
        return {
            "label": target.label,
            "branch": self._branch(target.branch).name,
            "branches_on_next_message": target.checkpoint is not None,
            "sessions_back": [
                {"id": s.id, "task": s.task, "turns": s.turns - then[s.id]}
                for s in now
                if s.id in then and s.turns > then[s.id]
            ],
            "sessions_absent": [s.id for s in now if s.id not in then],
            "running": [{"id": t.session, "task": t.text} for t in running],
            "files": "files stay as they are: branches do not have their own yet",
            "same": target.path == position.path and not running,
        }

    async def goto(self, label: str, *, running: str | None = None) -> Json:
        """Jump. Where turns run on the branch to be left, `running` says whether to
        wait for them, interrupt them, or leave them running there."""
        if running is not None and running not in RUNNING:
            raise UsageError(f"running is one of {', '.join(RUNNING)}")
        here = self._reader.position()
        self.target(label)  # an unknown label stops nothing
        turns = self._sessions.running(here.branch) if not here.detached else []
        if turns and running is None:
            names = ", ".join(t.session for t in turns)
            raise ConfirmationNeededError(
                f"{names} still runs here: wait for it, interrupt it, or leave it running"
            )
        if running == "interrupt":
            for t in turns:
                await self._sessions.interrupt(t.session)
        elif running == "wait":
            await asyncio.gather(*(self._sessions.wait(t.session) for t in turns))
        async with self._lock:
            here = self._reader.position()
            if not here.detached and self.changed(here.branch):
                await self._record(f"before the jump to {label}", here.branch)
            target = self.target(label)
            await self._move(target.branch, target.checkpoint)
            return {"label": target.label, "branch": self._branch(target.branch).name}

    async def settle(self) -> int:
        """Called before anything new is said: where the position is in the past, a
        branch begins there. Returns the branch that the new turn belongs to."""
        async with self._lock:
            here = self._reader.position()
            if not here.detached:
                return here.branch
            names = {b.name for b in self._reader.branches()}
            n = len(names) + 1
            while f"branch-{n}" in names:
                n += 1
            return await self._fork(f"branch-{n}", here.checkpoint)

    async def branch(self, name: str, *, start: str | None = None) -> Json:
        """A new branch at the current place or at a checkpoint; goes there."""
        name = self._free(name)
        if start is not None:
            await self.goto(start, running="leave")
        async with self._lock:
            here = self._reader.position()
            if not here.detached and self.changed(here.branch):
                await self._record(f"before branch {name}", here.branch)
                here = self._reader.position()
            branch = await self._fork(name, here.checkpoint)
            return {"branch": name, "id": branch, "from": self.tree.label_for(here.checkpoint)}

    async def rename(self, old: str, new: str) -> Json:
        """Give a branch another name."""
        async with self._lock:
            found = next((b for b in self._reader.branches() if b.name == old), None)
            if found is None:
                raise UsageError(f"no branch '{old}'")
            await self._commit(e.BranchRenamed(found.id, self._free(new)))
            return {"branch": new}

    async def name(self, label: str, name: str) -> Json:
        """A name beside a checkpoint's label; "" takes it away. {label, name}."""
        async with self._lock:
            found, name = self._checkpoint(label), " ".join(name.split())
            if len(name) > LONGEST_NAME or re.fullmatch(r"(?i)root|T\d+", name):
                raise UsageError(
                    f"'{name[:80]}' can't name a checkpoint: {LONGEST_NAME} characters at most (not root, not a label)"
                )
            taken = next((c for c in self._reader.checkpoints() if name and c.name == name), None)
            if taken is not None and taken.id != found.id:
                raise UsageError(f"{taken.label} has the name '{name}' already: choose another one")
            await self._commit(e.CheckpointNamed(found.id, name), branch=found.branch)
            return {"label": found.label, "name": name}

    async def note(self, label: str, text: str) -> Json:
        """What to remember of a checkpoint; "" takes it away. {label, note}."""
        async with self._lock:
            found, text = self._checkpoint(label), text.strip()
            await self._commit(e.CheckpointNoted(found.id, text), branch=found.branch)
            return {"label": found.label, "note": text}

    def _checkpoint(self, wanted: str) -> CheckpointView:
        """The one with this label, in any case, or else with this name."""
        wanted, all_of_them = wanted.strip(), self._reader.checkpoints()
        found = next((c for c in all_of_them if c.label.lower() == wanted.lower()), None)
        found = found or next((c for c in all_of_them if wanted and c.name == wanted), None)
        if found is None:
            raise UsageError(f"no checkpoint '{wanted}' (zwarm-tui checkpoints shows them)")
        return found

    async def _fork(self, name: str, checkpoint: int) -> int:
        branches = self._reader.branches()
        new = max(b.id for b in branches) + 1
        at = self._reader.path_at(checkpoint)
        created = e.BranchCreated(
            branch=new, name=name, parent=at[-1][0], checkpoint=checkpoint, cut=at[-1][1]
        )
        await self._commit(created, e.Moved(new), branch=new)
        self.tree.goto(checkpoint)
        self._sessions.move(new)
        return new

    async def _move(self, branch: int, checkpoint: int | None) -> None:
        await self._commit(e.Moved(branch, checkpoint), branch=branch)
        self.tree.goto(self._branch(branch).tip if checkpoint is None else checkpoint)
        self._sessions.move(branch)

    # -- helpers --------------------------------------------------------------------

    def _free(self, name: str) -> str:
        name = name.strip()
        if not re.fullmatch(r"[A-Za-z0-9][\w./-]{0,63}", name) or re.fullmatch(r"(?i)root|T\d+", name):
            raise UsageError(
                f"'{name}' can't name a branch: letters, digits and - _ . / (not root, not a checkpoint's label)"
            )
        if any(b.name == name for b in self._reader.branches()):
            raise UsageError(f"there is a branch '{name}' already: goto it, or choose another name")
        return name

    def _branch(self, branch: int) -> BranchView:
        return next(b for b in self._reader.branches() if b.id == branch)

    async def _commit(self, *events: e.Event, branch: int = 1) -> None:
        await self._store.commit(*(e.Record(event, branch=branch) for event in events))


def load(reader: Reader) -> CheckpointManager:
    """The tree as the log has it, at the project's current position."""
    tree = CheckpointManager.from_dict(
        {
            "checkpoints": [
                {
                    "checkpoint_id": c.id,
                    "label": c.label,
                    "description": c.description,
                    "timestamp": c.time,
                    "state": reader.checkpoint_state(c.id),
                    "metadata": c.metadata,
                    "parent_id": c.parent,
                }
                for c in reader.checkpoints()
            ],
            "label_prefix": "T",
            "next_id": 1,
            "active": {},
            "current": 0,
        }
    )
    tree.goto(reader.position().checkpoint)
    return tree


def _pointer(turn: TurnView) -> Json:
    return {
        "thread": turn.thread,
        "native_turn": turn.native_turn,
        "turn": turn.turn,
        "status": turn.status.value,
        "seq": turn.end_seq,
    }


def describe(texts: Iterable[str]) -> str:
    """One line for the timeline, of what was said."""
    words = " ".join(" ".join(texts).split())
    return words if len(words) <= 80 else words[:79] + "…"
