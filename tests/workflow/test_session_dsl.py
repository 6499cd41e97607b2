"""`Session` with a runner of the caller's own: files, retries, parallel stages."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.conftest import FakeRunner
from zwarm_tui.workflow import (
    PipelineError,
    PlaceholderError,
    Session,
    StageCall,
    StageNotCompletedError,
    StageResult,
    run_acw,
)

BACKEND = ("claude", "opus")


def script(*answers: str | int | None) -> FakeRunner:
    """A runner that answers so, one after the other: text to write, an exit status, or
    None to write nothing."""
    left = list(answers)

    def answer(_: Path, out: Path) -> int | None:
        now = left.pop(0)
        if isinstance(now, str):
            out.write_text(now)
        return now if isinstance(now, int) else None

    return FakeRunner(answer)


# -- AG-1…4: the session, its runner, its files ---------------------------------------------


def test_a_session_makes_its_folder(tmp_path: Path, fake: FakeRunner) -> None:
    Session(str(tmp_path / "a" / "b"), "p", runner=fake)
    assert (tmp_path / "a" / "b").is_dir()


def test_a_runner_sees_exactly_the_pinned_arguments(tmp_path: Path, fake: FakeRunner) -> None:
    s = Session(tmp_path, "p", runner=fake)
    s.run_prompt(
        "plan", "do it", BACKEND, tools="Read", permission_mode="plan", timeout=7, extra_flags=["-x"]
    )
    [(args, options)] = fake.calls
    assert args == ("claude", "opus", tmp_path / "p-plan-input.md", tmp_path / "p-plan-output.md")
    assert options == {
        "tools": "Read",
        "permission_mode": "plan",
        "extra_flags": ["-x"],
        "timeout": 7,
        "cwd": None,
    }
    s.run_prompt("more", "do it", BACKEND)
    assert fake.calls[1][1] == {
        "tools": None,
        "permission_mode": None,
        "extra_flags": None,
        "timeout": 3600,
        "cwd": None,
    }


def test_a_result_has_both_paths_and_the_process(tmp_path: Path, fake: FakeRunner) -> None:
    done = Session(tmp_path, "p", runner=fake).run_prompt("plan", "do it", BACKEND)
    assert isinstance(done, StageResult)
    assert (done.stage, done.input_path, done.output_path) == (
        "plan",
        tmp_path / "p-plan-input.md",
        tmp_path / "p-plan-output.md",
    )
    assert done.process.returncode == 0
    assert done.input_path.read_text() == "do it"
    assert done.text() == done.output_path.read_text() == "answer to do it"
    with pytest.raises(FrozenInstanceError):
        done.stage = "other"  # type: ignore[misc]


def test_suffixes_and_overrides(tmp_path: Path, fake: FakeRunner) -> None:
    out = tmp_path / "out"
    s = Session(out, "p", runner=fake, input_suffix=".in", output_suffix=".out")
    assert s.run_prompt("a", "x", BACKEND).output_path == out / "p-a.out"
    done = s.run_prompt("b", "x", BACKEND, input_path="deep/in.md", output_path=tmp_path / "abs.md")
    assert (done.input_path, done.output_path) == (out / "deep" / "in.md", tmp_path / "abs.md")
    with pytest.raises(ValueError, match=r"overwrite its prompt"):
        s.run_prompt("c", "x", BACKEND, input_path="same", output_path="same")


@pytest.mark.parametrize("name", ["", "  ", "a/b"])
def test_a_name_has_to_make_a_file(tmp_path: Path, fake: FakeRunner, name: str) -> None:
    with pytest.raises(ValueError, match=r"name"):
        Session(tmp_path, "p", runner=fake).run_prompt(name, "x", BACKEND)


# -- AG-5: prompts --------------------------------------------------------------------------


def test_both_kinds_of_prompt_function_make_the_same_file(tmp_path: Path, fake: FakeRunner) -> None:
    s = Session(tmp_path, "p", runner=fake)
    returned = s.run_prompt("a", lambda path: f"prompt for {path.name[:1]}", BACKEND)
    written = s.run_prompt("b", lambda path: path.write_text("prompt for p") and None, BACKEND)
    assert returned.input_path.read_text() == written.input_path.read_text() == "prompt for p"


def test_a_prompt_function_that_writes_nothing_is_a_mistake(tmp_path: Path, fake: FakeRunner) -> None:
    s = Session(tmp_path, "p", runner=fake)
    (tmp_path / "p-a-input.md").write_text("from an earlier run")
    with pytest.raises(PipelineError) as failed:
        s.run_prompt("a", lambda _: None, BACKEND, retry=3)
    assert isinstance(failed.value.last_error, ValueError)
    assert "returned None and wrote nothing" in str(failed.value)
    assert failed.value.attempts == 1
    assert fake.calls == []


@pytest.mark.parametrize("prompt", [7, None, lambda _: 7])
def test_a_prompt_of_another_kind_is_a_type_error(tmp_path: Path, fake: FakeRunner, prompt: Any) -> None:
    with pytest.raises(PipelineError) as failed:
        Session(tmp_path, "p", runner=fake).run_prompt("a", prompt, BACKEND, retry=2)
    assert isinstance(failed.value.last_error, TypeError)
    assert failed.value.attempts == 1


def test_a_placeholder_that_nothing_filled_in_is_an_error(tmp_path: Path, fake: FakeRunner) -> None:
    """F5; what an agent wrote, and code, may hold braces."""
    s = Session(tmp_path, "p", runner=fake)
    with pytest.raises(PipelineError, match=r"placeholder \{topic\}") as failed:
        s.run_prompt("a", "Write about {topic}.", BACKEND)
    assert isinstance(failed.value.last_error, PlaceholderError)
    fake.answer = lambda _, out: out.write_text("use {name} here") and None
    said = s.run_prompt("b", 'JSON {"a": 1}, shell ${HOME}, code `{x}` and\n```\nf"{y}"\n```', BACKEND)
    s.run_prompt("c", f"Review: {said.text()}", BACKEND)


def test_nothing_is_appended_to_a_prompt(tmp_path: Path, fake: FakeRunner) -> None:
    """F6: what an agent is told is what the program says."""
    s = Session(tmp_path, "p", runner=fake)
    assert s.run_prompt("a", "  exactly this\n", BACKEND).input_path.read_bytes() == b"  exactly this\n"


# -- AG-6, AG-7, S-1…3, C-13: validation and retries ----------------------------------------


@pytest.mark.parametrize(
    ("bad", "why"),
    [(3, "exit status 3: it went wrong"), (None, "no output"), ("", "empty"), (" \n\t", "empty")],
)
def test_a_bad_answer_is_tried_again(tmp_path: Path, bad: str | int | None, why: str) -> None:
    runner = script(bad, bad, "good")
    s = Session(tmp_path, "p", runner=runner)
    assert s.run_prompt("a", "x", BACKEND, retry=2).text() == "good"
    assert len(runner.calls) == 3
    runner = script(bad, bad, bad)
    with pytest.raises(PipelineError, match=why) as failed:
        Session(tmp_path, "q", runner=runner).run_prompt("a", "x", BACKEND, retry=2)
    assert len(runner.calls) == 3
    assert str(failed.value).startswith("Stage 'a' failed after 3 attempts: ")
    assert (failed.value.stage, failed.value.attempts) == ("a", 3)
    assert why in str(failed.value.last_error)
    assert isinstance(failed.value, RuntimeError)


def test_a_stale_output_is_never_taken_for_fresh(tmp_path: Path) -> None:
    """S-1: neither that of an earlier run nor that of an earlier attempt."""
    output = tmp_path / "p-a-output.md"
    output.write_text("from an earlier run")
    with pytest.raises(PipelineError, match=r"no output"):
        Session(tmp_path, "p", runner=script(None)).run_prompt("a", "x", BACKEND)
    assert (tmp_path / "p-a-output.md.previous").read_text() == "from an earlier run"

    def write_then_fail(_: Path, out: Path) -> int:
        out.write_text("half")
        return 1

    left = [write_then_fail, lambda _, __: 0]
    runner = FakeRunner(lambda given, out: left.pop(0)(given, out))
    with pytest.raises(PipelineError, match=r"no output"):
        Session(tmp_path, "p", runner=runner).run_prompt("a", "x", BACKEND, retry=1)


def test_a_prompt_function_is_asked_anew_for_each_attempt(tmp_path: Path) -> None:
    """S-2: what is sent is what it said last."""
    sent: list[str] = []
    versions = iter(["prompt v1", "prompt v2"])

    def answer(given: Path, out: Path) -> int | None:
        sent.append(given.read_text())
        return 1 if len(sent) == 1 else out.write_text("ok") and None

    Session(tmp_path, "p", runner=FakeRunner(answer)).run_prompt(
        "a", lambda _: next(versions), BACKEND, retry=1
    )
    assert sent == ["prompt v1", "prompt v2"]


def test_a_mistake_in_the_runner_is_not_tried_again(tmp_path: Path) -> None:
    def answer(_: Path, __: Path) -> int:
        raise KeyError("oops")

    runner = FakeRunner(answer)
    with pytest.raises(PipelineError) as failed:
        Session(tmp_path, "p", runner=runner).run_prompt("a", "x", BACKEND, retry=5)
    assert isinstance(failed.value.last_error, KeyError)
    assert failed.value.__cause__ is failed.value.last_error
    assert (failed.value.attempts, len(runner.calls)) == (1, 1)


def test_a_process_that_could_not_be_run_is_tried_again(tmp_path: Path) -> None:
    def answer(_: Path, __: Path) -> int:
        raise subprocess.TimeoutExpired("agent", 5)

    runner = FakeRunner(answer)
    with pytest.raises(PipelineError, match=r"after 2 attempts.*5 seconds"):
        Session(tmp_path, "p", runner=runner).run_prompt("a", "x", BACKEND, retry=1)
    assert len(runner.calls) == 2


def test_a_runner_has_to_return_a_process(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"CompletedProcess") as failed:
        Session(tmp_path, "p", runner=lambda *_, **__: None).run_prompt("a", "x", BACKEND)  # type: ignore[arg-type, return-value]
    assert isinstance(failed.value.last_error, TypeError)


@pytest.mark.parametrize("wrong", [{"retry": -1}, {"retry_delay": -1}, {"retry_delay": float("nan")}])
def test_wrong_retries_are_refused_before_anything_runs(
    tmp_path: Path, fake: FakeRunner, wrong: dict[str, Any]
) -> None:
    s = Session(tmp_path, "p", runner=fake)
    with pytest.raises(ValueError, match=r"retry"):
        s.run_prompt("a", "x", BACKEND, **wrong)
    with pytest.raises(ValueError, match=r"retry"):
        s.run_parallel([s.stage("a", "x", BACKEND)], **wrong)
    assert fake.calls == []


# -- AG-8, AG-9, AG-11, S-4: side by side ---------------------------------------------------


def test_a_stage_call_holds_what_it_was_given(tmp_path: Path, fake: FakeRunner) -> None:
    s = Session(tmp_path, "p", runner=fake)
    call = s.stage("a", "x", BACKEND, timeout=3)
    assert call == StageCall("a", "x", BACKEND, {"timeout": 3})
    with pytest.raises(FrozenInstanceError):
        call.stage = "b"  # type: ignore[misc]
    for retries in ({"retry": 1}, {"retry_delay": 1}):
        with pytest.raises(ValueError, match=r"^retry and retry_delay are configured on run_parallel$"):
            s.stage("a", "x", BACKEND, **retries)
    with pytest.raises(TypeError, match=r"takes no colour"):
        s.stage("a", "x", BACKEND, colour="red")


def test_parallel_results_are_keyed_by_stage(tmp_path: Path, fake: FakeRunner) -> None:
    s = Session(tmp_path, "p", runner=fake)
    done = s.run_parallel([s.stage(n, f"do {n}", BACKEND, timeout=5) for n in "abc"])
    assert list(done) == ["a", "b", "c"]
    assert {n: r.text() for n, r in done.items()} == {n: f"answer to do {n}" for n in "abc"}
    assert fake.calls[0][1]["timeout"] == 5


@pytest.mark.parametrize("workers", [1, 3, 12])
def test_so_many_stages_run_at_once(tmp_path: Path, workers: int) -> None:
    together = threading.Barrier(workers, timeout=60)
    now, most, lock = 0, 0, threading.Lock()

    def answer(_: Path, out: Path) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        together.wait()
        with lock:
            now -= 1
        out.write_text("ok")

    s = Session(tmp_path, "p", runner=FakeRunner(answer))
    s.run_parallel([s.stage(f"s{n}", "x", BACKEND) for n in range(workers * 2)], max_workers=workers)
    assert most == workers


def test_duplicates_are_refused_before_anything_runs(tmp_path: Path, fake: FakeRunner) -> None:
    s = Session(tmp_path, "p", runner=fake)
    with pytest.raises(ValueError, match=r"^Duplicate stage name 'a'$"):
        s.run_parallel([s.stage(n, "x", BACKEND) for n in "aba"])
    with pytest.raises(ValueError, match=r"max_workers"):
        s.run_parallel([s.stage("a", "x", BACKEND)], max_workers=0)
    assert fake.calls == []
    assert s.run_parallel([]) == {}


def test_what_siblings_of_a_failed_stage_did_is_kept(tmp_path: Path) -> None:
    def answer(given: Path, out: Path) -> int | None:
        return 4 if given.read_text() == "b" else out.write_text("ok") and None

    runner = FakeRunner(answer)
    s = Session(tmp_path, "p", runner=runner)
    with pytest.raises(PipelineError) as failed:
        s.run_parallel([s.stage(n, n, BACKEND) for n in "abc"], retry=1)
    assert failed.value.stage == "b"
    assert str(failed.value) == "Stage 'b' failed after 2 attempts: exit status 4: it went wrong"
    assert {n: r.text() for n, r in failed.value.completed.items()} == {"a": "ok", "c": "ok"}
    assert len(runner.calls) == 4
    assert s.transcript("c").endswith("ok\n")


# -- C-12, transcripts, the graph -----------------------------------------------------------


async def test_the_sync_methods_name_their_async_twins(tmp_path: Path, fake: FakeRunner) -> None:
    s = Session(tmp_path, "p", runner=fake)
    with pytest.raises(RuntimeError, match=r"await Session\.arun_prompt instead"):
        s.run_prompt("a", "x", BACKEND)
    with pytest.raises(RuntimeError, match=r"await Session\.arun_parallel instead"):
        s.run_parallel([])
    with pytest.raises(RuntimeError, match=r"await run_acw\.arun instead"):
        run_acw("demo", "", tmp_path / "in", tmp_path / "out")
    assert (await s.arun_prompt("a", "x", BACKEND)).text() == "answer to x"
    done = await s.arun_parallel([s.stage("b", "x", BACKEND), s.stage("c", "x", BACKEND)])
    assert list(done) == ["b", "c"]
    both = await asyncio.gather(s.arun_prompt("d", "x", BACKEND), s.arun_prompt("e", "x", BACKEND))
    assert [r.stage for r in both] == ["d", "e"]
    assert s.graph().node("d").parents == s.graph().node("e").parents == ("b", "c")


def test_the_graph_and_the_transcripts_of_a_run(tmp_path: Path, fake: FakeRunner) -> None:
    s = Session(tmp_path, "p", runner=fake)
    s.run_prompt("plan", "plan it", BACKEND)
    s.run_parallel([s.stage("b", "x", BACKEND), s.stage("c", "x", BACKEND)])
    s.run_prompt("merge", "x", BACKEND)
    assert s.graph().edges == (("plan", "b"), ("plan", "c"), ("b", "merge"), ("c", "merge"))
    assert [n.status for n in s.graph().nodes] == ["completed"] * 4
    assert s.transcript("plan") == "## Prompt\n\nplan it\n\n## Answer\n\nanswer to plan it\n"
    with pytest.raises(
        StageNotCompletedError, match=r"^No transcript for 'x'. Available: plan, b, c, merge$"
    ):
        s.transcript("x")
    with pytest.raises(StageNotCompletedError, match=r"Available: none"):
        Session(tmp_path, "q", runner=fake).transcript("plan")


def test_a_stage_may_run_again(tmp_path: Path, fake: FakeRunner) -> None:
    s = Session(tmp_path, "p", runner=fake)
    for _ in range(2):
        s.run_prompt("review", "x", BACKEND)
    assert s.graph().edges == (("review", "review#2"),)
