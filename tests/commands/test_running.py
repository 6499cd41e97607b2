"""Runs of commands: order, failures, timeouts, retries, and what the log says of them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

import pytest

from tests.commands.conftest import Shop, alive, eventually, marked
from tests.limits import Limits
from zwarm_tui.commands import SessionStatus, StepStatus, load_command, processes
from zwarm_tui.commands.errors import ArgumentError
from zwarm_tui.core import events as e
from zwarm_tui.workflow import read_runs


def logs(folder: Path) -> dict[str, str]:
    return {f.name: f.read_text() for f in sorted((folder / "logs").iterdir())}


async def test_steps_run_in_their_order_pre_then_steps_then_post(shop: Shop) -> None:
    run, result = await shop.run(
        """
        post_steps: ["echo three >> seen; echo out"]
        pre_steps: ["echo one >> seen"]
        steps: ["echo two >> seen"]
        """
    )
    assert result.success, result.error
    assert (shop.project / "seen").read_text() == "one\ntwo\nthree\n"
    assert [s.status for s in run.session.step_history] == [StepStatus.COMPLETED] * 3
    assert run.session.step_history[2].output == "out\n"
    assert run.session.status is SessionStatus.COMPLETED
    assert result.artifacts_path == shop.project / ".zwarm" / "runs" / run.id


async def test_a_failure_skips_the_rest_and_runs_the_cleanup_steps_once(shop: Shop) -> None:
    run, result = await shop.run(
        """
        steps:
          - echo one
          - {name: two, type: shell, action: "echo so far; echo why >&2; exit 7"}
          - touch three
        cleanup_on_failure: ["echo cleaned >> cleaned"]
        """
    )
    assert (result.success, run.session.status) == (False, SessionStatus.FAILED)
    assert result.error == "step 'two' failed: exit status 7\nwhy"
    assert [s.name for s in run.session.step_history] == ["echo one", "two"]
    assert not (shop.project / "three").exists()
    assert (shop.project / "cleaned").read_text() == "cleaned\n"
    files = logs(run.session.artifact_dir)
    assert list(files) == ["step-1-echo-one.log", "step-2-two.log", "step-3-echo-cleaned-cleaned.log"]
    assert "so far" in files["step-2-two.log"]
    assert "why" in files["step-2-two.log"]


async def test_what_goes_wrong_in_a_cleanup_step_is_in_the_result_and_on_the_graph(shop: Shop) -> None:
    run, result = await shop.run(
        """
        steps: ["exit 1"]
        cleanup_on_failure: ["exit 4", "touch cleaned"]
        """
    )
    assert result.cleanup_errors == ["cleanup step 'exit 4' failed: exit status 4"]
    assert (shop.project / "cleaned").exists(), "the other one runs all the same"
    assert run.view.stages["exit 4"].status == "failed"


async def test_every_step_is_a_stage_in_the_log(shop: Shop) -> None:
    run, _ = await shop.run("steps: ['echo one', 'echo one', 'exit 3', 'echo never']")
    manager = await shop.start()
    (view,) = read_runs(manager.reader)
    assert (view.id, view.name, view.flavour, view.ended) == (run.id, "job", "command", "failed")
    assert view.artifacts == str(run.session.artifact_dir)
    assert view.graph.edges == (("echo one", "echo one#2"), ("echo one#2", "exit 3"))
    assert [(s.name, s.status, s.what) for s in view.graph.nodes] == [
        ("echo one", "completed", "shell: echo one"),
        ("echo one#2", "completed", "shell: echo one"),
        ("exit 3", "failed", "shell: exit 3"),
    ]
    assert view.stages["exit 3"].result["exit_code"] == 3
    assert Path(view.stages["echo one"].result["log"]).read_text() == "one\n"
    assert view.status == "error"


async def test_durations_are_real(shop: Shop) -> None:
    since = time.time()
    run, _ = await shop.run("steps: ['sleep 0.3', 'true && true']")
    slow, quick = run.session.step_history
    assert slow.duration >= 0.3
    assert 0 < quick.duration <= time.time() - since - slow.duration


async def test_arguments_environment_and_context_reach_a_step(shop: Shop) -> None:
    script = """
        arguments:
          - {name: port-no, type: int, default: 80}
          - {name: word}
        environment: {GREETING: "hi {word}", DEBUG: true}
        steps:
          - name: tell
            type: shell
            action: 'echo "$ZWARM_ARG_PORT_NO $ZWARM_ARG_WORD $GREETING $DEBUG $OWN $ZWARM_SESSION_ID"'
            environment: {OWN: mine}
    """
    run, result = await shop.run(script, word="you")
    assert result.success, result.error
    assert run.session.step_history[0].output == f"80 you hi you true mine {run.id}\n"


async def test_what_a_step_shares_is_visible_in_the_next(shop: Shop) -> None:
    run, _ = await shop.run("steps: ['echo port=8080 >> $ZWARM_SHARED', 'echo $ZWARM_SHARED_PORT']")
    assert run.session.get_shared_data("port") == "8080"
    assert run.session.step_history[1].output == "8080\n"


async def test_wrong_arguments_start_nothing(shop: Shop) -> None:
    text = "arguments: [{name: count, type: int}]\nsteps: ['touch begun']"
    for given, why in (
        ({}, "missing argument 'count'"),
        ({"count": "many"}, "argument 'count' can't be 'many': a whole number"),
        ({"count": "1", "cuont": "1"}, "unknown argument 'cuont'; did you mean 'count'"),
    ):
        with pytest.raises(ArgumentError, match=why):
            await shop.run(text, **given)
    assert not (shop.project / "begun").exists()
    assert read_runs((await shop.start()).reader) == []


async def test_working_directory_and_scripts(shop: Shop) -> None:
    shop.world.write("sub/x", "")
    shop.file("beside.py", "import os; print('py', os.path.basename(os.getcwd()), os.environ['ZWARM_ARG_A'])")
    steps = shop.project / ".zwarm" / "steps"
    steps.mkdir()
    (steps / "own.sh").write_text("echo sh $(basename $PWD)\n")
    run, result = await shop.run(
        "arguments: [a]\nworking_directory: sub\nsteps: [beside.py, own.sh]", a="given"
    )
    assert result.success, result.error
    assert [s.output for s in run.session.step_history] == ["py sub given\n", "sh sub\n"]
    _, result = await shop.run("working_directory: nowhere\nsteps: ['echo x']")
    assert "there is no folder" in (result.error or "")
    _, result = await shop.run("steps: [missing.sh]")
    assert "there is no script missing.sh" in (result.error or "")


async def test_a_timeout_ends_the_whole_process_tree(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is over once all of them run, however long that takes."""
    limits = Limits(monkeypatch, processes, 0.7)
    run = await shop.make(
        """
        steps:
          - name: slow
            type: shell
            timeout: 0.7
            action: |
              setsid sh -c 'trap "" TERM INT; echo $$ > escaped; sleep 300' &
              until test -s escaped; do sleep 0.01; done
              echo begun; echo $$ > own; sleep 300
        """
    )
    going = asyncio.create_task(run.execute())
    own = shop.project / "own"
    await eventually(lambda: own.exists() and own.read_text())
    await limits.over()
    result = await going
    assert result.error == "step 'slow' failed: not done within its timeout = 0.7 s"
    assert run.session.step_history[0].output == "begun\n"
    for file in ("own", "escaped"):
        pid = int((shop.project / file).read_text())
        await eventually(lambda pid=pid: not alive(pid))
    assert not marked(run.id)


