"""Branches have files of their own: agents on one touch nothing of another."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.git.world import World, private, seen
from tests.timeline.conftest import SETTINGS, agent, idle, pilot
from zwarm_tui import opening
from zwarm_tui.config.project import find_project
from zwarm_tui.config.settings import CheckpointSettings, WorktreeSettings
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ConfirmationNeededError, GitError, UsageError
from zwarm_tui.core.model import SessionStatus
from zwarm_tui.engine import Engine


def here(engine: Engine) -> Path:
    """Where the current branch works."""
    return engine.timeline.files.folder(engine.reader.position().branch)


def files(folder: Path) -> dict[str, str]:
    found = {k: v for k, v in seen(folder).items() if not k.startswith(b".zwarm/")}
    return {k.decode(): content.decode() for k, (_, content) in found.items()}


async def three(engine: Engine) -> str:
    """T1, T2, T3 of one session, which writes one more file in each."""
    session = await agent(engine, "@write f1 one")
    await agent(engine, "@write f2 two", session)
    return await agent(engine, "@write f3 three", session)


async def test_the_project_is_found_from_the_worktrees_of_its_agents(world: World, engine: Engine) -> None:
    session = await three(engine)
    await engine.goto("T1")
    await agent(engine, "@write g x", session)
    of_branch = here(engine)
    assert find_project(of_branch / "src") == world.top
    lone = (await engine.delegate("@write h x", worktree=True))["session_id"]
    await idle(engine)
    of_session = next(Path(w.path) for w in engine.reader.places().worktrees if w.session == lone)
    assert find_project(of_session) == world.top
    asked = [sys.executable, "-m", "zwarm_tui", "checkpoints", "--json"]
    told = await asyncio.to_thread(subprocess.run, asked, cwd=of_branch, capture_output=True, text=True)
    assert '"T1"' in told.stdout
    own = world.top.parent / "of-the-person"
    world.git("worktree", "add", "-q", str(own))
    assert find_project(own) == own


async def test_a_jump_and_a_message_make_a_branch_with_the_files_of_then(
    world: World, engine: Engine
) -> None:
    before = private(world.top)
    session = await three(engine)
    left = files(world.top)
    await engine.goto("T1")
    assert files(world.top) == left, "a jump by itself touches no file"
    await agent(engine, "@write other x", session)
    place = here(engine)
    assert place != world.top
    assert files(place) == {"a.txt": "one\ntwo\nthree\n", "src/b.py": "print()\n", "f1": "one", "other": "x"}
    assert files(world.top) == left
    # Detached at the HEAD of then, what was there beyond it as uncommitted changes.
    assert world.git("rev-parse", "HEAD", cwd=place) == world.git("rev-parse", "HEAD")
    assert world.git("branch", "--show-current", cwd=place) == ""
    assert set(world.git("status", "--short", cwd=place).splitlines()) == {"?? f1", "?? other"}
    assert private(world.top) == before
    view = engine.reader.session(session)
    assert view is not None
    assert (view.working_dir, view.worktree, view.how) == (str(place), str(place), "forked")
    branch = engine.reader.branches()[-1]
    assert branch.worktree == str(place)
    assert engine.reader.branches()[0].worktree is None
    # Back: at once, in the person's checkout.
    await engine.goto("main")
    await agent(engine, "@write f4 four", session)
    assert files(world.top) == {**left, "f4": "four"}
    view = engine.reader.session(session)
    assert view is not None
    assert (view.working_dir, view.worktree, view.how) == (str(world.top), None, "continued")


async def test_the_agent_is_told_what_changed_under_it(world: World, engine: Engine) -> None:
    session = await agent(engine, "@write f1 one")
    other = await agent(engine, "@write f2 two")
    await agent(engine, "@write f3 three", other)
    await engine.goto("T2")
    await agent(engine, "@say hello", session)
    told = [r.event.text for r in engine.reader.records(session) if r.event.kind == "notice"]
    assert len(told) == 2
    assert "went back to T2" in told[0]
    assert "these had changed: f2." in told[0]
    assert f"from {world.top} to {here(engine)}" in told[1]
    # It is what the model was sent, once.
    await agent(engine, "@say again", session)
    view = engine.reader.session(session)
    assert view is not None
    thread = (world.top / ".zwarm" / "demo" / f"{view.thread}.json").read_text()
    assert thread.count("went back to T2") == 1


async def test_sub_folders_and_other_folders(world: World, engine: Engine, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (world.top / "made").mkdir()
    a = (await engine.delegate("@write x 1", dir="src"))["session_id"]
    b = (await engine.delegate("@write x 1", dir=str(elsewhere)))["session_id"]
    c = (await engine.delegate("@write made/x 1", dir="made"))["session_id"]
    await idle(engine)
    await engine.branch("try")
    for session in (a, b, c):
        await agent(engine, "@write y 2", session)
    place = here(engine)
    assert (place / "src" / "y").read_text() == "2"
    assert (place / "made" / "y").read_text() == "2"
    assert (elsewhere / "y").exists()
    assert not (world.top / "src" / "y").exists()
    # A folder of the project's is taken as this branch has it, whichever way it is named.
    for folder in (".", str(world.top), str(world.top / "src")):
        started = (await engine.delegate("@say x", dir=folder))["session_id"]
        assert Path(engine.sessions.get_session(started).working_dir).is_relative_to(place)
    await idle(engine)


async def test_the_pilot_and_its_tools_work_on_the_branch(world: World) -> None:
    settings = replace(SETTINGS, pilot=replace(SETTINGS.pilot, bash="allow"))
    async with await Engine.open(world.top, settings) as engine:
        await pilot(engine, "@write made-by-none x\n@say one")
        await pilot(engine, "@say two")
        await engine.goto("T1")
        await pilot(
            engine, '@tool bash {"command": "echo hi > from-bash"}\n@tool delegate {"task": "@write d x"}'
        )
        place = here(engine)
        assert {"from-bash", "d"} <= set(files(place))
        assert not {"from-bash", "d"} & set(files(world.top))


async def test_a_branch_of_a_branch_and_the_root(world: World, engine: Engine) -> None:
    session = await three(engine)
    await engine.goto("T2")
    await agent(engine, "@write g1 x", session)
    first = here(engine)
    await agent(engine, "@write g2 x", session)
    await engine.goto("T4")
    await agent(engine, "@write h x", session)
    second = here(engine)
    assert set(files(second)) == {"a.txt", "src/b.py", "f1", "f2", "g1", "h"}
    assert set(files(first)) == {"a.txt", "src/b.py", "f1", "f2", "g1", "g2"}
    await engine.goto("root")
    await agent(engine, "@say from the root")
    assert set(files(here(engine))) == {"a.txt", "src/b.py"}
    assert len({str(first), str(second), str(here(engine)), str(world.top)}) == 4


async def test_files_changed_by_hand_are_on_a_branch_made_here(world: World, engine: Engine) -> None:
    await agent(engine, "@say one")
    world.write("a.txt", "by hand")
    await engine.branch("try")
    assert files(here(engine))["a.txt"] == "by hand"


async def test_what_a_new_worktree_needs(world: World) -> None:
    world.write(".gitignore", ".env\n")
    world.write(".worktreeinclude", ".env\n")
    world.write(".env", "KEY=1")
    settings = replace(SETTINGS, worktree=WorktreeSettings(setup="cat .env > set-up && echo ran >> log"))
    async with await Engine.open(world.top, settings) as engine:
        session = await agent(engine, "@say one")
        await engine.branch("try")
        await agent(engine, "@say two", session)
        await agent(engine, "@say three", session)
        place = here(engine)
        assert (place / ".env").read_text() == "KEY=1"
        assert (place / "set-up").read_text() == "KEY=1"
        assert (place / "log").read_text() == "ran\n", "once"
        assert not (world.top / "log").exists()


@pytest.mark.parametrize(
    ("command", "limit", "why"),
    [("echo oh no; exit 3", 60, "exit status 3): oh no"), ("sleep 60", 2, "setup_timeout = 2 s")],
)
async def test_a_set_up_that_fails_is_said(world: World, command: str, limit: float, why: str) -> None:
    settings = replace(SETTINGS, worktree=WorktreeSettings(setup=command, setup_timeout=limit))
    async with await Engine.open(world.top, settings) as engine:
        session = await agent(engine, "@say one")
        await engine.branch("try")
        await agent(engine, "@say two", session)
        view = engine.reader.session(session)
        assert view is not None
        assert view.status is SessionStatus.COMPLETED
        told = [r.event.text for r in engine.reader.records(session) if r.event.kind == "notice"]
        assert any(why in text for text in told)


async def test_worktrees_lie_where_the_settings_say(world: World, tmp_path: Path) -> None:
    settings = replace(SETTINGS, worktree=WorktreeSettings(dir=str(tmp_path / "trees")))
    async with await Engine.open(world.top, settings) as engine:
        await agent(engine, "@say one")
        await engine.branch("feature/x")
        assert here(engine).parent.parent == tmp_path / "trees"
        assert here(engine).name == "feature-x"


async def test_a_session_of_its_own(world: World, engine: Engine) -> None:
    world.write("a.txt", "by hand")
    s = (await engine.delegate("@write mine x\n@run pwd", dir="src", worktree=True))["session_id"]
    await idle(engine)
    view = engine.reader.session(s)
    assert view is not None
    assert view.status is SessionStatus.COMPLETED, view.error
    assert view.worktree is not None
    own = Path(view.worktree)
    assert view.working_dir == str(own / "src")
    assert files(own) == {"a.txt": "by hand", "src/b.py": "print()\n", "src/mine": "x"}
    assert set(files(world.top)) == {"a.txt", "src/b.py"}
    held = engine.reader.checkpoint_state(1)["files"]["sessions"][s]
    assert held["path"] == str(own)
    assert set(world.tree(held["commit"])) == {b"a.txt", b"src/b.py", b"src/mine"}
    # Only what was at work is looked at again; the rest stays pointed to.
    await agent(engine, "@say other")
    again = engine.reader.checkpoint_state(2)["files"]["sessions"][s]
    assert again == held
    assert not world.git("for-each-ref", f"refs/zwarm/checkpoints/2/{s}")
    # On another branch it is rebuilt in the same way.
    await agent(engine, "@write later x", s)
    await engine.goto("T2")
    await agent(engine, "@write instead x", s)
    there = engine.reader.session(s)
    assert there is not None
    assert there.worktree not in (None, str(own))
    assert set(files(Path(str(there.worktree)))) == {"a.txt", "src/b.py", "src/mine", "src/instead"}
    assert set(files(own)) == {"a.txt", "src/b.py", "src/mine", "src/later"}
    told = [r.event.text for r in engine.reader.records(s) if r.event.kind == "notice"]
    assert any(f"from {own / 'src'} to {there.working_dir}" in text for text in told)


async def test_no_worktree_without_a_repository(tmp_path: Path) -> None:
    async with await Engine.open(tmp_path, SETTINGS) as engine:
        with pytest.raises(UsageError, match="needs a git repository"):
            await engine.delegate("@say x", worktree=True)
        assert engine.reader.sessions() == []
        session = await agent(engine, "@say one")
        await agent(engine, "@say two", session)
        await engine.goto("T1")
        await agent(engine, "@say else", session)
        view = engine.reader.session(session)
        assert view is not None
        assert (view.working_dir, view.worktree) == (str(tmp_path), None)
        told = [r.event.text for r in engine.reader.records(session) if r.event.kind == "notice"]
        assert any("Files did not go back" in text for text in told)


async def test_a_checkpoint_without_files_asks_first(world: World, engine: Engine) -> None:
    world.write(".gitattributes", "*.txt filter=broken\n")
    world.git("config", "filter.broken.clean", "false")
    world.git("config", "filter.broken.required", "true")
    world.write("a.txt", "changed")
    session = await agent(engine, "@say one")
    world.git("config", "filter.broken.clean", "cat")
    world.git("config", "filter.broken.smudge", "cat")
    await agent(engine, "@say two", session)
    await engine.goto("T1")
    with pytest.raises(ConfirmationNeededError, match="T1 holds no files"):
        await engine.converse(session, "@say else")
    assert len(engine.reader.branches()) == 1
    await engine.converse(session, "@say else", confirm=True)
    await idle(engine)
    assert files(here(engine))["a.txt"] == "changed"


async def test_a_worktree_that_cannot_be_made_leaves_all_as_it_was(
    world: World, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    session = await three(engine)
    await engine.goto("T1")
    (tmp_path / "file").write_text("")
    with monkeypatch.context() as patch:
        patch.setenv("ZWARM_DATA_DIR", str(tmp_path / "file"))
        with pytest.raises(GitError):
            await engine.converse(session, "@say else")
    assert len(engine.reader.branches()) == 1
    assert engine.reader.position().detached
    assert [w.state for w in engine.reader.places().worktrees] == ["gone"]
    await agent(engine, "@say else", session)
    assert set(files(here(engine))) == {"a.txt", "src/b.py", "f1"}


async def test_a_worktree_whose_folder_is_gone_is_made_again(world: World, engine: Engine) -> None:
    import shutil

    session = await three(engine)
    await engine.goto("T1")
    await agent(engine, "@write g x", session)
    shutil.rmtree(here(engine))
    await agent(engine, "@write h x", session)
    view = engine.reader.session(session)
    assert view is not None
    assert view.status is SessionStatus.COMPLETED, view.error
    assert set(files(here(engine))) == {"a.txt", "src/b.py", "f1", "g", "h"}


async def test_half_a_worktree_whose_repository_is_gone_stops_no_start(tmp_path: Path) -> None:
    begun = e.WorktreeBegun(
        path=str(tmp_path / "w"), branch=1, session="", snapshot="1" * 40, head=None, checkout=str(tmp_path)
    )
    async with await Engine.open(tmp_path, SETTINGS) as engine:
        await engine.store.commit(e.Record(begun))
    async with await Engine.open(tmp_path, SETTINGS) as engine:
        assert any(f"not taken away, the next start tries again: {begun.path}" in p for p in engine.problems)
        await agent(engine, "@say one")


async def test_turns_left_running_write_where_they_began(world: World, engine: Engine) -> None:
    await agent(engine, "@say one")
    await agent(engine, "@say two")
    s = (await engine.delegate("@run until [ -e go ]; do sleep 0.05; done\n@write late x"))["session_id"]
    while not any(t.thread for t in engine.sessions.running()):
        await asyncio.sleep(0.02)
    await engine.goto("T1", running="leave")
    other = await engine.delegate("@write beside x")  # files of its own: nothing to confirm
    await engine.sessions.wait(other["session_id"], 20)
    (world.top / "go").write_text("")
    await idle(engine)
    assert "late" in files(world.top)
    assert "beside" in files(here(engine))
    assert "beside" not in files(world.top)
    assert "late" not in files(here(engine))
    assert engine.reader.session(s, engine.reader.path(1)) is not None


async def test_old_snapshots_go_and_what_a_branch_needs_stays(world: World) -> None:
    settings = replace(SETTINGS, checkpoints=CheckpointSettings(keep=2))
    async with await Engine.open(world.top, settings) as engine:
        session = await three(engine)
        await engine.goto("T1")
        await agent(engine, "@write g x", session)
        for n in range(3):
            await agent(engine, f"@write h{n} x", session)
        await engine.timeline.prune()
        left = world.git("for-each-ref", "--format=%(refname)", "refs/zwarm/checkpoints").split()
        labels = {int(ref.split("/")[3]) for ref in left}
        assert {1, 3, 7} <= labels  # where branches begin and end
        assert len(labels - {0, 1, 3}) <= 3
        await engine.goto("main")
        await agent(engine, "@say on", session)


async def test_old_snapshots_go_some_time_after_an_engine_has_opened(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def left() -> set[int]:
        refs = world.git("for-each-ref", "--format=%(refname)", "refs/zwarm/checkpoints").split()
        return {int(ref.split("/")[3]) for ref in refs}

    async with await Engine.open(world.top, SETTINGS) as engine:
        await three(engine)
        assert {1, 2, 3} <= left()
    monkeypatch.setattr(opening, "TIDY_AFTER", 0.01)
    settings = replace(SETTINGS, checkpoints=CheckpointSettings(keep=1))
    async with await Engine.open(world.top, settings), asyncio.timeout(20):
        while {1, 2} <= left():  # one of them may count as the newest: they are of one second
            await asyncio.sleep(0.02)
        assert 3 in left(), "where the branch ends"


async def test_all_of_it_is_there_after_a_restart(world: World) -> None:
    async with await Engine.open(world.top, SETTINGS) as engine:
        session = await three(engine)
        await engine.goto("T1")
        await agent(engine, "@write g x", session)
        place = here(engine)
    async with await Engine.open(world.top, SETTINGS) as engine:
        assert here(engine) == place
        await agent(engine, "@write h x", session)
        assert set(files(place)) == {"a.txt", "src/b.py", "f1", "g", "h"}
        view = engine.reader.session(session)
        assert view is not None
        assert view.how == "resumed"
