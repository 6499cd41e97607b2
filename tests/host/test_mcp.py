"""The nine tools over MCP, with clients that are not ours."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.host.conftest import Stage, eventually
from tests.host.test_recovery import server
from zwarm_tui.core import events as e
from zwarm_tui.core.model import Block, RequestView
from zwarm_tui.demo.model_server import ModelServer
from zwarm_tui.engine import Engine
from zwarm_tui.executors.codex.find import locate
from zwarm_tui.pilot.desk import OUTSIDE
from zwarm_tui.tools.schema import TOOLS

__all__ = ["server"]  # the fixture

QUICK = "@say Done.\n@usage 1000 200 50"


@contextlib.asynccontextmanager
async def bridge(stage: Stage, *arguments: str) -> AsyncIterator[ClientSession]:
    """A client of `zwarm-tui mcp`, with the short environment that agents give."""
    env = {k: os.environ[k] for k in ("PATH", "HOME", "ZWARM_CONFIG_DIR") if k in os.environ}
    argv = ["-m", "zwarm_tui", "--project", str(stage.project), "mcp", *arguments]
    parameters = StdioServerParameters(command=sys.executable, args=argv, env=env)
    async with stdio_client(parameters) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        yield session


async def call(session: ClientSession, name: str, **arguments: Any) -> tuple[Any, bool]:
    """What the tool said, and whether it was an error."""
    result: Any = await session.call_tool(name, arguments)
    (content,) = result.content
    try:
        return json.loads(content.text), result.is_error
    except ValueError:  # a sentence of the bridge's own
        return content.text, result.is_error


def calls(stage: Stage, branch: str = "main") -> list[tuple[str, bool]]:
    """Tool calls in the pilot's transcript."""
    reader = stage.reader()
    line = reader.path(next(b.id for b in reader.branches() if b.name == branch))
    blocks = reader.blocks("pilot", line)
    reader.close()
    return [(b.event.tool, b.event.ok) for b in blocks if isinstance(b.event, e.ToolDone)]


async def test_tools_are_listed_and_work(stage: Stage) -> None:
    async with bridge(stage) as session:
        listed = (await session.list_tools()).tools
        assert {t.name: t.input_schema for t in listed} == {t.name: t.schema for t in TOOLS}
        told, failed = await call(session, "delegate", task=QUICK)
        assert not failed
        slept, _ = await call(session, "sleep", seconds=60)
        assert slept["needs_attention"] == [told["session_id"]]
        checked, _ = await call(session, "check_session", session_id=told["session_id"])
        assert checked["messages"][-1]["content"] == "Done."
        assert checked["token_usage"]["input_tokens"] == 800
        again, _ = await call(session, "converse", session_id=told["session_id"], message="@say Twice.")
        assert again["turn"] == 2
        assert (await call(session, "chat", message="All is done"))[0] == {"delivered": True}
    assert calls(stage) == [(n, True) for n in ("delegate", "sleep", "check_session", "converse", "chat")]
    assert stage.json("wait")[-1]["last_message"] == "Twice.", "they outlive the bridge"


async def test_errors_are_results(stage: Stage) -> None:
    async with bridge(stage) as session:
        for name, arguments, said in (
            ("check_session", {"session_id": "nobody"}, "no session"),
            ("delegate", {}, "task is missing"),
            ("sleep", {"seconds": -1}, "0 to 300"),
            ("no_such_tool", {}, "no tool"),
        ):
            result, failed = await call(session, name, **arguments)
            assert failed, name
            assert said in result["error"]


async def test_it_acts_on_the_branch_it_is_told(stage: Stage) -> None:
    stage.json("checkpoint")
    stage.json("branch", "other")
    async with bridge(stage, "--branch", "main") as session:
        told, _ = await call(session, "delegate", task=QUICK)
        await eventually(lambda: calls(stage) == [("delegate", True)])
    assert calls(stage, "other") == []
    assert [s["id"] for s in stage.json("ls")] == []
    stage.json("goto", "main")
    assert told["session_id"] in [s["id"] for s in stage.json("ls")]
    async with bridge(stage, "--branch", "nowhere") as session:
        result: Any = await session.call_tool("list_sessions", {})
        assert result.is_error
        assert "nowhere" in result.content[0].text


