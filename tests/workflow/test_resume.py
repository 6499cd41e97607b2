"""A run that was cut off goes on at its first stage that has not completed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.workflow.conftest import until
from zwarm_tui.core.errors import UsageError
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.store.reader import Reader
from zwarm_tui.workflow import WorkflowRun, load_workflow, read_runs

FIVE = '''
"""Five stages, of which the third can be made to hang."""
import asyncio, os
from pathlib import Path
from zwarm_tui.workflow import Input

INPUTS = [Input("topic", required=True)]


async def run(ctx):
    async def plan(s):
        return await s.send(f"@run echo plan >> paid\\n@say a plan of {s.inputs['topic']}")

    p = await ctx.stage("plan", plan)

    async def draft(s):
        hang = "@hang" if s.name == "draft2" and not Path("go").exists() else ""
        return await s.send(f"@run echo {s.name} >> paid\\n{hang}\\n@say {s.name}: {p.result}")

    one = await ctx.stage("draft1", draft)
    two = await ctx.stage("draft2", draft)

    async def critique(s):
        return await s.send(f"@run echo critique >> paid\\n@say better: {one.result} {two.result}")

    c = await ctx.stage("critique", critique)

    async def merge(s):
        return await s.send(f"@run echo merge >> paid\\n@say merged: {c.result}")

    return (await ctx.stage("merge", merge)).result
'''


def paid() -> list[str]:
    return Path("paid").read_text().split()


def zwarm(*arguments: str) -> tuple[int, Any, str]:
    done = subprocess.run(
        [sys.executable, "-m", "zwarm_tui", *arguments, "--json"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def test_kill_9_in_the_middle_of_five_stages_then_resume(project: Path) -> None:
    """The bar: no completed stage is run, or paid for, again."""
    Path("five.py").write_text(FIVE)
    started = subprocess.Popen(
        [sys.executable, "-m", "zwarm_tui", "workflow", "run", "five.py", "--input", "topic=tea"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    children: list[psutil.Process] = []
    try:
        assert started.stderr is not None
        assert "run " in started.stderr.readline() or "run " in started.stderr.readline()
        status, runs, _ = wait_for_stage("draft2")
        [run] = runs
        assert (run["status"], run["error"]) == ("in_progress", None)
        children = psutil.Process(started.pid).children(recursive=True)
    finally:
        os.kill(started.pid, signal.SIGKILL)
        started.communicate()
        for child in children:  # what a SIGKILL of its parent leaves running
            with contextlib.suppress(psutil.NoSuchProcess):  # it has seen that itself
                child.kill()
    # AT-14: a dead engine and a run in progress is an error
    status, [run], _ = zwarm("workflow", "status")
    assert (status, run["status"]) == (0, "error")
    assert "died while it ran: it can be resumed" in run["error"]
    assert [(s["name"], s["status"]) for s in run["stages"]] == [
        ("plan", "completed"),
        ("draft1", "completed"),
        ("draft2", "running"),
    ]
    before = run["cost_usd"]
    assert paid() == ["plan", "draft1", "draft2"]

    Path("go").touch()
    status, run, stderr = zwarm("workflow", "run", "five.py", "--resume", run["run"])
    assert status == 0, stderr
    assert run["status"] == "completed"
    assert run["result"] == "merged: better: draft1: a plan of tea draft2: a plan of tea"
    assert paid() == ["plan", "draft1", "draft2", "draft2", "critique", "merge"]
    reused = {s["name"]: s["reused"] for s in run["stages"]}
    assert reused == {"plan": True, "draft1": True, "draft2": False, "critique": False, "merge": False}
    assert run["edges"] == [
        ["plan", "draft1"],
        ["draft1", "draft2"],
        ["draft2", "critique"],
        ["critique", "merge"],
    ]
    reader = Reader(project / ".zwarm" / "zwarm.db")
    assert len([s for s in reader.sessions() if s.role == "executor"]) == 6
    reader.close()
    assert before is None or run["cost_usd"] is None or run["cost_usd"] > before
    status, _, stderr = zwarm("workflow", "run", "five.py", "--resume", run["run"])
    assert (status, "has completed: begin a new one" in stderr) == (2, True)


BETWEEN = """
import os, signal
from pathlib import Path

