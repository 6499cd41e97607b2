"""Work with gates and reviews in a stage: sent back until it is good."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from zwarm_tui.core import events as e
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.workflow import PipelineError, StageContext, Workflow, WorkflowContext, WorkflowRun

GATE = (
    "echo '@run echo line >> made.txt'; n=$(cat made.txt 2>/dev/null | wc -l); echo $n lines; test $n -ge 2"
)


def run_of(manager: CodexSessionManager, project: Path, options: dict[str, Any], **more: Any) -> WorkflowRun:
    async def body(ctx: WorkflowContext) -> Any:
        async def do(s: StageContext) -> Any:
            return await s.work("@say I did it.", **options)

        return (await ctx.stage("do", do)).result

    workflow = Workflow("work", project / "work.py", [], body)
    return WorkflowRun(workflow, manager, project=project, **more)


async def test_a_person_reviews_what_the_gate_let_through(
    manager: CodexSessionManager, project: Path
) -> None:
    asked: list[str] = []
    answers = iter(
        ["The name is wrong.\nCall it done.txt.\n@run mv made.txt done.txt; cp done.txt made.txt", "OK."]
    )
    points: list[str] = []

    async def human(question: str) -> str:
        asked.append(question)
        return next(answers)

    async def point(stage: str) -> None:
        points.append(stage)

    options = {"gates": {"lines": GATE}, "review": "you"}
    run = run_of(manager, project, options, human=human, point=point)
    done = await run.execute()
    assert (done["gate_attempts"], done["review_attempts"], done["folder"]) == (3, 2, str(project))
    assert (project / "done.txt").exists()
    assert asked[0].startswith(f"Review what session {done['session']} did in {project}: answer ok")
    [stage] = run.view.graph.nodes
    assert [(s.turn, s.how) for s in stage.served] == [
        (1, "fresh"),
        (2, "continued"),
        (3, "continued"),
        (4, "continued"),
    ]
    records = manager.reader.records(done["session"], kinds=("gate", "review"))
    checks = [r.event for r in records]
    assert [(c.passed, c.attempt) for c in checks if isinstance(c, e.GateDone)] == [
        (False, 1),
        (False, 2),
        (True, 3),
        (True, 1),
    ]
    found = [c.findings for c in checks if isinstance(c, e.ReviewDone)]
    assert str(found[0][0]) == "[P1] The name is wrong."
    assert [p.split(" (")[0] for p in points] == [
        "do, gate failed",
        "do, gate failed",
        "do, gate passed",
        "do, review",
        "do, gate passed",
        "do, review passed",
        "do",
    ]


async def test_work_that_stays_bad_fails_its_stage(manager: CodexSessionManager, project: Path) -> None:
    options = {"gates": {"never": "echo nope; date +%N > changed; exit 3"}, "attempts": 2}
    with pytest.raises(PipelineError, match=r"gate failed \(attempt 2/2\): never: .* failed \(exit status 3"):
        await run_of(manager, project, options).execute()


async def test_nobody_reviews_what_nobody_attends_to(manager: CodexSessionManager, project: Path) -> None:
    with pytest.raises(PipelineError, match="nobody is here to answer: Review what session"):
        await run_of(manager, project, {"review": "you"}).execute()


async def test_work_that_was_cut_off_goes_on_in_its_session(
    manager: CodexSessionManager, project: Path
) -> None:
    options = {"gates": {"wait": "touch waits; test -e go || sleep 600"}}
    run = run_of(manager, project, options)
    going = asyncio.create_task(run.execute())
    async with asyncio.timeout(20):
        while not (project / "waits").exists():
            await asyncio.sleep(0.01)
    going.cancel()
    await asyncio.wait({going})
    (project / "go").touch()
    again = run_of(manager, project, options, resume=run.id)
    done = await again.execute()
    assert len(manager.list_sessions()) == 1
    assert manager.get_session(done["session"]).view.turns == 2
