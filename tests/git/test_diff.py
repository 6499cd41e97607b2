from __future__ import annotations

import pytest

from tests.git.world import World
from zwarm_tui.core.errors import GitError
from zwarm_tui.git.diff import FileDelta, changed, patch
from zwarm_tui.git.prune import prune
from zwarm_tui.git.snapshot import take


async def test_every_kind_of_change(world: World) -> None:
    repo = await world.repo()
    world.write("long.txt", "".join(f"{n}\n" for n in range(50)))
    world.write("mode.sh", "#!/bin/sh\n")
    world.write("image", bytes(range(256)))
    world.write("tab\tnew\nline", "x\n")
    first = await take(repo, ref="refs/zwarm/1", message="1")
    (world.top / "long.txt").rename(world.top / "-renamed\n.txt")
    (world.top / "mode.sh").chmod(0o755)
    world.write("image", bytes(range(255, -1, -1)))
    world.write("tab\tnew\nline", "x\ny\n")
    (world.top / "a.txt").unlink()
    (world.top / "src/b.py").unlink()
    (world.top / "src/b.py").symlink_to("../a.txt")
    world.write(":raw", "looks like a header\n")
    second = await take(repo, ref="refs/zwarm/2", message="2")
    assert await changed(repo, first.commit, second.commit) == [
        FileDelta("-renamed\n.txt", "long.txt", "renamed", 0, 0, False),
        FileDelta(":raw", None, "added", 1, 0, False),
        FileDelta("a.txt", None, "deleted", 0, 3, False),
        FileDelta("image", None, "modified", 0, 0, True),
        FileDelta("mode.sh", None, "modified", 0, 0, False),
        FileDelta("src/b.py", None, "type", 1, 1, False),
        FileDelta("tab\tnew\nline", None, "modified", 1, 0, False),
    ]
    whole = await patch(repo, first.commit, second.commit)
    assert "rename from long.txt" in whole
    assert "Binary files a/image and b/image differ" in whole
    only = await patch(repo, first.tree, second.tree, paths=[":raw"])
    assert only.startswith("diff --git a/:raw b/:raw")
    assert only.count("diff --git") == 1
    assert await changed(repo, first.commit, first.tree) == []


async def test_a_commit_that_is_gone(world: World) -> None:
    with pytest.raises(GitError):
        await changed(await world.repo(), "HEAD", "1" * 40)


async def test_old_refs_are_pruned_by_count_and_age(world: World) -> None:
    repo = await world.repo()
    taken = []
    for number in range(6):
        world.write("a.txt", f"{number}")
        taken.append(await take(repo, ref=f"refs/zwarm/t/{number}", message="T"))
    heads = world.git("rev-parse", "--all")
    assert await prune(repo, keep=(), count=6, age=3600) == []
    assert world.git("rev-parse", "--all") == heads
    world.write(".git/refs/zwarm/t/3.lock", "")  # as a git leaves it that was killed
    dropped = await prune(repo, keep={"refs/zwarm/t/0", taken[1].commit}, count=0, age=3600)
    assert sorted(dropped) == [f"refs/zwarm/t/{n}" for n in range(2, 6)]
    assert await prune(repo, keep={"refs/zwarm/t/0"}, count=10, age=-10) == ["refs/zwarm/t/1"]
    assert world.git("for-each-ref", "--format=%(refname)").split() == ["refs/heads/main", "refs/zwarm/t/0"]
