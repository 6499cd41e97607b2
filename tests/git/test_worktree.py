from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.git.world import World, private, seen
from zwarm_tui.core.errors import ConfirmationNeededError, GitError, UsageError
from zwarm_tui.git import worktree
from zwarm_tui.git.repo import find
from zwarm_tui.git.snapshot import Snapshot, take


async def snap(world: World, ref: str = "refs/zwarm/t") -> Snapshot:
    return await take(await world.repo(), ref=ref, message="T")


async def test_a_worktree_has_the_files_and_the_head_of_its_snapshot(world: World, tmp_path: Path) -> None:
    world.write("a.txt", "changed\n")
    world.write("new\nfile", "untracked", 0o755)
    (world.top / "src/b.py").unlink()
    (world.top / "link").symlink_to("a.txt")
    taken = await snap(world)
    then, mine = seen(world.top), private(world.top)
    world.git("commit", "-q", "--allow-empty", "-m", "HEAD moves")
    head_moved = private(world.top)
    assert mine != head_moved
    repo = await world.repo()
    path = await worktree.add(repo, tmp_path / "state" / "w1", head=taken.head, snapshot=taken.commit)
    assert seen(path) == then
    assert private(world.top) == head_moved
    assert world.git("rev-parse", "HEAD", cwd=path).strip() == taken.head
    assert world.git("rev-parse", "--abbrev-ref", "HEAD", cwd=path).strip() == "HEAD"
    status = world.git("status", "-z", "--porcelain", cwd=path).split("\0")
    assert sorted(filter(None, status)) == [" D src/b.py", " M a.txt", "?? link", "?? new\nfile"]
    inner = await find(path)
    assert inner is not None
    assert (inner.common, inner.head) == (repo.common, taken.head)
    again = await take(inner, ref="refs/zwarm/w1", message="T", parent=taken.commit)
    assert again.commit == taken.commit
    assert [(t.path, t.head, t.branch) for t in await worktree.list_(repo)] == [
        (world.top, repo.head, "refs/heads/main"),
        (path, taken.head, None),
    ]


async def test_later_commits_carry_none_of_ours(world: World, tmp_path: Path) -> None:
    world.write("new", "x")
    taken = await snap(world)
    path = await worktree.add(await world.repo(), tmp_path / "w", head=taken.head, snapshot=taken.commit)
    world.git("add", "-A", cwd=path)
    world.git("commit", "-qm", "the agent's", cwd=path)
    assert world.git("log", "--format=%s", cwd=path).split("\n") == ["the agent's", "first", ""]


async def test_before_the_first_commit(empty: Callable[[], World], tmp_path: Path) -> None:
    world = empty()
    world.write("new", "x")
    taken = await snap(world)
    repo = await world.repo()
    path = await worktree.add(repo, tmp_path / "w", head=None, snapshot=taken.commit)
    assert seen(path) == seen(world.top)
    assert world.git("status", "-z", "--porcelain", cwd=path) == "?? new\0"
    inner = await find(path)
    assert inner is not None
    assert inner.head is None
    assert (await take(inner, ref="refs/zwarm/w", message="T", parent=taken.commit)).commit == taken.commit
    world.git("add", "-A", cwd=path)
    world.git("commit", "-qm", "the agent's", cwd=path)
    assert world.git("log", "--format=%s", cwd=path) == "the agent's\n"


async def test_files_staged_in_spite_of_a_rule_stay_tracked(world: World, tmp_path: Path) -> None:
    world.write(".gitignore", "*.gen\n")
    world.write("x.gen", "forced")
    world.git("add", "-f", "x.gen")
    taken = await snap(world)
    path = await worktree.add(await world.repo(), tmp_path / "w", head=taken.head, snapshot=taken.commit)
    inner = await find(path)
    assert inner is not None
    assert (await take(inner, ref="refs/zwarm/w", message="T")).tree == taken.tree


async def test_worktreeinclude(world: World, tmp_path: Path) -> None:
    world.write(".gitignore", ".env*\nvendor/\nconfig/local\nout\n")
    world.write(".worktreeinclude", ".env*\n!.env.bad\n/config/local\nout/\n*.txt\n")
    world.write(".env", "KEY=1", 0o600)
    world.write(".env.bad", "no")
    world.write("vendor/.env", "deep")
    world.write("config/local", "mine")
    (world.top / ".env.link").symlink_to(".env")
    taken = await snap(world)
    world.write("untracked.txt", "later")
    world.write("a.txt", "tracked: not copied")
    path = await worktree.add(await world.repo(), tmp_path / "w", head=taken.head, snapshot=taken.commit)
    files = seen(path)
    assert set(files) - set(world.tree(taken.commit)) == {
        b".env",
        b".env.link",
        b"vendor/.env",
        b"config/local",
        b"untracked.txt",
    }
    assert files[b"a.txt"][1] == b"one\ntwo\nthree\n"
    assert (path / ".env").stat().st_mode & 0o777 == 0o600


