"""The real codex against the scripted model: what the demo of it stands on."""

import asyncio
import json
import os
import stat
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.demo.codex_home import codex_env, make_codex_home
from zwarm_tui.demo.model_server import ModelServer
from zwarm_tui.executors.codex.find import locate
from zwarm_tui.executors.script import Tokens

pytestmark = pytest.mark.codex


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, server: ModelServer) -> Path:
    return make_codex_home(tmp_path / "codex höme", server.url)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "my repo"
    subprocess.run(["git", "init", "-q", str(folder)], check=True, stdin=subprocess.DEVNULL)
    (folder / "AGENTS.md").write_text("Be kind.\n")
    return folder


async def codex_exec(home: Path, repo: Path, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    env = {**os.environ, **codex_env(home)}
    process = await asyncio.create_subprocess_exec(
        locate(None, env),
        "exec",
        "--json",
        "-s",
        "workspace-write",
        *arguments,
        cwd=repo,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, [json.loads(line) for line in out.splitlines()], err.decode()


def items(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [e["item"] for e in events if e["type"] == "item.completed" and e["item"]["type"] == kind]


async def test_a_turn_runs_writes_and_reports_its_tokens(server: ModelServer, home: Path, repo: Path) -> None:
    script = (
        "@think hmm\n@say [red] hi\n@usage 1000 400 50 20\n@run echo from-the-shell; exit 3\n"
        "@usage 2000 1000 10\n@write sub/a.txt one\\ntwo\n@usage 3000 2000 20\n@say done"
    )
    status, events, stderr = await codex_exec(home, repo, script)
    assert (status, events[-1]["type"]) == (0, "turn.completed"), stderr
    assert "metadata" not in json.dumps(events)  # the model is known
    assert [i["text"] for i in items(events, "agent_message")] == ["[red] hi", "done"]
    assert items(events, "reasoning")[0]["text"] == "hmm"
    (command,) = items(events, "command_execution")
    assert command["exit_code"] == 3
    assert "from-the-shell" in command["aggregated_output"]
    assert items(events, "file_change")[0]["status"] == "completed"
    assert (repo / "sub" / "a.txt").read_text() == "one\ntwo\n"
    assert server.delivered() == {"gpt-5.1-codex": Tokens(6000, 3400, 80, 20)}
    usage = events[-1]["usage"]
    assert (usage["input_tokens"], usage["cached_input_tokens"], usage["output_tokens"]) == (6000, 3400, 80)
    assert [r.messages for r in server.requests] == [[script]] * 3  # AGENTS.md and the rest left out
    assert {r.thread for r in server.requests} == {events[0]["thread_id"]}
    assert "apply_patch" in server.requests[0].tools


async def test_a_resumed_thread_has_its_history(server: ModelServer, home: Path, repo: Path) -> None:
    _, first, _ = await codex_exec(home, repo, "@run echo one\n@say first")
    _, events, _ = await codex_exec(home, repo, "resume", first[0]["thread_id"], "@say second")
    assert [i["text"] for i in items(events, "agent_message")] == ["second"]
    assert server.requests[-1].messages == ["@run echo one\n@say first", "@say second"]
    kinds = [item["type"] for item in server.requests[-1].input]
    assert "function_call_output" in kinds
    assert all(r.outcome == "completed" for r in server.requests)


async def test_a_small_believable_job(home: Path, repo: Path) -> None:
    status, events, stderr = await codex_exec(home, repo, "Implement: add due dates to the list")
    assert status == 0, stderr
    assert items(events, "agent_message")[-1]["text"].startswith("## Added: due dates")
    assert (repo / "todo" / "due.py").exists()
    assert all(i["exit_code"] == 0 for i in items(events, "command_execution"))


@pytest.mark.parametrize(("script", "said"), [("@fail out of luck", "out of luck"), ("@die", "disconnected")])
async def test_a_model_that_fails(
    server: ModelServer, home: Path, repo: Path, script: str, said: str
) -> None:
    status, events, _ = await codex_exec(home, repo, script)
    assert (status, events[-1]["type"]) == (1, "turn.failed")
    assert said in events[-1]["error"]["message"]
    assert server.delivered() == {}


def test_a_home_is_private_and_knows_the_model(home: Path) -> None:
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    models = json.loads((home / "models.json").read_text())["models"]
    assert sum(m["slug"] == "gpt-5.1-codex" for m in models) == 1
    assert len(models) > 1
    assert not (home / "auth.json").exists()


def test_a_codex_that_is_no_codex(tmp_path: Path) -> None:
    with pytest.raises(ExecutorError, match="models it knows"):
        make_codex_home(tmp_path / "home", "http://127.0.0.1:1", codex="true")
