"""Whole runs on the demo agent: real child processes, the real log, real gates."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.limits import Limits
from tests.pipeline.conftest import Silence, logged, until
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ProviderMismatchError, UsageError
from zwarm_tui.core.model import SessionStatus, SessionView
from zwarm_tui.pipeline import (
    AgentReviewer,
    AgentSessionConfig,
    AgentSessionInput,
    AgentSessionRunner,
    CommandGate,
    EventSink,
    HumanReviewer,
    RetryConfig,
    ReviewFinding,
    ReviewRequest,
    ReviewResult,
    SessionConfiguration,
    SessionPrompts,
    runner,
)
from zwarm_tui.pipeline.client import SessionClient
from zwarm_tui.pipeline.recovery import recover
from zwarm_tui.sessions import CodexSessionManager, ExecutorSession
from zwarm_tui.sessions.turn import Turn
from zwarm_tui.tools import shell

QUICK = RetryConfig(2, (0.0,), "go on with {issue_id}\n@say Went on.")
# A gate's output stands in the prompt of the retry: there the scripted agent finds what to do.


def work(folder: Path, prompt: str, **more: object) -> AgentSessionInput:
    return AgentSessionInput(issue_id="i-7", prompt=prompt, working_dir=folder, **more)  # type: ignore[arg-type]


def make_repository(folder: Path) -> None:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "begin"], cwd=folder, check=True)


async def passes(request: ReviewRequest) -> ReviewResult:
    return ReviewResult(True)


def test_the_runner_only_orchestrates() -> None:
    source = inspect.getsource(runner)
    assert "asyncio.sleep" not in source
    assert "backoff" not in source


async def test_checks_that_a_kill_cut_off_get_their_end(sessions: CodexSessionManager, folder: Path) -> None:
    done = await AgentSessionRunner(sessions).run_session(work(folder, "@say All done."))
    session = str(done.session_id)
    for event in (
        e.GateStarted("gate:1", "tests", "pytest", 2, 3),
        e.ReviewStarted("review:1", "agent", 1, 3),
        e.GateStarted("gate:2", "lint", "ruff"),
        e.GateDone(item="gate:2", gate="lint", command="ruff", passed=True, exit_code=0),
    ):
        await sessions.store.commit(e.Record(event, session, 1, 1, 1.0))
    recover(sessions.store, sessions.reader)
    recover(sessions.store, sessions.reader)  # it does so once
    _, gate, review = logged(sessions, session, e.GateDone, e.ReviewDone)
    assert isinstance(gate, e.GateDone)
    assert (gate.gate, gate.passed, gate.error) == ("tests", False, "zwarm_tui stopped while it ran")
    assert (gate.attempt, gate.attempts, gate.exit_code) == (2, 3, None)
    assert isinstance(review, e.ReviewDone)
    assert (review.passed, review.error) == (False, "zwarm_tui stopped while it ran")


async def test_a_run_that_passes_at_once(sessions: CodexSessionManager, folder: Path) -> None:
    done = await AgentSessionRunner(sessions).run_session(work(folder, "@say All done."))
    assert done.success
    assert done.summary == "All done."
    assert (done.gate_attempts, done.review_attempts, done.interrupted) == (1, 0, False)
    assert done.log_path == sessions.store.path
    assert done.duration_seconds > 0
    assert sessions.get_session(done.session_id or "").status is SessionStatus.COMPLETED


async def test_a_gate_that_fails_twice_and_passes_the_third_time(
    sessions: CodexSessionManager, folder: Path
) -> None:
    gate = CommandGate(
        name="count",
        command="echo '@run echo fixed >> fixes'; echo to stderr >&2; test $(wc -l < fixes) -ge 2",
    )
    done = await AgentSessionRunner(sessions, gates=[gate]).run_session(work(folder, "@write fixes"))
    assert done.success
    assert done.gate_attempts == 3
    assert "attempt 3/3" in (done.resolution or "")
    gates = logged(sessions, done.session_id, e.GateDone)
    assert [(g.passed, g.exit_code, g.attempt, g.attempts) for g in gates] == [  # type: ignore[attr-defined]
        (False, 1, 1, 3),
        (False, 1, 2, 3),
        (True, 0, 3, 3),
    ]
    assert all("to stderr" in g.output and g.seconds > 0 for g in gates)  # type: ignore[attr-defined]
    started = logged(sessions, done.session_id, e.GateStarted)
    assert [s.item for s in started] == [g.item for g in gates]  # type: ignore[attr-defined]
    retries = logged(sessions, done.session_id, e.RetryScheduled)
    assert [(r.what, r.attempt, r.attempts) for r in retries] == [("gate", 2, 3), ("gate", 3, 3)]  # type: ignore[attr-defined]
    prompts = [m.text for m in logged(sessions, done.session_id, e.UserMessage)]  # type: ignore[attr-defined]
    assert "attempt 2/3" in prompts[1]
    assert "attempt 3/3" in prompts[2]
    assert "1. count: " in prompts[1]
    assert "exit status 1" in prompts[1]


async def test_every_gate_runs_and_the_retry_lists_all_that_failed(
    sessions: CodexSessionManager, folder: Path
) -> None:
    gates = [
        CommandGate(name="lint", command="echo bad style; exit 2"),
        CommandGate(name="types", command="true"),
        CommandGate(name="tests", command="echo two tests failed; exit 1"),
    ]
    config = AgentSessionConfig(max_gate_retries=2)
    done = await AgentSessionRunner(sessions, config, gates=gates).run_session(work(folder, "@write a.txt 1"))
    assert not done.success
    prompt = logged(sessions, done.session_id, e.UserMessage)[1].text  # type: ignore[attr-defined]
    assert "1. lint: " in prompt
    assert "bad style" in prompt
    assert "2. tests: " in prompt
    assert "two tests failed" in prompt
    assert "types" not in prompt
    session = sessions.get_session(done.session_id or "")
    assert session.attention_reason == "failed"  # F15: a failure is never quiet


async def test_nothing_changed_since_the_gate_failed(sessions: CodexSessionManager, folder: Path) -> None:
    gate = CommandGate(name="tests", command="echo @say No.; false")
    done = await AgentSessionRunner(sessions, gates=[gate]).run_session(work(folder, "@write a.txt 1"))
    assert not done.success
    assert done.gate_attempts == 2
    assert "nothing changed" in (done.resolution or "")


async def test_a_gate_that_hangs_is_ended_with_all_it_started(
    sessions: CodexSessionManager, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time is over once all of it runs, however long that takes."""
    limits = Limits(monkeypatch, shell, 1.5)
    gate = CommandGate(name="slow", command="echo before; sleep 987 & touch began; sleep 987", timeout=1.5)
    config = AgentSessionConfig(max_gate_retries=1)
    run = AgentSessionRunner(sessions, config, gates=[gate]).run_session(work(folder, "@say Hm."))
    going = asyncio.create_task(run)
    await until((folder / "began").exists)
    await limits.over()
    done = await going
    (evidence,) = logged(sessions, done.session_id, e.GateDone)
    assert evidence.error == "timed out: timeout = 1.5 s"  # type: ignore[attr-defined]
    assert evidence.exit_code is None  # type: ignore[attr-defined]
    assert "before" in evidence.output  # type: ignore[attr-defined]
    assert not [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "987"]]


