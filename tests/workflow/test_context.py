"""Workflow files: stages, handoff, graph, questions, loops. On the demo agent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.conftest import until
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ProviderMismatchError, StoreError, UsageError
from zwarm_tui.core.model import SessionView
from zwarm_tui.sessions import CodexSessionManager, ExecutorSession
from zwarm_tui.sessions.turn import Turn
from zwarm_tui.store.lock import ProjectLock
from zwarm_tui.workflow import (
    EmptyResponseError,
    Input,
    InputError,
    PipelineError,
    PlaceholderError,
    StageContext,
    StageNotCompletedError,
    UnattendedError,
    UnawaitedStageError,
    Workflow,
    WorkflowContext,
    WorkflowRun,
    find_run,
    read_runs,
    retry_with_backoff,
    review_loop,
)
from zwarm_tui.workflow.errors import NoPromptError, OutputError
from zwarm_tui.workflow.runs import spent

Body = Callable[[WorkflowContext], Awaitable[Any]]
Make = Callable[..., WorkflowRun]


@pytest.fixture
def make(manager: CodexSessionManager, project: Path) -> Make:
    """A run of a function as if it stood in a file."""

    def make(run: Body, *, declared: list[Input] | None = None, **options: Any) -> WorkflowRun:
        workflow = Workflow("test", project / "test.py", declared or [], run)
        return WorkflowRun(workflow, manager, project=project, **options)

    return make


def says(text: str) -> Callable[[StageContext], Awaitable[str]]:
    async def stage(s: StageContext) -> str:
        return await s.send(f"@say {text}")

    return stage


async def quiet(s: StageContext) -> str:
    return s.name


# -- AT-1, AT-2, F14: stages and handles ----------------------------------------------------


async def test_a_stage_gives_a_handle(make: Make, manager: CodexSessionManager) -> None:
    seen: list[Any] = []

    async def body(ctx: WorkflowContext) -> Any:
        async def one(s: StageContext) -> dict[str, Any]:
            seen.append(s.handle)
            with pytest.raises(StageNotCompletedError, match=r"stage 'one' has not completed"):
                _ = s.handle.result
            return {"said": await s.send("@say hello"), "n": (1, 2)}

        handle = await ctx.stage("one", one)
        assert handle is seen[0]
        assert (handle.name, handle.id) == ("one", f"{run.id}/one")
        return handle.result

    run = make(body)
    assert await run.execute() == {"said": "hello", "n": [1, 2]}
    view = find_run(manager.reader, run.id[:4])
    assert view.result == {"said": "hello", "n": [1, 2]}
    assert run.view.status == "completed"


async def test_names_are_needed_and_unique(make: Make) -> None:
    async def body(ctx: WorkflowContext) -> None:
        for name in ("", "  "):
            with pytest.raises(ValueError, match=r"^Session name is required\.$"):
                await ctx.stage(name, quiet)
        await ctx.stage("x", quiet)
        with pytest.raises(ValueError, match=r'^Duplicate session name: "x"$'):
            await ctx.stage("x", quiet)

        async def fails(s: StageContext) -> None:
            raise RuntimeError("no")

        with pytest.raises(PipelineError, match=r"Stage 'y' failed after 1 attempts: no"):
            await ctx.stage("y", fails)
        with pytest.raises(ValueError, match=r'^Duplicate session name: "y"$'):
            await ctx.stage("y", quiet)

    await make(body).execute()


async def test_a_result_has_to_be_json(make: Make) -> None:
    async def body(ctx: WorkflowContext) -> None:
        async def wrong(s: StageContext) -> Any:
            return object()

        await ctx.stage("x", wrong, retry=3)

    with pytest.raises(PipelineError, match=r"stage 'x' returned object.*JSON") as failed:
        await make(body).execute()
    assert isinstance(failed.value.last_error, TypeError)
    assert failed.value.attempts == 1


# -- AT-3, AT-4, F9, F12: handoff -----------------------------------------------------------


async def test_transcripts_are_handed_over_once_complete(make: Make, project: Path) -> None:
    async def body(ctx: WorkflowContext) -> None:
        with pytest.raises(StageNotCompletedError, match=r"^No transcript for 'a'. Available: none$"):
            ctx.transcript("a")
        a = await ctx.stage("a", says("the plan"))
        found = ctx.transcript(a)
        assert ctx.transcript("a") == found
        assert found.content == "## Prompt\n\n@say the plan\n\n## Answer\n\nthe plan\n"
        assert found.path.read_text() == found.content
        assert found.path.is_relative_to(project / ".zwarm" / "runs")
        found.path.write_text("")  # a truncated file is no transcript: it is written from the log
        assert ctx.transcript(a).path.read_text() == found.content

        async def nosy(s: StageContext) -> None:
            other = {"b": "c", "c": "b"}[s.name]
            with pytest.raises(StageNotCompletedError, match=rf"^No transcript for '{other}'. Available: a$"):
                s.transcript(other)
            with pytest.raises(StageNotCompletedError, match=r"Available: a$"):
                s.transcript("never")
            await s.send("@say seen")

        await asyncio.gather(ctx.stage("b", nosy), ctx.stage("c", nosy))
        await ctx.stage("d", quiet)
        with pytest.raises(StageNotCompletedError, match=r"^No transcript for 'd'. Available: a, b, c$"):
            ctx.transcript("d")

    await make(body).execute()


async def test_an_empty_transcript_of_a_completed_stage_is_an_error(
    make: Make, manager: CodexSessionManager
) -> None:
    async def body(ctx: WorkflowContext) -> None:
        a = await ctx.stage("a", says("x"))
        view = run.view.stages["a"]
        view.served = tuple(type(s)(s.session, 99, s.how, s.role) for s in view.served)
        ctx.transcript(a)

    run = make(body)
    with pytest.raises(OutputError, match=r"stage 'a' has an empty transcript"):
        await run.execute()


# -- AT-5, AT-6, F15: the graph -------------------------------------------------------------


async def test_the_graph_of_fans_chains_nested_and_failed_stages(
    make: Make, manager: CodexSessionManager
) -> None:
    async def body(ctx: WorkflowContext) -> None:
        await ctx.stage("a", quiet)

        async def chain(first: str, second: str) -> None:
            await ctx.stage(first, quiet)
            await ctx.stage(second, quiet, headless=True)

        async def nests(s: StageContext) -> None:
            await s.stage("inner1", quiet)
            await asyncio.gather(s.stage("inner2", quiet), s.stage("inner3", quiet))

        async def fails(s: StageContext) -> None:
            raise ValueError("broken")

        ends = await asyncio.gather(
            chain("b1", "b2"),
            ctx.stage("c", nests),
            ctx.stage("f", fails, headless=True),
            return_exceptions=True,
        )
        assert isinstance(ends[2], PipelineError)
        await ctx.stage("d", quiet)

    run = make(body)
    await run.execute()
    graph = find_run(manager.reader, run.id).graph
    assert set(graph.edges) == {
        ("a", "b1"), ("b1", "b2"), ("a", "c"), ("a", "f"), ("c", "inner1"), ("inner1", "inner2"), ("inner1", "inner3"),
        ("b2", "d"), ("c", "d"), ("f", "d"),
    }  # fmt: skip
    assert graph.edges == run.view.graph.edges
    assert graph.node("inner2").within == "c"
    assert graph.node("b2").headless
    # F15: an unattended stage that failed is as visible as any, and so is the run's status
    assert (graph.node("f").status, graph.node("f").error) == ("failed", "broken")
    assert run.view.status == "error"
    assert run.view.why == "stage 'f': broken"
    error = (manager.state_dir / "runs" / run.id / "f.error.txt").read_text()
    assert "ValueError: broken" in error


async def test_seed_then_unattended_then_merge(make: Make) -> None:
    async def body(ctx: WorkflowContext) -> Any:
        seed = await ctx.stage("seed", says("seed"))

        async def work(s: StageContext) -> str:
            return await s.send(f"@say {s.name} of {seed.result}")

        one, two = await asyncio.gather(*(ctx.stage(n, work, headless=True) for n in ("h1", "h2")))
        return (await ctx.stage("merge", says(f"{one.result} + {two.result}"))).result

    run = make(body)
    assert await run.execute() == "h1 of seed + h2 of seed"
    assert run.view.graph.edges == (("seed", "h1"), ("seed", "h2"), ("h1", "merge"), ("h2", "merge"))
    assert [n.name for n in run.view.graph.nodes if n.headless] == ["h1", "h2"]


# -- F1, F5, F11, F16, S-13, AT-17: talking to agents ---------------------------------------


async def test_a_stage_is_fresh_then_continued_and_says_so(make: Make, manager: CodexSessionManager) -> None:
    async def body(ctx: WorkflowContext) -> None:
        async def two(s: StageContext) -> list[str]:
            return [await s.send("@say one"), await s.send("@say two")]

        a = await ctx.stage("a", two)
        assert a.result == ["one", "two"]

        async def goes_on(s: StageContext) -> str:
            return await s.send("@say three", resume=a)

        await ctx.stage("b", goes_on)
        assert "three" not in ctx.transcript("a").content
        assert "one" not in ctx.transcript("b").content

    run = make(body)
    await run.execute()
    served = {n.name: [(s.turn, s.how) for s in n.served] for n in run.view.graph.nodes}
    assert served == {"a": [(1, "fresh"), (2, "continued")], "b": [(3, "resumed")]}
    assert len(manager.list_sessions()) == 1


async def test_a_run_costs_what_its_own_turns_of_a_shared_session_did(
    make: Make, manager: CodexSessionManager
) -> None:
    async def body(ctx: WorkflowContext) -> None:
        await ctx.stage("a", lambda s: s.send("@say one\n@usage 1000000 0 0"))

    run = make(body)
    await run.execute()
    [session] = manager.list_sessions()
    cost = spent(manager.reader, run.view)
    assert cost.usd
    assert (cost.complete, cost.simulated) == (True, True)
    await manager.send_message(session.id, "@say more\n@usage 3000000 0 0")
    await manager.wait(session.id, timeout=20)
    manager.store.flush()
    assert manager.reader.totals().by_session[session.id].usd == pytest.approx(4 * cost.usd)
    assert spent(manager.reader, run.view) == cost
    [again] = read_runs(manager.reader)
    assert spent(manager.reader, again) == cost


async def test_only_the_same_provider_and_role_can_resume(make: Make) -> None:
    async def body(ctx: WorkflowContext) -> None:
        a = await ctx.stage("a", says("x"))

        async def other_role(s: StageContext) -> None:
            await s.send("@say y", resume=a, role="reviewer")

        async def other_provider(s: StageContext) -> None:
            await s.send("@say y", resume="a")

        with pytest.raises(
            PipelineError, match=r"'b' \(demo, role reviewer\).*'a' \(demo, role agent\)"
        ) as one:
            await ctx.stage("b", other_role, retry=2)
        with pytest.raises(PipelineError, match=r"'c' \(codex, role agent\)") as two:
            await ctx.stage("c", other_provider, backend=("codex", ""), retry=2)
        for failed in (one, two):
            assert isinstance(failed.value.last_error, ProviderMismatchError)
            assert failed.value.attempts == 1

    await make(body).execute()


async def test_a_prompt_with_a_placeholder_left_is_not_sent(make: Make, manager: CodexSessionManager) -> None:
    async def body(ctx: WorkflowContext) -> None:
        async def left(s: StageContext) -> None:
            await s.send("Review {plan}, please")

        with pytest.raises(PipelineError, match=r"\{plan\}") as failed:
            await ctx.stage("a", left, retry=2)
        assert isinstance(failed.value.last_error, PlaceholderError)
        assert manager.list_sessions() == []

        async def quotes(s: StageContext) -> None:
            said = await s.send("@say write \\x7bname\\x7d there")
            await s.send(f"@say again: {said}")

        await ctx.stage("b", quotes)

    await make(body, inputs={}).execute()


@pytest.mark.parametrize(
    ("prompt", "error", "why"),
    [
        ("@say  ", EmptyResponseError, "completed, no text"),
        ("@die", None, r"(?s)exit status 3.*the demo agent dies"),
        ("@fail no luck", None, "no luck"),
    ],
)
async def test_a_turn_that_comes_to_nothing_is_loud(
    make: Make, manager: CodexSessionManager, prompt: str, error: type[Exception] | None, why: str
) -> None:
    async def body(ctx: WorkflowContext) -> None:
        async def stage(s: StageContext) -> str:
            return await s.send(prompt)

        await ctx.stage("a", stage, retry=1)

    run = make(body)
    with pytest.raises(PipelineError, match=why) as failed:
        await run.execute()
    assert failed.value.attempts == 2
    if error:
        assert isinstance(failed.value.last_error, error)
    assert len(manager.list_sessions()) == 2
    assert all(s.needs_attention for s in manager.list_sessions())
    view = find_run(manager.reader, run.id)
    assert (view.status, view.stages["a"].attempt, view.stages["a"].attempts) == ("error", 2, 2)


async def test_an_agent_that_never_got_a_prompt_is_an_error(make: Make) -> None:
    """F16."""

    async def body(ctx: WorkflowContext) -> None:
        await ctx.stage("a", quiet, backend=("demo", ""))

    with pytest.raises(PipelineError, match=r"session never received a prompt") as failed:
        await make(body).execute()
    assert isinstance(failed.value.last_error, NoPromptError)


async def test_an_unknown_backend_lists_those_there_are(make: Make) -> None:
    async def body(ctx: WorkflowContext) -> None:
        with pytest.raises(ValueError, match=r"^Unsupported provider 'x'\. Available: codex, demo$"):
            await ctx.stage("a", quiet, backend="x:y")

    await make(body).execute()


async def test_a_turn_that_a_person_stops_is_not_tried_again(
    make: Make, manager: CodexSessionManager, project: Path
) -> None:
    async def body(ctx: WorkflowContext) -> None:
        async def hang(s: StageContext) -> str:
            return await s.send(f"@run touch {s.name}.begun\n@hang")

        await ctx.stage("a", hang, retry=3)

    run = make(body)
    going = asyncio.create_task(run.execute())
    await begun(project, "a")
    await manager.interrupt(run.view.sessions[0])
    with pytest.raises(PipelineError, match=r"was interrupted: interrupted by the person") as failed:
        await going
    assert failed.value.attempts == 1


@pytest.mark.parametrize("headless", [False, True])
async def test_what_the_person_says_as_a_turn_ends_is_no_answer_to_the_stage(
    make: Make, manager: CodexSessionManager, headless: bool
) -> None:
    """It begins the next turn, while the stage's own leaves its checkpoint."""
    theirs: list[str] = []

    async def speak(view: SessionView, turn: Turn) -> None:
        if not theirs:
            theirs.append(view.id)
            await manager.steer(view.id, "@ask Which colour?\n@say For you.")

    manager.set_turn_hook(speak)

    async def body(ctx: WorkflowContext) -> Any:
        return (await ctx.stage("a", says("For the stage."), headless=headless)).result

    assert await make(body).execute() == "For the stage."
    [turn] = manager.running()
    assert (turn.session, turn.number) == (theirs[0], 2)


