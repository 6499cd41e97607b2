"""Snapshots given back: any work tree, changed in any way."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.git.world import World, private, seen
from zwarm_tui.core.errors import ConflictError, GitError
from zwarm_tui.git.restore import checkout_into, recover
from zwarm_tui.git.snapshot import Snapshot, take

NAMES = st.sampled_from(
    [
        b"a",
        b"b",
        b"-n",
        b"new\nline",
        "ü☃".encode(),
        b"\xff\xfe",
        b"s p",
        b"*",
        b":(top)",
        b'q"',
        b".dot",
        b"t\tb",
    ]
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(b"/".join)
CONTENT = st.sampled_from([b"", b"one\n", b"two\n", b"1\r\n2\n", bytes(range(256)), b"x" * 40_000])
OPERATION = st.one_of(
    st.tuples(st.just("write"), PATHS, CONTENT),
    st.tuples(st.just("delete"), PATHS),
    st.tuples(st.just("chmod"), PATHS),
    st.tuples(st.just("link"), PATHS, st.sampled_from([b"a", b"../b", b"/nowhere", b"a/b"])),
    st.tuples(st.just("rename"), PATHS, PATHS),
    st.tuples(st.just("folder"), PATHS),
    st.tuples(st.just("stage"), PATHS),
    st.tuples(st.just("commit"), PATHS),
)


def operate(world: World, operation: tuple[str, ...]) -> None:
    kind, *given_ = operation
    root = os.fsencode(world.top)
    path, *rest = given_
    where = os.path.join(root, path)  # type: ignore[call-overload]
    try:
        if kind == "write":
            os.makedirs(os.path.dirname(where), exist_ok=True)
            if not os.path.islink(where):
                with open(where, "wb") as file:
                    file.write(rest[0])  # type: ignore[arg-type]
        elif kind == "delete":
            shutil.rmtree(where) if os.path.isdir(where) and not os.path.islink(where) else os.unlink(where)
        elif kind == "chmod" and not os.path.islink(where) and os.path.isfile(where):
            os.chmod(where, os.stat(where).st_mode ^ 0o111)
        elif kind == "link":
            os.makedirs(os.path.dirname(where), exist_ok=True)
            os.symlink(rest[0], where)
        elif kind == "rename":
            os.rename(where, os.path.join(root, rest[0]))  # type: ignore[call-overload]
        elif kind == "folder":
            os.makedirs(where)
        elif kind == "stage":
            world.git("add", "-A", "--", f":(literal,top){os.fsdecode(path)}")
        elif kind == "commit":
            world.git("commit", "-qam", "more", "--allow-empty")
    except (OSError, AssertionError):
        pass  # it does not apply to what lies there now


async def snap(world: World, ref: str) -> Snapshot:
    return await take(await world.repo(), ref=f"refs/zwarm/{ref}", message=ref)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    committed=st.booleans(),
    first=st.lists(OPERATION, max_size=12),
    second=st.lists(OPERATION, max_size=12),
)
def test_whatever_was_done_is_undone(
    committed: bool, first: list[tuple[str, ...]], second: list[tuple[str, ...]]
) -> None:
    async def walk(folder: Path) -> None:
        world = World(folder / "w")
        world.write("a", "start")
        if committed:
            world.git("add", "-A")
            world.git("commit", "-qm", "1")
        for operation in first:
            operate(world, operation)
        then, mine = seen(world.top), private(world.top)
        old = await snap(world, "old")
        assert world.tree(old.commit) == then
        assert private(world.top) == mine
        for operation in second:
            operate(world, operation)
        now, mine = seen(world.top), private(world.top)
        safe = await snap(world, "safe")
        await checkout_into(await world.repo(), old.commit)
        assert seen(world.top) == then
        await checkout_into(await world.repo(), safe.commit)
        assert seen(world.top) == now
        await recover(await world.repo(), interrupted=safe.commit, commit=old.commit)
        assert seen(world.top) == then
        assert private(world.top) == mine

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(walk(Path(folder)))


async def test_ignored_files_are_never_touched(world: World) -> None:
    first = await snap(world, "1")
    world.write(".gitignore", "*.log\nout/\n")
    world.write("x.log", "mine")
    world.write("out/big", "mine")
    world.write("src/new.py", "later")
    await snap(world, "2")
    await checkout_into(await world.repo(), first.commit)
    assert set(seen(world.top)) == {b"a.txt", b"src/b.py", b"x.log", b"out/big"}


@pytest.mark.parametrize("name", ["x.log", "new\nline.log"])
async def test_an_ignored_file_in_the_way_changes_nothing(world: World, name: str) -> None:
    world.write(name, "captured")
    first = await snap(world, "1")
    world.write(".gitignore", "*.log\n")
    world.write(name, "precious")
    await snap(world, "2")
    before = seen(world.top)
    with pytest.raises(ConflictError) as error:
        await checkout_into(await world.repo(), first.commit)
    assert error.value.paths == [name]
    assert seen(world.top) == before


async def test_ignored_files_below_and_above_what_comes_back(world: World) -> None:
    world.write("plain", "a file")
    world.write("deep/er/file", "in folders")
    world.write("same", "same")
    first = await snap(world, "1")
    for path in ("plain", "deep/er/file"):
        (world.top / path).unlink()
    (world.top / "deep/er").rmdir()
    (world.top / "deep").rmdir()
    world.write(".gitignore", "*.log\n/deep\nsame\n")
    world.write("plain/tracked", "x")
    world.write("plain/x.log", "precious")
    world.write("deep", "precious")
    await snap(world, "2")
    before = seen(world.top)
    with pytest.raises(ConflictError) as error:
        await checkout_into(await world.repo(), first.commit)
    assert error.value.paths == ["deep", "plain/x.log"]
    assert seen(world.top) == before
    (world.top / "deep").unlink()
    (world.top / "plain/x.log").unlink()
    await checkout_into(await world.repo(), first.commit)
    assert seen(world.top) == world.tree(first.commit)


async def test_what_no_snapshot_holds_is_not_overwritten(world: World) -> None:
    first = await snap(world, "1")
    world.write("a.txt", "changed")
    await snap(world, "2")
    world.write("a.txt", "after the safety snapshot")
    with pytest.raises(ConflictError) as error:
        await checkout_into(await world.repo(), first.commit)
    assert error.value.paths == ["a.txt"]
    assert (world.top / "a.txt").read_text() == "after the safety snapshot"
    world.write("a.txt", "changed")
    world.write("later", "made since, in nobody's way")
    await snap(world, "2")
    (world.top / "later").unlink()
    world.write("later2", "made since, in nobody's way")
    world.write("later", "again")
    with pytest.raises(ConflictError):
        await checkout_into(await world.repo(), first.commit)
    assert (world.top / "later2").exists()


async def test_nested_repositories_keep_their_contents(world: World) -> None:
    first = await snap(world, "1")
    inner = World(world.top / "inner")
    inner.write("f", "precious")
    inner.git("add", "f")
    inner.git("commit", "-qm", "1")
    inner.write("g", "uncommitted")
    World(world.top / "bare").write("h", "too")
    second = await snap(world, "2")
    await checkout_into(await world.repo(), first.commit)
    await checkout_into(await world.repo(), second.commit)
    files = seen(world.top)
    assert (files[b"inner/f"][1], files[b"inner/g"][1], files[b"bare/h"][1]) == (
        b"precious",
        b"uncommitted",
        b"too",
    )


async def test_a_snapshot_that_is_gone(world: World) -> None:
    await snap(world, "1")
    with pytest.raises(GitError, match="rev-parse"):
        await checkout_into(await world.repo(), "1" * 40)


async def test_writing_that_fails_half_way_is_put_back(world: World) -> None:
    first = await snap(world, "1")
    for number in range(20):
        world.write(f"f{number:02}", "later")
    world.write("a.txt", "later")
    world.write("src/b.py", "later")
    second = await snap(world, "2")
    await checkout_into(await world.repo(), first.commit)
    world.git("config", "filter.bad.smudge", "exit 1")
    world.git("config", "filter.bad.required", "true")
    world.write(".git/info/attributes", "src/b.py filter=bad\n")
    before = seen(world.top)
    world.git("config", "filter.bad.clean", "cat")
    with pytest.raises(GitError):
        await checkout_into(await world.repo(), second.commit)
    del before[b"src/b.py"]  # the filter fails on the way back as well
    after = seen(world.top)
    after.pop(b"src/b.py", None)
    assert after == before


async def test_a_kill_in_the_middle_is_recovered(world: World) -> None:
    first = await snap(world, "1")
    for number in range(10):
        world.write(f"f{number}", "later")
    world.write("a.txt", "later")
    world.write(".gitignore", "*.log")
    world.write("x.log", "mine")
    then = seen(world.top)
    second = await snap(world, "2")
    # A checkout of the first one that came half-way.
    for number in range(5):
        (world.top / f"f{number}").unlink()
    world.write("a.txt", "half")
    world.write(".git/zwarm-index.lock", "half")
    await recover(await world.repo(), interrupted=first.commit, commit=second.commit)
    assert seen(world.top) == then
    for number in range(5):
        (world.top / f"f{number}").unlink()
    world.write(".git/zwarm-index.lock", "half")
    await recover(await world.repo(), interrupted=second.commit, commit=first.commit)
    assert set(seen(world.top)) == {b"a.txt", b"src/b.py", b"x.log"}


async def test_a_checkout_that_is_cancelled_is_done_all_the_same(world: World) -> None:
    first = await snap(world, "1")
    for number in range(300):
        world.write(f"f{number}", "later")
    world.write("a.txt", "later")
    then = seen(world.top)
    safe = await snap(world, "2")
    # git is in the middle of it for as long as this filter is.
    world.git("config", "filter.slow.clean", "cat")
    gate = "touch .git/reached; until [ -e .git/go ]; do sleep 0.01; done; cat"
    world.git("config", "filter.slow.smudge", gate)
    world.write(".git/info/attributes", "a.txt filter=slow\n")
    job = asyncio.create_task(checkout_into(await world.repo(), first.commit))
    while not (world.top / ".git/reached").exists():
        assert not job.done()
        await asyncio.sleep(0.01)
    job.cancel()
    await asyncio.sleep(0)
    assert not job.done(), "it is waited for"
    world.write(".git/go", "")
    with pytest.raises(asyncio.CancelledError):
        await job
    assert set(seen(world.top)) == {b"a.txt", b"src/b.py"}
    await checkout_into(await world.repo(), safe.commit)
    assert seen(world.top) == then


@pytest.mark.parametrize("index", ["--sparse-index", "--no-sparse-index"])
async def test_a_sparse_checkout_gets_all_that_was_written_outside_of_it(world: World, index: str) -> None:
    world.write("other/c", "big\n")
    world.write("other/d", "big\n")
    world.git("add", "-A")
    world.git("commit", "-qm", "more")
    world.git("sparse-checkout", "set", "--cone", index, "src")
    bare = seen(world.top)
    first = await snap(world, "1")
    world.write("new/file", "an agent's\n")
    world.write("other/c", "an agent's\n")
    second, then, mine = await snap(world, "2"), seen(world.top), private(world.top)
    repo = await world.repo()
    await checkout_into(repo, first.commit)
    assert seen(world.top) == bare | {b"other/c": (0o100644, b"big\n")}
    await checkout_into(repo, second.commit)
    assert (seen(world.top), private(world.top)) == (then, mine)
    await checkout_into(repo, first.commit)
    world.git("config", "filter.bad.smudge", "exit 1")
    world.git("config", "filter.bad.clean", "cat")
    world.git("config", "filter.bad.required", "true")
    world.write(".git/info/attributes", "src/z filter=bad\n")
    world.write("src/z", "x")
    third = await snap(world, "3")
    (world.top / "src/z").unlink()
    await snap(world, "4")
    before = seen(world.top)
    with pytest.raises(GitError, match="put back as they had been"):
        await checkout_into(repo, third.commit)
    assert seen(world.top) == before
