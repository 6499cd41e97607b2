"""The nine tools over real (demo) sessions."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.tools.delegation import DelegationTools
from zwarm_tui.tools.schema import TOOLS, handler


class Person:
    """Answers as it was told to, and remembers what it heard."""

    def __init__(self, reply: str | None = "yes", leave: bool = True) -> None:
        self.reply, self.leave = reply, leave
        self.heard: list[str] = []

    async def tell(self, text: str) -> None:
        self.heard.append(text)

    async def ask(self, question: str) -> str | None:
        self.heard.append(question)
        return self.reply

    async def allow(self, command: str, cwd: Path) -> bool:
        self.heard.append(command)
        return self.leave


@pytest.fixture
async def tools(tmp_path: Path) -> AsyncIterator[DelegationTools]:
    async with CodexSessionManager(tmp_path / ".zwarm", executor="demo") as manager:
        yield DelegationTools(manager, working_dir=tmp_path, human=Person(), bash="allow")


async def test_delegate_returns_before_the_executor_ends(tools: DelegationTools) -> None:
    result = await tools.delegate("@hang")  # which would not return, if it waited
    assert (await tools.peek_session(result["session_id"]))["status"] in ("pending", "running")
    ended = await tools.end_session(result["session_id"], reason="enough")
    assert ended["status"] == "killed"
    gone = await tools.end_session(result["session_id"], delete=True)
    assert gone["deleted"] is True
    assert (await tools.list_sessions())["count"] == 0


async def test_sleep_wakes_for_attention_and_check_clears_it(tools: DelegationTools) -> None:
    sid = (await tools.delegate("@say All done."))["session_id"]
    woke = await tools.sleep(60)
    assert woke["needs_attention"] == [sid]
    assert woke["slept_seconds"] < 30
    assert (await tools.peek_session(sid))["latest_message"] == "All done."
    [listed] = (await tools.list_sessions())["sessions"]
    assert listed["needs_attention"] is True
    checked = await tools.check_session(sid)
    assert [m["content"] for m in checked["messages"]] == ["@say All done.", "All done."]
    assert checked["runtime_seconds"] >= 0
    assert (await tools.list_sessions())["sessions"][0]["needs_attention"] is False
    await tools.converse(sid, "@say Again.")
    assert (await tools.sleep(60))["needs_attention"] == [sid]
    assert (await tools.check_session(sid))["messages"][-1]["content"] == "Again."


@pytest.mark.parametrize("waits", ["@ask Which colour?", "@escalate touch made"])
async def test_sleep_wakes_for_one_that_waits_for_its_person(tools: DelegationTools, waits: str) -> None:
    sid = (await tools.delegate(waits))["session_id"]
    woke = await tools.sleep(90)
    assert woke["needs_attention"] == [sid]
    assert woke["slept_seconds"] < 60
    assert (await tools.peek_session(sid))["status"] == "awaiting_input"


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "soon", True])
async def test_sleep_takes_only_a_time(tools: DelegationTools, seconds: float) -> None:
    assert "error" in await tools.sleep(seconds)


async def test_sleep_is_clamped_and_says_so(tools: DelegationTools) -> None:
    sid = (await tools.delegate("@say hi"))["session_id"]
    woke = await tools.sleep(1000)
    assert "300" in woke["note"]
    assert woke["needs_attention"] == [sid]


async def test_bash_asks_where_there_is_no_sandbox(tools: DelegationTools, tmp_path: Path) -> None:
    ran = await tools.bash("echo out; echo err >&2; exit 3")
    assert (ran["exit_code"], ran["stdout"], ran["stderr"]) == (3, "out\n", "err\n")
    asked = DelegationTools(tools.sessions, working_dir=tmp_path, human=Person(leave=False), bash="sandbox")
    assert "declined" in (await asked.bash("true"))["error"]
    alone = DelegationTools(tools.sessions, working_dir=tmp_path, bash="ask")
    assert "nobody is here" in (await alone.bash("true"))["error"]


async def test_chat_waits_only_when_asked(tools: DelegationTools) -> None:
    assert await tools.chat("hello") == {"delivered": True}
    assert (await tools.chat("well?", wait_for_user_input=True))["user_input"] == "yes"
    alone = DelegationTools(tools.sessions, working_dir=".")
    assert "error" in await alone.chat("anyone?")


async def test_errors_are_results(tools: DelegationTools) -> None:
    for wrong in (
        tools.converse("nope", "x"),
        tools.check_session("nope"),
        tools.list_sessions("busy"),
        tools.delegate(" "),
        tools.delegate("x", working_dir="missing"),
    ):
        result = await wrong
        assert set(result) == {"error"}
        json.dumps(result)


async def test_a_call_by_name_is_checked(tools: DelegationTools) -> None:
    call = handler(tools)
    assert len(TOOLS) == 9
    for name, arguments, said in (
        ("nope", {}, "no tool"),
        ("delegate", {}, "task is missing"),
        ("delegate", {"task": "x", "wait": True}, "there is no wait"),
        ("sleep", {"seconds": "long"}, "seconds must be a number"),
        ("chat", {"message": "x", "wait_for_user_input": 1}, "must be a boolean"),
    ):
        text, ok = await call(name, arguments)
        assert not ok
        assert said in json.loads(text)["error"]
    text, ok = await call("list_sessions", {})
    assert ok
    assert json.loads(text) == {"count": 0, "sessions": []}