async def test_a_stage_waits_for_what_the_person_says_between_its_turns(
    make: Make, manager: CodexSessionManager, project: Path
) -> None:
    async def body(ctx: WorkflowContext) -> Any:
        async def two(s: StageContext) -> list[str]:
            one = await s.send("@say one")
            [session] = manager.list_sessions()
            await manager.send_message(session.id, "@run until test -e go; do sleep 0.01; done\n@say Yes.")
            going = asyncio.create_task(s.send("@say two"))
            await asyncio.wait({going}, timeout=0.05)
            (project / "go").touch()
            return [one, await going]

        return (await ctx.stage("a", two)).result

    run = make(body)
    assert await run.execute() == ["one", "two"]
    assert [served.turn for served in run.view.stages["a"].served] == [1, 3]


@pytest.mark.parametrize("works", [False, True])
async def test_a_person_who_is_quicker_than_the_stage_is_waited_for(
    make: Make, manager: CodexSessionManager, monkeypatch: pytest.MonkeyPatch, works: bool
) -> None:
    """They speak at the very moment at which the session was seen to be free."""
    wait, said = manager.wait, list[str]()

    async def free(id: str, timeout: float | None = None, *, turn: int | None = None) -> ExecutorSession:
        session = await wait(id, timeout, turn=turn)
        if turn is None and not said:
            said.append((await manager.send_message(id, "@say Yes.")).id)
        return session

    monkeypatch.setattr(manager, "wait", free)

    async def body(ctx: WorkflowContext) -> Any:
        a = await ctx.stage("a", says("one"))

        async def more(s: StageContext) -> Any:
            return await s.send("@say two", resume=a)

        async def work(s: StageContext) -> Any:
            await s.work("@say two", gates={"again": "test -e again || { touch again; exit 1; }"})
            return "two"

        return (await ctx.stage("b", work if works else more)).result

    run = make(body)
    assert await run.execute() == "two"
    assert [served.turn for served in run.view.stages["b"].served][-1] == 3
    assert len(said) == 1


