from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.git.world import World, private, seen
from zwarm_tui.core.errors import GitError, SnapshotError, UsageError
from zwarm_tui.git import index
from zwarm_tui.git import repo as repos
from zwarm_tui.git import snapshot as snapshots
from zwarm_tui.git.repo import Repo, find, left_alone
from zwarm_tui.git.snapshot import Snapshot, take

ODD = [
    "new\nline",
    "-rf",
    "ünï cödé ☃",
    "tab\there",
    'quo"te',
    "back\\slash",
    ":(top)x",
    "*",
    " ",
    "a/../b".replace("/", "⁄"),
]


async def snap(world: World, ref: str = "refs/zwarm/t", **options: object) -> Snapshot:
    return await take(await world.repo(), ref=ref, message="T1", **options)  # type: ignore[arg-type]


async def test_everything_in_the_work_tree_is_there(world: World) -> None:
    for number, name in enumerate(ODD):
        world.write(f"odd/{name}", f"{number}")
    world.write(os.fsdecode(b"odd/\xff\xfe"), "no UTF-8")
    world.write("tool.sh", "#!/bin/sh\n", 0o755)
    world.write("empty", "")
    world.write("binary", bytes(range(256)))
    (world.top / "link").symlink_to("a.txt")
    (world.top / "dangling").symlink_to("/nowhere/at all")
    (world.top / "src" / "b.py").unlink()
    world.write("a.txt", "changed\n")
    taken = await snap(world)
    assert world.tree(taken.commit) == seen(world.top)
    assert taken.files == len(seen(world.top))
    assert taken.uncovered == ()
    assert taken.head == world.git("rev-parse", "HEAD").strip()
    assert world.git("rev-parse", "refs/zwarm/t", f"{taken.commit}^").split() == [taken.commit, taken.head]


async def test_what_is_the_users_stays_byte_for_byte(world: World) -> None:
    world.write("a.txt", "stashed\n")
    world.git("stash")
    for hook in ("post-checkout", "reference-transaction", "post-index-change", "pre-commit"):
        world.write(f".git/hooks/{hook}", f"#!/bin/sh\ntouch '{world.top}/hook-ran'\n", 0o755)
    world.write("staged", "staged\n")
    world.git("add", "staged", cwd=world.top)
    (world.top / "hook-ran").unlink(missing_ok=True)
    world.write("staged", "and changed\n")
    world.git("config", "core.logAllRefUpdates", "true")
    world.git("config", "commit.gpgSign", "true")
    before = private(world.top)
    await snap(world)
    assert private(world.top) == before
    assert not (world.top / "hook-ran").exists()