async def test_it_acts_for_the_pilots_thread(stage: Stage) -> None:
    async with stage.client() as client:
        await client.say("@hang")
        await eventually(lambda: stage.session("pilot").thread)
        thread = str(stage.session("pilot").thread)
        async with bridge(stage, "--thread", thread) as session:
            assert (await call(session, "delegate", task=QUICK))[0]["session_id"]
            asking = asyncio.create_task(call(session, "chat", message="Which?", wait_for_user_input=True))
            await eventually(lambda: stage.session("pilot").status.value == "awaiting_input")
            await client.answer("pilot", "The second")
            assert (await asking)[0]["user_input"] == "The second"
        await client.interrupt("pilot")
    assert ("chat", True) in calls(stage)


def waiting(stage: Stage) -> list[str]:
    """What the pilot's person is asked."""
    return [getattr(request.event, "text", "") for request in requests(stage)]


async def test_it_asks_the_person_while_no_turn_of_the_pilot_runs(stage: Stage) -> None:
    own = Path(os.environ["ZWARM_CONFIG_DIR"])
    own.mkdir()
    (own / "config.toml").write_text('[pilot]\nbash = "ask"\n')
    async with bridge(stage) as session:
        first = asyncio.create_task(call(session, "chat", message="Which?", wait_for_user_input=True))
        await eventually(lambda: waiting(stage) == ["Which?"])
        second = asyncio.create_task(call(session, "bash", command="echo hello"))
        await eventually(lambda: waiting(stage) == ["Which?", "echo hello"])
        (pilot,) = await asyncio.to_thread(stage.json, "ls", "--needs-attention")
        assert (pilot["id"], pilot["attention_reason"]) == ("pilot", "approval")
        question, approval = (r.id for r in requests(stage))
        refused = await asyncio.to_thread(stage.zwarm, "answer", approval, "yes")
        assert "is an approval" in refused.stderr
        await asyncio.to_thread(stage.json, "answer", question, "The second")
        assert await first == ({"delivered": True, "user_input": "The second"}, False)
        assert (await asyncio.to_thread(stage.json, "ls", "--needs-attention")) != [], "one is still open"
        await asyncio.to_thread(stage.json, "approve", approval)
        assert (await second)[0]["stdout"] == "hello\n"
        third = asyncio.create_task(call(session, "bash", command="echo no"))
        await eventually(lambda: waiting(stage) == ["echo no"])
        await asyncio.to_thread(stage.json, "approve", "pilot", "--deny")
        assert "declined" in (await third)[0]["error"]
        assert await asyncio.to_thread(stage.json, "ls", "--needs-attention") == []


async def test_what_it_asks_ends_when_its_client_leaves(stage: Stage) -> None:
    async with bridge(stage) as session:
        asking = asyncio.create_task(call(session, "chat", message="Which?", wait_for_user_input=True))
        await eventually(lambda: waiting(stage) == ["Which?"])
        asking.cancel()
    await eventually(lambda: waiting(stage) == [], "nobody waits for that answer")
    await eventually(lambda: calls(stage) == [("chat", False)])
    assert await asyncio.to_thread(stage.json, "ls", "--needs-attention") == []


async def test_a_call_that_a_killed_host_was_at_is_closed(stage: Stage) -> None:
    async with bridge(stage) as session:
        asking = asyncio.create_task(call(session, "chat", message="Which?", wait_for_user_input=True))
        await eventually(lambda: waiting(stage) == ["Which?"])
        sleeping = asyncio.create_task(call(session, "sleep", seconds=300))
        await eventually(lambda: len(blocks(stage)) == 3)
        await asyncio.to_thread(stage.kill)
        for cut in (asking, sleeping):
            said, failed = await cut
            assert failed
            assert "ended before it answered" in said
        # The bridge has the host started again.
        await eventually(lambda: calls(stage) == [("chat", False), ("sleep", False)])
        await eventually(lambda: waiting(stage) == [])
        assert all(
            "stopped before this was done" in b.event.result for b in blocks(stage) if b.event.kind == "tool"
        )
        assert (await call(session, "list_sessions"))[0]["count"] == 0, "the bridge found the next host"