async def begun(project: Path, stage: str) -> None:
    """The stage's agent is at work."""
    await until((project / f"{stage}.begun").exists)


# -- AT-8: inputs ---------------------------------------------------------------------------


async def test_inputs_are_checked_before_anything_starts(make: Make, manager: CodexSessionManager) -> None:
    declared = [Input("prompt", required=True), Input("focus", "enum", values=("a", "b"), default="a")]

    async def body(ctx: WorkflowContext) -> Any:
        async def stage(s: StageContext) -> dict[str, str]:
            return dict(s.inputs)

        return (await ctx.stage("x", stage)).result

    for wrong in ({}, {"prompt": " "}, {"prompt": "x", "focus": "z"}, {"prompt": "x", "y": "z"}):
        with pytest.raises(InputError):
            make(body, declared=declared, inputs=wrong)
    assert read_runs(manager.reader) == []
    run = make(body, declared=declared, inputs={"prompt": "go"})
    assert await run.execute() == {"prompt": "go", "focus": "a"}


# -- AT-9, AT-10 ----------------------------------------------------------------------------


async def test_a_clean_streak_begins_anew_after_findings(make: Make) -> None:
    findings = [["P1"], [], ["P2", "P1"], [], []]
    fixed: list[Any] = []

    async def body(ctx: WorkflowContext) -> Any:
        async def review(s: StageContext) -> list[str]:
            return findings.pop(0)

        async def fix(s: StageContext, found: list[str]) -> None:
            fixed.append(found)

        done = await review_loop(ctx, review=review, fix=fix)
        return [done.clean, done.cycles, done.findings]

    run = make(body)
    assert await run.execute() == [True, 5, []]
    assert fixed == [["P1"], ["P2", "P1"]]
    names = [n.name for n in run.view.graph.nodes]
    assert names == ["review 1", "fix 1", "review 2", "review 3", "fix 3", "review 4", "review 5"]