async def test_the_commands_timeout_holds_for_each_step(shop: Shop) -> None:
    _, result = await shop.run("timeout: 0.5\nsteps: ['sleep 300', 'touch later']")
    # "not begun" comes between, where the machine stood still before the step.
    assert (result.error or "").startswith("step 'sleep 300' failed: ")
    assert (result.error or "").endswith("the command's timeout = 0.5 s is over")
    _, result = await shop.run(
        "timeout: 0.5\nsteps: [{name: a, type: shell, timeout: 900, action: sleep 300}]"
    )
    assert "the command's timeout = 0.5 s is over" in (result.error or "")


async def test_what_steps_leave_running_ends_with_the_run(shop: Shop) -> None:
    run, result = await shop.run(
        "steps: ['setsid sleep 300 > /dev/null 2>&1 & echo $! > left', 'kill -0 $(cat left)']"
    )
    assert result.success, "a later step can use what an earlier one left running"
    await eventually(lambda: not alive(int((shop.project / "left").read_text())))
    assert not marked(run.id)


async def test_a_cancelled_run_cleans_up_and_says_so(shop: Shop) -> None:
    run = await shop.make(
        "steps: ['touch begun; sleep 300', 'touch never']\ncleanup_on_failure: ['touch cleaned']"
    )
    going = asyncio.create_task(run.execute())
    await eventually((shop.project / "begun").exists)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert (shop.project / "cleaned").exists()
    assert not (shop.project / "never").exists()
    assert not marked(run.id)
    assert run.view.ended == "interrupted"
    assert [s.status for s in run.view.stages.values()] == ["interrupted", "completed"]
    assert run.session.step_history[0].error == "it was cancelled"