@pytest.mark.parametrize("kind", [e.ToolStarted, e.QuestionAsked, e.QuestionAnswered])
async def test_a_client_that_leaves_while_something_of_it_is_written_leaves_nothing_open(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, kind: type[e.Event]
) -> None:
    async with await Engine.open(stage.project) as engine:
        commit, chat = engine.store.commit, {"message": "Which?", "wait_for_user_input": True}

        async def leave(*records: e.Record) -> int:
            if any(isinstance(record.event, kind) for record in records):
                calling.cancel()
            return await commit(*records)

        monkeypatch.setattr(engine.store, "commit", leave)
        calling = asyncio.create_task(engine.tool("chat", chat))
        if kind is e.QuestionAnswered:
            await eventually(lambda: engine.reader.requests("pilot"))
            (asked,) = engine.reader.requests("pilot")
            assert (await engine.answer(asked.id, "This"))["answer"] == "This"
        await asyncio.wait({calling})
        assert calling.cancelled()
        await commit()
        assert engine.reader.requests("pilot") == []
        assert engine.reader.started("pilot", OUTSIDE) == []


def requests(stage: Stage) -> list[RequestView]:
    reader = stage.reader()
    found = reader.requests("pilot")
    reader.close()
    return found


def blocks(stage: Stage) -> list[Block]:
    reader = stage.reader()
    found = reader.blocks("pilot")
    reader.close()
    return found


def test_without_the_extra_it_says_what_to_install(stage: Stage) -> None:
    code = (
        "import importlib.util as u, sys; find = u.find_spec; "
        "u.find_spec = lambda n, p=None: None if n == 'mcp' else find(n, p); "
        f"from zwarm_tui.cli import main; sys.exit(main(['--project', {str(stage.project)!r}, 'mcp']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "zwarm-tui[mcp]" in done.stderr


@pytest.mark.codex
async def test_the_real_codex_drives_the_swarm(stage: Stage, server: ModelServer, tmp_path: Path) -> None:
    """Codex as somebody's own orchestrator, with the bridge in its configuration."""
    config = Path(os.environ["CODEX_HOME"]) / "config.toml"
    argv = ["-m", "zwarm_tui", "--project", str(stage.project), "mcp"]
    own = {k: os.environ[k] for k in ("ZWARM_CONFIG_DIR", "CODEX_HOME", "TMPDIR")}
    config.write_text(
        config.read_text().replace(
            "[features]\n", '[features]\ncode_mode.direct_only_tool_namespaces = ["mcp__zwarm"]\n'
        )
        + f"\n[mcp_servers.zwarm]\ncommand = {json.dumps(sys.executable)}\nargs = {json.dumps(argv)}\n"
        + "required = true\nstartup_timeout_sec = 60\ntool_timeout_sec = 900\n"
        + 'default_tools_approval_mode = "approve"\n[mcp_servers.zwarm.env]\n'
        + "".join(f"{k} = {json.dumps(v)}\n" for k, v in own.items())
    )
    task = json.dumps({"task": QUICK})
    prompt = f'@tool mcp__zwarm.delegate {task}\n@tool mcp__zwarm.sleep {{"seconds": 30}}\n@say Delegated.'
    codex = await asyncio.create_subprocess_exec(
        locate(None, dict(os.environ)),
        *("exec", "--json", "--skip-git-repo-check", "-C", str(stage.project), prompt),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(codex.communicate(), 100)
    assert codex.returncode == 0, err.decode()
    assert "Delegated." in out.decode()
    done = await asyncio.to_thread(stage.json, "wait")
    assert [s["last_message"] for s in done if s["role"] == "executor"] == ["Done."]
    assert calls(stage) == [("delegate", True), ("sleep", True)], out.decode()