async def test_a_review_loop_ends(make: Make) -> None:
    async def body(ctx: WorkflowContext) -> Any:
        async def review(s: StageContext) -> str:
            return "still wrong"

        async def fix(s: StageContext, found: str) -> None:
            pass

        done = await review_loop(ctx, review=review, fix=fix)
        return [done.clean, done.cycles, done.findings]

    assert await make(body).execute() == [False, 10, "still wrong"]


async def test_backoff() -> None:
    slept: list[float] = []
    tried = 0

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def fails() -> str:
        nonlocal tried
        tried += 1
        raise OSError(f"try {tried}")

    with pytest.raises(OSError, match=r"try 3"):
        await retry_with_backoff(fails, sleep=sleep)
    assert slept == [1, 2]

    async def works() -> str:
        return "yes"

    assert await retry_with_backoff(works, sleep=sleep) == "yes"
    assert slept == [1, 2]


# -- AT-11, AT-14, S-12: questions ----------------------------------------------------------


async def test_a_question_reaches_the_person_and_shows(make: Make, manager: CodexSessionManager) -> None:
    asked: list[str] = []

    async def human(question: str) -> str:
        asked.append(question)
        assert run.view.status == "needs_review"
        assert find_run(manager.reader, run.id).stages["a"].questions == ("Which colour?",)
        return "blue"

    async def body(ctx: WorkflowContext) -> Any:
        async def stage(s: StageContext) -> str:
            return await s.ask("Which colour?")

        return (await ctx.stage("a", stage)).result

    run = make(body, human=human)
    assert await run.execute() == "blue"
    assert asked == ["Which colour?"]
    assert run.view.status == "completed"


