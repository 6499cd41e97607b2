"""A jump says what it will do, and does it whole or not at all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.git.world import World, private
from tests.timeline.conftest import SETTINGS, agent, idle, pilot
from tests.timeline.test_branches import files, here, three
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import GitError, UsageError
from zwarm_tui.engine import Engine
from zwarm_tui.timeline.effects import effect


async def test_a_preview_of_the_files(world: World, engine: Engine) -> None:
    session = await three(engine)
    world.write("a.txt", "by hand\n")
    before, refs = files(world.top), len(engine.reader.checkpoints())
    plan = await engine.goto("T1", dry_run=True)
    assert files(world.top) == before
    assert len(engine.reader.checkpoints()) == refs
    there = plan["files"]
    assert there["problem"] is None
    assert {f["path"]: (f["status"], f["added"], f["deleted"]) for f in there["changed"]} == {
        "a.txt": ("M", 3, 1),
        "f2": ("D", 0, 1),
        "f3": ("D", 0, 1),
    }
    assert there["path"] == str(world.top)
    assert set(world.tree(there["to"])) == {b"a.txt", b"src/b.py", b"f1"}
    assert world.git("show", f"{there['from']}:a.txt") == "by hand\n"
    assert plan["threads"] == [{"id": session, "how": "fork"}]
    await engine.goto("T1")
    await agent(engine, "@say x", session)
    assert str(here(engine)) == there["worktree"]
    back = (await engine.goto("main", dry_run=True))["files"]
    assert back["worktree"] == str(world.top)
    assert {f["path"]: f["status"] for f in back["changed"]} == {"a.txt": "M", "f2": "A", "f3": "A"}


async def test_what_cannot_be_undone(engine: Engine) -> None:
    session = await agent(engine, "@say one")
    done = e.CommandDone(item="c", command="cd x && git push origin main", exit_code=0)
    ran = [e.Record(e.UserMessage("go"), session, 1, 2), e.Record(done, session, 1, 2)]
    ended = e.Record(e.TurnEnded(status="completed"), session, 1, 2)
    await engine.store.commit(*ran, ended)
    plan = await engine.goto("T1", dry_run=True)
    told = {"session": session, "turn": 2, "what": "pushed to a remote: cd x && git push origin main"}
    assert plan["effects"] == [told]
    await engine.goto("T1")
    assert (await engine.goto("main", dry_run=True))["effects"] == []


@pytest.mark.parametrize(
    "command",
    [
        "git push",
        "git -C x push --force",
        'bash -lc "gh pr create --fill"',
        "npm publish",
        "curl -X POST https://example.org",
        "curl https://example.org -d a=b",
        "kubectl apply -f x.yaml",
        "terraform apply -auto-approve",
        "docker push x",
        "twine upload dist/*",
        "make && ssh host deploy",
    ],
)
def test_effects_that_are_known(command: str) -> None:
    assert effect(command)


@pytest.mark.parametrize(
    "command",
    [
        "git stash push",
        "echo git",
        "grep -r push .",
        "curl https://example.org",
        "npm test",
        "kubectl get pods",
    ],
)
def test_what_has_none(command: str) -> None:
    assert effect(command) is None


async def test_in_place(world: World, engine: Engine) -> None:
    world.write(".gitignore", "*.log\n")
    session = await three(engine)
    world.write("x.log", "ignored")
    world.write("later", "untracked")
    world.write("a.txt", "staged\n")
    world.git("add", "a.txt")
    before, mine = files(world.top), private(world.top)
    plan = await engine.goto("T1", dry_run=True, in_place=True)
    assert plan["files"]["in_place"]
    assert plan["files"]["worktree"] == str(world.top)
    assert set(plan["files"]["kept"]) == {"f2", "f3", "later"}
    assert files(world.top) == before
    done = await engine.goto("T1", in_place=True)
    assert files(world.top) == {
        ".gitignore": "*.log\n",
        "a.txt": "one\ntwo\nthree\n",
        "src/b.py": "print()\n",
        "f1": "one",
        "x.log": "ignored",
    }
    assert private(world.top) == mine, "index, HEAD and branches are as they were"
    safety = engine.timeline.tree.get(int(done["safety"][1:]))
    assert safety is not None
    kept = world.tree(safety.state["files"]["root"]["commit"])
    assert {k.decode(): v[1].decode() for k, v in kept.items()} == {
        k: v for k, v in before.items() if k != "x.log"
    }
    # The branch that begins there works in the checkout.
    await agent(engine, "@write g x", session)
    assert here(engine) == world.top
    assert (world.top / "g").exists()
    assert [b.worktree for b in engine.reader.branches()] == [None, None]
    # The one that was left has its files in a worktree, when it is spoken to.
    await engine.goto("main")
    await agent(engine, "@write h x", session)
    assert here(engine) != world.top
    assert files(here(engine)) == {k: v for k, v in before.items() if k != "x.log"} | {"h": "x"}
    assert "h" not in files(world.top)
    told = [r.event.text for r in engine.reader.records(session) if r.event.kind == "notice"]
    assert any(f"from {world.top} to {here(engine)}" in text for text in told)
    # And into the checkout again.
    left = here(engine)
    await engine.goto("main", in_place=True)
    assert here(engine) == world.top
    assert (world.top / "h").exists()
    assert not (world.top / "g").exists()
    assert left.is_dir(), "nothing is removed by travelling"
    await agent(engine, "@write i x", session)
    assert (world.top / "i").exists()
    await engine.goto("branch-2")
    await agent(engine, "@say on", session)
    assert "g" in files(here(engine))


async def test_in_place_before_the_first_commit(tmp_path: Path) -> None:
    world = World(tmp_path / "new")
    async with await Engine.open(world.top, SETTINGS) as engine:
        session = await agent(engine, "@write f1 one")
        await agent(engine, "@write f2 two", session)
        plan = await engine.goto("T1", dry_run=True, in_place=True)
        assert plan["files"]["kept"] == ["f2"], "all that no commit holds is untracked"


async def test_in_place_nothing_runs_there(world: World, engine: Engine) -> None:
    await three(engine)
    s = (await engine.delegate("@hang"))["session_id"]
    before = files(world.top)
    with pytest.raises(UsageError, match=f"{s} still runs"):
        await engine.goto("T1", in_place=True, running="leave")
    assert files(world.top) == before
    assert not engine.reader.position().detached
    await engine.goto("T1", in_place=True, running="interrupt")
    assert "f3" not in files(world.top)


async def test_a_turn_whose_end_can_be_read_is_in_nobodys_way(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others can, before the engine itself knows that it is written."""
    await agent(engine, "@say one")
    commit, ended, go = engine.store.commit, asyncio.Event(), asyncio.Event()

    async def slow(*records: e.Record) -> int:
        seq = await commit(*records)
        if any(turn.ended for turn in engine.sessions.running()):
            ended.set()
            await go.wait()
        return seq

    monkeypatch.setattr(engine.store, "commit", slow)
    await engine.delegate("@say two")
    await ended.wait()
    asyncio.get_running_loop().call_later(0.1, go.set)
    assert (await engine.goto("T1", dry_run=True))["running"] == []
    go.clear()
    await idle(engine)
    ended.clear()
    await engine.delegate("@say three")
    await ended.wait()
    asyncio.get_running_loop().call_later(0.1, go.set)
    assert (await engine.goto("T1"))["label"] == "T1"


