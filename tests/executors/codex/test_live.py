"""What the real codex can't be brought to ask in a test, put to a thread directly."""

from __future__ import annotations

from typing import Any

import pytest

from tests.executors.codex.conftest import Sink
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.executors.base import Decision, ThreadSpec
from zwarm_tui.executors.codex.live import LiveThread, death
from zwarm_tui.executors.codex.rollout import Rollout
from zwarm_tui.executors.codex.rollout import Turn as RecordedTurn
from zwarm_tui.executors.codex.rpc import ServerGone
from zwarm_tui.executors.codex.usage import Lineage, Tokens


class Wire:
    """Takes down what would be sent to codex."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def reply(self, number: Any, result: dict[str, Any]) -> None:
        self.sent.append((number, result))

    def refuse(self, number: Any, message: str) -> None:
        self.sent.append((number, message))


@pytest.fixture
def live() -> LiveThread:
    lineage = Lineage()
    lineage.begin("t", Tokens())
    thread = LiveThread("t", ThreadSpec(session="s", cwd="/w", model="m"), Sink(), lineage)
    thread.rpc = Wire()  # type: ignore[assignment]
    return thread


def sink(live: LiveThread) -> Sink:
    assert isinstance(live.sink, Sink)
    return live.sink


def sent(live: LiveThread) -> list[Any]:
    assert isinstance(live.rpc, Wire)
    return live.rpc.sent


def notify(live: LiveThread, method: str, **params: Any) -> None:
    live.take({"method": method, "params": params}, "line")


QUESTION = "item/tool/requestUserInput"
PERMISSIONS = "item/permissions/requestApproval"
ELICITATION = "mcpServer/elicitation/request"


def test_a_question_and_its_answer(live: LiveThread) -> None:
    options = [{"label": "red", "description": ""}, {"label": "blue", "description": ""}]
    live.ask(4, QUESTION, {"questions": [{"id": "q", "question": "Which?", "options": options}]}, "")
    [asked] = sink(live).of(e.QuestionAsked)
    assert (asked.text, asked.options) == ("Which?", ("red", "blue"))
    live.answer(asked.request, "accept", "blue")
    assert sent(live) == [(4, {"answers": {"q": {"answers": ["blue"]}}})]


def test_several_questions_take_a_line_each(live: LiveThread) -> None:
    live.ask(1, QUESTION, {"questions": [{"id": "a", "question": "A?"}, {"id": "b", "question": "B?"}]}, "")
    [asked] = sink(live).of(e.QuestionAsked)
    assert asked.text == "A?\nB?"
    live.answer(asked.request, "accept", "yes\nno")
    assert sent(live) == [(1, {"answers": {"a": {"answers": ["yes"]}, "b": {"answers": ["no"]}}})]


def test_a_question_that_codex_gave_up_is_withdrawn(live: LiveThread) -> None:
    live.ask(1, QUESTION, {"questions": [{"id": "a", "question": "A?"}]}, "")
    notify(live, "serverRequest/resolved", threadId="t", requestId=1)
    [answered] = sink(live).of(e.QuestionAnswered)
    assert answered.answer is None
    with pytest.raises(ExecutorError, match="no longer waits"):
        live.answer(answered.request, "accept", "too late")


@pytest.mark.parametrize(
    ("decision", "result"),
    [
        ("accept", {"permissions": {"network": {"enabled": True}}, "scope": "turn"}),
        ("accept_session", {"permissions": {"network": {"enabled": True}}, "scope": "session"}),
        ("decline", {"permissions": {}, "scope": "turn"}),
    ],
)
def test_wider_permissions(live: LiveThread, decision: Decision, result: dict[str, Any]) -> None:
    live.ask(1, PERMISSIONS, {"permissions": {"network": {"enabled": True}}, "reason": "to look it up"}, "")
    [asked] = sink(live).of(e.ApprovalRequested)
    assert (asked.what, asked.reason) == ("tool", "to look it up")
    assert '"enabled": true' in asked.text
    live.answer(asked.request, decision, "")
    assert sent(live) == [(1, result)]


@pytest.mark.parametrize(
    ("decision", "result"),
    [
        ("accept", {"action": "accept", "content": {}, "_meta": None}),
        ("accept_session", {"action": "accept", "content": {}, "_meta": {"persist": "session"}}),
        ("decline", {"action": "decline", "content": None, "_meta": None}),
        ("cancel", {"action": "cancel", "content": None, "_meta": None}),
    ],
)
def test_an_mcp_tool_asks(live: LiveThread, decision: Decision, result: dict[str, Any]) -> None:
    meta = {"tool_params": {"name": "w1"}}
    live.ask(1, ELICITATION, {"serverName": "board", "message": "Allow it?", "_meta": meta}, "")
    [asked] = sink(live).of(e.ApprovalRequested)
    assert asked.text == 'board: Allow it?\n{\n  "name": "w1"\n}'
    live.answer(asked.request, decision, "")
    assert sent(live) == [(1, result)]


def test_a_request_that_nobody_knows_is_refused_and_shown(live: LiveThread) -> None:
    live.ask(1, "attestation/generate", {}, "the line")
    assert sink(live).events == [e.Unknown("attestation/generate", "the line")]
    assert sent(live) == [(1, "this client does not know attestation/generate")]


async def test_an_http_error_costs_nothing(live: LiveThread) -> None:
    for info, unknown in [
        ({"httpConnectionFailed": {"httpStatusCode": 401}}, 0),
        ({"responseStreamConnectionFailed": {}}, 0),
        ("usageLimitExceeded", 0),
        ("other", 1),
        ({"responseStreamDisconnected": {"httpStatusCode": None}}, 1),
    ]:
        sink(live).events.clear()
        turn = live.begin()
        live.began("u")
        error = {"message": "no", "codexErrorInfo": info}
        notify(live, "turn/completed", threadId="t", turn={"id": "u", "status": "failed", "error": error})
        assert (await turn.done).error == "no"
        assert len(sink(live).of(e.UsageUnknown)) == unknown, info


async def test_a_message_put_in_between_two_responses_cuts_none_off(live: LiveThread) -> None:
    def message() -> None:
        notify(live, "item/started", threadId="t", turnId="u", item={"type": "userMessage", "id": "i"})

    live.begin()
    live.began("u")
    message()
    count = {"total": {"inputTokens": 100}, "last": {"inputTokens": 100}}
    notify(live, "thread/tokenUsage/updated", threadId="t", turnId="u", tokenUsage=count)
    message()
    assert sink(live).of(e.UsageUnknown) == []
    notify(live, "thread/tokenUsage/updated", threadId="t", turnId="u", tokenUsage=count)
    message()
    assert len(sink(live).of(e.UsageUnknown)) == 1


async def test_a_turn_ends_once_and_by_its_own_end(live: LiveThread) -> None:
    turn = live.begin()
    live.began("u2")
    notify(live, "turn/completed", threadId="t", turn={"id": "u1", "status": "completed"})
    assert not turn.done.done()
    notify(live, "turn/completed", threadId="t", turn={"id": "u2", "status": "completed"})
    notify(live, "turn/completed", threadId="t", turn={"id": "u2", "status": "failed"})
    live.lost(turn, ServerGone(-9, ""), False, [])
    assert (await turn.done).status == "completed"


async def test_a_server_that_died_takes_the_turns_that_it_was_sent(live: LiveThread) -> None:
    gone = ServerGone(-9, "")
    turn = live.begin()
    assert live.unloaded(gone, False) is None, "the next server is sent it"
    turn.sent = True
    assert live.unloaded(gone, False) is turn
    live.abandon()
    later = live.begin()
    live.lost(turn, gone, False, [])
    assert live.turn is later, "which is another one"


@pytest.mark.parametrize("sent", [True, False])
async def test_a_turn_that_is_let_go_may_have_cost_something_where_codex_had_it(
    live: LiveThread, sent: bool
) -> None:
    turn = live.begin()
    turn.sent = sent
    if sent:
        live.began("u")
    live.let_go()
    assert (await turn.done).status == "interrupted"
    assert len(sink(live).of(e.UsageUnknown)) == sent
    live.let_go()
    notify(live, "turn/completed", threadId="t", turn={"id": "u", "status": "interrupted"})
    assert len(sink(live).of(e.UsageUnknown)) == sent, "said once"


async def test_what_a_dead_server_had_recorded_is_booked_once(live: LiveThread) -> None:
    def report(turn: str, total: int, last: int) -> None:
        count = {"total": {"inputTokens": total}, "last": {"inputTokens": last}}
        notify(live, "thread/tokenUsage/updated", threadId="t", turnId=turn, tokenUsage=count)

    def dies(*recorded: int) -> None:
        turn = live.begin()
        live.began("u2")
        turn.sent = True
        if recorded:
            report("u2", 100 + recorded[0], recorded[0])
        assert live.unloaded(ServerGone(-9, ""), False) is turn
        made = {f"r{n}": e.Usage(model="m", input=tokens) for n, tokens in enumerate(recorded)}
        found = Rollout("t", {"u2": RecordedTurn(made)}, {"u2": made})
        live.lost(turn, ServerGone(-9, ""), False, [found])

    live.begin()
    live.began("u1")
    report("u1", 100, 100)
    notify(live, "turn/completed", threadId="t", turn={"id": "u1", "status": "completed"})
    dies()
    report("u1", 100, 100)  # the next server, of the last turn that had a response
    assert sink(live).tokens() == 100
    dies(20, 20, 3)
    report("u2", 143, 3)
    assert sink(live).tokens() == 143


def test_a_sub_agent_costs_and_speaks(live: LiveThread) -> None:
    count = {"inputTokens": 100, "outputTokens": 10}
    usage = {"threadId": "c", "turnId": "x", "tokenUsage": {"total": count, "last": count}}
    live.take_child("c", {"method": "thread/tokenUsage/updated", "params": usage})
    live.take_child("c", {"method": "thread/tokenUsage/updated", "params": usage})
    item = {"type": "agentMessage", "id": "i", "text": "found it"}
    live.take_child("c", {"method": "item/completed", "params": {"threadId": "c", "item": item}})
    assert sink(live).tokens() == 110
    assert sink(live).of(e.Text) == [e.Text("i", "found it", parent="c")]


def test_a_reroute_changes_the_price(live: LiveThread) -> None:
    notify(live, "model/rerouted", threadId="t", fromModel="m", toModel="n", reason="x")
    assert live.model == "n"
    assert sink(live).of(e.Notice) == [e.Notice("warning", "codex uses model n instead of m")]


def test_how_a_server_died() -> None:
    assert death(ServerGone(-9, "")) == "codex app-server was killed (SIGKILL)"
    assert death(ServerGone(1, "")) == "codex app-server ended with exit status 1"
    assert death(ServerGone(-99, "")) == "codex app-server was killed (99)"