@pytest.mark.parametrize("headless", [True, False])
async def test_where_nobody_is_there_a_question_is_refused(make: Make, headless: bool) -> None:
    async def never(question: str) -> str:
        raise AssertionError("asked")

    async def body(ctx: WorkflowContext) -> None:
        async def stage(s: StageContext) -> str:
            return await s.ask("Which colour?")

        await ctx.stage("a", stage, headless=headless, retry=2)

    with pytest.raises(PipelineError, match=r"'a'.*Which colour\?") as failed:
        await make(body, human=never if headless else None).execute()
    assert isinstance(failed.value.last_error, UnattendedError)
    assert failed.value.attempts == 1


async def test_an_unattended_agent_is_told_so_and_refused(
    make: Make, manager: CodexSessionManager, project: Path
) -> None:
    """S-12: by the options that its thread really has (the agent declines by itself),
    and where it asks all the same, by ending it."""

    async def body(ctx: WorkflowContext) -> None:
        async def leave(s: StageContext) -> str:
            return await s.send("@escalate touch made\n@say tried")

        await ctx.stage("a", leave, headless=True)
        assert not (project / "made").exists()

        async def asks(s: StageContext) -> str:
            return await s.send("@ask Which colour?")

        with pytest.raises(PipelineError, match=r"nobody attends to this stage: Which colour"):
            await ctx.stage("b", asks, headless=True)

    run = make(body, attended=True)
    await run.execute()
    settings = [s.view.settings for s in manager.list_sessions()]
    assert all((s["approvals"], s["questions"]) == ("never", False) for s in settings)


