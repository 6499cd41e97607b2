"""Putting a checkpoint's files into the person's own checkout, on explicit request.

The log says when files begin to change and when that is over, so that the next start can
put them back where it was cut short. The branch that gets them works in the checkout from
then on; the one that did so before gets a worktree, with the files of its safety
checkpoint, when it is next spoken to.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ConflictError, GitError, StoreError, UsageError
from zwarm_tui.git.repo import Repo, alone, find, left_alone
from zwarm_tui.git.restore import checkout_into
from zwarm_tui.git.undo import put_back
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.store.log import Store
from zwarm_tui.store.reader import Reader

Json = dict[str, Any]


class Checkout:
    """The person's checkout, and the branch that works in it."""

    def __init__(self, store: Store, reader: Reader, sessions: CodexSessionManager, project: Path) -> None:
        self._store, self._reader, self._sessions = store, reader, sessions
        self._project = project

    @property
    def branch(self) -> int:
        """The branch that works in it."""
        return self._reader.places().checkout_branch

    async def repo(self) -> Repo:
        """`UsageError` where there is no repository."""
        repo = await find(self._project)
        if repo is None:
            raise UsageError(f"no git repository: {self._project}: there are no files to put into it")
        return repo

    def check_quiet(self, *branches: int) -> None:
        """`UsageError` while turns run whose files would change under them."""
        running = sorted({t.session for b in branches for t in self._sessions.running(b) if t.watched})
        if running:
            raise UsageError(
                f"{', '.join(running)} still runs with the files that would change: "
                "wait for it or interrupt it (--running wait, --running interrupt)"
            )

    async def change(self, safety: Json, goal: Json) -> None:
        """Change the files from those of the safety checkpoint (F) to those of another
        one. `UsageError` names files that are in the way; then nothing was changed."""
        repo = await self.repo()
        begun = e.RestoreBegun(str(repo.top), come=safety["commit"], go=goal["commit"])
        await self._store.commit(e.Record(begun))
        try:
            await checkout_into(repo, goal["commit"])
        except ConflictError as error:
            await self._end(repo)
            raise UsageError(f"nothing was changed. {str(error).capitalize()}") from error
        except GitError:
            await self._end(repo)
            raise

    async def _end(self, repo: Repo) -> None:
        await self._store.commit(e.Record(e.RestoreEnded(str(repo.top), done=False)))

    async def recover(self) -> list[str]:
        """Put the files back where a dead engine was cut short. What was done about it."""
        left = self._reader.restore()
        if left is None:
            return []
        try:
            repo = await find(Path(left["path"]))
            if repo is None:
                raise GitError(f"no git repository: {left['path']}")
            await left_alone(repo)
            async with alone(repo):
                await put_back(repo, wrong=left["go"], right=left["come"])
            await self._end(repo)
        except (GitError, UsageError, StoreError) as error:
            return [f"the files in {left['path']} may be half those of another checkpoint: {error}"]
        return [f"a jump in place was cut short: the files in {left['path']} are as they were before it"]