async def test_the_output_of_a_gate_is_capped(sessions: CodexSessionManager, folder: Path) -> None:
    gate = CommandGate(name="loud", command="seq 1 200000; exit 1")
    config = AgentSessionConfig(max_gate_retries=2)
    done = await AgentSessionRunner(sessions, config, gates=[gate]).run_session(work(folder, "@write a 1"))
    first, *_ = logged(sessions, done.session_id, e.GateDone)
    assert len(first.output) < 70_000  # type: ignore[attr-defined]
    prompt = logged(sessions, done.session_id, e.UserMessage)[1].text  # type: ignore[attr-defined]
    assert len(prompt) < 6_000
    assert "200000" in prompt


def reviewer(sessions: CodexSessionManager, *answers: str) -> AgentReviewer:
    """A reviewer whose scripted agent says these, one a review."""
    said = iter(answers)

    class Scripted(AgentReviewer):
        async def review(self, request: ReviewRequest) -> ReviewResult:
            self.prompts = SessionPrompts(
                review="{issue_id}\n@say " + next(said).replace("{", "{{").replace("}", "}}")
            )
            return await super().review(request)

    return Scripted(sessions=sessions)


P1 = """{"findings": [{"priority": 1, "title": "No tests", "file": "a.py", "line": 3,
 "body": "Add some.\\\\n@write tests.txt yes"}]}""".replace("\n", "")
