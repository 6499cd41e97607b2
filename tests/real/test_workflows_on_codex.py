"""Staged runs on the real codex, checked from outside: by what reached the model."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.conftest import until
from zwarm_tui.demo.codex_home import MODEL
from zwarm_tui.demo.model_server import ModelServer
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.workflow import (
    Agents,
    PipelineError,
    Session,
    Workflow,
    WorkflowContext,
    WorkflowRun,
    read_runs,
)

pytestmark = pytest.mark.codex
CODEX = ("codex", MODEL)


async def test_plan_two_drafts_critique_merge(
    manager: CodexSessionManager, server: ModelServer, project: Path
) -> None:
    """One of the drafts fails at first; what its sibling wrote is kept, and not paid
    for again."""
    s = Session(project / "out", "p", runner=Agents(manager))
    plan = await s.arun_prompt("plan", "@say Build it in two parts.\n@usage 1000 0 100", CODEX)
    drafts = [
        s.stage("bold", f"@say Bold. {plan.text()}", CODEX),
        s.stage("careful", "@fail the model is out of order", CODEX),
    ]
    with pytest.raises(
        PipelineError, match=r"^Stage 'careful' failed after 1 attempts: exit status 1"
    ) as failed:
        await s.arun_parallel(drafts, max_workers=2)
    bold = failed.value.completed["bold"]
    assert bold.text() == "Bold. Build it in two parts."
    careful = await s.arun_prompt("careful", "@say Careful.", CODEX)
    critique = await s.arun_prompt(
        "critique", f"@say Better: {bold.text()} {careful.text()}\n\n{s.transcript('bold')}", CODEX
    )
    merge = await s.arun_prompt("merge", f"@say Merged: {critique.text()}", CODEX)
    assert merge.text() == "Merged: Better: Bold. Build it in two parts. Careful."
    assert s.graph().edges == (
        ("plan", "bold"),
        ("plan", "careful"),
        ("bold", "careful#2"),
        ("careful", "careful#2"),
        ("careful#2", "critique"),
        ("critique", "merge"),
    )
    assert (s.graph().node("careful").status, s.graph().node("bold").status) == ("failed", "completed")
    [run] = read_runs(manager.reader)
    assert run.graph.edges == s.graph().edges
    assert len({x.session for n in run.graph.nodes for x in n.served}) == 6
    asked = [r.messages[0].strip() for r in server.requests if r.messages]
    assert asked.count("@say Bold. Build it in two parts.") == 1


async def test_a_workflow_on_codex(manager: CodexSessionManager, project: Path) -> None:
    async def body(ctx: WorkflowContext) -> Any:
        async def plan(s: Any) -> str:
            return await s.send("@say plan")

        p = await ctx.stage("plan", plan)

        async def draft(s: Any) -> str:
            first = await s.send(f"@say {s.name} of {p.result}")
            return first + "/" + await s.send("@say again")

        async def fails(s: Any) -> str:
            return await s.send("@die")

        one, two = await asyncio.gather(
            ctx.stage("one", draft), ctx.stage("two", fails, headless=True), return_exceptions=True
        )
        assert isinstance(two, PipelineError)
        assert not isinstance(one, BaseException)

        async def merge(s: Any) -> str:
            assert "one of plan" in s.transcript(one).content
            return await s.send(f"@say merged {one.result}")

        return (await ctx.stage("merge", merge)).result

    run = WorkflowRun(
        Workflow("flow", project / "flow.py", [], body),
        manager,
        project=project,
    )
    assert await run.execute() == "merged one of plan/again"
    nodes = {n.name: n for n in run.view.graph.nodes}
    assert [s.how for s in nodes["one"].served] == ["fresh", "continued"]
    assert nodes["merge"].parents == ("one", "two")
    assert run.view.status == "error", "a stage that failed shows in the run's status (F15)"


async def test_an_unattended_codex_can_not_ask(
    manager: CodexSessionManager, server: ModelServer, project: Path
) -> None:
    """AT-11, S-12: by what its thread was really given, codex itself refuses the model's
    question and its wish for leave; attended, both reach the person."""
    asks = "@ask Which colour?\n@escalate touch made\n@say done"

    async def body(ctx: WorkflowContext) -> None:
        async def work(s: Any) -> str:
            return await s.send(asks)

        await ctx.stage("alone", work, headless=True)
        assert not (project / "made").exists()
        await ctx.stage("attended", work)

    flow = Workflow("flow", project / "flow.py", [], body)
    run = WorkflowRun(flow, manager, project=project, attended=True)
    going = asyncio.create_task(run.execute())
    for kind in ("question.asked", "approval.requested"):
        await until(
            lambda kind=kind: going.done() or kind in [r.event.kind for r in manager.reader.requests()]
        )
        [request] = manager.reader.requests()
        assert request.session == run.view.stages["attended"].served[0].session
        if kind == "question.asked":
            await manager.requests.answer(request.id, "blue")
        else:
            await manager.requests.decide(request.id, "decline")
    await going
    alone = [r for r in server.requests if len(r.input) > 1][:2]
    assert "request_user_input is unavailable" in json.dumps([r.input for r in alone])
    assert [s.view.settings["approvals"] for s in manager.list_sessions()[:1]] == ["never"]


def test_run_acw_on_codex_from_a_plain_program(
    codex_settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No event loop of the program's own, no manager: the person's settings say which
    codex."""
    project = tmp_path / "plain"
    (project / ".git").mkdir(parents=True)
    monkeypatch.chdir(project)
    monkeypatch.setenv("ZWARM_CONFIG_DIR", str(codex_settings))
    s = Session("out", "p")
    done = s.run_parallel([s.stage(n, f"@say I am {n}", CODEX) for n in "ab"])
    assert [r.text() for r in done.values()] == ["I am a", "I am b"]


async def test_extra_flags_reach_codex(
    manager: CodexSessionManager, server: ModelServer, project: Path
) -> None:
    s = Session(project / "out", "p", runner=Agents(manager))
    flags = ["-c", "developer_instructions=Speak of quinces."]
    await s.arun_prompt("a", "@say one", CODEX, extra_flags=flags)
    await s.arun_prompt("b", "@say two", CODEX)
    assert ["quinces" in json.dumps(r.input) for r in server.requests] == [True, False]