async def test_an_attended_agent_may_ask(make: Make, manager: CodexSessionManager) -> None:
    async def body(ctx: WorkflowContext) -> Any:
        async def asks(s: StageContext) -> str:
            return await s.send("@ask Which colour?\n@say Thanks.")

        return (await ctx.stage("a", asks)).result

    run = make(body, attended=True)
    going = asyncio.create_task(run.execute())
    await until(lambda: bool(manager.reader.requests()))
    waiting = manager.reader.requests()
    await manager.requests.answer(waiting[0].id, "blue")
    assert await going == "Thanks."


# -- F13: what is not awaited ---------------------------------------------------------------


async def test_a_stage_that_is_not_awaited_ends_the_run_with_its_name(make: Make) -> None:
    async def body(ctx: WorkflowContext) -> None:
        ctx.stage("never", quiet)
        await ctx.stage("fine", quiet)

    run = make(body)
    with pytest.raises(UnawaitedStageError, match=r"did not await 'never'"):
        await run.execute()
    assert run.view.status == "error"


async def test_a_stage_left_behind_is_seen_to_its_end(make: Make) -> None:
    async def body(ctx: WorkflowContext) -> None:
        task = asyncio.create_task(ctx.stage("left", says("paid for")))
        await asyncio.sleep(0)
        assert not task.done()

    run = make(body)
    with pytest.raises(UnawaitedStageError, match=r"did not await 'left'"):
        await run.execute()
    assert run.view.stages["left"].result == "paid for"


async def test_a_failed_stage_leaves_its_siblings_their_end(make: Make) -> None:
    async def body(ctx: WorkflowContext) -> None:
        await asyncio.gather(ctx.stage("bad", fails), ctx.stage("good", says("kept")))

    async def fails(s: StageContext) -> None:
        raise ValueError("broken")

    run = make(body)
    with pytest.raises(PipelineError, match=r"Stage 'bad' failed after 1 attempts: broken") as failed:
        await run.execute()
    assert {n: h.result for n, h in failed.value.completed.items()} == {"good": "kept"}
    assert run.view.stages["good"].status == "completed"


async def test_a_run_that_was_cancelled_begins_no_other_stage(make: Make) -> None:
    """Not even in a task that is just between two of them, and that nobody cancels."""
    between, go = asyncio.Event(), asyncio.Event()
    chains: list[asyncio.Task[None]] = []

    async def point(_: str) -> None:
        between.set()
        await go.wait()

    async def body(ctx: WorkflowContext) -> None:
        async def chain() -> None:
            await ctx.stage("one", quiet)
            await ctx.stage("two", quiet)

        chains.append(asyncio.create_task(chain()))
        await asyncio.wait(chains)

    run = make(body, point=point)
    going = asyncio.create_task(run.execute())
    await between.wait()
    going.cancel()
    await asyncio.wait({going})
    go.set()
    await asyncio.wait(chains)
    assert (run.view.ended, list(run.view.stages)) == ("interrupted", ["one"])


async def test_cancelling_a_run_interrupts_its_agents(
    make: Make, manager: CodexSessionManager, project: Path
) -> None:
    async def body(ctx: WorkflowContext) -> None:
        async def hang(s: StageContext) -> str:
            return await s.send(f"@run touch {s.name}.begun\n@hang")

        await asyncio.gather(ctx.stage("a", hang), ctx.stage("b", hang))

    run = make(body)
    going = asyncio.create_task(run.execute())
    await begun(project, "a")
    await begun(project, "b")
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert [s.status.value for s in manager.list_sessions()] == ["interrupted"] * 2
    assert {n.status for n in run.view.graph.nodes} == {"interrupted"}
    assert run.view.status == "error"
    assert "can be resumed" in (run.view.why or "")