async def test_one_that_is_cancelled_as_its_beginning_is_written_has_its_end(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await shop.make("steps: ['touch never']")
    manager, begun = await shop.start(), asyncio.Event()
    commit = manager.store.commit

    async def slow(*records: e.Record) -> int:
        done = await commit(*records)
        if not begun.is_set():
            begun.set()
            await asyncio.Event().wait()
        return done

    monkeypatch.setattr(manager.store, "commit", slow)
    going = asyncio.create_task(run.execute())
    await begun.wait()
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert not (shop.project / "never").exists()
    [found] = read_runs(manager.reader)
    assert (found.ended, found.error) == ("interrupted", "it was cancelled")
    assert not list(shop.project.glob(".zwarm/runs/*/live.json"))


async def test_a_second_cancel_leaves_the_cleanup_steps_out(shop: Shop) -> None:
    run = await shop.make(
        "steps: ['touch begun; sleep 300']\ncleanup_on_failure: ['touch cleaning; sleep 300', 'touch never']"
    )
    going = asyncio.create_task(run.execute())
    await eventually((shop.project / "begun").exists)
    going.cancel()
    await eventually((shop.project / "cleaning").exists)
    going.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await going
    assert not (shop.project / "never").exists()
    assert not marked(run.id)
    assert run.view.ended == "interrupted"
    assert run.view.result["cleanup_errors"] == ["cleanup step 'touch cleaning; sleep 300' was cut short"]


async def test_a_step_is_tried_again_as_often_as_it_says(shop: Shop) -> None:
    run, result = await shop.run(
        "steps: [{name: flaky, type: shell, retry: 3, action: 'sleep 0.1; echo x >> tries; test $(wc -l < tries) = 3'}]"
    )
    assert result.success, result.error
    stage = run.view.stages["flaky"]
    assert (stage.attempt, stage.attempts) == (3, 4)
    assert stage.started_at is not None
    assert stage.ended_at is not None
    assert stage.ended_at - stage.started_at >= 0.3, "all attempts together"
    assert len(run.session.step_history) == 1


async def test_a_dry_run_has_no_effect(shop: Shop) -> None:
    definition = load_command(shop.command("steps: ['touch made']\ncleanup_on_failure: ['touch too']"))
    assert [s.action for s in definition.planned_steps()] == ["touch made"]
    assert not (shop.project / "made").exists()
    assert not (shop.project / ".zwarm" / "runs").exists()
