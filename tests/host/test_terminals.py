"""Interactive agents under a host: they outlive it, also when it is killed."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.conftest import DEMO, Stage, eventually
from zwarm_tui.config.paths import tmux_socket
from zwarm_tui.core import events as e
from zwarm_tui.executors.tmux import TmuxServer

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

LINES = Path(__file__).parents[1] / "executors" / "terminal" / "programs" / "lines.py"


@pytest.fixture
def mine(stage: Stage, tmp_path: Path) -> Iterator[Stage]:
    """The agent "mine" in the person's own settings."""
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "config.toml").write_text(
        f'[agents.mine]\ncommand = ["{sys.executable}", "-u", "{LINES}"]\n'
        r"""ready = "^lines> $"
asks = ['\[y/N\] $']
approve = "y"
deny = "n"
[agents.codex]
command = ["x"]
"""
    )
    yield stage

    async def end() -> None:
        for session in await TmuxServer(tmux_socket(stage.project)).list():
            await session.kill()

    stage.end()
    asyncio.run(end())


async def test_a_turn_an_approval_and_an_end_by_the_shell(mine: Stage) -> None:
    id = mine.json("delegate", "ask main.py", "--executor", "mine")["session_id"]
    await eventually(lambda: mine.session(id).attention, "it asks")
    view = mine.session(id)
    assert (view.status.value, view.attention and view.attention.reason) == ("awaiting_input", "approval")
    assert view.attention is not None
    assert "Overwrite main.py?" in view.attention.detail
    mine.json("approve", id)
    (done,) = mine.json("wait", id, "--timeout", "30")
    assert (done["status"], done["cost_known"]) == ("completed", False)
    assert "answered 'y'" in mine.json("check", id)["messages"][-1]["content"]
    attach = mine.json("attach", id)
    assert attach["command"][:4] == ["env", "-u", "TMUX", shutil.which("tmux")]
    assert attach["tmux_session"].startswith(f"mine-{id}-")
    assert mine.zwarm("attach", "nothing").returncode == 2
    mine.json("end", id)
    assert mine.zwarm("attach", id).returncode == 2
    assert await TmuxServer(tmux_socket(mine.project)).list() == []


async def test_it_outlives_a_host_that_is_killed_and_orphans_do_not(mine: Stage) -> None:
    server = TmuxServer(tmux_socket(mine.project))
    lives = mine.json("delegate", "hang", "--executor", "mine")["session_id"]
    ended = mine.json("delegate", "say x", "--executor", "mine")["session_id"]
    mine.json("wait", ended, "--timeout", "30")
    await eventually(lambda: mine.session(lives).thread, "it runs")
    mine.kill()
    orphan = await server.new(
        "mine-gone-1", cwd=mine.project, command=["cat"], env={"ZWARM_AGENT": "deadbeef"}
    )
    other = await server.new("a-runs", cwd=mine.project, command=["cat"])
    mine.json("host", "start")
    left = {session.name for session in await server.list()}
    assert orphan.name not in left
    assert other.name in left
    assert {mine.session(lives).thread, mine.session(ended).thread} <= left
    view = mine.session(lives)
    assert view.status.value == "interrupted"
    reader = mine.reader()
    notes = [r.event.text for r in reader.records(lives) if isinstance(r.event, e.Notice)]
    reader.close()
    assert any("lives on in the terminal" in note for note in notes)
    mine.json("converse", ended, "say again")
    (done,) = mine.json("wait", ended, "--timeout", "30")
    assert done["status"] == "completed"
    assert mine.session(ended).how == "resumed"
    assert done["last_message"] == "again"


async def test_a_message_that_was_never_typed_is_typed_on_resuming(mine: Stage) -> None:
    config = mine.project.parent / "config" / "config.toml"
    flag = mine.project / ".git" / "go"
    slow = f"while [ ! -e {flag} ]; do sleep 0.05; done; exec {sys.executable} -u {LINES}"
    config.write_text(f"[agents.mine]\ncommand = ['sh', '-c', '{slow}']\nready = '^lines> $'\n")
    id = mine.json("delegate", "say it", "--executor", "mine")["session_id"]
    await eventually(lambda: mine.session(id).thread, "it starts")
    mine.kill()
    flag.touch()
    mine.json("host", "start")
    mine.json("resume", id)
    (done,) = mine.json("wait", id, "--timeout", "30")
    assert (done["status"], done["last_message"].splitlines()[-1]) == ("completed", "it")


