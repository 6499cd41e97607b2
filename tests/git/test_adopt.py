from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.git.world import World, private, seen
from zwarm_tui.core.errors import ConflictError, GitError, UsageError
from zwarm_tui.git import adopt, worktree
from zwarm_tui.git.repo import Repo, find
from zwarm_tui.git.snapshot import Snapshot, take


class Fork:
    """A checkout, and a branch's worktree that began at its snapshot `base`."""

    def __init__(self, world: World, repo: Repo, base: Snapshot, branch: Repo) -> None:
        self.world, self.repo, self.base, self.branch = world, repo, base, branch

    def write(self, path: str, content: str) -> None:
        target = self.branch.top / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)

    async def done(self) -> Snapshot:
        return await take(self.branch, ref="refs/zwarm/theirs", message="theirs")

    async def saved(self) -> Snapshot:
        return await take(self.repo, ref="refs/zwarm/saved", message="saved")


@pytest.fixture
async def fork(world: World, tmp_path: Path) -> Fork:
    world.write("wip", "the user's\n")
    repo = await world.repo()
    base = await take(repo, ref="refs/zwarm/base", message="base")
    path = await worktree.add(repo, tmp_path / "w", head=base.head, snapshot=base.commit)
    branch = await find(path)
    assert branch is not None
    return Fork(world, repo, base, branch)


async def test_as_uncommitted_changes(fork: Fork) -> None:
    fork.write("made/new", "theirs\n")
    fork.write("a.txt", "one\ntwo\nthree!\n")
    (fork.branch.top / "src/b.py").unlink()
    theirs = await fork.done()
    fork.world.write("a.txt", "one!\ntwo\nthree\n")
    fork.world.write("mine", "later\n")
    fork.world.git("add", "mine")
    before = private(fork.world.top)
    saved = await fork.saved()
    tree = await adopt.as_changes(fork.repo, base=fork.base.commit, saved=saved.commit, theirs=theirs.commit)
    files = {path: content for path, (_, content) in seen(fork.world.top).items()}
    assert files == {
        b"a.txt": b"one!\ntwo\nthree!\n",
        b"made/new": b"theirs\n",
        b"mine": b"later\n",
        b"wip": b"the user's\n",
    }
    assert fork.world.tree(tree) == seen(fork.world.top)
    assert private(fork.world.top) == before


@pytest.mark.parametrize("way", ["changes", "commit"])
async def test_where_it_does_not_apply_nothing_is_changed(fork: Fork, way: str) -> None:
    fork.write("a.txt", "theirs\n")
    fork.write("src/b.py", "theirs()\n")
    fork.write("new", "theirs\n")
    theirs = await fork.done()
    fork.world.write("a.txt", "mine\n")
    fork.world.write("src/b.py", "mine()\n")
    if way == "commit":
        fork.world.git("commit", "-qam", "mine")
    saved = await fork.saved()
    files, before = seen(fork.world.top), private(fork.world.top)
    job = (
        adopt.as_changes(fork.repo, base=fork.base.commit, saved=saved.commit, theirs=theirs.commit)
        if way == "changes"
        else adopt.as_commit(fork.repo, base=fork.base.commit, theirs=theirs.commit, message="m")
    )
    with pytest.raises(ConflictError, match=r"a\.txt, src/b\.py") as error:
        await job
    assert error.value.paths == ["a.txt", "src/b.py"]
    assert (seen(fork.world.top), private(fork.world.top)) == (files, before)


async def test_as_one_commit_of_the_users(fork: Fork) -> None:
    fork.write("new", "theirs\n")
    fork.write("a.txt", "theirs\n")
    theirs = await fork.done()
    fork.world.write("src/b.py", "staged\n")
    fork.world.git("add", "src/b.py")
    commit = await adopt.as_commit(
        fork.repo, base=fork.base.commit, theirs=theirs.commit, message="Adopted\n"
    )
    assert (
        fork.world.git("log", "-1", "--format=%H %an %ae %s").strip()
        == f"{commit} Ada ada@example.org Adopted"
    )
    assert fork.world.git("symbolic-ref", "HEAD").strip() == "refs/heads/main"
    assert fork.world.git("diff", "--name-status", "HEAD^", "HEAD").split() == ["M", "a.txt", "A", "new"]
    assert fork.world.git("status", "-z", "--porcelain").split("\0") == ["M  src/b.py", "?? wip", ""]
    assert "zwarm: adopted" in fork.world.git("reflog", "-1")
    with pytest.raises(UsageError, match="nothing to adopt"):
        await adopt.as_commit(fork.repo, base=fork.base.commit, theirs=theirs.commit, message="m")