P3 = '{"findings": [{"priority": "P3", "title": "A name"}]}'


async def test_a_blocking_finding_is_sent_back_and_fixed(sessions: CodexSessionManager, folder: Path) -> None:
    run = AgentSessionRunner(sessions, reviewer=reviewer(sessions, P1, P3))
    done = await run.run_session(work(folder, "@write a.py 1"))
    assert done.success
    assert done.review_attempts == 2
    assert done.low_priority_review_issues == [ReviewFinding(3, "A name")]
    reviews = logged(sessions, done.session_id, e.ReviewDone)
    assert [(r.passed, r.attempt, r.attempts) for r in reviews] == [(False, 1, 3), (True, 2, 3)]  # type: ignore[attr-defined]
    assert reviews[0].findings[0].line == 3  # type: ignore[attr-defined]
    prompt = logged(sessions, done.session_id, e.UserMessage)[1].text  # type: ignore[attr-defined]
    assert "attempt 2/3" in prompt
    assert "[P1] No tests (a.py:3)" in prompt
    assert (folder / "tests.txt").read_text() == "yes"


async def test_what_the_person_says_as_a_turn_ends_is_left_to_them(
    sessions: CodexSessionManager, folder: Path
) -> None:
    """Of the agent and of the reviewer: the run takes the answers of its own turns, and
    does not stop the person's."""
    theirs: list[str] = []

    async def speak(view: SessionView, turn: Turn) -> None:
        if turn.number == 1:
            theirs.append(view.id)
            await sessions.steer(view.id, "@ask Which colour?")

    sessions.set_turn_hook(speak)
    run = AgentSessionRunner(sessions, reviewer=reviewer(sessions, P3))
    done = await run.run_session(work(folder, "@write a.py 1\n@say Done."))
    assert (done.success, done.summary) == (True, "Done.")
    assert done.low_priority_review_issues == [ReviewFinding(3, "A name")]
    assert [(t.session, t.number, t.stop) for t in sessions.running()] == [(s, 2, None) for s in theirs]
    assert len(theirs) == 2


async def test_what_the_person_says_while_a_gate_runs_is_waited_for(
    sessions: CodexSessionManager, folder: Path
) -> None:
    class Speaks(EventSink):
        def on_gate_evidence(self, issue_id: str, event: e.GateStarted | e.GateDone) -> None:
            if isinstance(event, e.GateDone) and not event.passed:
                [session] = sessions.list_sessions()
                said.append(
                    asyncio.create_task(sessions.send_message(session.id, "@run sleep 0.2\n@say Yes."))
                )

    said: list[asyncio.Task[ExecutorSession]] = []
    gate = CommandGate(name="fixed", command="test -e fixed || { echo '@write fixed yes'; exit 1; }")
    run = AgentSessionRunner(sessions, gates=[gate], sinks=[Speaks()])
    done = await run.run_session(work(folder, "@say Done."))
    assert done.success, done.resolution
    assert (await said[0]).view.turns == 2
    assert sessions.get_session(done.session_id or "").view.turns == 3


async def test_a_gate_ends_where_it_began_whatever_the_person_says_meanwhile(
    sessions: CodexSessionManager, folder: Path
) -> None:
    class Speaks(EventSink):
        def on_gate_evidence(self, issue_id: str, event: e.GateStarted | e.GateDone) -> None:
            if isinstance(event, e.GateStarted):
                [session] = sessions.list_sessions()
                message = "@run touch spoken; until test -e over; do sleep 0.01; done"
                said.append(asyncio.create_task(sessions.send_message(session.id, message)))

    said: list[asyncio.Task[ExecutorSession]] = []
    gate = CommandGate(name="slow", command="until test -e spoken; do sleep 0.01; done")
    run = AgentSessionRunner(sessions, gates=[gate], sinks=[Speaks()])
    done = await run.run_session(work(folder, "@say Done."))
    assert done.success, done.resolution
    reader = sessions.reader
    checks = [r for r in reader.records(done.session_id) if r.event.kind in ("gate.started", "gate")]
    assert [r.turn for r in checks] == [1, 1]
    assert reader.open_checks() == []
    (folder / "over").touch()
    await sessions.wait((await said[0]).id)