@pytest.mark.parametrize("kind", ["run.started", "stage.started", "stage.ended"])
async def test_a_run_that_is_cancelled_while_something_is_written(
    make: Make, manager: CodexSessionManager, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """It has one end, and what has completed stays completed."""
    commit, written = manager.store.commit, asyncio.Event()

    async def slow(*records: e.Record) -> int:
        done = await commit(*records)
        if not written.is_set() and any(r.event.kind == kind for r in records):
            written.set()
            await asyncio.Event().wait()
        return done

    monkeypatch.setattr(manager.store, "commit", slow)

    async def body(ctx: WorkflowContext) -> Any:
        return (await ctx.stage("a", says("paid for"))).result

    run = make(body)
    going = asyncio.create_task(run.execute())
    await written.wait()
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    [found] = read_runs(manager.reader)
    assert (found.ended, found.status) == ("interrupted", "error")
    assert await make(body, resume=run.id).execute() == "paid for"
    assert len(manager.list_sessions()) == 1


async def test_what_can_not_be_written_stops_the_run(
    make: Make, manager: CodexSessionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AT-14: a run does not go on unrecorded."""
    ran: list[str] = []

    async def body(ctx: WorkflowContext) -> None:
        monkeypatch.setattr(manager.store, "_write", lambda batch: "the disk is full" if batch else None)

        async def stage(s: StageContext) -> None:
            ran.append("stage")

        await ctx.stage("a", stage)

    with pytest.raises(StoreError, match=r"the disk is full"):
        await make(body).execute()
    assert ran == []
    monkeypatch.undo()


@pytest.mark.parametrize("waits", [False, True])
async def test_a_run_whose_process_died_is_in_error(manager: CodexSessionManager, waits: bool) -> None:
    """AT-14: also one that waited for its person."""
    dead = 2**22 + 1
    await manager.store.commit(
        e.Record(e.RunStarted(run="r1", name="x", pid=dead)),
        e.Record(e.StageStarted(run="r1", stage="a")),
        *([e.Record(e.StageAsked(run="r1", stage="a", question="Which?"))] if waits else []),
    )
    run = find_run(manager.reader, "r1")
    assert run.status == "error"
    assert run.why == f"its process ({dead}) died while it ran: it can be resumed"
    lock = ProjectLock(manager.state_dir, "engine")  # another process runs agents here by now
    lock.acquire()
    assert find_run(manager.reader, "r1").status == "error"
    lock.release()


async def test_status_says_the_worst(make: Make, manager: CodexSessionManager) -> None:
    """AT-14: error before needs_review before completed before in_progress."""
    view = make(quiet).view
    assert view.status == "in_progress"
    view.apply(e.StageStarted(run=view.id, stage="a"), 1)
    view.apply(e.StageStarted(run=view.id, stage="b"), 1)
    view.apply(e.StageAsked(run=view.id, stage="a", question="?"), 2)
    assert view.status == "needs_review"
    view.apply(e.StageEnded(run=view.id, stage="b", status="failed", error="no"), 3)
    assert view.status == "error"
    view.apply(e.StageStarted(run=view.id, stage="b"), 4)
    view.apply(e.StageEnded(run=view.id, stage="b", status="completed"), 5)
    assert view.status == "needs_review"
    view.apply(e.StageEnded(run=view.id, stage="a", status="completed"), 6)
    assert view.status == "in_progress"
    view.apply(e.RunEnded(run=view.id, status="completed"), 7)
    assert view.status == "completed"


async def test_a_failed_stage_flags_its_session(make: Make, manager: CodexSessionManager) -> None:
    """F15: also where its agent's turn went well."""

    async def body(ctx: WorkflowContext) -> None:
        async def fails(s: StageContext) -> None:
            await s.send("@say fine")
            raise ValueError("the answer is no use")

        await ctx.stage("a", fails, headless=True)

    with pytest.raises(PipelineError):
        await make(body).execute()
    await manager.store.commit()
    [session] = manager.list_sessions()
    assert session.attention_reason == "failed"
    assert session.view.attention is not None
    assert "the answer is no use" in session.view.attention.detail


async def test_a_run_that_still_runs_can_not_be_resumed(make: Make, manager: CodexSessionManager) -> None:
    lock = ProjectLock(manager.state_dir, "engine")
    lock.acquire()

    async def body(ctx: WorkflowContext) -> None:
        with pytest.raises(UsageError, match=r"still runs"):
            make(quiet, resume=run.id)

    run = make(body)
    await run.execute()
    lock.release()