async def run(ctx):
    async def ask(s):
        one = await s.send("@run echo one >> paid\\n@say one")
        two = await s.send("@run echo two >> paid\\n@say two")
        if not Path("go").exists():
            # Both turns have ended, and the stage has not: exactly here.
            Path("here").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return [one, two, await s.send("@run echo three >> paid\\n@say three")]

    return (await ctx.stage("ask", ask)).result
"""


def test_a_turn_that_ended_before_the_kill_is_not_paid_for_again(project: Path) -> None:
    """The stage had not ended, so it runs again; what it had been answered is in the log."""
    Path("between.py").write_text(BETWEEN)
    status, _, _ = zwarm("workflow", "run", "between.py")
    assert (status, Path("here").exists()) == (-signal.SIGKILL, True)
    assert paid() == ["one", "two"]
    _, [run], _ = zwarm("workflow", "status")
    before = run["cost_usd"]
    Path("go").touch()
    status, run, stderr = zwarm("workflow", "run", "between.py", "--resume", run["run"])
    assert status == 0, stderr
    assert run["result"] == ["one", "two", "three"]
    assert paid() == ["one", "two", "three"]
    [stage] = run["stages"]
    assert [t["how"] for t in stage["turns"]] == ["kept", "kept", "continued"]
    assert len({t["session"] for t in stage["turns"]}) == 1
    assert run["cost_usd"] > before


TWICE = """
import asyncio
from pathlib import Path

async def here(name):
    if not Path("go").exists():
        Path(name).touch()
        await asyncio.Event().wait()

async def run(ctx):
    if Path("again").exists():
        await here("before")

    async def ask(s):
        if Path("third").exists():
            await here("begun")
        one = await s.send("@run echo one >> paid\\n@say one")
        if Path("fourth").exists():
            await here("kept")
        two = await s.send("@run echo two >> paid\\n@say two")
        await here("heard")
        return [one, two]

    return (await ctx.stage("ask", ask)).result
"""


async def test_answers_are_kept_also_where_it_is_cut_off_again_before_they_are_asked_for(
    manager: CodexSessionManager, project: Path
) -> None:
    """While the run begins again, its stage, and in the middle of what is kept."""
    (project / "twice.py").write_text(TWICE)
    workflow = load_workflow(project / "twice.py")
    run = WorkflowRun(workflow, manager, project=project)
    for stop, mark in (("heard", "again"), ("before", None), ("begun", "fourth"), ("kept", None)):
        going = asyncio.create_task(run.execute())
        await until(Path(stop).exists)
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going
        if stop == "before":
            Path("again").unlink()
            Path("third").touch()
        elif stop == "begun":
            Path("third").unlink()
        if mark is not None:
            Path(mark).touch()
        run = WorkflowRun(workflow, manager, project=project, resume=run.id)
    Path("go").touch()
    assert await run.execute() == ["one", "two"]
    assert paid() == ["one", "two"]


def test_a_prompt_that_changed_is_sent(project: Path) -> None:
    Path("between.py").write_text(BETWEEN)
    zwarm("workflow", "run", "between.py")
    _, [run], _ = zwarm("workflow", "status")
    Path("go").touch()
    Path("between.py").write_text(BETWEEN.replace("@say two", "@say other"))
    status, run, stderr = zwarm("workflow", "run", "between.py", "--resume", run["run"])
    assert status == 0, stderr
    assert run["result"] == ["one", "other", "three"]
    assert paid() == ["one", "two", "one", "two", "three"], "another stage: it begins anew"


def wait_for_stage(name: str) -> tuple[int, Any, str]:
    """Until that stage's agent has done what it pays for."""
    while True:
        if Path("paid").exists() and name in paid():
            return zwarm("workflow", "status")
        time.sleep(0.01)


