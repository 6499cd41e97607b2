"""Worktrees of runs, with real git: made apart, kept where something is in them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.commands.conftest import Shop, eventually, marked
from zwarm_tui.cli.worktrees import _lines
from zwarm_tui.commands import BuiltinSteps, GitWorktrees, Session
from zwarm_tui.commands.claims import Claims
from zwarm_tui.config.project import find_project
from zwarm_tui.config.settings import WorktreeSettings
from zwarm_tui.core.errors import GitError, UsageError
from zwarm_tui.timeline.worktrees import listing


def only(shop: Shop) -> Path:
    (path,) = shop.worktrees()
    return Path(path)


async def test_steps_work_in_a_worktree_beside_the_project_which_goes_when_clean(shop: Shop) -> None:
    shop.world.write(".env", "secret\n")
    shop.world.write(".worktreeinclude", ".env\n")
    shop.world.write(".gitignore", ".zwarm/\n.env\n")
    shop.world.git("commit", "-qam", "ignore it")
    run, result = await shop.run(
        "arguments: [topic]\nsteps: [{action: create-worktree, args: {branch: 'try/{topic}'}}, "
        "'pwd; cat .env; git rev-parse --abbrev-ref HEAD']",
        topic="tea",
    )
    assert result.success, result.error
    path = shop.project.parent / "worktrees" / "shop-try-tea"
    assert run.session.step_history[1].output == f"{path}\nsecret\ntry/tea\n"
    assert run.view.result["worktree"] == str(path)
    assert (result.kept, result.cleanup_errors) == ([], [])
    assert not path.exists()
    assert (shop.worktrees(), shop.branches()) == ([], ["main"])


async def test_the_default_branch_names_the_command_and_the_time(shop: Shop) -> None:
    run, _ = await shop.run("steps: ['echo x', create-worktree]")
    assert run.session.git_branch is not None
    assert run.session.git_branch.startswith("pj-job-20")


async def test_runs_of_the_same_second_have_worktrees_of_their_own(shop: Shop, tmp_path: Path) -> None:
    then = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    named: dict[str, Any] = {"command_name": "job", "project_path": shop.project, "created_at": then}
    runs = [Session(id=id, artifact_dir=tmp_path / id, **named) for id in ("a1", "b2")]
    paths = {await BuiltinSteps().create_worktree(run) for run in runs}
    assert [run.git_branch for run in runs] == ["pj-job-20260102-030405", "pj-job-20260102-030405-b2"]
    assert paths == set(shop.worktrees())


@pytest.mark.parametrize("mode", ["always", "on_success", "never"])
@pytest.mark.parametrize("work", ["echo new > file", "echo more >> readme; git commit -qam more"])
@pytest.mark.parametrize("end", ["true;", "exit 1"])
async def test_a_worktree_with_something_in_it_is_kept_in_every_mode(
    shop: Shop, mode: str, work: str, end: str
) -> None:
    run, result = await shop.run(f"cleanup: {mode}\nsteps: [create-worktree, '{work}', '{end}']")
    assert result.success is (end == "true;")
    path = only(shop)
    assert find_project(path) == shop.project
    assert len(result.kept) == 1
    assert str(path) in result.kept[0]
    if mode == "always":
        why = "1 changed files (file)" if "file" in work else "commits that no other branch has"
        assert why in result.kept[0]
    assert run.view.result["kept"] == result.kept
    assert (path / "readme").exists()


@pytest.mark.parametrize(
    ("mode", "end", "stays"),
    [
        ("on_success", "exit 1", True),
        ("on_success", "true;", False),
        ("never", "true;", True),
        ("always", "exit 1", False),
    ],
)
async def test_when_a_clean_worktree_goes(shop: Shop, mode: str, end: str, stays: bool) -> None:
    _, result = await shop.run(f"cleanup: {mode}\nsteps: [create-worktree, '{end}']")
    assert bool(shop.worktrees()) is stays
    assert bool(result.kept) is stays
    assert f"cleanup = {mode}" in "".join(result.kept) or not stays


async def test_commits_that_were_merged_don_t_keep_it(shop: Shop) -> None:
    merge = f"git -C {shop.project} merge -q $(git rev-parse HEAD)"
    _, result = await shop.run(
        f"steps: [create-worktree, 'echo more >> readme; git commit -qam more', '{merge}']"
    )
    assert (result.success, result.kept) == (True, [])
    assert shop.worktrees() == []


async def test_the_main_checkout_is_never_worked_in_by_fallback(shop: Shop, monkeypatch: Any) -> None:
    """S-7: whatever keeps a worktree from being made, nothing runs."""
    shop.world.git("branch", "taken")
    for args, why in (
        ("{branch: taken}", "there is a git branch 'taken' already"),
        ("{branch: 'no name'}", "can't be the name of a git branch"),
        ("{base: nowhere}", "'nowhere' is no commit"),
    ):
        run, result = await shop.run(
            f"steps: ['touch ran', {{action: create-worktree, args: {args}}}, 'touch ran']"
        )
        assert not result.success
        assert why in (result.error or "")
        assert run.view.stages["create-worktree"].status == "failed"
    (shop.project.parent / "worktrees" / "shop-x").mkdir(parents=True)
    _, result = await shop.run("steps: [{action: create-worktree, args: {branch: x}}, 'touch ran']")
    assert "is there already" in (result.error or "")
    (shop.project.parent / "worktrees" / "shop-x").rmdir()
    monkeypatch.setenv("PATH", "/nowhere")
    _, result = await shop.run("steps: [create-worktree, 'touch ran']")
    assert "not found: git" in (result.error or "")
    assert not (shop.project / "ran").exists()


async def test_a_worktree_that_vanishes_ends_the_run(shop: Shop) -> None:
    _, result = await shop.run(
        "steps: [create-worktree, 'cd /; rm -rf \"$ZWARM_WORKTREE_PATH\"', 'touch ran']"
    )
    assert "is gone: nothing goes on in another folder" in (result.error or "")
    assert not (shop.project / "ran").exists()


async def test_without_a_repository_there_is_no_worktree(tmp_path: Path) -> None:
    session = Session(id="s", command_name="c", project_path=tmp_path, artifact_dir=tmp_path / "a")
    with pytest.raises(UsageError, match="no git repository"):
        await session.create_worktree(GitWorktrees(), "b")
    assert session.worktree_path is None


async def test_before_the_first_commit_there_is_no_worktree(tmp_path: Path) -> None:
    proc = await asyncio.create_subprocess_exec("git", "init", "-q", str(tmp_path / "new"))
    await proc.wait()
    with pytest.raises(GitError, match="no commit yet"):
        await GitWorktrees().create(tmp_path / "new", "b")


async def test_a_failing_a_timed_out_and_a_cancelled_run_leave_no_worktree(shop: Shop) -> None:
    _, result = await shop.run("steps: [create-worktree, 'exit 1']")
    assert not result.success
    _, result = await shop.run("timeout: 1\nsteps: [create-worktree, 'sleep 300']")
    assert "timeout = 1 s" in (result.error or "")
    begun = shop.project.parent / "begun"
    run = await shop.make(f"steps: [create-worktree, 'touch {begun}; sleep 300']")
    going = asyncio.create_task(run.execute())
    await eventually(begun.exists)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert (shop.worktrees(), shop.branches()) == ([], ["main"])
    assert not marked(run.id)


async def test_the_built_in_cleanup_takes_it_back_and_nothing_runs_in_its_place(shop: Shop) -> None:
    run, result = await shop.run("steps: [create-worktree, cleanup, 'touch ran']")
    assert run.session.step_history[1].output == "nothing is left"
    assert "is gone" in (result.error or "")
    assert not (shop.project / "ran").exists()
    assert shop.worktrees() == []


async def test_a_cleanup_that_fails_is_said(shop: Shop) -> None:
    """S-11: in the result, and as a failed node of the run."""
    config = shop.project / ".git" / "config"
    run, result = await shop.run(f"steps: [create-worktree, 'echo [[[ >> {config}']")
    (error,) = result.cleanup_errors
    assert "was not removed: " in error
    assert run.view.stages["cleanup"].status == "failed"
    assert run.view.status == "error"


async def test_the_settings_say_where_and_how_a_worktree_is_made(shop: Shop, tmp_path: Path) -> None:
    where = str(tmp_path / "elsewhere")
    made = WorktreeSettings(dir=where, setup="echo ready > prepared; grep -q prepared .gitignore")
    text = "steps: [{action: create-worktree, args: {branch: b}}, 'cat prepared']"
    run = await shop.make(text, worktrees=made)
    result = await run.execute()
    assert "The set-up command failed" in (result.error or "")
    assert (shop.worktrees(), shop.branches()) == ([], ["main"])
    shop.world.write(".gitignore", ".zwarm/\nprepared\n")
    shop.world.git("commit", "-qam", "ignore it")
    run = await shop.make(text, worktrees=made)
    result = await run.execute()
    assert result.success, result.error
    assert run.session.step_history[0].output == f"{where}/shop-b"
    assert run.session.step_history[1].output == "ready\n"
    assert (shop.worktrees(), shop.branches()) == ([], ["main"])


async def test_a_branch_that_is_the_persons_is_never_claimed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a run has claimed is taken back after a kill: with its branch."""
    claimed: list[Any] = []
    add = Claims.add

    def see(claims: Claims, **things: Any) -> None:
        claimed.append(things.get("git_branch"))
        add(claims, **things)

    monkeypatch.setattr(Claims, "add", see)
    shop.world.git("branch", "theirs")
    _, result = await shop.run("steps: [{action: create-worktree, args: {branch: theirs}}]")
    assert "there is a git branch 'theirs' already" in (result.error or "")
    assert "theirs" not in claimed
    _, result = await shop.run("steps: [{action: create-worktree, args: {branch: ours}}]")
    assert result.success
    assert "ours" in claimed


async def test_they_are_listed_with_those_of_branches(shop: Shop) -> None:
    await shop.run("cleanup: never\nsteps: [{action: create-worktree, args: {branch: mine}}, 'echo x > new']")
    shop.world.git("worktree", "add", "-q", "-b", "persons", str(shop.project.parent / "persons"))
    reader = (await shop.start()).reader
    [one] = await listing(reader, shop.project, 2**20)
    assert one == {
        "path": str(shop.project.parent / "worktrees" / "shop-mine"),
        "branch": None,
        "session": None,
        "used": None,
        "running": None,
        "missing": False,
        "holds": "1 changed files (new)",
        "also": None,
        "setup": None,
        "git_branch": "mine",
    }
    said = "\n".join(_lines(one))
    assert "made by a command, on git branch mine; 1 changed files (new)" in said
    assert "not used" not in said
