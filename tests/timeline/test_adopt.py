"""Adopting a branch: all of it, or nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.git.world import World, private
from tests.host.conftest import eventually
from tests.host.test_recovery import full_disk
from tests.timeline.conftest import SETTINGS, agent
from tests.timeline.forked import BRANCH, Fork, files, fork
from tests.timeline.steps import STEPS, killed_at_each_step
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import (
    ConfirmationNeededError,
    GitError,
    NothingToAdoptError,
    UsageError,
    ZwarmError,
)
from zwarm_tui.engine import Engine
from zwarm_tui.git import adopt as onto
from zwarm_tui.store.reader import Reader

MODES = ["apply", "commit"]


@pytest.fixture
async def forked(engine: Engine, world: World, tmp_path: Path) -> Fork:
    made = await fork(engine, world)
    made.write("new/file.txt", "theirs\n")
    made.write("a.txt", "one\ntwo\nthree!\n")
    (made.path / "src/b.py").unlink()
    await made.done()
    return made


async def test_as_uncommitted_changes_after_a_checkpoint(forked: Fork, world: World) -> None:
    world.write("a.txt", "one!\ntwo\nthree\n")
    world.write("mine", "later\n")
    before, mine = files(world), private(world.top)
    looked = await forked.engine.adopt(BRANCH, dry_run=True)
    assert looked["adopted"] is False
    assert (files(world), private(world.top)) == (before, mine)
    assert world.git("for-each-ref", "refs/zwarm/scratch") == ""
    done = await forked.engine.adopt(BRANCH)
    assert done["files"] == looked["files"]
    assert [(f["path"], f["status"]) for f in done["files"]] == [
        ("a.txt", "M"),
        ("new/file.txt", "A"),
        ("src/b.py", "D"),
    ]
    assert (done["adopted"], done["mode"], done["commit"], done["git_branch"]) == (
        BRANCH,
        "apply",
        None,
        None,
    )
    after = files(world)
    assert after[b"a.txt"][1] == b"one!\ntwo\nthree!\n", "both sides' changes"
    assert after[b"mine"][1] == b"later\n"
    assert b"src/b.py" not in after
    assert private(world.top) == mine, "index, HEAD and refs are the person's"
    safety = next(c for c in forked.engine.reader.checkpoints() if c.label == done["safety"])
    assert safety.branch == 1
    state = forked.engine.reader.checkpoint_state(safety.id)["files"]
    assert world.tree(state["root"]["commit"]) == before
    with pytest.raises(UsageError, match="nothing to adopt"):
        await forked.engine.adopt(BRANCH)


async def test_as_one_commit(forked: Fork, world: World) -> None:
    world.write("mine", "later\n")
    old = world.git("rev-parse", "HEAD").strip()
    looked = await forked.engine.adopt(BRANCH, mode="commit", dry_run=True)
    assert world.git("rev-parse", "HEAD").strip() == old
    done = await forked.engine.adopt(BRANCH, mode="commit")
    assert done["files"] == looked["files"]
    assert world.git("rev-parse", "HEAD", "HEAD^").split() == [done["commit"], old]
    assert world.git("status", "--porcelain").split("\n") == ["?? mine", ""]
    assert not (world.top / ".git/index.lock").exists()
    assert not (world.top / ".git/zwarm-adopted-index").exists()


async def test_as_a_git_branch(forked: Fork, world: World) -> None:
    before = files(world)
    looked = await forked.engine.adopt(BRANCH, mode="branch", dry_run=True)
    done = await forked.engine.adopt(BRANCH, mode="branch")
    assert (done["git_branch"], done["safety"]) == (BRANCH, None)
    assert done["files"] == looked["files"]
    assert world.git("rev-parse", f"refs/heads/{BRANCH}").strip() == done["commit"]
    assert files(world) == before
    for dry_run in (True, False):
        with pytest.raises(UsageError, match=r"already.*another name"):
            await forked.engine.adopt(BRANCH, mode="branch", dry_run=dry_run)


@pytest.mark.parametrize("mode", MODES)
async def test_where_it_does_not_apply_the_files_are_named(forked: Fork, world: World, mode: str) -> None:
    world.write("a.txt", "mine\n")
    world.write("src/b.py", "mine()\n")
    if mode == "commit":
        world.git("commit", "-qam", "mine")
    before, mine, taken = files(world), private(world.top), len(forked.engine.reader.checkpoints())
    for dry_run in (True, False):
        with pytest.raises(UsageError, match=r"nothing was changed.*a\.txt, src/b\.py"):
            await forked.engine.adopt(BRANCH, mode=mode, dry_run=dry_run)
    assert (files(world), private(world.top)) == (before, mine)
    assert len(forked.engine.reader.checkpoints()) == taken


async def test_a_commit_and_uncommitted_changes(forked: Fork, world: World) -> None:
    world.write("a.txt", "mine, uncommitted\n")
    before, mine = files(world), private(world.top)
    for dry_run in (True, False):
        with pytest.raises(UsageError, match=r"a\.txt"):
            await forked.engine.adopt(BRANCH, mode="commit", dry_run=dry_run)
    assert (files(world), private(world.top)) == (before, mine)


async def test_nothing_that_the_branch_did_is_left_out(forked: Fork, world: World) -> None:
    forked.write("after the checkpoint", "x\n")
    done = await forked.engine.adopt(BRANCH)
    assert "after the checkpoint" in {f["path"] for f in done["files"]}


async def test_a_branch_that_was_left_by_the_one_in_the_checkout(forked: Fork, world: World) -> None:
    engine = forked.engine
    await engine.goto(BRANCH, in_place=True)  # which removed src/b.py
    with pytest.raises(UsageError, match="works in your checkout"):
        await engine.adopt(BRANCH)
    before = files(world)
    for mode in MODES:
        with pytest.raises(NothingToAdoptError, match=rf"main changed no file since T1.*{BRANCH} \(in your"):
            await engine.adopt("main", mode=mode)
    assert files(world) == before
    branches = {b.name: b for b in engine.reader.branches()}
    assert (branches["main"].checkout, branches["main"].worktree) == (False, None)
    assert (branches[BRANCH].checkout, branches[BRANCH].worktree) == (True, None)
    # What it does from now on, it does in a worktree; that can be adopted.
    await engine.goto("main")
    await agent(engine, "@write later theirs")
    assert [f["path"] for f in (await engine.adopt("main"))["files"]] == ["later"]
    assert (world.top / "later").read_text() == "theirs"
    with pytest.raises(NothingToAdoptError, match="has it all"):
        await engine.adopt("main")
    # And its files as they are can be put there.
    await engine.goto("main", in_place=True)
    assert (world.top / "src/b.py").exists()


async def test_what_cannot_be_adopted(forked: Fork, world: World) -> None:
    engine = forked.engine
    for name, why in (
        ("main", "works in your checkout"),
        ("T1", "is a checkpoint"),
        ("nope", "no checkpoint"),
    ):
        with pytest.raises(UsageError, match=why):
            await engine.adopt(name)
    with pytest.raises(UsageError, match="apply, commit, branch"):
        await engine.adopt(BRANCH, mode="merge")
    running = (await engine.delegate("@hang"))["session_id"]
    await eventually(lambda: engine.sessions.get_session(running).status.value == "running")
    with pytest.raises(ConfirmationNeededError, match=running):
        await engine.adopt(BRANCH)
    await engine.adopt(BRANCH, mode="branch")
    assert (await engine.adopt(BRANCH, confirm=True))["adopted"] == BRANCH


async def test_an_old_git_is_refused(
    forked: Fork, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    old = 'case " $* " in *" --write-tree "*) echo "usage: git merge-tree" >&2; exit 129;; esac'
    git.write_text(f'#!/bin/sh\n{old}\nexec {shutil.which("git")} "$@"\n')
    git.chmod(0o755)
    monkeypatch.setenv("PATH", f"{git.parent}:{os.environ['PATH']}")
    before = files(world)
    for mode in MODES:
        with pytest.raises(GitError, match=r"2\.38"):
            await forked.engine.adopt(BRANCH, mode=mode)
    assert files(world) == before


# -- faults -----------------------------------------------------------------------------


async def test_a_locked_index(forked: Fork, world: World) -> None:
    world.write(".git/index.lock", "")
    before, mine = files(world), private(world.top)
    with pytest.raises(GitError, match=r"index\.lock"):
        await forked.engine.adopt(BRANCH, mode="commit")
    assert (files(world), private(world.top)) == (before, mine)
    assert not forked.engine.reader.project_records(["adoption.begun"])
    (world.top / ".git/index.lock").unlink()
    await forked.engine.adopt(BRANCH, mode="commit")


@pytest.mark.parametrize("mode", MODES)
async def test_a_full_disk(forked: Fork, world: World, mode: str) -> None:
    before, mine = files(world), private(world.top)
    with full_disk(), pytest.raises(ZwarmError):
        await forked.engine.adopt(BRANCH, mode=mode)
    assert (files(world), private(world.top)) == (before, mine)
    await eventually(lambda: forked.engine.store.error is None)
    await forked.engine.adopt(BRANCH, mode=mode)


@pytest.mark.parametrize("mode", MODES)
async def test_files_that_cannot_be_written_are_put_back(
    forked: Fork, world: World, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full from the first file on: only git's own writing fails."""
    before, mine = files(world), private(world.top)
    began = forked.engine.reader.project_records

    real = onto.git

    async def no_room(top: Path, *arguments: str, **options: object) -> bytes:
        if arguments[0] == "update-ref" and arguments[-2:] != () and "HEAD" in arguments:
            raise GitError("git update-ref: No space left on device")
        return await real(top, *arguments, **options)  # type: ignore[arg-type]

    async def half(repo: object, tree: str) -> None:
        (world.top / "a.txt").write_text("one\ntw")
        (world.top / "src/b.py").unlink()
        raise GitError("git read-tree: No space left on device")

    monkeypatch.setattr(onto, "git", no_room)
    monkeypatch.setattr(onto, "checkout", half)
    with pytest.raises(GitError, match="No space left"):
        await forked.engine.adopt(BRANCH, mode=mode)
    assert files(world) == before
    assert private(world.top) == mine
    assert [r.event.kind for r in began(["adoption.begun", "adoption.ended"])] == [
        "adoption.begun",
        "adoption.ended",
    ]