async def test_a_turn_may_end_while_those_before_it_are_interrupted(
    world: World, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await agent(engine, "@say one")
    await engine.delegate("@hang")
    second = (await engine.delegate("@run until test -e go; do sleep 0.02; done\n@say done"))["session_id"]
    interrupt = engine.sessions.interrupt

    async def slowly(session: str, reason: str | None = None) -> None:
        await interrupt(session, reason)
        world.write("go", "")
        await engine.sessions.wait(second)

    monkeypatch.setattr(engine.sessions, "interrupt", slowly)
    assert (await engine.goto("T1", running="interrupt"))["label"] == "T1"


async def test_in_place_what_is_in_the_way_stops_it(world: World, engine: Engine) -> None:
    await agent(engine, "@write x.log one")
    (world.top / "x.log").unlink()
    world.write(".gitignore", "*.log\n")
    await agent(engine, "@say two")
    world.write("x.log", "ignored, and mine")
    before, at = files(world.top), engine.reader.position()
    with pytest.raises(UsageError, match=r"nothing was changed.*x\.log"):
        await engine.goto("T1", in_place=True)
    assert files(world.top) == before
    assert engine.reader.position().branch == at.branch
    assert not engine.reader.position().detached
    assert engine.reader.restore() is None


async def test_in_place_cut_short_is_put_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with await Engine.open(world.top, SETTINGS) as engine:
        await three(engine)
        before = files(world.top)
        commit = engine.timeline._commit

        async def dies(*events: e.Event, branch: int = 1) -> None:
            if any(isinstance(event, e.CheckoutTaken) for event in events):
                raise GitError("killed")
            await commit(*events, branch=branch)

        monkeypatch.setattr(engine.timeline, "_commit", dies)
        with pytest.raises(GitError):
            await engine.goto("T1", in_place=True)
        assert files(world.top) != before
    async with await Engine.open(world.top, SETTINGS) as engine:
        assert any("as they were before" in p for p in engine.problems)
        assert files(world.top) == before
        assert engine.reader.restore() is None
        assert not engine.reader.position().detached
        assert len(engine.reader.branches()) == 1


async def test_in_place_needs_a_repository(tmp_path: Path) -> None:
    async with await Engine.open(tmp_path, SETTINGS) as engine:
        await pilot(engine, "@say one")
        await pilot(engine, "@say two")
        with pytest.raises(UsageError, match="no git repository"):
            await engine.goto("T1", in_place=True)
        assert not engine.reader.position().detached


async def test_two_jumps_and_messages_at_once(world: World, engine: Engine) -> None:
    session = await three(engine)
    other = await agent(engine, "@say other")
    await engine.goto("T1")
    done = await asyncio.gather(
        engine.converse(session, "@write g x"),
        engine.goto("T2"),
        engine.goto("main"),
        engine.delegate("@write h x"),
        return_exceptions=True,
    )
    assert not [d for d in done if isinstance(d, BaseException) and not isinstance(d, UsageError)]
    await idle(engine)
    places, position = engine.reader.places(), engine.reader.position()
    assert engine.sessions.branch == position.branch
    for branch in engine.reader.branches():
        assert places.placed(branch.id)
    assert {w.state for w in places.worktrees} <= {"made"}
    await engine.goto("main")
    assert "f3" in files(world.top)
    await agent(engine, "@say on", other)