async def shown(server: TmuxServer, terminal: str | None) -> list[str]:
    """What a terminal shows, without empty lines."""
    session = await server.get(terminal or "")
    lines = await session.screen(0) if session is not None else []
    return [line.rstrip() for line in lines if line.strip()]


async def test_what_went_on_while_no_host_was_there_is_followed_and_not_typed_again(mine: Stage) -> None:
    server = TmuxServer(tmux_socket(mine.project))
    flags = [mine.project / ".git" / name for name in ("one", "two", "three")]
    ids = [mine.json("delegate", f"until {flag}", "--executor", "mine")["session_id"] for flag in flags]
    for id in ids:
        await eventually(lambda id=id: mine.session(id).thread, "it runs")
        async with asyncio.timeout(30):
            while "waits" not in await shown(server, mine.session(id).thread):
                await asyncio.sleep(0.05)
    mine.kill()
    flags[0].touch()  # this one comes to its end with nobody there
    mine.json("host", "start")
    for id in ids:
        view = mine.session(id)
        assert (view.status.value, view.attention and view.attention.reason) == ("interrupted", "interrupted")
    first, second, third = (mine.json("resume", id) for id in ids)
    assert {s["turns"] for s in (first, second, third)} == {2}
    (done,) = mine.json("wait", ids[0], "--timeout", "30")
    assert done["status"] == "completed"
    assert done["last_message"].endswith("found it")
    assert mine.session(ids[1]).status.value == "running"
    flags[1].touch()
    (done,) = mine.json("wait", ids[1], "--timeout", "30")
    assert (done["status"], mine.session(ids[1]).how) == ("completed", "resumed")
    assert done["last_message"].endswith("found it")
    mine.kill()  # once more, in a turn that follows
    mine.json("host", "start")
    assert mine.json("resume", ids[2])["turns"] == 3
    flags[2].touch()
    (done,) = mine.json("wait", ids[2], "--timeout", "30")
    assert done["last_message"].endswith("found it")
    for id in ids:
        lines = await shown(server, mine.session(id).thread)
        assert lines[-3:] == ["waits", "found it", "lines>"]  # and nothing was typed
    assert mine.zwarm("resume", ids[0]).returncode == 2  # it is done
    mine.json("converse", ids[0], "say more")
    (done,) = mine.json("wait", ids[0], "--timeout", "30")
    assert done["last_message"] == "more"


async def test_what_a_program_printed_that_ended_with_no_host_there_is_kept(mine: Stage) -> None:
    server, flag = TmuxServer(tmux_socket(mine.project)), mine.project / ".git" / "go"
    program = f"printf 'lines> '; read said; echo waits; until [ -e {flag} ]; do sleep 0.05; done; echo found; exit 7"
    (mine.project.parent / "config" / "config.toml").write_text(
        f"[agents.mine]\ncommand = ['sh', '-c', {json.dumps(program)}]\nready = '^lines> $'\n"
    )
    id = mine.json("delegate", "go", "--executor", "mine")["session_id"]
    await eventually(lambda: mine.session(id).thread, "it runs")
    async with asyncio.timeout(30):
        while "waits" not in await shown(server, mine.session(id).thread):
            await asyncio.sleep(0.05)
    mine.kill()
    flag.touch()
    terminal = await server.get(mine.session(id).thread or "")
    assert terminal is not None
    async with asyncio.timeout(30):
        while await terminal.alive():
            await asyncio.sleep(0.05)
    mine.json("host", "start")
    assert await server.list() == []
    view = mine.session(id)
    assert view.status.value == "interrupted"
    assert (view.last_message or "").endswith("waits\nfound")
    reader = mine.reader()
    notes = [r.event.text for r in reader.records(id) if isinstance(r.event, e.Notice)]
    reader.close()
    assert "exit status 7" in notes[-1]


def test_doctor_lists_them_and_names_that_are_taken_are_refused(mine: Stage) -> None:
    done = mine.zwarm("doctor", "--json")
    value = json.loads(done.stdout)
    (found,) = [agent for agent in value["executors"] if agent["name"] == "mine"]
    assert found["found"]
    assert any("'codex' can't name an agent of yours" in problem for problem in value["problems"])


def test_a_repository_can_bring_none_along(mine: Stage) -> None:
    mine.settings(DEMO + '[agents.evil]\ncommand = ["rm"]\n')
    done = mine.zwarm("delegate", "x", "--executor", "evil")
    assert done.returncode == 2
    assert "there is no agent 'evil'" in done.stderr
