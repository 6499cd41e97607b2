"""Runs of workflows as sessions of an engine: begun, asked, interrupted, taken up again."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.workflow.conftest import until
from zwarm_tui.config.settings import Settings
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import SessionBusyError, UsageError
from zwarm_tui.core.model import SessionStatus
from zwarm_tui.engine import Engine
from zwarm_tui.workflow import InputError, find_run

FLOW = """
import asyncio
from pathlib import Path
from zwarm_tui.workflow import Input

INPUTS = [Input("word", required=True)]


def paid(word):
    with Path("paid").open("a") as file:
        file.write(word + " ")


async def run(ctx):
    async def plan(s):
        return await s.send(f"@run echo plan >> paid\\n@say plan of {s.inputs['word']}")

    async def draft(s):
        paid(s.name)
        hang = "" if Path("go").exists() else "@hang"
        return await s.send(f"{hang}\\n@say {s.name} after {p.result}")

    async def colour(s):
        return await s.ask("Which colour?")

    p = await ctx.stage("plan", plan)
    one = await ctx.stage("draft", draft)
    c = await ctx.stage("colour", colour)
    return f"{one.result}, {c.result}"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = tmp_path / "project"
    project.mkdir()
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    (project / "flow.py").write_text(FLOW)
    monkeypatch.chdir(project)
    return project


@pytest.fixture
async def engine(project: Path) -> AsyncIterator[Engine]:
    async with await Engine.open(project, Settings(executor="demo")) as engine:
        yield engine


def paid(engine: Engine) -> list[str]:
    file = engine.project / "paid"
    return file.read_text().split() if file.exists() else []


async def asked(engine: Engine, run: str) -> str:
    await until(lambda: bool(engine.reader.requests(run)))
    return engine.reader.requests(run)[0].id


async def test_a_run_is_a_session_that_asks_its_person(engine: Engine) -> None:
    (engine.project / "go").touch()
    run = (await engine.start_run("workflow", "flow.py", {"word": "tea"}))["run_id"]
    request = await asked(engine, run)
    view = engine.sessions.get_session(run).view
    assert (view.role, view.status, view.task) == ("run", SessionStatus.AWAITING_INPUT, "flow word=tea")
    assert view.attention is not None
    assert (view.attention.reason, view.attention.detail) == ("question", "Which colour?")
    assert find_run(engine.reader, run).status == "needs_review"
    with pytest.raises(UsageError, match="a run takes no messages"):
        await engine.converse(run, "hello")
    await engine.answer(run, "green")
    assert request not in [r.id for r in engine.reader.requests()]
    done = await engine.sessions.wait(run, 30)
    assert done.status is SessionStatus.COMPLETED
    assert done.view.last_message == "draft after plan of tea, green"
    points = [c.metadata.get("stage") for c in engine.reader.checkpoints()]
    assert points == ["plan", "draft", "colour", None]


async def test_an_unattended_failure_that_its_file_passes_over_is_seen_on_the_run(engine: Engine) -> None:
    (engine.project / "quiet.py").write_text(
        """
async def run(ctx):
    try:
        await ctx.stage("dim", lambda s: s.send("@fail no luck"), headless=True)
    except Exception:
        return "all is well"
"""
    )
    started = await engine.start_run("workflow", "quiet.py", {})
    session = await engine.sessions.wait(started["run_id"], timeout=30)
    assert (session.status, session.attention_reason) == (SessionStatus.FAILED, "failed")
    assert "no luck" in str(session.error)
    assert session.view.last_message == "all is well"
    assert find_run(engine.reader, started["run_id"]).status == "error"


async def test_what_is_wrong_begins_nothing(engine: Engine) -> None:
    with pytest.raises(InputError, match="Missing required input --word"):
        await engine.start_run("workflow", "flow.py", {})
    with pytest.raises(UsageError, match="no run 'zzz'"):
        await engine.resume_run("zzz")
    assert engine.reader.sessions() == []


async def test_cancelled_and_taken_up_again(engine: Engine) -> None:
    run = (await engine.start_run("workflow", "flow.py", {"word": "tea"}))["run_id"]
    await until(lambda: "draft" in paid(engine))
    await until(
        lambda: any(v.role == "executor" and v.task.startswith("@hang") for v in engine.reader.sessions())
    )
    with pytest.raises((SessionBusyError, UsageError), match=r"a turn runs|still runs"):
        await engine.resume_run(run)
    await engine.cancel_run(run)
    view = engine.sessions.get_session(run).view
    assert (view.status, view.error) == (SessionStatus.INTERRUPTED, "interrupted by the person")
    assert [t.session for t in engine.sessions.running()] == []
    (engine.project / "go").touch()
    await engine.resume(run)
    await engine.answer(await asked(engine, run), "green")
    assert (await engine.sessions.wait(run, 30)).status is SessionStatus.COMPLETED
    assert paid(engine) == ["plan", "draft", "draft"], "what had completed is not paid for again"

    again = (await engine.retry_stage(run, "plan"))["run_id"]
    assert again == run
    assert (await engine.sessions.wait(run, 30)).status is SessionStatus.COMPLETED
    assert paid(engine) == ["plan", "draft", "draft", "plan"], "the same plan: the draft stands"
    with pytest.raises(UsageError, match="the run has no stage 'nope'"):
        await engine.retry_stage(run, "nope")


