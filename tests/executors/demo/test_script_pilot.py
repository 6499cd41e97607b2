"""The scripted pilot, against a swarm that is a dictionary."""

import json
from collections import defaultdict
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from zwarm_tui.executors.script import Called, Item, Run, Said, Say, UseTool, respond

TOOLS = ("delegate", "converse", "check_session", "list_sessions", "sleep", "chat")


class Swarm:
    """Sessions that end when someone sleeps, as `ends` says."""

    def __init__(self, ends: str = "completed", answer: str = "blue") -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.ends, self.answer = ends, answer
        self.conversation: list[Item] = []
        self.used: list[tuple[str, dict[str, Any]]] = []
        self.counts: dict[str, int] = defaultdict(int)

    def say(self, message: str) -> str:
        """A whole turn; returns the last thing the pilot said."""
        self.conversation.append(Said("user", message))
        self.used = []
        for _ in range(300):
            response = respond(self.conversation, TOOLS, hands=False)
            said = [a.text for a in response.actions if isinstance(a, Say)]
            self.conversation += [Said("assistant", text) for text in said]
            if not response.calls:
                return said[-1]
            for call in response.calls:
                assert isinstance(call, UseTool)
                self.used.append((call.name, call.arguments))
                self.conversation.append(
                    Called(call.name, call.arguments, json.dumps(self.call(call.name, call.arguments)))
                )
        raise AssertionError("the pilot never answers")

    def call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.counts[name] += 1
        if name == "delegate":
            session = f"s{len(self.sessions) + 1}"
            self.sessions[session] = {"task": arguments["task"], "status": "running", "flag": False}
            return {"session_id": session, "status": "running"}
        if name == "sleep":
            for one in self.sessions.values():
                if one["status"] == "running":
                    one["status"], one["flag"] = self.ends, True
            return {"slept_seconds": 1, "needs_attention": []}
        if name == "list_sessions":
            rows = [
                {"session_id": i, "status": s["status"], "needs_attention": s["flag"]}
                for i, s in self.sessions.items()
            ]
            return {"count": len(rows), "sessions": rows}
        if name == "chat":
            return (
                {"delivered": True, "user_input": self.answer} if self.answer else {"error": "no answer came"}
            )
        one = self.sessions.get(arguments["session_id"])
        if one is None:
            return {"error": f"no session '{arguments['session_id']}'"}
        if name == "converse":
            one["status"] = "running"
            return {"session_id": arguments["session_id"], "status": "running"}
        one["flag"] = False
        messages = [{"role": "assistant", "content": "First.\n\n## Parser is in\n\nIt parses."}]
        return {
            "session_id": arguments["session_id"],
            "status": one["status"],
            "messages": messages,
            "error": "it broke" if one["status"] == "failed" else None,
        }

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.used]


def test_an_ordinary_message_is_planned_delegated_watched_and_reported() -> None:
    swarm = Swarm()
    said = swarm.say("Please add due dates to the list. They should sort.")
    assert swarm.names == ["delegate"] * 3 + ["sleep", "list_sessions"] + ["check_session"] * 3
    assert all("add due dates to the list" in s["task"] for s in swarm.sessions.values())
    assert said.startswith("## All 3 are done.")
    assert "(`s1`): Parser is in" in said


def test_tasks_are_passed_on_as_they_are() -> None:
    swarm = Swarm()
    swarm.say("delegate: @run ls\n@say a | B: say nothing |\n C")
    assert [s["task"] for s in swarm.sessions.values()] == ["@run ls\n@say a", "B: say nothing", "C"]


def test_converse_by_number_and_by_id() -> None:
    swarm = Swarm()
    swarm.say("delegate: one | two")
    swarm.say("converse #2: @say hello")
    assert swarm.used[0] == ("converse", {"session_id": "s2", "message": "@say hello"})
    assert swarm.names == ["converse", "sleep", "list_sessions", "check_session"]
    swarm.say("converse: s1 and more")
    assert swarm.used[0] == ("converse", {"session_id": "s1", "message": "and more"})


def test_a_number_that_the_conversation_does_not_know_is_looked_up() -> None:
    swarm = Swarm()
    swarm.sessions["old"] = {"task": "x", "status": "completed", "flag": False}
    swarm.say("converse #1: hello")
    assert swarm.names[:2] == ["list_sessions", "converse"]
    assert "no session #7" in swarm.say("converse #7: hello")


def test_a_later_message_goes_to_the_session_that_knows_or_to_a_fresh_one() -> None:
    swarm = Swarm()
    swarm.say("delegate: Write the parser | Draw the screen")
    swarm.say("The parser should take colours too")
    assert swarm.used[0][0] == "converse"
    assert swarm.used[0][1]["session_id"] == "s1"
    swarm.say("Translate everything to Welsh")
    assert swarm.used[0][0] == "delegate"


def test_a_failed_session_is_reported_as_failed() -> None:
    said = Swarm("failed").say("delegate: a | b")
    assert said.startswith("## 0 of 2 are done.")
    assert "is failed: it broke" in said


def test_a_session_that_waits_for_the_person_does_not_hold_the_pilot() -> None:
    swarm = Swarm("awaiting_input")
    assert "waits for you" in swarm.say("delegate: a")
    assert swarm.counts["sleep"] == 1


def test_it_gives_up_on_what_never_ends() -> None:
    swarm = Swarm("running")
    assert "is running" in swarm.say("delegate: a")
    assert swarm.counts["sleep"] == 60


def test_an_error_is_reported() -> None:
    assert "no session 'nobody'" in Swarm().say("converse nobody: hello")


def test_asking_the_person() -> None:
    assert "**blue**" in Swarm().say("ask: Which colour?")
    assert "no answer" in Swarm(answer="").say("ask: Which colour?")


def test_directives_still_work_for_a_pilot() -> None:
    conversation: list[Item] = [Said("user", "@run ls")]
    assert respond(conversation, TOOLS).calls == [Run("ls")]


@given(st.lists(st.text(max_size=40), min_size=1, max_size=3), st.sampled_from(["completed", "failed"]))
def test_any_conversation_ends(messages: list[str], ends: str) -> None:
    swarm = Swarm(ends)
    for message in messages:
        assert swarm.say(f"do {message}")


@given(st.text(max_size=60), st.sampled_from(TOOLS))
def test_any_output_of_a_tool_is_survived(output: str, tool: str) -> None:
    conversation: list[Item] = [
        Said("user", "delegate: a"),
        Called("delegate", {"task": "a"}, '{"session_id": "s1"}'),
        Called(tool, {}, output),
    ]
    assert respond(conversation, TOOLS).actions