async def test_letting_go_of_a_turn_that_has_ended_stops_no_other(
    sessions: CodexSessionManager, folder: Path
) -> None:
    config = SessionConfiguration(sessions, AgentSessionConfig()).initialize_config(work(folder, "-"))
    client = SessionClient(sessions, config)
    await client.query("@say Done.")
    assert [m async for m in client.receive_response() if isinstance(m, e.TurnEnded)]
    assert client.session_id is not None
    await sessions.send_message(client.session_id, "@ask Which colour?")
    await client.disconnect()
    assert [(t.number, t.stop) for t in sessions.running()] == [(2, None)]


async def test_a_reviewer_that_answers_no_json_is_asked_again(
    sessions: CodexSessionManager, folder: Path
) -> None:
    run = AgentSessionRunner(sessions, reviewer=reviewer(sessions, "Looks good to me!", '{"findings": []}'))
    done = await run.run_session(work(folder, "@write a.py 1"))
    assert done.success
    assert done.review_attempts == 2
    assert len(logged(sessions, done.session_id, e.UserMessage)) == 1  # the agent was not disturbed
    first, second = logged(sessions, done.session_id, e.ReviewDone)
    assert not first.passed  # type: ignore[attr-defined]
    assert "Looks good to me!" in first.error  # type: ignore[attr-defined]
    assert second.passed  # type: ignore[attr-defined]


async def test_a_reviewer_that_never_answers_json_is_no_pass(
    sessions: CodexSessionManager, folder: Path
) -> None:
    run = AgentSessionRunner(
        sessions, reviewer=reviewer(sessions, "a", '{"findings": 3}', '{"findings": [{}]}')
    )
    done = await run.run_session(work(folder, "@write a.py 1"))
    assert not done.success
    assert done.review_attempts == 3
    assert "no verdict" in (done.resolution or "")


async def test_a_reviewer_that_fails_or_is_silent_is_no_pass(
    sessions: CodexSessionManager, folder: Path
) -> None:
    silent = AgentReviewer(sessions=sessions, timeout=0.5, prompts=SessionPrompts(review="@hang"))
    config = AgentSessionConfig(max_review_retries=1)
    done = await AgentSessionRunner(sessions, config, reviewer=silent).run_session(work(folder, "@say x"))
    assert not done.success
    assert "timeout = 0.5 s" in (done.resolution or "")
    assert not sessions.running()
    missing = AgentReviewer(sessions=sessions, executor="nobody")
    done = await AgentSessionRunner(sessions, reviewer=missing).run_session(work(folder, "@say x"))
    assert not done.success
    assert done.review_attempts == 1  # fatal: nothing is tried again
    assert "nobody" in (done.resolution or "")


async def test_nothing_changed_since_the_review(sessions: CodexSessionManager, folder: Path) -> None:
    stubborn = P1.replace("@write tests.txt yes", "@say No.")
    run = AgentSessionRunner(sessions, reviewer=reviewer(sessions, stubborn))
    done = await run.run_session(work(folder, "@write a.py 1"))
    assert not done.success
    assert "nothing changed" in (done.resolution or "")
    assert len(logged(sessions, done.session_id, e.ReviewDone)) == 1


async def test_the_person_reviews(sessions: CodexSessionManager, folder: Path) -> None:
    asked: list[ReviewRequest] = []

    async def ask(request: ReviewRequest) -> ReviewResult:
        asked.append(request)
        return ReviewResult(True)

    done = await AgentSessionRunner(sessions, reviewer=HumanReviewer(ask)).run_session(
        work(folder, "@write a.py 1", issue_description="Make a.py")
    )
    assert done.success
    assert asked[0].task == "Make a.py"
    assert asked[0].session_id == done.session_id
    assert "a.py" in asked[0].diff
    (review,) = logged(sessions, done.session_id, e.ReviewDone)
    assert review.reviewer == "you"  # type: ignore[attr-defined]


