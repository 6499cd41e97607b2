"""Adopting a branch: what it did since it began, put onto what the user has now.

Three ways to have it: as uncommitted changes, as one commit, as a git branch. What does
not fit is found out beforehand; then nothing is changed, and the files are named.
"""

from __future__ import annotations

from zwarm_tui.core.errors import ConflictError, GitError, UsageError
from zwarm_tui.git.command import attempt, failure, git, names
from zwarm_tui.git.diff import changed
from zwarm_tui.git.repo import Repo, alone, commit_at, commits, tree_of
from zwarm_tui.git.restore import checkout, in_the_way, refusal
from zwarm_tui.git.snapshot import write_commit


async def merge(repo: Repo, *, base: str, ours: str, theirs: str) -> str:
    """The tree of `ours` with all that changed from `base` to `theirs` (three commits or
    trees). Touches no files. `ConflictError` names those that were changed on both sides."""
    # Commits of our own, since git before 2.40 merges only what has a history in common.
    root = await write_commit(repo, await tree_of(repo, base), None, "base")
    left = await write_commit(repo, await tree_of(repo, ours), root, "ours")
    right = await write_commit(repo, await tree_of(repo, theirs), root, "theirs")
    arguments = ("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", left, right)
    done = await attempt(repo.top, *arguments)
    tree, _, conflicts = done.out.partition(b"\0")
    if done.code == 1 and tree:
        raise ConflictError("changed on both sides", names(conflicts))
    if done.code and "usage:" in done.err:
        raise GitError("adopting needs git 2.38 or newer")
    if done.code:
        raise failure(arguments, done)
    return tree.decode()


async def as_changes(repo: Repo, *, base: str, saved: str, theirs: str) -> str:
    """Apply it to the files of a checkout as uncommitted changes; the tree they have now.
    `saved` is the snapshot of the checkout taken just before. Raises as `merge` and
    `checkout_into` do; then nothing was changed."""
    async with alone(repo):
        tree = await merge(repo, base=base, ours=saved, theirs=theirs)
        await checkout(repo, tree)
        return tree


async def as_commit(repo: Repo, *, base: str, theirs: str, message: str) -> str:
    """Commit it as the user onto what is checked out; the commit. The user's other
    changes, staged or not, stay as they are; hooks don't run. `ConflictError` names
    the files that the commit and those changes both touch."""
    async with alone(repo):
        [head] = await commits(repo.top, "HEAD")
        if head is None:
            raise UsageError(f"{repo.top} has no commit yet: adopt the branch as changes")
        tree = await merge(repo, base=base, ours=head.id, theirs=theirs)
        if tree == head.tree:
            raise UsageError("there is nothing to adopt: the checkout has it all")
        commit = await write_commit(repo, tree, head.id, message, as_user=True)
        await _forward(repo, head.id, commit)
        return commit


async def as_branch(repo: Repo, name: str, *, theirs: str, message: str) -> str:
    """Make a git branch of a snapshot: the HEAD it was at, and one commit of the user's
    with what lay uncommitted. The commit. `UsageError` where a branch has that name."""
    async with alone(repo):
        if (await attempt(repo.top, "check-ref-format", "--branch", name)).code or name.startswith("@"):
            raise UsageError(f"'{name}' can't be a branch's name")
        ref = f"refs/heads/{name}"
        if (await attempt(repo.top, "show-ref", "--quiet", "--verify", ref)).code == 0:
            raise UsageError(f"there is a branch '{name}' already")
        snapshot = await commit_at(repo, theirs)
        commit = snapshot.parent
        if commit is None or (await commit_at(repo, commit)).tree != snapshot.tree:
            commit = await write_commit(repo, snapshot.tree, commit, message, as_user=True)
        await git(repo.top, "update-ref", "-m", "zwarm: adopted", ref, commit, "")
        return commit


async def _forward(repo: Repo, old: str, new: str) -> None:
    """Move HEAD, its branch, the user's index and the files on by one commit. Cut short,
    it may leave the commit's changes staged; doing it again completes it."""
    step = ("read-tree", "-m", "-u", old, new)
    hidden = await in_the_way(repo, old, new)
    tried = await attempt(repo.top, *step, "--dry-run")
    if hidden or tried.code:
        if paths := sorted({*hidden, *await _touched(repo, old, new)}):
            raise ConflictError("changed in the checkout, and in what is adopted", paths)
        raise refusal(step, tried)
    await git(repo.top, *step, finish=True)
    try:
        await git(repo.top, "update-ref", "-m", "zwarm: adopted", "HEAD", new, old, finish=True)
    except GitError:
        await git(repo.top, "read-tree", "-m", "-u", new, old, finish=True)
        raise


async def _touched(repo: Repo, old: str, new: str) -> list[str]:
    """The files of a commit that the user has changed, staged or made as well."""
    status = ("status", "-z", "--no-renames", "--untracked-files=all", "--ignored=matching")
    mine = frozenset(entry[3:] for entry in names(await git(repo.top, *status)))
    theirs = await changed(repo, old, new)
    return sorted({p for d in theirs for p in (d.path, d.old_path) if p is not None and p in mine})
