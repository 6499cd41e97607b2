"""What changed since a snapshot, without taking another."""

from __future__ import annotations

from pathlib import Path

from tests.git.world import World, private
from zwarm_tui.git import worktree
from zwarm_tui.git.repo import find
from zwarm_tui.git.snapshot import take
from zwarm_tui.git.unrecorded import since


async def test_every_kind_of_change_and_nothing_else(world: World) -> None:
    world.write("untracked", "x\n")
    world.write("same", "as before\n")
    repo = await world.repo()
    taken = await take(repo, ref="refs/zwarm/1", message="1")
    assert await since(repo, taken.commit) == []
    before = private(world.top)
    world.write("a.txt", "other\n")
    (world.top / "untracked").unlink()
    (world.top / "src/b.py").chmod(0o755)
    world.write("new", "")
    (world.top / "link").symlink_to("a.txt")
    (world.top / "same").unlink()
    world.write("same", "as before\n")
    world.write("big/left out", "")
    found = await since(repo, taken.commit, ["big/"])
    assert found == ["a.txt", "link", "new", "src/b.py", "untracked"]
    assert private(world.top) == before
    later = await take(repo, ref="refs/zwarm/2", message="2")
    assert await since(repo, later.commit) == []
    assert set(found) <= set(await since(repo, taken.commit)), "the index is a later snapshot's"


async def test_in_a_worktree_of_which_no_snapshot_was_taken(world: World, tmp_path: Path) -> None:
    world.write("untracked", "x\n")
    world.write("a.txt", "uncommitted\n")
    taken = await take(await world.repo(), ref="refs/zwarm/1", message="1")
    path = await worktree.add(await world.repo(), tmp_path / "w", head=taken.head, snapshot=taken.commit)
    repo = await find(path)
    assert repo is not None
    repo.index.unlink(missing_ok=True)
    assert await since(repo, taken.commit) == []
    (path / "a.txt").write_text("changed\n")
    (path / "fresh").write_text("")
    assert await since(repo, taken.commit) == ["a.txt", "fresh"]
