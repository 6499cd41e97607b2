"""Worktrees are listed, and removed only where nothing goes that was not said."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.git.world import World
from tests.timeline.conftest import SETTINGS, agent, idle
from tests.timeline.forked import fork
from tests.timeline.test_branches import files, here
from zwarm_tui.core.errors import ConfirmationNeededError, UsageError
from zwarm_tui.engine import Engine
from zwarm_tui.timeline.worktrees import listing


async def test_they_are_listed(world: World, engine: Engine) -> None:
    session = await agent(engine, "@say one")
    await engine.branch("try")
    await agent(engine, "@write f x", session)
    own = (await engine.delegate("@write g x", worktree=True))["session_id"]
    await idle(engine)
    found = await listing(engine.reader, world.top, 2**20)
    assert [(w["branch"], w["session"], w["used"], w["running"]) for w in found] == [
        ("try", None, True, False),
        ("try", own, True, False),
    ]
    assert found[0]["holds"] == "1 changed files (f)"
    assert found[0]["path"] == str(here(engine))


async def test_one_in_use_or_with_something_in_it_stays(world: World, engine: Engine) -> None:
    session = await agent(engine, "@say one")
    await engine.branch("try")
    with pytest.raises(UsageError, match="current branch"):
        await engine.remove_worktree("try")
    place = here(engine)
    await engine.converse(session, "@write f x\n@hang")
    # A file is there before what is written to it: the agent is not to be stopped in between.
    while not ((place / "f").exists() and (place / "f").read_text()):
        await asyncio.sleep(0.02)
    await engine.goto("main", running="leave")
    with pytest.raises(UsageError, match=f"{session} still runs"):
        await engine.remove_worktree("try", force=True)
    await engine.goto("try")
    await engine.interrupt(session)
    await idle(engine)
    await engine.goto("main")
    with pytest.raises(ConfirmationNeededError, match=r"1 changed files \(f\)"):
        await engine.remove_worktree("try")
    told = await engine.remove_worktree(str(place), dry_run=True)
    assert told["goes"]["files"] == ["f"]
    assert place.is_dir()
    gone = await engine.remove_worktree("try", force=True)
    assert gone["removed"]
    assert not place.exists()
    assert world.git("show", f"{gone['kept']}:f") == "x"
    assert str(place) not in world.git("worktree", "list")
    assert await listing(engine.reader, world.top, 2**20) == []
    # Going back there makes it again, with the files of its last checkpoint.
    await engine.goto("try")
    await agent(engine, "@write g x", session)
    assert {"f", "g"} <= set(files(here(engine)))


async def test_an_untouched_one_just_goes(world: World, engine: Engine) -> None:
    await agent(engine, "@say one")
    await engine.branch("try")
    place = here(engine)
    await engine.goto("main")
    gone = await engine.remove_worktree("try")
    assert gone == {
        "path": str(place),
        "branch": "try",
        "session": None,
        "removed": True,
        "stays": None,
        "goes": {"files": [], "uncovered": [], "commits": []},
        "also": None,
        "kept": None,
    }
    with pytest.raises(UsageError, match="no worktree 'nowhere'"):
        await engine.remove_worktree("nowhere")


async def test_commits_on_no_branch_count(world: World, engine: Engine) -> None:
    session = await agent(engine, "@say one")
    await engine.branch("try")
    await agent(engine, "@run git -c user.name=a -c user.email=a@b commit -q --allow-empty -m mine", session)
    await engine.goto("main")
    with pytest.raises(ConfirmationNeededError, match="1 commits on no branch"):
        await engine.remove_worktree("try")
    assert Path(str(engine.reader.branches()[1].worktree)).is_dir()


@pytest.mark.parametrize(
    ("mode", "where"), [("apply", "your checkout"), ("commit", "commit "), ("branch", "git branch try")]
)
async def test_one_whose_branch_was_adopted_holds_nothing_of_its_own(
    world: World, engine: Engine, mode: str, where: str
) -> None:
    made = await fork(engine, world)
    made.write("a.txt", "one\ntwo\nthree!\n")
    made.write("new", "theirs\n")
    await made.done()
    world.write("mine", "beside it\n")
    world.git("add", "mine")
    world.git("commit", "-qm", "mine")
    [before] = await listing(engine.reader, world.top, 2**20)
    tip = next(c.label for c in reversed(engine.reader.checkpoints()) if c.branch == 2)
    assert (before["holds"], before["also"]) == ("2 changed files (a.txt, new)", tip)
    with pytest.raises(ConfirmationNeededError, match=f"only {tip} holds this besides: 2 changed"):
        await engine.remove_worktree("try")
    await engine.adopt("try", mode=mode)
    [after] = await listing(engine.reader, world.top, 2**20)
    assert after["holds"] is None
    assert after["also"].startswith(where)
    made.write("new", "and more\n")  # what came later is nowhere else
    [later] = await listing(engine.reader, world.top, 2**20)
    assert (later["holds"], later["also"]) == ("2 changed files (a.txt, new)", None)
    with pytest.raises(ConfirmationNeededError, match="what nothing else does"):
        await engine.remove_worktree("try")
    made.write("new", "theirs\n")
    gone = await engine.remove_worktree("try")
    assert (gone["removed"], gone["goes"]["files"], gone["kept"]) == (True, [], None)
    assert not made.path.exists()


async def test_what_the_checkout_has_no_more_stays(world: World, engine: Engine) -> None:
    made = await fork(engine, world)
    made.write("new", "theirs\n")
    await made.done()
    await engine.adopt("try")
    (world.top / "new").write_text("changed since\n")
    [found] = await listing(engine.reader, world.top, 2**20)
    assert found["holds"] == "1 changed files (new)"
    with pytest.raises(ConfirmationNeededError, match="new"):
        await engine.remove_worktree("try")


async def test_a_project_that_is_a_linked_worktree_is_none_of_its_own(world: World, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    world.git("worktree", "add", "-q", str(linked))
    async with await Engine.open(linked, SETTINGS) as engine:
        made = await fork(engine, world)
        assert [w["path"] for w in await listing(engine.reader, linked, 2**20)] == [str(made.path)]
