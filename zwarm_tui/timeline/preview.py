"""What a jump would do, before it is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zwarm_tui.core.errors import GitError, UsageError
from zwarm_tui.core.model import Path as Line
from zwarm_tui.core.model import Position
from zwarm_tui.git.diff import changed
from zwarm_tui.git.repo import empty_tree
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.store.reader import Reader
from zwarm_tui.timeline.compare import changes
from zwarm_tui.timeline.effects import effects
from zwarm_tui.timeline.files import BranchFiles
from zwarm_tui.timeline.snapshots import Snapshots
from zwarm_tui.timeline.tree import Target, branch_view

Json = dict[str, Any]
_SHOWN = 100
"""Effects that are listed."""


class Preview:
    """Looks; changes nothing but a ref that holds the files as they are now."""

    def __init__(
        self, reader: Reader, sessions: CodexSessionManager, snapshots: Snapshots, files: BranchFiles
    ) -> None:
        self._reader, self._sessions = reader, sessions
        self._snapshots, self._files = snapshots, files

    async def of(self, to: Target, next_name: str, *, in_place: bool) -> Json:
        """The answer of `EngineClient.goto` with `dry_run`."""
        here = self._reader.position()
        there = self._reader.sessions(to.path)
        then = {s.id: s.turns for s in there}
        now = self._reader.sessions(here.path)
        running = self._sessions.running(here.branch) if not here.detached else []
        forks = to.checkpoint is not None
        return {
            "label": to.label,
            "branch": branch_view(self._reader, to.branch).name,
            "branches_on_next_message": forks and not in_place,
            "sessions_back": [
                {"id": s.id, "task": s.task, "turns": s.turns - then[s.id]}
                for s in now
                if s.id in then and s.turns > then[s.id]
            ],
            "sessions_absent": [s.id for s in now if s.id not in then],
            "running": [{"id": t.session, "task": t.text} for t in running],
            "files": await self._differ(here, to, next_name, in_place=in_place),
            "threads": [{"id": s.id, "how": self._sessions.forks.how(s, to.path)} for s in there if forks],
            "effects": self._effects(here.path, to.path),
            "same": to.path == here.path and not running and not in_place,
        }

    def _effects(self, line: Line, to: Line) -> list[Json]:
        """What was done outside on the line here and not yet at the target."""
        cuts = dict(to)
        found = []
        for branch, until in line:
            since = cuts.get(branch, 0)
            if since < until:
                found += effects(self._reader.happened(branch, ("command", "tool"), since, until))
        return found[-_SHOWN:]

    async def _differ(self, here: Position, to: Target, next_name: str, *, in_place: bool) -> Json:
        places = self._reader.places()
        value: Json = {
            "problem": await self._snapshots.why_none(),
            "from": None,
            "to": None,
            "path": str(self._files.folder(here.branch)),
            "changed": [],
            "worktree": None,
            "in_place": in_place,
            "kept": [],
            "uncovered": [],
        }
        if value["problem"]:
            return {**value, "worktree": str(self._files.folder(to.branch))}
        try:
            repo = await self._snapshots.repo()
            assert repo is not None
            value["path"] = str(repo.top)
            if in_place:
                value["worktree"] = str(repo.top)
            elif to.checkpoint is not None or not places.placed(to.branch):
                value["worktree"] = str(self._sessions.worktrees.plan(next_name))
            else:
                value["worktree"] = str(self._files.folder(to.branch))
            a, why = await self._at(
                places.checkout_branch if in_place else here.branch,
                here.checkpoint if here.detached and not in_place else None,
            )
            b, why_not = await self._at(to.branch, to.checkpoint)
            value["from"], value["to"] = (f["commit"] if f else None for f in (a, b))
            value["problem"] = why or why_not
            if a is None or b is None:
                return value
            value["uncovered"] = b["uncovered"]
            if a["commit"] != b["commit"]:
                value["changed"] = await changes(repo, a["commit"], b["commit"])
            if in_place:
                began = a["head"] or await empty_tree(repo)
                untracked = {d.path for d in await changed(repo, began, a["commit"]) if d.kind == "added"}
                value["kept"] = [
                    d["path"] for d in value["changed"] if d["status"] == "D" and d["path"] in untracked
                ]
        except (GitError, UsageError) as error:
            value["problem"] = str(error)
        return value

    async def _at(self, branch: int, checkpoint: int | None) -> tuple[Json | None, str | None]:
        """(F, None) of a checkpoint, or of a branch as it is now; (None, why not)."""
        if checkpoint is None and self._reader.places().placed(branch) and self._lives(branch):
            now = await self._files.now(branch)
            if now is not None:
                return (now, None) if now["commit"] else (None, now["problem"])
        at = branch_view(self._reader, branch).tip if checkpoint is None else checkpoint
        return await self._files.root_of(at)

    def _lives(self, branch: int) -> bool:
        return Path(self._files.folder(branch)).is_dir()