async def test_a_reviewer_that_returns_something_else_is_a_bug(
    sessions: CodexSessionManager, folder: Path
) -> None:
    async def ask(request: ReviewRequest) -> ReviewResult:
        return True  # type: ignore[return-value]

    with pytest.raises(TypeError, match="ReviewResult"):
        await AgentSessionRunner(sessions, reviewer=HumanReviewer(ask)).run_session(work(folder, "@say x"))


async def test_a_silent_agent_is_resumed(
    sessions: CodexSessionManager, folder: Path, silence: Silence
) -> None:
    config = AgentSessionConfig(retry=QUICK, idle_timeout_seconds=1.5)
    run = AgentSessionRunner(sessions, config).run_session(work(folder, "@run echo a >> a.txt\n@hang"))
    going = asyncio.create_task(run)
    await until(lambda: logged(sessions, None, e.CommandDone))
    await until(lambda: silence.lasts(going))
    done = await going
    assert done.success
    assert done.summary == "Went on."
    assert (folder / "a.txt").read_text() == "a\n"  # nothing was done twice
    session = sessions.get_session(done.session_id or "")
    assert session.view.turns == 2
    assert len(sessions.list_sessions()) == 1
    (retry,) = logged(sessions, done.session_id, e.RetryScheduled)
    assert (retry.what, retry.attempt, retry.attempts) == ("idle", 1, 2)  # type: ignore[attr-defined]
    assert "idle_timeout_seconds = 1.5" in retry.reason  # type: ignore[attr-defined]
    assert 1.5 in silence.limits


async def test_silence_while_a_command_runs_is_no_silence(
    sessions: CodexSessionManager, folder: Path, silence: Silence
) -> None:
    config = AgentSessionConfig(retry=QUICK, idle_timeout_seconds=2)
    task = "@run until test -e go; do sleep 0.01; done\n@say Slept."
    going = asyncio.create_task(AgentSessionRunner(sessions, config).run_session(work(folder, task)))
    await until(lambda: silence.limits[-1:] == [None])
    assert logged(sessions, None, e.CommandStarted)
    (folder / "go").touch()
    done = await going
    assert done.success
    assert done.summary == "Slept."
    assert sessions.get_session(done.session_id or "").view.turns == 1
    assert silence.limits.count(None) == 1


async def test_time_in_the_queue_is_no_silence(tmp_path: Path, folder: Path, silence: Silence) -> None:
    async with CodexSessionManager(tmp_path / "z", executor="demo", max_concurrent=1) as sessions:
        first = await sessions.start_session("@run until test -e go; do sleep 0.01; done", working_dir=folder)
        config = AgentSessionConfig(retry=QUICK, idle_timeout_seconds=1.5)
        run = AgentSessionRunner(sessions, config).run_session(work(folder, "@say x"))
        going = asyncio.create_task(run)
        await until(lambda: len(sessions.running()) == 2)
        await until(lambda: logged(sessions, first.id, e.CommandStarted))
        assert silence.limits == []
        (folder / "go").touch()
        done = await going
        assert done.success
        assert 1.5 in silence.limits
        assert sessions.get_session(done.session_id or "").view.turns == 1
        assert sessions.get_session(first.id).status is SessionStatus.COMPLETED


async def test_silence_without_end(sessions: CodexSessionManager, folder: Path) -> None:
    retry = RetryConfig(1, (0.0,), "@hang")
    config = AgentSessionConfig(retry=retry, idle_timeout_seconds=0.3)
    done = await AgentSessionRunner(sessions, config).run_session(work(folder, "@hang"))
    assert not done.success
    assert done.resolution == "Max idle retries (1) exceeded"
    assert not sessions.running()
    assert done.session_id is not None  # it can be looked at, and resumed


async def test_an_agent_that_dies_is_resumed(sessions: CodexSessionManager, folder: Path) -> None:
    config = AgentSessionConfig(retry=QUICK)
    done = await AgentSessionRunner(sessions, config).run_session(work(folder, "@run echo a >> a\n@die"))
    assert done.success
    assert (folder / "a").read_text() == "a\n"
    (retry,) = logged(sessions, done.session_id, e.RetryScheduled)
    assert (retry.what, retry.attempt, retry.attempts, retry.delay) == ("exit", 1, 4, 1.0)  # type: ignore[attr-defined]