async def test_a_commit_that_meets_uncommitted_changes(fork: Fork) -> None:
    fork.write("a.txt", "theirs\n")
    fork.write("b\nnew", "theirs\n")
    theirs = await fork.done()
    fork.world.write("a.txt", "mine, uncommitted\n")
    fork.world.write("b\nnew", "mine, untracked\n")
    files, before = seen(fork.world.top), private(fork.world.top)
    with pytest.raises(ConflictError) as error:
        await adopt.as_commit(fork.repo, base=fork.base.commit, theirs=theirs.commit, message="m")
    assert error.value.paths == ["a.txt", "b\nnew"]
    assert (seen(fork.world.top), private(fork.world.top)) == (files, before)


async def test_a_commit_while_the_users_index_is_locked(fork: Fork) -> None:
    fork.write("new", "theirs\n")
    theirs = await fork.done()
    fork.world.write(".git/index.lock", "")
    files, before = seen(fork.world.top), private(fork.world.top)
    with pytest.raises(GitError, match=r"index\.lock"):
        await adopt.as_commit(fork.repo, base=fork.base.commit, theirs=theirs.commit, message="m")
    assert (seen(fork.world.top), private(fork.world.top)) == (files, before)


async def test_a_commit_whose_ref_cant_be_moved_is_put_back(fork: Fork) -> None:
    fork.write("new", "theirs\n")
    theirs = await fork.done()
    fork.world.write(".git/refs/heads/main.lock", "")
    with pytest.raises(GitError, match="update-ref"):
        await adopt.as_commit(fork.repo, base=fork.base.commit, theirs=theirs.commit, message="m")
    assert fork.world.git("status", "-z", "--porcelain") == "?? wip\0"
    (fork.world.top / ".git/refs/heads/main.lock").unlink()


async def test_as_a_git_branch(fork: Fork) -> None:
    fork.write("committed", "x\n")
    fork.world.git("add", "committed", cwd=fork.branch.top)
    fork.world.git("commit", "-qm", "the agent's", cwd=fork.branch.top)
    fork.write("left", "over\n")
    theirs = await fork.done()
    files, before = seen(fork.world.top), private(fork.world.top)
    commit = await adopt.as_branch(fork.repo, "zwarm/b2", theirs=theirs.commit, message="left over")
    assert fork.world.git("log", "--format=%s", "zwarm/b2").split("\n")[:3] == [
        "left over",
        "the agent's",
        "first",
    ]
    assert fork.world.git("rev-parse", "zwarm/b2", "zwarm/b2^{tree}").split() == [commit, theirs.tree]
    assert seen(fork.world.top) == files
    after = private(fork.world.top)
    del after["refs/heads/zwarm/b2"]
    assert {name: digest for name, digest in after.items() if "zwarm/b2" not in name} == before
    for name, why in (
        ("zwarm/b2", "already"),
        ("-x", "can't be"),
        ("a..b", "can't be"),
        ("@{-1}", "can't be"),
    ):
        with pytest.raises(UsageError, match=why):
            await adopt.as_branch(fork.repo, name, theirs=theirs.commit, message="m")


async def test_without_a_commit(empty: Callable[[], World]) -> None:
    world = empty()
    repo = await world.repo()
    base = await take(repo, ref="refs/zwarm/1", message="1")
    world.write("x", "x")
    theirs = await take(repo, ref="refs/zwarm/2", message="2")
    with pytest.raises(UsageError, match="no commit yet"):
        await adopt.as_commit(repo, base=base.commit, theirs=theirs.commit, message="m")
    await adopt.as_branch(repo, "b", theirs=theirs.commit, message="m")
    assert world.git("log", "--format=%s", "b") == "m\n"


async def test_a_commit_over_files_that_were_only_touched(fork: Fork) -> None:
    fork.write("a.txt", "theirs\n")
    theirs = await fork.done()
    (fork.world.top / "a.txt").unlink()
    fork.world.write("a.txt", "one\ntwo\nthree\n")  # what it held
    for dry_run in (True, False):
        await adopt.as_commit(
            fork.repo, base=fork.base.commit, theirs=theirs.commit, message="m", dry_run=dry_run
        )
    assert (fork.world.top / "a.txt").read_text() == "theirs\n"
    assert fork.world.git("status", "-z", "--porcelain") == "?? wip\0"