async def test_nothing_is_included_through_a_link(world: World, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (world.top / "config").symlink_to(outside)
    taken = await snap(world)
    (world.top / "config").unlink()
    world.write(".worktreeinclude", "config/\n")
    world.write(".gitignore", "config/\n")
    world.write("config/local", "mine")
    await worktree.add(await world.repo(), tmp_path / "w", head=taken.head, snapshot=taken.commit)
    assert list(outside.iterdir()) == []


async def test_removing_says_what_goes(world: World, tmp_path: Path) -> None:
    world.write("mine", "untracked in the checkout")
    taken = await snap(world)
    repo = await world.repo()
    path = await worktree.add(repo, tmp_path / "w", head=taken.head, snapshot=taken.commit)
    with pytest.raises(ConfirmationNeededError, match=r"1 changed files \(mine\)"):
        await worktree.remove(repo, path)
    assert not await worktree.loss(repo, path, began=taken.commit)
    (path / "mine").write_text("by the agent")
    with pytest.raises(ConfirmationNeededError, match=r"1 changed files \(mine\)"):
        await worktree.remove(repo, path, began=taken.commit)
    world.git("add", "-A", cwd=path)
    world.git("commit", "-qm", "work", cwd=path)
    commit = world.git("rev-parse", "HEAD", cwd=path).strip()
    with pytest.raises(ConfirmationNeededError, match=f"1 commits on no branch .{commit[:10]}"):
        await worktree.remove(repo, path)
    lost = await worktree.loss(repo, path)
    assert (lost.files, lost.commits) == ((), (f"{commit} work",))
    (path / "large").write_bytes(b"x" * 1000)
    with pytest.raises(ConfirmationNeededError, match=r"1 files in no snapshot \(large\)"):
        await worktree.remove(repo, path, max_untracked_bytes=10)
    assert path.exists()
    (path / "large").unlink()
    world.git("branch", "kept", commit)
    assert not await worktree.remove(repo, path)
    assert not path.exists()
    assert len(await worktree.list_(repo)) == 1


async def test_force_removes_and_reports(world: World, tmp_path: Path) -> None:
    repo = await world.repo()
    taken = await snap(world)
    path = await worktree.add(repo, tmp_path / "w", head=taken.head, snapshot=taken.commit)
    (path / "a.txt").write_text("work")
    lost = await worktree.remove(repo, path, force=True)
    assert [delta.path for delta in lost.files] == ["a.txt"]
    assert not path.exists()


async def test_a_worktree_whose_folder_is_gone(world: World, tmp_path: Path) -> None:
    repo = await world.repo()
    taken = await snap(world)
    path = await worktree.add(repo, tmp_path / "w", head=taken.head, snapshot=taken.commit)
    shutil.rmtree(path)
    assert [t.missing for t in await worktree.list_(repo)] == [False, True]
    await worktree.remove(repo, path)
    assert len(await worktree.list_(repo)) == 1


async def test_only_worktrees_are_removed(world: World, tmp_path: Path) -> None:
    repo = await world.repo()
    with pytest.raises(UsageError, match="main work tree"):
        await worktree.remove(repo, world.top, force=True)
    with pytest.raises(UsageError, match="no worktree"):
        await worktree.remove(repo, tmp_path, force=True)
    taken = await snap(world)
    with pytest.raises(UsageError, match="there already"):
        await worktree.add(repo, tmp_path, head=taken.head, snapshot=taken.commit)


@pytest.mark.parametrize("step", ["worktree", "read-tree", "ls-files"])
async def test_one_that_fails_leaves_nothing(
    step: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = await snap(world)
    repo = await world.repo()
    before = private(world.top)
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "git"
    fake.write_text(
        f'#!/bin/sh\nremove=0\nfor a; do [ "$a" = remove ] && remove=1; done\n'
        f'for a; do [ "$a" = {step} ] && [ $remove = 0 ] && kill -9 $$; done\n'
        f'exec {shutil.which("git")} "$@"\n'
    )
    fake.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
        with pytest.raises(GitError, match="SIGKILL"):
            await worktree.add(repo, tmp_path / "w", head=taken.head, snapshot=taken.commit)
    assert not (tmp_path / "w").exists()
    assert len(await worktree.list_(repo)) == 1
    assert private(world.top) == before
    await worktree.add(repo, tmp_path / "w", head=taken.head, snapshot=taken.commit)


async def test_what_a_killed_process_left_is_taken_back(world: World, tmp_path: Path) -> None:
    taken = await snap(world)
    repo = await world.repo()
    path = await worktree.add(repo, tmp_path / "w", head=taken.head, snapshot=taken.commit)
    (path / ".git").unlink()
    await worktree.discard(repo, path)
    await worktree.discard(repo, path)
    assert not path.exists()
    await worktree.add(repo, path, head=taken.head, snapshot=taken.commit)


async def test_of_a_sparse_checkout_what_was_written_outside_of_it_comes_along(
    world: World, tmp_path: Path
) -> None:
    world.write("other/c", "big\n")
    world.write("other/d", "big\n")
    world.git("add", "-A")
    world.git("commit", "-qm", "more")
    world.git("sparse-checkout", "set", "--cone", "src")
    world.write("new/file", "an agent's\n", 0o755)
    world.write("other/c", "an agent's\n")
    taken, then = await snap(world), seen(world.top)
    path = await worktree.add(await world.repo(), tmp_path / "w", head=taken.head, snapshot=taken.commit)
    assert seen(path) == then
    inner = await find(path)
    assert inner is not None
    again = await take(inner, ref="refs/zwarm/w", message="T", parent=taken.commit)
    assert again.commit == taken.commit
    (path / "other/c").unlink()
    (path / "new/file").unlink()
    last = await take(inner, ref="refs/zwarm/w", message="T")
    assert set(world.tree(last.commit)) == {b"a.txt", b"src/b.py", b"other/d"}


async def test_a_repository_inside_is_not_deleted_by_a_branch_that_lacks_it(
    world: World, tmp_path: Path
) -> None:
    inner = World(world.top / "inner")
    inner.write("f", "1")
    inner.git("add", "-A")
    inner.git("commit", "-qm", "1")
    taken = await snap(world)
    path = await worktree.add(await world.repo(), tmp_path / "w", head=taken.head, snapshot=taken.commit)
    made = await find(path)
    assert made is not None
    assert (await take(made, ref="refs/zwarm/w", message="T")).tree == taken.tree
    assert not await worktree.loss(await world.repo(), path, began=taken.commit)