async def test_a_turn_that_fails_fails_the_run(sessions: CodexSessionManager, folder: Path) -> None:
    done = await AgentSessionRunner(sessions).run_session(work(folder, "@fail out of luck"))
    assert not done.success
    assert "out of luck" in done.summary
    assert not done.interrupted


async def test_the_person_interrupts(sessions: CodexSessionManager, folder: Path) -> None:
    class Hangs(EventSink):
        def __init__(self) -> None:
            self.text = asyncio.Event()

        def on_agent_text(self, issue_id: str, text: str) -> None:
            self.text.set()

    sink = Hangs()
    running = asyncio.create_task(
        AgentSessionRunner(sessions, sinks=[sink]).run_session(work(folder, "@say Hello.\n@run true\n@hang"))
    )
    await asyncio.wait_for(sink.text.wait(), 30)
    (turn,) = sessions.running()
    await sessions.interrupt(turn.session)
    done = await running
    assert done.interrupted
    assert not done.success


async def test_cancelling_interrupts_and_the_session_can_be_resumed(
    sessions: CodexSessionManager, folder: Path
) -> None:
    class Seen(EventSink):
        def __init__(self) -> None:
            self.text = asyncio.Event()

        def on_agent_text(self, issue_id: str, text: str) -> None:
            self.text.set()

    sink = Seen()
    running = asyncio.create_task(
        AgentSessionRunner(sessions, sinks=[sink]).run_session(work(folder, "@say Hello.\n@run true\n@hang"))
    )
    await asyncio.wait_for(sink.text.wait(), 30)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    (session,) = sessions.list_sessions()
    assert session.status is SessionStatus.INTERRUPTED
    again = await AgentSessionRunner(sessions).run_session(
        work(folder, "@say Back.", resume_session_id=session.id[:5])
    )
    assert again.success
    assert again.session_id == session.id


