"""Adopting a branch: what it did to files since it left the checkout's line, put onto what
the person has there now. All of it or nothing; the log says when files begin to change
and when that is over, so that the next start can make one of the two of a cut."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import (
    ConfirmationNeededError,
    ConflictError,
    GitError,
    IndexLockedError,
    NothingToAdoptError,
    UsageError,
    ZwarmError,
)
from zwarm_tui.core.model import BranchView
from zwarm_tui.git import adopt as onto
from zwarm_tui.git import snapshot
from zwarm_tui.git.command import git
from zwarm_tui.git.index import capture
from zwarm_tui.git.repo import Repo, alone, find, left_alone, tree_of
from zwarm_tui.git.undo import put_back
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.store.log import Store
from zwarm_tui.store.reader import Reader
from zwarm_tui.timeline.compare import changes, commit_of, files_at, pruned, unrecorded_at
from zwarm_tui.timeline.places import Place, common, find_place, last_checkpoint
from zwarm_tui.timeline.timeline import Timeline

Json = dict[str, Any]
MODES = ("apply", "commit", "branch")
SCRATCH = f"{snapshot.REFS}scratch/adopt"
"""Holds the checkout's files while one only looks."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is adopted: the snapshot where the branch left the checkout's line, and its own."""

    place: Place
    checkout: BranchView
    """The branch that works in the checkout."""
    base: str
    theirs: str
    message: str
    start: str
    """The label of that place: a checkpoint, or "root"."""


class Adoption:
    """Adopts branches, one at a time."""

    def __init__(
        self, project: Path, store: Store, reader: Reader, sessions: CodexSessionManager, timeline: Timeline
    ) -> None:
        self._project, self._store, self._reader = project, store, reader
        self._sessions, self._timeline = sessions, timeline
        self._lock = asyncio.Lock()

    async def adopt(
        self, branch: str, mode: str = "apply", *, dry_run: bool = False, confirm: bool = False
    ) -> Json:
        """Put a branch's files onto the person's checkout: as uncommitted changes ("apply"),
        as one "commit" there, or as a git "branch" beside it.

        `{"adopted", "mode", "safety": label of the checkpoint taken before | None, "files":
        [{"path", "old_path", "status", "added", "deleted"}], "commit", "git_branch"}`; with
        `dry_run` nothing is changed and "adopted" is False. `UsageError` where it does not
        apply: it names the files, and nothing was changed. `ConfirmationNeededError` while
        turns run in the checkout.
        """
        if mode not in MODES:
            raise UsageError(f"a branch is adopted as one of {', '.join(MODES)}")
        await self._sessions.beside.quiet()
        async with self._lock:
            repo = await find(self._project)
            if repo is None:
                raise UsageError(f"no git repository: {self._project}: there are no files to adopt")
            place = self._place(branch)
            if mode != "branch" and not confirm and not dry_run:
                self._check_running()
            if not dry_run:
                await self._capture(place)
                place = self._place(branch)
            plan = await self._plan(repo, place, mode)
            try:
                if mode == "branch":
                    return await self._as_branch(repo, plan, dry_run)
                await self._check_new(repo, plan)
                looked = await self._look(repo, plan, mode)
                return looked if dry_run else await self._onto_checkout(repo, plan, mode)
            except ConflictError as error:
                raise UsageError(
                    f"{plan.place.label} does not apply, and nothing was changed. {str(error).capitalize()}"
                ) from error
            except OSError as error:
                raise GitError(f"adopting {plan.place.label}: {error}") from error

    # -- what, and whether ----------------------------------------------------------------

    def _place(self, branch: str) -> Place:
        place = find_place(self._reader, branch)
        if not place.tip:
            raise UsageError(
                f"{place.label} is a checkpoint: adopt a branch (`branch NAME --from` makes one)"
            )
        if place.branch.id == self._reader.places().checkout_branch:
            raise UsageError(f"{place.label} works in your checkout: its files are there")
        return place

    async def _plan(self, repo: Repo, place: Place, mode: str) -> Plan:
        owner = self._reader.places().checkout_branch
        checkout = next(b for b in self._reader.branches() if b.id == owner)
        taken = self._reader.checkpoints()
        at = last_checkpoint(taken, common(self._reader.path(owner), place.path))
        start = Place(at.label if at else "root", checkout, at.id if at else 0, False, ())
        ends: list[str] = []
        for one in (start, place):
            files = files_at(self._reader, one)
            problem = files["problem"] or await pruned(repo, one, commit_of(files))
            if problem:
                raise UsageError(f"{place.label} can't be adopted: {problem}")
            ends.append(str(commit_of(files)))
        told = next((c.description for c in taken if c.id == place.checkpoint), "")
        message = f"Adopt {place.label}: {told}"[:72].rstrip(": ") + "\n"
        base, theirs = ends
        if mode == "apply":
            own = self._reader.places().of_branch(place.branch.id)
            base = await onto.spared(
                repo,
                base=base,
                theirs=theirs,
                path=Path(own.path) if own else None,
                uncovered={u["path"] for u in files["root"]["uncovered"]},
            )
        return Plan(place, checkout, base, theirs, message, start.label)

    async def _check_new(self, repo: Repo, plan: Plan) -> None:
        """A branch that did nothing since the checkout's parted from it (as one has that
        was left) is not "all there": the checkout's branch may have changed what it has."""
        if await tree_of(repo, plan.base) == await tree_of(repo, plan.theirs):
            name = plan.place.label
            raise NothingToAdoptError(
                f"there is nothing to adopt: {name} changed no file since {plan.start}, where "
                f"{plan.checkout.name} (in your checkout) parted from it; "
                f"goto {name} --in-place puts all its files there"
            )

    def _check_running(self) -> None:
        owner = self._reader.places().checkout_branch
        running = [t for t in self._sessions.running(owner) if t.hold is None]
        if running:
            names, one = ", ".join(t.session for t in running), len(running) == 1
            run, it = ("runs", "it") if one else ("run", "them")
            raise ConfirmationNeededError(
                f"{names} still {run} in your checkout: wait for {it}, interrupt {it}, or confirm that the "
                f"files may change under {it}"
            )

    async def _capture(self, place: Place) -> None:
        """Nothing that the branch has done may be left out."""
        files = files_at(self._reader, place)
        running = self._sessions.running(place.branch.id)
        if files["problem"] or running or await unrecorded_at(self._reader, place, files):
            await self._timeline.record(f"before {place.label} is adopted", branch=place.branch.id)

    async def _look(self, repo: Repo, plan: Plan, mode: str) -> Json:
        """Does it apply, and to which files? Raises where it doesn't; changes nothing."""
        limit = self._timeline.snapshots.max_untracked_bytes
        try:
            now = await snapshot.take(
                repo, ref=SCRATCH, message="looking", max_untracked_bytes=limit, parent=plan.base
            )
            if mode == "commit":
                new = await onto.as_commit(
                    repo, base=plan.base, theirs=plan.theirs, message=plan.message, dry_run=True
                )
                return await self._answer(repo, plan, mode, (now.head or now.commit, new), adopted=False)
            new = await onto.merge(repo, base=plan.base, ours=now.commit, theirs=plan.theirs)
            if new == now.tree:
                raise NothingToAdoptError("there is nothing to adopt: the checkout has it all")
            return await self._answer(repo, plan, mode, (now.commit, new), adopted=False)
        finally:
            await git(repo.top, "update-ref", "-d", SCRATCH)

    async def _answer(
        self, repo: Repo, plan: Plan, mode: str, ends: tuple[str, str], *, adopted: bool = True, **more: Any
    ) -> Json:
        value: Json = {
            "adopted": plan.place.label if adopted else False,
            "mode": mode,
            "safety": None,
            "files": await changes(repo, *ends),
            "commit": None,
            "git_branch": None,
        }
        return value | more

    # -- doing it -------------------------------------------------------------------------

    async def _as_branch(self, repo: Repo, plan: Plan, dry_run: bool) -> Json:
        name = plan.place.label
        ends = (plan.base, plan.theirs)
        try:
            commit = await onto.as_branch(
                repo, name, theirs=plan.theirs, message=plan.message, dry_run=dry_run
            )
        except UsageError as error:
            raise UsageError(
                f"{error} in git: give zwarm's branch another name first, and adopt that"
            ) from error
        if dry_run:
            return await self._answer(repo, plan, "branch", ends, adopted=False, git_branch=name)
        return await self._answer(repo, plan, "branch", ends, commit=commit, git_branch=name)

    async def _onto_checkout(self, repo: Repo, plan: Plan, mode: str) -> Json:
        safety = await self._timeline.record(
            f"before {plan.place.label} is adopted as {mode}", branch=plan.checkout.id
        )
        root = safety.state["files"]["root"] or {}
        if not root.get("commit"):
            raise GitError(f"nothing was changed, since {safety.label} could not hold your files")
        began: list[e.AdoptionBegun] = []

        def before(old: str) -> Callable[[str], Awaitable[None]]:
            async def begin(new: str) -> None:
                intent = e.AdoptionBegun(
                    adoption=secrets.token_hex(4),
                    branch=plan.place.label,
                    mode=mode,
                    path=str(repo.top),
                    old=old,
                    new=new,
                    safety=safety.label,
                    checkout=plan.checkout.id,
                )
                await self._store.commit(e.Record(intent))
                began.append(intent)

            return begin

        saved, head = root["commit"], root["head"]
        try:
            if mode == "apply":
                new = await onto.as_changes(
                    repo, base=plan.base, saved=saved, theirs=plan.theirs, before=before(saved)
                )
            else:
                new = await onto.as_commit(
                    repo, base=plan.base, theirs=plan.theirs, message=plan.message, before=before(head or "")
                )
        except (ConflictError, IndexLockedError):
            for intent in began:  # nothing was changed: what lies there is the person's, or their git's
                await self._end(intent, "undone")
            raise
        except (ZwarmError, OSError):
            for intent in began:
                await self._settle(intent)
            raise
        await self._end(began[0], "done")
        ends = (saved if mode == "apply" else head, new)
        commit = new if mode == "commit" else None
        return await self._answer(repo, plan, mode, ends, safety=safety.label, commit=commit)

    # -- after a cut ----------------------------------------------------------------------

    async def recover(self) -> list[str]:
        """See to adoptions that were cut short, by whoever holds the project's lock: done or
        undone, a sentence for each. What can't be settled now is tried again next time."""
        kinds = ("adoption.begun", "adoption.ended")
        left: dict[str, e.AdoptionBegun] = {}
        for record in self._reader.project_records(kinds):
            if isinstance(record.event, e.AdoptionBegun):
                left[record.event.adoption] = record.event
            elif isinstance(record.event, e.AdoptionEnded):
                left.pop(record.event.adoption, None)
        return [await self._recovered(intent) for intent in left.values()]

    async def _recovered(self, intent: e.AdoptionBegun) -> str:
        what = f"adopting {intent.branch} was cut short"
        try:
            if repo := await find(Path(intent.path)):
                await left_alone(repo)
            # First what lies there now is kept, whoever wrote it.
            kept = await self._timeline.record(f"found after {what}", branch=intent.checkout)
            outcome = await self._settle(intent)
        except (ZwarmError, OSError) as error:
            return f"{what}, and could not be settled ({error}): {intent.safety} holds your files from before"
        if outcome == "done":
            return f"{what}; it is done all the same ({intent.safety} holds your files from before)"
        return (
            f"{what}, and undone: your files are those of {intent.safety} ({kept.label} holds what was found)"
        )

    async def _settle(self, intent: e.AdoptionBegun) -> str:
        repo = await find(Path(intent.path))
        if repo is None:
            raise GitError(f"{intent.path} is no git repository any more")
        if intent.mode == "commit":
            done = await onto.complete(repo, old=intent.old, new=intent.new)
            outcome = "done" if done else "undone"
            await self._end(intent, outcome, "" if done is not None else "HEAD was moved meanwhile")
            return outcome
        async with alone(repo):
            if await self._is_there(repo, intent):
                outcome = "done"
            else:
                await put_back(repo, wrong=intent.new, right=intent.old)
                outcome = "undone"
        await self._end(intent, outcome)
        return outcome

    async def _is_there(self, repo: Repo, intent: e.AdoptionBegun) -> bool:
        """Are all files that were to change what they were to be?"""
        touched = {p for d in await changes(repo, intent.old, intent.new) for p in (d["path"], d["old_path"])}
        limit = self._timeline.snapshots.max_untracked_bytes
        taken = await capture(repo, limit)
        differ = {p for d in await changes(repo, taken.tree, intent.new) for p in (d["path"], d["old_path"])}
        return not (touched & differ) - {None}

    async def _end(self, intent: e.AdoptionBegun, outcome: str, why: str = "") -> None:
        ended = e.AdoptionEnded(adoption=intent.adoption, outcome=outcome, why=why)
        await self._store.commit(e.Record(ended))