async def test_a_callers_git_variables_lead_nowhere_else(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = World(tmp_path / "other")
    world.write("new", "here\n")
    for name, value in (
        ("GIT_DIR", other.top / ".git"),
        ("GIT_WORK_TREE", other.top),
        ("GIT_INDEX_FILE", other.top / "index"),
        ("GIT_OBJECT_DIRECTORY", other.top / "objects"),
        ("GIT_LITERAL_PATHSPECS", "1"),
    ):
        monkeypatch.setenv(name, str(value))
    taken = await snap(world)
    monkeypatch.undo()
    assert world.tree(taken.commit)[b"new"] == (0o100644, b"here\n")


async def test_what_is_not_covered_is_said(world: World) -> None:
    world.write(".gitignore", "*.log\nbuild/\n")
    world.write("x.log", "")
    world.write("build/out", "")
    world.write(".zwarm/.gitignore", "*")
    world.write(".zwarm/zwarm.db", "")
    world.write("large", b"x" * 2000)
    world.write("git~1", "short name")
    (world.top / ".gitmodules").symlink_to("elsewhere")
    inner = World(world.top / "inner")
    inner.write("f", "")
    inner.git("add", "f")
    inner.git("commit", "-qm", "1")
    World(world.top / "deep" / "[new]")
    taken = await snap(world, max_untracked_bytes=1000)
    assert {u.path: u.why for u in taken.uncovered} == {
        "inner/": "a repository of its own",
        "deep/[new]/": "a repository of its own, without a commit",
        "large": "untracked and larger than 0.000953674 MiB",
        "git~1": "git does not take files of this name",
        ".gitmodules": "git does not take files of this name",
        "build/": "ignored",
        "x.log": "ignored",
    }
    assert set(world.tree(taken.commit)) == {b".gitignore", b"a.txt", b"src/b.py"}
    assert taken.files == 3


async def test_many_ignored_files_are_counted(world: World) -> None:
    world.write(".gitignore", "*.pyc")
    for number in range(60):
        world.write(f"{number:02}.pyc", "")
    taken = await snap(world)
    assert len(taken.uncovered) == 51
    assert (taken.uncovered[-1].why, taken.uncovered[-1].ignored) == ("10 more are ignored", True)


async def test_tracked_though_ignored_and_hidden_from_git(world: World) -> None:
    world.write(".gitignore", "secret\n")
    world.write("secret", "forced")
    world.git("add", "-f", "secret")
    world.git("update-index", "--assume-unchanged", "a.txt")
    world.git("update-index", "--skip-worktree", "src/b.py")
    world.write("a.txt", "written in the dark\n")
    world.write("src/b.py", "too\n")
    before = private(world.top)
    taken = await snap(world)
    assert world.tree(taken.commit) == seen(world.top)
    assert private(world.top) == before
    world.git("rm", "--cached", "-q", "secret")
    again = await snap(world)
    assert b"secret" not in world.tree(again.commit)


async def test_a_sparse_checkout_loses_nothing(world: World) -> None:
    world.git("sparse-checkout", "set", "--no-cone", "/src/")
    assert not (world.top / "a.txt").exists()
    world.write("src/b.py", "changed\n")
    world.write("outside", "new\n")
    taken = await snap(world)
    tree = world.tree(taken.commit)
    assert tree[b"a.txt"][1] == b"one\ntwo\nthree\n"
    assert (tree[b"src/b.py"][1], tree[b"outside"][1]) == (b"changed\n", b"new\n")


async def test_in_the_middle_of_a_merge(world: World) -> None:
    world.git("checkout", "-qb", "side")
    world.write("a.txt", "side\n")
    world.git("commit", "-qam", "side")
    world.git("checkout", "-q", "main")
    world.write("a.txt", "main\n")
    world.git("commit", "-qam", "main")
    world.git("merge", "side", code=1)
    before = private(world.top)
    taken = await snap(world)
    assert world.tree(taken.commit) == seen(world.top)
    assert private(world.top) == before


async def test_without_a_commit(empty: Callable[[], World]) -> None:
    world = empty()
    nothing = await snap(world)
    assert (nothing.head, nothing.files) == (None, 0)
    world.write("first", "1")
    taken = await snap(world, parent=nothing.commit)
    assert world.tree(taken.commit) == seen(world.top)
    assert taken.head is None
    assert (await snap(world, parent=taken.commit)).commit == taken.commit


async def test_unchanged_files_reuse_the_commit(world: World) -> None:
    first = await snap(world)
    again = await snap(world, "refs/zwarm/u", parent=first.commit)
    assert again.commit == first.commit == world.git("rev-parse", "refs/zwarm/u").strip()
    world.git("commit", "-q", "--allow-empty", "-m", "HEAD moves")
    moved = await snap(world, parent=again.commit)
    assert (moved.tree, moved.commit == again.commit) == (again.tree, False)
    gone = await snap(world, parent="1" * 40)
    assert gone.tree == again.tree


async def test_same_size_and_same_moment(world: World) -> None:
    for number in range(30):
        text = f"{number:04}"
        world.write("a.txt", text)
        if number % 3 == 0:
            world.git("add", "a.txt")
            world.write("a.txt", text[::-1])
        taken = await snap(world)
        assert world.tree(taken.commit)[b"a.txt"][1] == (world.top / "a.txt").read_bytes()


async def test_a_locked_index_of_the_users_doesnt_matter(world: World) -> None:
    world.write("a.txt", "changed\n")
    world.write(".git/index.lock", "")
    taken = await snap(world)
    assert world.tree(taken.commit) == seen(world.top)
    assert (world.top / ".git/index.lock").exists()


async def test_a_lock_that_a_killed_git_left_is_cleared(world: World) -> None:
    world.write(".git/zwarm-index.lock", "")
    world.write(".git/refs/zwarm/t.lock", "")
    assert (await snap(world)).files == 2


async def test_never_an_old_tree_in_place_of_a_failed_one(world: World) -> None:
    first = await snap(world)
    world.git("config", "filter.bad.clean", "exit 1")
    world.git("config", "filter.bad.required", "true")
    world.write(".gitattributes", "*.txt filter=bad\n")
    world.write("a.txt", "changed\n")
    before = private(world.top)
    with pytest.raises(SnapshotError, match=r"could not be captured.*filter") as error:
        await snap(world, parent=first.commit)
    assert "filter 'bad' failed" in error.value.cause
    assert world.git("rev-parse", "refs/zwarm/t").strip() == first.commit
    assert private(world.top) == before
    (world.top / ".gitattributes").unlink()
    assert world.tree((await snap(world)).commit) == seen(world.top)


async def test_a_fifo_in_place_of_a_file(world: World) -> None:
    os.mkfifo(world.top / "pipe")
    taken = await snap(world)
    assert set(world.tree(taken.commit)) == {b"a.txt", b"src/b.py"}
    (world.top / "a.txt").unlink()
    os.mkfifo(world.top / "a.txt")
    with pytest.raises(SnapshotError, match=r"a\.txt: can only add regular files"):
        await snap(world)


async def test_folders_files_and_links_change_places(world: World) -> None:
    (world.top / "src" / "b.py").unlink()
    (world.top / "src").rmdir()
    (world.top / "src").symlink_to("/etc")
    (world.top / "a.txt").unlink()
    world.write("a.txt/inside", "x")
    taken = await snap(world)
    assert world.tree(taken.commit) == seen(world.top)


async def test_hostile_writers_never_give_a_wrong_tree(world: World) -> None:
    for number in range(40):
        world.write(f"still/{number}", str(number))
    calm = {path: file for path, file in seen(world.top).items() if path.startswith(b"still/")}
    over = threading.Event()

    def write(name: str) -> None:
        number = 0
        while not over.is_set():
            number += 1
            path = world.write(f"hot/{name}{number % 20}", f"{number}\n" * 20_000)
            if number % 3 == 0:
                path.unlink()
            if number % 7 == 0:
                os.replace(world.write("hot/tmp" + name, "x" * 50_000), path)
            over.wait(0.002)

    writers = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for writer in writers:
        writer.start()
    took = failed = 0
    try:
        for number in range(8):
            world.write("still/0", f"round {number}")
            calm[b"still/0"] = (0o100644, f"round {number}".encode())
            try:
                taken = await snap(world)
            except SnapshotError:
                failed += 1
                continue
            took += 1
            tree = world.tree(taken.commit)
            assert {p: f for p, f in tree.items() if p.startswith(b"still/")} == calm
    finally:
        over.set()
        for writer in writers:
            writer.join()
    assert took + failed == 8
    taken = await snap(world)
    assert world.tree(taken.commit) == seen(world.top)


async def test_a_git_killed_at_any_time_leaves_old_or_new(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A git that dies at its first, second … command."""
    first = await snap(world)
    world.write("a.txt", "changed\n")
    real = shutil.which("git")
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "git"
    monkeypatch.setattr(snapshots, "_PAUSE", 0)
    results = []
    for step in ("ls-files", "add", "write-tree", "commit-tree", "update-ref"):
        fake.write_text(f'#!/bin/sh\nfor a; do [ "$a" = {step} ] && kill -9 $$; done\nexec {real} "$@"\n')
        fake.chmod(0o755)
        with monkeypatch.context() as patched:
            patched.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
            with pytest.raises(SnapshotError, match="SIGKILL"):
                await snap(world, parent=first.commit)
        results.append(world.git("rev-parse", "refs/zwarm/t").strip())
    assert results == [first.commit] * 5
    assert world.tree((await snap(world)).commit) == seen(world.top)


async def test_where_there_is_no_repository(tmp_path: Path) -> None:
    assert await find(tmp_path) is None
    assert await find(World(tmp_path / "made").top / ".git") is None
    with pytest.raises(GitError, match=r"not found: .*nowhere"):
        await find(tmp_path / "nowhere")


async def test_home_is_refused(home: Path) -> None:
    World(home)
    (home / "deep").mkdir()
    with pytest.raises(UsageError, match="no project"):
        await find(home / "deep")


async def test_without_git(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(GitError, match="install it"):
        await find(world.top)


async def test_refs_of_the_users_are_refused(world: World) -> None:
    with pytest.raises(UsageError, match="refs/zwarm/"):
        await snap(world, "refs/heads/main")


async def test_only_things_that_are_left_out(empty: Callable[[], World]) -> None:
    world = empty()
    world.write("large", b"x" * 100)
    taken = await snap(world, max_untracked_bytes=10)
    assert (taken.files, [u.path for u in taken.uncovered]) == (0, ["large"])


async def test_several_at_a_time_wait_for_each_other(world: World) -> None:
    world.write("a.txt", "changed\n")
    taken = await asyncio.gather(*(snap(world, f"refs/zwarm/{number}") for number in range(5)))
    assert {world.git("rev-parse", f"{t.commit}^{{tree}}").strip() for t in taken} == {taken[0].tree}


async def test_another_process_is_waited_for(world: World) -> None:
    repo = await world.repo()
    held = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX);"
        "print('held', flush=True); sys.stdin.read()",
        str(repo.common / "zwarm.lock"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert held.stdout is not None
    assert held.stdin is not None
    assert await held.stdout.readline() == b"held\n"
    job = asyncio.create_task(snap(world))
    done, _ = await asyncio.wait([job], timeout=0.2)
    assert not done
    held.stdin.close()
    await held.wait()
    assert (await job).files == 2


async def test_the_git_of_a_process_that_was_killed_is_waited_for(world: World) -> None:
    once = "touch .git/began; until [ -e .git/go ]; do sleep 0.01; done"
    world.git("config", "filter.slow.clean", f"[ -e .git/began ] || {{ {once}; }}; cat")
    world.write(".git/info/attributes", "a.txt filter=slow\n")
    world.write("a.txt", "changed\n")
    code = (
        "import asyncio, sys; from pathlib import Path; from zwarm_tui.git.repo import find; "
        "from zwarm_tui.git.snapshot import take; repo = asyncio.run(find(Path(sys.argv[1]))); "
        "asyncio.run(take(repo, ref='refs/zwarm/killed', message='T'))"
    )
    victim = await asyncio.create_subprocess_exec(sys.executable, "-c", code, str(world.top))
    while not (world.top / ".git/began").exists():
        assert victim.returncode is None
        await asyncio.sleep(0.01)
    victim.kill()
    await victim.wait()
    job = asyncio.create_task(snap(world))
    done, _ = await asyncio.wait([job], timeout=0.3)
    assert not done
    world.write(".git/go", "")
    assert world.tree((await job).commit) == seen(world.top)


async def test_a_git_that_was_left_running_and_does_not_end_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = await world.repo()
    monkeypatch.setattr(repos, "_LEFT", 0.05)
    with (repo.common / "zwarm.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(GitError, match="end it"):
            await left_alone(repo)
    monkeypatch.undo()
    await left_alone(repo)


async def test_what_a_cancelled_one_copies_is_copied_before_the_next_begins(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go = threading.Event(), threading.Event()

    def slow(_: Repo) -> None:
        began.set()
        go.wait()

    monkeypatch.setattr(index, "seed", slow)
    job = asyncio.create_task(snap(world))
    await asyncio.to_thread(began.wait)
    for _ in range(2):
        job.cancel()
        done, _ = await asyncio.wait([job], timeout=0.05)
        assert not done
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await job


async def test_one_that_is_cancelled_ends_its_git(world: World) -> None:
    world.git("config", "filter.slow.clean", f"touch '{world.top}/.git/began'; exec sleep 60")
    world.write(".git/info/attributes", "a.txt filter=slow\n")
    world.write("a.txt", "changed\n")
    job = asyncio.create_task(snap(world))
    while not (world.top / ".git/began").exists():
        await asyncio.sleep(0.01)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    world.write(".git/info/attributes", "")
    assert world.tree((await snap(world)).commit) == seen(world.top)


async def test_a_git_folder_that_cant_be_written(world: World) -> None:
    (world.top / ".git/zwarm.lock").mkdir()
    with pytest.raises(GitError, match="can't be written"):
        await snap(world)


async def test_a_hostile_name_is_no_escape_sequence_in_an_error(world: World) -> None:
    world.write("\x1b[31mred", "x")
    world.git("add", "-A")
    (world.top / "\x1b[31mred").unlink()
    os.mkfifo(world.top / "\x1b[31mred")
    with pytest.raises(SnapshotError) as error:
        await snap(world)
    assert "\x1b" not in str(error.value)


async def test_a_submodule_that_was_not_fetched_holds_nothing_uncovered(world: World, tmp_path: Path) -> None:
    inner = World(tmp_path / "inner")
    inner.write("x", "1")
    inner.git("add", "-A")
    inner.git("commit", "-qm", "1")
    world.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.top), "sub")
    world.git("commit", "-qm", "sub")
    assert [u.path for u in (await snap(world)).uncovered] == ["sub/"]
    world.git("submodule", "--quiet", "deinit", "-f", "sub")
    taken = await snap(world)
    assert taken.uncovered == ()
    assert " commit " in world.git("ls-tree", taken.commit, "sub")


async def test_a_folder_that_may_not_be_opened_is_said(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing is closed to root, who may run this: a git that says what git says to others.
    warning = "echo \"warning: could not open directory 'shut/': Permission denied\" >&2"
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text(
        f'#!/bin/sh\ncase "$*" in *--others*) {warning};; esac\nexec {shutil.which("git")} "$@"\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=os.pathsep)
    assert [(u.path, u.why) for u in (await snap(world)).uncovered] == [("shut/", "may not be opened")]
