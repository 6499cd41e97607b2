"""Agents in commands: prompts, the environment, reviews, and mending what a step found."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.commands.conftest import Shop, eventually
from zwarm_tui.core.model import SessionStatus


async def test_the_prompt_file_reaches_the_executor_with_its_arguments(shop: Shop) -> None:
    shop.file("p.md", "@say I do {what} and {nothing-else}\n")
    run, result = await shop.run(
        "prompt_file: p.md\narguments: [what, {name: nothing-else, default: '{what}'}]\n"
        "steps: ['echo first']\npost_steps: ['echo last']",
        what="the job",
    )
    assert result.success, result.error
    manager = await shop.start()
    (session,) = manager.list_sessions()
    assert session.task == "@say I do the job and {what}\n", "what fills a placeholder is no template"
    assert [s.name for s in run.session.step_history] == ["echo first", "agent", "echo last"]
    assert run.session.step_history[1].output == "I do the job and {what}"
    (served,) = run.view.stages["agent"].served
    assert (served.session, served.turn, served.how) == (session.id, 1, "fresh")


async def test_an_agent_works_in_the_worktree_with_the_commands_environment(shop: Shop) -> None:
    _, result = await shop.run(
        """
        arguments: [{name: n, default: "5"}]
        environment: {COLOUR: "red {n}"}
        steps:
          - create-worktree
          - name: work
            prompt: |
              @run echo "$COLOUR $ZWARM_ARG_N $ZWARM_COMMAND_NAME" > seen
              @say done
          - cat seen; rm seen
        """
    )
    assert result.success, result.error
    manager = await shop.start()
    (session,) = manager.list_sessions()
    assert "worktrees" in session.working_dir
    assert not (shop.project / "seen").exists()
    assert shop.worktrees() == []


async def test_a_later_prompt_is_given_what_an_earlier_step_said(shop: Shop) -> None:
    run, result = await shop.run(
        """
        steps:
          - {name: plan, prompt: "@say three parts"}
          - {name: count, type: shell, action: "echo 42"}
          - {name: work, prompt: "@say plan {steps.plan}, count {steps.count}"}
        """
    )
    assert result.success, result.error
    assert run.session.step_history[2].output == "plan three parts, count 42"


async def test_an_agent_that_fails_fails_its_step(shop: Shop) -> None:
    for prompt, why in (
        ("@fail out of order", "out of order"),
        ("@die", "exit status 3"),
        ("@say  ", "no text"),
    ):
        run, result = await shop.run(f"steps: [{{name: work, prompt: '{prompt}'}}, 'touch later']")
        assert not result.success
        assert why in (result.error or ""), result.error
        assert run.view.stages["work"].status == "failed"
        assert len(run.view.stages["work"].served) == 1
    assert not (shop.project / "later").exists()


async def test_an_agents_timeout_ends_its_session_and_says_which_setting(shop: Shop) -> None:
    _, result = await shop.run("steps: [{name: work, prompt: '@hang', timeout: 1}]")
    assert result.error == "step 'work' failed: not done within its timeout = 1 s"
    manager = await shop.start()
    (session,) = manager.list_sessions()
    assert session.status is SessionStatus.KILLED
    assert "timeout = 1 s" in (session.error or "")


async def test_cancelling_a_run_interrupts_its_agent(shop: Shop) -> None:
    run = await shop.make("steps: [create-worktree, {name: work, prompt: '@hang'}]")
    manager = await shop.start()
    going = asyncio.create_task(run.execute())
    await eventually(lambda: [t for t in manager.running() if t.thread])
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    (session,) = manager.list_sessions()
    assert session.status is SessionStatus.INTERRUPTED
    assert shop.worktrees() == []
    assert run.view.stages["work"].status == "interrupted"


async def test_a_gate_that_fails_is_mended_by_the_agent_and_run_again(shop: Shop) -> None:
    """The agent is told the gate's whole output, in the session that did the work."""
    run, result = await shop.run(
        r"""
        steps:
          - {name: implement, prompt: "@say I have begun."}
          - name: gate
            type: shell
            action: "cat fixed || { echo '@write fixed yes'; echo '@say mended'; exit 1; }"
            retry: 2
            fix: implement
        """
    )
    assert result.success, result.error
    gate = run.view.stages["gate"]
    assert (gate.status, gate.attempt, gate.attempts) == ("completed", 2, 3)
    (served,) = gate.served
    manager = await shop.start()
    (session,) = manager.list_sessions()
    assert (served.session, served.turn, served.how) == (session.id, 2, "resumed")
    assert "attempt 2/3" in session.messages[2]["content"]


async def test_a_gate_that_nobody_mends_fails(shop: Shop) -> None:
    _, result = await shop.run(
        """
        steps:
          - {name: implement, prompt: "@say I have begun."}
          - {name: gate, type: shell, action: "echo @fail no idea; exit 1", retry: 5, fix: implement}
        """
    )
    assert "'implement' could not mend it" in (result.error or "")
    assert "no idea" in (result.error or "")


async def test_a_review_that_blocks_is_mended_and_made_again(shop: Shop) -> None:
    """The reviewer reads what has changed since the run began, new files too."""
    finding = {"priority": 1, "title": "a typo", "body": "@write fixed yes\n@say mended"}
    judge = "@say " + json.dumps({"findings": [finding]}).replace("\\", "\\\\")
    run, result = await shop.run(
        f"""
        steps:
          - {{name: implement, prompt: "@write new added\\n@say I have begun."}}
          - name: review
            type: review
            retry: 1
            fix: implement
            prompt: {json.dumps(judge)}
        """
    )
    review = run.view.stages["review"]
    assert [(s.role, s.how) for s in review.served] == [
        ("reviewer", "fresh"),
        ("agent", "resumed"),
        ("reviewer", "fresh"),
    ]
    assert not result.success, "this reviewer says the same whatever was done"
    assert "1 findings have to be fixed first: [P1] a typo" in (result.error or "")
    assert review.result["findings"][0]["title"] == "a typo"
    manager = await shop.start()
    reviewer = manager.get_session(review.served[0].session)
    assert reviewer.view.settings["sandbox"] == "read-only"
    assert "+added" in reviewer.task
    assert Path(shop.project / "fixed").exists(), "the agent was told what to mend"


async def test_findings_that_don_t_block_let_the_review_pass(shop: Shop) -> None:
    run, result = await shop.run(
        """
        steps:
          - name: review
            type: review
            prompt: '@say {"findings": [{"priority": 2, "title": "a matter of taste"}]}'
        """
    )
    assert result.success, result.error
    assert run.view.stages["review"].result["findings"][0]["priority"] == 2


async def test_a_review_without_a_verdict_never_counts_as_passed(shop: Shop) -> None:
    _, result = await shop.run("steps: [{name: review, type: review, prompt: '@say fine by me'}]")
    assert "no verdict" in (result.error or "")
