"""`Session` with its default runner: real agents, in the project around the folder."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.conftest import until
from zwarm_tui import __version__
from zwarm_tui.core.errors import LockedError
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.store.lock import ProjectLock, holder
from zwarm_tui.store.reader import Reader
from zwarm_tui.wire import place
from zwarm_tui.workflow import Agents, PipelineError, Session, UnattendedError, read_runs, run_acw
from zwarm_tui.workflow.flags import config_of
from zwarm_tui.workflow.runs import spent

DEMO = ("demo", "")


def test_stages_run_on_agents_and_are_in_the_log(project: Path) -> None:
    s = Session("out", "p")
    plan = s.run_prompt("plan", "@say The plan.\n@usage 1000 0 100", DEMO)
    assert plan.text() == "The plan."
    assert plan.process.args[:2] == ["demo", ""]
    done = s.run_parallel([s.stage(n, f"@say {n}", DEMO) for n in "bc"])
    assert [r.text() for r in done.values()] == ["b", "c"]
    assert holder(project / ".zwarm") is None, "the project's agents are anybody's again"
    assert [t.name for t in threading.enumerate() if t.name.startswith("zwarm")] == []

    reader = Reader(project / ".zwarm" / "zwarm.db")
    [run] = read_runs(reader)
    assert (run.name, run.status) == ("p", "completed")
    assert run.graph.edges == (("plan", "b"), ("plan", "c"))
    assert run.graph.edges == s.graph().edges
    [served] = run.stages["plan"].served
    assert served.how == "fresh"
    session = reader.session(served.session)
    assert session is not None
    assert session.last_message == "The plan."
    assert session.settings["approvals"] == "never"
    assert spent(reader, run).complete
    reader.close()


def test_an_unknown_provider_is_named_with_those_there_are(project: Path) -> None:
    message = r"^Unsupported provider 'x'\. Available: codex, demo$"
    s = Session("out", "p")
    with pytest.raises(ValueError, match=message):
        s.run_prompt("a", "hello", ("x", ""))
    with pytest.raises(ValueError, match=message):
        s.run_parallel([s.stage("a", "@say a", DEMO), s.stage("b", "hello", ("x", ""))])
    with pytest.raises(ValueError, match=message):
        run_acw("x", "", Path("in"), Path("out"))
    assert not (project / ".zwarm" / "zwarm.db").exists()


def test_run_acw_by_itself(project: Path) -> None:
    Path("in.md").write_text("@say hello")
    done = run_acw("demo", "", Path("in.md"), Path("out.md"), timeout=60, cwd=project)
    assert (done.returncode, Path("out.md").read_text()) == (0, "hello")
    Path("in.md").write_text("@die")
    done = run_acw("demo", "", Path("in.md"), Path("out2.md"))
    assert done.returncode == 3
    assert "the demo agent dies" in done.stderr
    assert not Path("out2.md").exists()


def test_an_agent_that_dies_is_tried_again_and_its_end_is_told(project: Path) -> None:
    """S-13: with exit status and standard error."""
    s = Session("out", "p")
    with pytest.raises(
        PipelineError, match=r"(?s)after 2 attempts: exit status 3.*dies, as its script says"
    ) as failed:
        s.run_prompt("a", "@die", DEMO, retry=1)
    assert failed.value.completed == {}
    assert (s.graph().node("a").attempt, s.graph().node("a").attempts) == (2, 2)


def test_a_turn_without_text_is_no_answer(project: Path) -> None:
    """F1."""
    with pytest.raises(PipelineError, match=r"completed, no text"):
        Session("out", "p").run_prompt("a", "@say  ", DEMO)


def test_a_timeout_names_its_setting_and_ends_the_agent(project: Path) -> None:
    with pytest.raises(PipelineError, match=r"no answer within timeout = 0\.3 s"):
        Session("out", "p").run_prompt("a", "@hang", DEMO, timeout=0.3)


def test_an_agent_that_asks_is_refused(project: Path) -> None:
    """AT-11: nobody is there to answer, so it fails at once, and says what was asked."""
    with pytest.raises(PipelineError, match=r"nobody attends to this stage: Which colour") as failed:
        Session("out", "p").run_prompt("a", "@ask Which colour?", DEMO, retry=3)
    assert isinstance(failed.value.last_error, UnattendedError)
    assert failed.value.attempts == 1


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ({"tools": "Read"}, "takes no tools"),
        ({"extra_flags": ["-x"]}, "takes no extra_flags"),
        ({"permission_mode": "odd"}, "no permission_mode 'odd'"),
    ],
)
def test_what_an_agent_can_not_heed_is_refused(project: Path, option: dict[str, object], why: str) -> None:
    with pytest.raises(PipelineError, match=why) as failed:
        Session("out", "p").run_prompt("a", "@say a", DEMO, retry=3, **option)  # type: ignore[arg-type]
    assert failed.value.attempts == 1


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        (None, {}),
        ("-c a.b=1 --config=c=true", {"a.b": 1, "c": True}),
        (["--config", 'd=["x"]', "-c", "e=some words"], {"d": ["x"], "e": "some words"}),
    ],
)
def test_codex_takes_its_configuration_as_flags(flags: Any, found: dict[str, Any]) -> None:
    assert config_of("codex", flags) == found


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--yolo"], "takes no flag '--yolo' here"),
        (["-c"], "after -c comes key=value"),
        ("-c sandbox_mode=danger-full-access", "say it with permission_mode"),
        ("-c approval_policy=never", "say it with permission_mode"),
    ],
)
def test_any_other_flag_is_named(flags: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        config_of("codex", flags)


def test_another_process_that_runs_the_agents_is_told_of(project: Path) -> None:
    lock = ProjectLock(project / ".zwarm", "engine")
    lock.acquire()
    try:
        with pytest.raises(LockedError, match=r"runs this project's agents"):
            Session("out", "p").run_prompt("a", "@say a", DEMO)
    finally:
        lock.release()


async def test_a_host_that_is_just_leaving_is_waited_for(project: Path) -> None:
    """It takes connections for a moment yet, and answers none; then it has its lock yet."""
    lock = ProjectLock(project / ".zwarm", "host")
    lock.acquire()
    socket, came = place.new_socket(project), 0

    def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal came
        came += 1
        writer.close()
        if came == 3:
            leaving.close()
            place.card_file(project).unlink()
            asyncio.get_running_loop().call_later(0.1, lock.release)

    leaving = await asyncio.start_unix_server(refuse, socket)
    card = place.Card(pid=os.getpid(), socket=str(socket), version=__version__, starts=[])
    place.write_card(project, card)
    try:
        done = await Session("out", "p").arun_prompt("a", "@say a", DEMO)
    finally:
        leaving.close()
        lock.release()
        socket.unlink(missing_ok=True)
    assert (done.text(), came) == ("a", 3)


async def test_cancelling_ends_the_agent(project: Path) -> None:
    s = Session("out", "p")
    task = asyncio.create_task(s.arun_prompt("a", "@run touch begun\n@hang", DEMO))
    await until((project / "begun").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert s.graph().node("a").status == "interrupted"
    assert holder(project / ".zwarm") is None
    reader = Reader(project / ".zwarm" / "zwarm.db")
    [session] = reader.sessions()
    reader.close()
    assert session.status.value == "interrupted"


async def test_agents_at_hand_are_used(manager: CodexSessionManager, project: Path) -> None:
    s = Session("out", "p", runner=Agents(manager))
    await s.arun_prompt("plan", "@say The plan.", DEMO)
    done = await s.arun_parallel([s.stage(n, f"@say {n}", DEMO) for n in "bc"], max_workers=2)
    assert [r.text() for r in done.values()] == ["b", "c"]
    assert len(manager.list_sessions()) == 3
    [run] = read_runs(manager.reader)
    assert run.graph.edges == (("plan", "b"), ("plan", "c"))