async def test_a_timeout_in_a_gate_leaves_the_session_resumable(
    sessions: CodexSessionManager, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is over in the middle of the gate, however long the turn before took."""
    gate = CommandGate(name="slow", command="touch began; sleep 986")
    config = AgentSessionConfig(timeout=1.5)
    with monkeypatch.context() as patch:
        limits = Limits(patch, runner, 1.5)
        run = AgentSessionRunner(sessions, config, gates=[gate]).run_session(work(folder, "@say x"))
        running = asyncio.create_task(run)
        await until((folder / "began").exists)
        await limits.over()
        done = await running
    assert not done.success
    assert "timeout = 1.5 s" in (done.resolution or "")
    (evidence,) = logged(sessions, done.session_id, e.GateDone)
    assert "stopped" in evidence.error  # type: ignore[attr-defined]
    assert not [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "986"]]
    again = await AgentSessionRunner(sessions).run_session(
        work(folder, "@say y", resume_session_id=done.session_id)
    )
    assert again.success
    assert again.session_id == done.session_id


async def test_a_full_context_goes_on_in_a_fresh_session(sessions: CodexSessionManager, folder: Path) -> None:
    prompts = SessionPrompts(checkpoint="sum up\n@say The summary is this.\n@usage 1000 0 10")
    config = AgentSessionConfig(prompts=prompts)
    gate = CommandGate(name="fixed", command="echo '@write fixed.txt yes'; test -f fixed.txt")
    done = await AgentSessionRunner(sessions, config, gates=[gate]).run_session(
        work(folder, "@say Full.\n@usage 258000 0 0")
    )
    assert done.success
    old, new = sessions.list_sessions()
    assert new.id == done.session_id
    prompt = new.messages[0]["content"]
    assert "The summary is this." in prompt
    assert "@say Full." in prompt  # the task
    assert "attempt 2/3" in prompt
    notices = logged(sessions, old.id, e.Notice)
    assert any("% full" in n.text for n in notices)  # type: ignore[attr-defined]


async def test_a_fresh_session_takes_over_the_worktree(
    sessions: CodexSessionManager, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    make_repository(folder)
    prompts = SessionPrompts(checkpoint="sum up\n@say The summary.\n@usage 1000 0 10")
    gate = CommandGate(name="fixed", command="echo '@write fixed.txt yes'; test -f fixed.txt")
    done = await AgentSessionRunner(sessions, AgentSessionConfig(prompts=prompts), gates=[gate]).run_session(
        work(folder, "@write first.txt yes\n@say Full.\n@usage 258000 0 0", worktree=True)
    )
    assert done.success
    old, new = sessions.list_sessions()
    assert old.view.worktree is not None
    assert new.view.worktree == old.view.worktree
    assert new.working_dir == old.working_dir
    own = sessions.reader.places().of_session(new.id, [sessions.branch])
    assert own is not None
    assert own.path == old.view.worktree
    assert own.state == "made"
    assert sorted(p.name for p in Path(own.path).glob("*.txt")) == ["first.txt", "fixed.txt"]
    assert list(folder.glob("*.txt")) == []
    # Spoken to once more, it stays there.
    await sessions.send_message(new.id, "@write later.txt yes")
    await sessions.wait(new.id, timeout=30)
    assert Path(own.path, "later.txt").exists()


async def test_no_summary_no_fresh_session(sessions: CodexSessionManager, folder: Path) -> None:
    config = AgentSessionConfig(prompts=SessionPrompts(checkpoint="@say  "))
    gate = CommandGate(name="no", command="false")
    done = await AgentSessionRunner(sessions, config, gates=[gate]).run_session(
        work(folder, "@say Full.\n@usage 258000 0 0")
    )
    assert not done.success
    assert "summary in vain" in (done.resolution or "")
    assert len(sessions.list_sessions()) == 1


async def test_configuration(sessions: CodexSessionManager, folder: Path) -> None:
    config = SessionConfiguration(sessions, AgentSessionConfig(model="m", timeout=3000))
    made = config.initialize_config(work(folder, "do it"))
    assert (made.model, made.timeout, made.idle_timeout) == ("m", 3000, 600)
    made = config.initialize_config(work(folder, "do it", model="other", timeout=100))
    assert (made.model, made.idle_timeout) == ("other", 300)
    made = config.initialize_config(work(folder, "do it", timeout=9000, idle_timeout_seconds=-1))
    assert made.idle_timeout == 0
    no_limit = SessionConfiguration(sessions, AgentSessionConfig()).initialize_config(work(folder, "x"))
    assert (no_limit.timeout, no_limit.idle_timeout) == (None, 900)
    with pytest.raises(UsageError, match="prompt"):
        config.initialize_config(work(folder, " "))
    with pytest.raises(UsageError, match="no folder"):
        config.initialize_config(work(folder / "gone", "x"))
    with pytest.raises(UsageError, match="timeout"):
        config.initialize_config(work(folder, "x", timeout=-1))
    session = await sessions.start_session("@say x", working_dir=folder)
    await sessions.wait(session.id, 30)
    with pytest.raises(ProviderMismatchError, match="codex can't go on"):
        config.initialize_config(work(folder, "x", resume_session_id=session.id, executor="codex"))


async def test_one_runner_serves_runs_side_by_side(
    sessions: CodexSessionManager, folder: Path, silence: Silence
) -> None:
    run = AgentSessionRunner(sessions, AgentSessionConfig(retry=QUICK, idle_timeout_seconds=1.0))
    speaks, hangs = (
        asyncio.create_task(run.run_session(work(folder, text))) for text in ("@say One.", "@hang")
    )
    await until(lambda: silence.lasts(hangs))
    one, two = await asyncio.gather(speaks, hangs)
    assert (one.summary, two.summary) == ("One.", "Went on.")
    assert one.session_id != two.session_id


def test_a_run_that_nobody_awaits_says_so(tmp_path: Path, folder: Path) -> None:
    async def forget() -> None:
        async with CodexSessionManager(tmp_path / "z", executor="demo") as sessions:
            AgentSessionRunner(sessions).run_session(work(folder, "@say x"))  # type: ignore[unused-coroutine]

    with pytest.warns(RuntimeWarning, match="run_session.*never awaited"):
        asyncio.run(forget())
