"""A program's stages beside a host: the host's agents do them, and the log is one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.host.conftest import Stage, eventually
from zwarm_tui.workflow import PipelineError, Session, read_runs, run_acw
from zwarm_tui.workflow.runs import spent

DEMO = ("demo", "")


@pytest.fixture
def here(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A project with a host, and the current folder."""
    monkeypatch.chdir(stage.project)
    stage.json("host", "start")
    return stage


def test_a_session_uses_the_running_host(here: Stage) -> None:
    host = here.pid()
    s = Session("out", "p")
    assert s.run_prompt("plan", "@say The plan.", DEMO).text() == "The plan."
    done = s.run_parallel([s.stage(n, f"@say {n}", DEMO) for n in "bc"])
    assert [r.text() for r in done.values()] == ["b", "c"]
    assert here.pid() == host
    reader = here.reader()
    [run] = read_runs(reader)
    assert run.graph.edges == (("plan", "b"), ("plan", "c"))
    [served] = run.stages["plan"].served
    view = reader.session(served.session)
    assert view is not None
    assert (view.last_message, view.settings["approvals"]) == ("The plan.", "never")
    assert [t.origin for t in reader.turns(served.session)] == ["workflow"]
    reader.close()


def test_what_goes_wrong_is_told_as_without_one(here: Stage) -> None:
    Path("in.md").write_text("@die")
    died = run_acw("demo", "", Path("in.md"), Path("out.md"))
    assert (died.returncode, "the demo agent dies" in died.stderr) == (3, True)
    s = Session("out", "p")
    with pytest.raises(PipelineError, match=r"nobody attends to this stage: Which colour"):
        s.run_prompt("asks", "@ask Which colour?", DEMO)
    with pytest.raises(PipelineError, match=r"no answer within timeout = 0\.3 s"):
        s.run_prompt("slow", "@hang", DEMO, timeout=0.3)


async def test_the_async_twin_and_its_end_by_cancelling(here: Stage) -> None:
    s = Session("out", "p")
    assert (await s.arun_prompt("a", "@say one", DEMO)).text() == "one"
    task = asyncio.create_task(s.arun_prompt("b", "@run touch begun\n@hang", DEMO))
    await eventually((here.project / "begun").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    reader = here.reader()
    assert [v.status.value for v in reader.sessions()] == ["completed", "interrupted"]
    reader.close()


async def test_what_it_cost_also_where_its_person_jumps_meanwhile(here: Stage) -> None:
    s = Session("out", "p")
    for name in ("plan", "more"):
        await s.arun_prompt(name, f"@say {name}", DEMO)
        await asyncio.to_thread(here.json, "checkpoint", name)
    gone = here.project / ".git" / "gone"
    slow = f"@run touch begun; until [ -e {gone} ]; do sleep 0.05; done\n@say b"
    stages = [s.stage("b", slow, DEMO), s.stage("c", "@say c", DEMO)]
    task = asyncio.create_task(s.arun_parallel(stages, max_workers=1))
    await eventually((here.project / "begun").exists)
    await asyncio.to_thread(here.json, "goto", "T1", "--running", "leave")
    gone.touch()
    assert [r.text() for r in (await task).values()] == ["b", "c"]
    reader = here.reader()
    [run] = read_runs(reader)
    assert len({branch for _, branch, _ in run.turns}) == 2, "the last one is on a branch from T1"
    assert spent(reader, run).usd == pytest.approx(reader.totals().total.usd) != 0
    reader.close()


async def test_a_host_that_dies_ends_the_stage(here: Stage) -> None:
    s = Session("out", "p")
    task = asyncio.create_task(s.arun_prompt("b", "@run touch begun\n@hang", DEMO))
    await eventually((here.project / "begun").exists)
    await asyncio.to_thread(here.kill)
    with pytest.raises(PipelineError, match="the host ended while it ran"):
        await task