@pytest.mark.parametrize(
    ("mode", "locks", "why"),
    [("apply", False, "does not apply"), ("commit", False, "does not apply"), ("commit", True, "index.lock")],
)
async def test_what_the_person_does_to_the_files_at_the_last_moment_stays(
    forked: Fork, world: World, mode: str, locks: bool, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All was checked, and nothing changed yet: they save a file, or their own git begins to."""
    store = forked.engine.store
    commit = store.commit

    async def then_they(*records: e.Record) -> int:
        done = await commit(*records)
        if any(isinstance(r.event, e.AdoptionBegun) for r in records):
            world.write("a.txt", "mine, just now\n")
            if locks:
                world.write(".git/index.lock", "")
        return done

    monkeypatch.setattr(store, "commit", then_they)
    with pytest.raises(ZwarmError, match=why):
        await forked.engine.adopt(BRANCH, mode=mode)
    assert (world.top / "a.txt").read_text() == "mine, just now\n"
    assert (world.top / "src/b.py").exists()
    ends = forked.engine.reader.project_records(["adoption.ended"])
    assert [getattr(r.event, "outcome", "") for r in ends] == ["undone"]


MANY = 1500


@pytest.fixture
async def large(world: World) -> World:
    return await much(world, MANY)


async def much(world: World, many: int) -> World:
    """A branch that changed, made and removed many files; no engine runs."""
    for n in range(many):
        world.write(f"d{n % 30}/f{n}", f"{n}\n" * 50)
    world.git("add", "-A")
    world.git("commit", "-qm", "many")
    async with await Engine.open(world.top, SETTINGS) as engine:
        made = await fork(engine, world)
        for n in range(0, many, 3):
            (made.path / f"d{n % 30}/f{n}").write_text(f"theirs {n}\n" * 60)
            (made.path / f"d{(n + 1) % 30}/f{n + 1}").unlink()
            made.write(f"new{n % 7}/{n}", f"{n}")
        await made.done()
    world.write("mine", "kept\n")
    world.write("d2/f2", "mine, uncommitted\n")
    return world


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", MODES)
async def test_killed_at_any_moment_it_is_all_or_nothing(large: World, mode: str) -> None:
    world = large
    old, mine, head = files(world), private(world.top), world.git("rev-parse", "HEAD").strip()
    chance = random.Random(mode)
    for attempt in range(7):
        begun = _begun(world)
        argv = [sys.executable, "-m", "tests.timeline.forked", str(world.top), mode]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True) as process:  # noqa: ASYNC220
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            if attempt == 0:
                await asyncio.sleep(chance.uniform(0, 1))  # while it looks
            else:
                while _begun(world) == begun:
                    assert process.poll() is None or _begun(world) > begun, "it ended too early"
                    await asyncio.sleep(0.01)
                await asyncio.sleep(chance.uniform(0, 0.2))  # while it writes
            _kill(process, with_gits=attempt % 2 == 0)
        await whole(world, mode, MANY, old, mine)
        mine = restored(world, head, old)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("mode", MODES)
async def test_killed_at_each_step_of_git(
    world: World, tmp_path: Path, mode: str, when: str, steps: str
) -> None:
    await much(world, 12)
    old, mine, head = files(world), private(world.top), world.git("rev-parse", "HEAD").strip()
    victim, told = ("tests.timeline.forked", str(world.top), mode), set()
    async for at in killed_at_each_step(tmp_path, when, steps, *victim):
        done, said = await whole(world, mode, 12, old, mine)
        assert done or at, "the first one came to its end"
        told.add(said)
        mine = restored(world, head, old)
    assert told == {False, True}, "it was cut short at least once"


async def whole(
    world: World, mode: str, many: int, old: dict[bytes, Any], mine: dict[str, bytes]
) -> tuple[bool, bool]:
    """After a kill, all is as it was or as it was to be: (was it done, was that said)."""
    async with await Engine.open(world.top, SETTINGS) as engine:
        now = files(world)
        said = [p for p in engine.problems if "cut short" in p]
        done = now != old
        if done:
            assert now[b"mine"] == old[b"mine"]
            assert now[b"d2/f2"] == old[b"d2/f2"]
            assert sum(k.startswith(b"new") for k in now) == many // 3
            assert len(now) == len(old), "as many made as removed"
            assert all(now[b"d%d/f%d" % (n % 30, n)][1].startswith(b"theirs") for n in range(0, many, 3))
            if mode == "commit":
                assert world.git("status", "--porcelain").split("\n") == [" M d2/f2", "?? mine", ""]
        else:
            assert private(world.top) == mine
        assert not (world.top / ".git/index.lock").exists()
        if said:
            assert ("undone" in said[0]) is not done
    async with await Engine.open(world.top, SETTINGS) as engine:
        assert not [p for p in engine.problems if "cut short" in p], "said once, and settled"
    return done, bool(said)


def restored(world: World, head: str, old: dict[bytes, Any]) -> dict[str, bytes]:
    """As it was before it was adopted, for the next one: what is the person's own."""
    if files(world) != old:
        world.git("reset", "-q", "--hard", head)
        world.git("clean", "-qfd")
        world.write("mine", "kept\n")
        world.write("d2/f2", "mine, uncommitted\n")
        assert files(world) == old
    return private(world.top)


def _begun(world: World) -> int:
    """How many adoptions began to change files."""
    reader = Reader(world.top / ".zwarm" / "zwarm.db")
    try:
        return len(reader.project_records(["adoption.begun"]))
    finally:
        reader.close()


def _kill(process: subprocess.Popen[bytes], *, with_gits: bool) -> None:
    """kill -9, with or without the git that it runs (which then goes on alone). One that
    moves a ref does so in any case: killed, it leaves that ref locked, as anybody's git does."""
    import psutil

    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.kill()
    for child in children if with_gits else ():
        with contextlib.suppress(psutil.NoSuchProcess):
            child.suspend()  # so that it is no other program by the time that it is killed
            child.resume() if "update-ref" in child.cmdline() else child.kill()


async def test_a_file_that_the_branch_only_ignores_from_now_on_stays(engine: Engine, world: World) -> None:
    world.write(".env", "KEY=1\n")
    world.write("gone", "x\n")
    made = await fork(engine, world)
    made.write(".gitignore", ".env\n")
    (made.path / "gone").unlink()
    await made.done()
    looked = await engine.adopt(BRANCH, dry_run=True)
    assert [(f["path"], f["status"]) for f in looked["files"]] == [(".gitignore", "A"), ("gone", "D")]
    await engine.adopt(BRANCH)
    assert (world.top / ".env").read_text() == "KEY=1\n"
    assert not (world.top / "gone").exists()


async def test_what_a_branch_deleted_while_it_was_in_the_checkout_goes(engine: Engine, world: World) -> None:
    session = await agent(engine, "@say one")
    await agent(engine, "@run rm a.txt", session)
    await engine.goto("T1", in_place=True)
    await agent(engine, "@say another", session)
    done = await engine.adopt("main")
    assert [(f["path"], f["status"]) for f in done["files"]] == [("a.txt", "D")]
    assert not (world.top / "a.txt").exists()