async def test_a_run_is_taken_up_again_as_soon_as_its_end_is_read(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the engine is only about to learn that the end is written."""
    commit, known = engine.store.commit, asyncio.Event()

    async def slow(*records: e.Record) -> int:
        seq = await commit(*records)
        if any(isinstance(record.event, e.RunEnded) for record in records):
            await known.wait()
        return seq

    monkeypatch.setattr(engine.store, "commit", slow)
    run = (await engine.start_run("workflow", "flow.py", {"word": "tea"}))["run_id"]
    await until(lambda: paid(engine) == ["plan", "draft"])
    stopping = asyncio.create_task(engine.cancel_run(run))
    await until(lambda: find_run(engine.reader, run).ended is not None)
    (engine.project / "go").touch()
    again = asyncio.create_task(engine.resume_run(run))
    early, _ = await asyncio.wait({again}, timeout=0.1)
    known.set()
    await asyncio.gather(stopping, again)
    assert not early
    with pytest.raises(UsageError, match="runs"):  # a second time: it does now
        await engine.resume_run(run)
    await engine.answer(await asked(engine, run), "green")
    assert (await engine.sessions.wait(run, 30)).status is SessionStatus.COMPLETED
    assert paid(engine) == ["plan", "draft", "draft"]


async def test_of_two_that_take_a_run_up_again_one_is_refused_and_the_run_goes_on(engine: Engine) -> None:
    run = (await engine.start_run("workflow", "flow.py", {"word": "tea"}))["run_id"]
    await until(lambda: paid(engine) == ["plan", "draft"])
    await engine.cancel_run(run)
    await engine.sessions.wait(run, 60)
    (engine.project / "go").touch()
    both = (engine.resume_run(run), engine.resume_run(run))
    first, second = await asyncio.gather(*both, return_exceptions=True)
    assert not isinstance(first, BaseException)
    assert isinstance(second, UsageError)
    await engine.answer(await asked(engine, run), "green")
    assert (await engine.sessions.wait(run, 60)).status is SessionStatus.COMPLETED


async def test_from_a_stage_on_as_a_branch(engine: Engine) -> None:
    (engine.project / "go").touch()
    run = (await engine.start_run("workflow", "flow.py", {"word": "tea"}))["run_id"]
    await engine.answer(await asked(engine, run), "green")
    await engine.sessions.wait(run, 30)
    branched = await engine.retry_from(run, "draft")
    position = engine.reader.position()
    assert (position.branch_name, branched["branch"]) == ("flow-2", "flow-2")
    await engine.answer(await asked(engine, branched["run_id"]), "blue")
    done = await engine.sessions.wait(branched["run_id"], 30)
    assert done.view.last_message == "draft after plan of tea, blue"
    assert done.view.branch == "flow-2"
    view = find_run(engine.reader, branched["run_id"])
    assert {s.name: s.reused for s in view.stages.values()} == {"plan": True, "draft": False, "colour": False}
    at = next(b for b in engine.reader.branches() if b.name == "flow-2").checkpoint
    assert engine.timeline.tree.label_for(at) == "T1", "where the plan was done, and nothing after"
    worktree = next(b for b in engine.reader.branches() if b.name == "flow-2").worktree
    assert worktree is not None
    served = engine.sessions.get_session(view.stages["draft"].served[0].session).view
    assert served.working_dir == worktree, "its agents work on the branch's own files"


REVIEWED = """
async def run(ctx):
    async def do(s):
        return await s.work("@run echo made > made.txt\\n@say made it", review="you")

    return (await ctx.stage("do", do)).result["review_attempts"]
"""


async def test_a_review_by_the_person_waits_for_their_verdict(engine: Engine) -> None:
    (engine.project / "reviewed.py").write_text(REVIEWED)
    run = (await engine.start_run("workflow", "reviewed.py", {}))["run_id"]
    request = engine.reader.request(await asked(engine, run))
    assert request is not None
    event = request.event
    assert isinstance(event, e.ApprovalRequested)
    assert (event.what, event.choices, event.cwd) == ("review", ("accept", "decline"), str(engine.project))
    assert event.text.startswith("do: @run echo made")
    assert find_run(engine.reader, run).status == "needs_review"
    view = engine.sessions.get_session(run).view
    assert view.attention is not None
    assert view.attention.reason == "approval"
    await engine.approve(run, decision="decline", message="Make it better.\n@run echo better > made.txt")
    await engine.approve(await asked(engine, run))
    done = await engine.sessions.wait(run, 30)
    assert (done.status, done.view.last_message) == (SessionStatus.COMPLETED, "2")
    assert (engine.project / "made.txt").read_text() == "better\n"
    served = find_run(engine.reader, run).stages["do"].served[0].session
    [first, last] = [r.event for r in engine.reader.records(served, kinds=("review",))]
    assert isinstance(first, e.ReviewDone)
    assert [str(f) for f in first.findings] == ["[P1] Make it better."]
    assert isinstance(last, e.ReviewDone)
    assert last.passed
