"""What a cut turn cost, made up from codex's own records."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zwarm_tui.core import events as e
from zwarm_tui.executors.base import ExecutorSettings
from zwarm_tui.executors.codex.rollout import read
from zwarm_tui.sessions.recovery import endings
from zwarm_tui.store.log import Store
from zwarm_tui.store.reader import Reader

COUNTS = st.sampled_from([(100, 0, 10), (100, 50, 10), (200, 0, 10)])
"""Few, so that many responses of a turn have the same ones."""


Entry = dict[str, object]


def item(what: str, **payload: object) -> Entry:
    return {"type": "response_item", "payload": {"type": what, **payload}}


def user(said: str) -> Entry:
    return item("message", role="user", content=[{"type": "input_text", "text": said}])


def output(text: str, call: str = "c1") -> Entry:
    return item("function_call_output", call_id=call, output=text)


BEGIN: list[Entry] = [
    {"type": "session_meta", "payload": {"id": "thread"}},
    {"type": "event_msg", "payload": {"type": "task_started", "turn_id": "turn"}},
    user("task"),
]
CALL = item("function_call", call_id="c1")
RESPONSE: Entry = {
    "type": "token_usage_record",
    "payload": {"turn_id": "turn", "response_id": "r", "usage": {"input_tokens": 9}},
}
ABORTED: Entry = {"type": "event_msg", "payload": {"type": "turn_aborted", "turn_id": "turn"}}
COMPLETE: Entry = {"type": "event_msg", "payload": {"type": "task_complete", "turn_id": "turn"}}
MARKER = user("<turn_aborted>\nThe user interrupted the previous turn.")
CUT_CALL = output("Wall time: 3.4 seconds\naborted by user")


def rollout(home: Path, responses: list[tuple[int, int, int]]) -> None:
    """A thread's file: one turn with these responses, of which codex recorded the end."""
    entries = list(BEGIN)
    for number, (fresh, cached, output) in enumerate(responses):
        usage = {"input_tokens": fresh, "cached_input_tokens": cached, "output_tokens": output}
        record = {"turn_id": "turn", "response_id": f"r{number}", "usage": usage}
        entries.append({"type": "token_usage_record", "payload": record})
    write(home, [*entries, ABORTED])


def write(home: Path, entries: list[Entry]) -> None:
    days = home / "sessions" / "2026" / "01" / "01"
    days.mkdir(parents=True)
    (days / "rollout-1.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(COUNTS, st.booleans()), max_size=8))
def test_each_response_counts_once_however_alike_they_are(
    tmp_path_factory: pytest.TempPathFactory, responses: list[tuple[tuple[int, int, int], bool]]
) -> None:
    folder = tmp_path_factory.mktemp("made up")
    rollout(folder, [counts for counts, _ in responses])
    store = Store.open(folder / "zwarm.db")
    events: list[e.Event] = [
        e.SessionCreated(task="task", executor="codex", model="m", working_dir=str(folder)),
        e.UserMessage("task", "person"),
        e.ThreadBound(thread="thread", how="fresh", executor="codex"),
        e.TurnStarted("turn"),
    ]
    for (fresh, cached, output), heard in responses:
        if heard:  # in any order, and with gaps: what of it reached the log
            events.append(e.Usage(model="m", input=fresh - cached, cached=cached, output=output))
    for event in events:
        store.append(e.Record(event, "s", 1, 0 if isinstance(event, e.SessionCreated) else 1, time.time()))
    store.flush()
    reader = Reader(store.path)
    ((_, found),) = endings(reader, ExecutorSettings(env={"CODEX_HOME": str(folder)}))
    made_up = [(x.input + x.cached, x.cached, x.output) for x in found if isinstance(x, e.Usage)]
    assert sorted(made_up) == sorted(counts for counts, heard in responses if not heard)
    assert [x.kind for x in found if isinstance(x, e.UsageUnknown)] == (
        [] if responses else ["usage.unknown"]
    )
    reader.close()
    store.close()


def test_what_a_cut_turn_asked_for_waits_no_more(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "zwarm.db")
    about = e.SessionCreated(task="task", executor="demo", model="m", working_dir=str(tmp_path))
    asked = e.ApprovalRequested(request="r1", what="command", text="make deploy")
    for turn, event in [
        (0, about),
        (1, e.UserMessage("task", "person")),
        (1, e.ThreadBound(thread="thread", how="fresh", executor="demo")),
        (1, e.TurnStarted("turn")),
        (1, asked),
        (1, e.QuestionAsked("q1", "Which one?", ())),
    ]:
        store.append(e.Record(event, "s", 1, turn, time.time()))
    store.flush()
    reader = Reader(store.path)
    ((_, found),) = endings(reader, ExecutorSettings())
    for event in found:
        store.append(e.Record(event, "s", 1, 1, time.time()))
    store.flush()
    assert reader.requests() == []
    resolved, answered = (
        b.event for b in reader.blocks("s", reader.path(1)) if b.key[2].startswith("request:")
    )
    assert isinstance(resolved, e.ApprovalResolved)
    assert (resolved.decision, resolved.text) == ("withdrawn", "make deploy")
    assert isinstance(answered, e.QuestionAnswered)
    assert answered.answer is None
    reader.close()
    store.close()


@pytest.mark.parametrize(
    ("entries", "complete"),
    [
        ([RESPONSE, COMPLETE], True),
        ([CALL, RESPONSE, CUT_CALL, MARKER, ABORTED], True),
        ([CALL, RESPONSE, output("aborted by user after 2.0s"), MARKER, ABORTED], True),
        ([CALL, item("function_call", call_id="c2"), RESPONSE, output("x", "c2"), CUT_CALL, ABORTED], True),
        ([CALL, RESPONSE, output("done"), MARKER, ABORTED], False),
        ([CALL, RESPONSE, output("the merge was aborted"), MARKER, ABORTED], False),
        ([RESPONSE, user("and more"), MARKER, ABORTED], False),
        ([RESPONSE, user("and more"), RESPONSE, COMPLETE], True),
        ([MARKER, ABORTED], False),
        # Killed, with what came last unwritten: the output and the next response, perhaps.
        ([CALL, RESPONSE], False),
        ([RESPONSE], False),
    ],
)
def test_whether_a_response_was_under_way_is_told_by_how_the_record_ends(
    entries: list[Entry], complete: bool
) -> None:
    found = read(json.dumps(entry) for entry in [*BEGIN, *entries])
    assert found.turns["turn"].reported is complete