async def go(manager: CodexSessionManager, project: Path, text: str, **options: Any) -> WorkflowRun:
    path = project / "flow.py"
    path.write_text(text)
    run = WorkflowRun(load_workflow(path), manager, project=project, **options)
    run.failure = None  # type: ignore[attr-defined]
    try:
        await run.execute()
    except Exception as error:
        run.failure = error  # type: ignore[attr-defined]
    return run


FLOW = """
from pathlib import Path
WORD = {word!r}

def shout(text):
    return {shout}

async def run(ctx):
    async def one(s):
        return await s.send("@say " + shout(WORD))

    a = await ctx.stage("one", one)

    async def two(s):
        return await s.send("@say two of " + a.result)

    await ctx.stage("two", two)

    async def three(s):
        if not Path("go").exists():
            raise OSError("not yet")
        return await s.send("@say three")

    return (await ctx.stage("three", three)).result
"""


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({}, []),
        ({"word": "bye"}, ["one", "two"]),
        ({"word": "hello "}, ["one", "two"]),
        ({"shout": "text.upper()"}, ["one", "two"]),
    ],
)
async def test_a_result_stands_where_nothing_it_depends_on_changed(
    manager: CodexSessionManager, project: Path, change: dict[str, str], again: list[str]
) -> None:
    """Stale results are never taken for fresh: the stage's own code and what it uses
    count, and what the stages before it handed on; the file's other text does not."""
    first = {"word": "hello", "shout": "text"}
    broken = await go(manager, project, FLOW.format(**first))
    assert broken.view.status == "error"
    assert broken.view.stages["three"].error == "not yet"
    Path("go").touch()
    text = "# a remark\n\n" + FLOW.format(**{**first, **change})
    run = await go(manager, project, text, resume=broken.id[:5])
    assert run.id == broken.id
    assert run.view.status == "completed"
    assert run.view.result == "three"
    assert [n.name for n in run.view.graph.nodes if not n.reused] == [*again, "three"]
    assert [r.id for r in read_runs(manager.reader)] == [run.id]


async def test_other_inputs_begin_anew(manager: CodexSessionManager, project: Path) -> None:
    text = """
from pathlib import Path
from zwarm_tui.workflow import Input
INPUTS = [Input("topic", required=True)]
async def run(ctx):
    async def one(s):
        return await s.send("@say " + s.inputs["topic"])
    a = await ctx.stage("one", one)
    if not Path("go").exists():
        raise OSError("not yet")
    return a.result
"""
    broken = await go(manager, project, text, inputs={"topic": "tea"})
    Path("go").touch()
    run = await go(manager, project, text, resume=broken.id)
    assert (run.view.result, run.view.stages["one"].reused) == ("tea", True)


async def test_a_kept_stage_hands_on_its_transcript(manager: CodexSessionManager, project: Path) -> None:
    text = """
from pathlib import Path
async def run(ctx):
    async def one(s):
        await s.send("@say first")
    a = await ctx.stage("one", one)
    async def two(s):
        if not Path("go").exists():
            raise OSError("not yet")
        return [s.transcript(a).content, await s.send("@say more", resume=a)]
    return (await ctx.stage("two", two)).result
"""
    broken = await go(manager, project, text)
    Path("go").touch()
    run = await go(manager, project, text, resume=broken.id)
    assert run.view.result == ["## Prompt\n\n@say first\n\n## Answer\n\nfirst\n", "more"]
    assert len(manager.list_sessions()) == 1


async def test_only_a_run_of_the_same_workflow_resumes(manager: CodexSessionManager, project: Path) -> None:
    broken = await go(manager, project, "async def run(ctx):\n    raise OSError('no')\n")
    other = project / "other.py"
    other.write_text("async def run(ctx): pass\n")
    with pytest.raises(UsageError, match=r"is one of 'flow', not of 'other'"):
        WorkflowRun(load_workflow(other), manager, project=project, resume=broken.id)
    with pytest.raises(UsageError, match=r"no run 'zzz'"):
        WorkflowRun(load_workflow(other), manager, project=project, resume="zzz")
