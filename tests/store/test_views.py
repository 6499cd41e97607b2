"""What readers see of sessions, turns, branches and money."""

from __future__ import annotations

import pytest

from tests.store.records import HOSTILE, checkpoint, created, spent, turn
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import SessionNotFoundError
from zwarm_tui.core.events import Record
from zwarm_tui.core.model import TIP, SessionStatus
from zwarm_tui.store.log import Store
from zwarm_tui.store.reader import Reader


def put(store: Store, *records: Record) -> int:
    store.append(*records)
    return store.flush()


def fork(store: Store, reader: Reader, branch: int, name: str, at: int) -> None:
    """A branch at a checkpoint, and go there, as the timeline does."""
    parent, cut = reader.path_at(at)[-1]
    made = e.BranchCreated(branch=branch, name=name, parent=parent, checkpoint=at, cut=cut)
    put(store, Record(made, branch=branch), Record(e.Moved(branch), branch=branch))


def status(reader: Reader, session: str = "s") -> SessionStatus:
    view = reader.session(session)
    assert view is not None
    return view.status


def test_a_turn_goes_through_its_states(store: Store, reader: Reader) -> None:
    put(store, created("s"))
    assert status(reader) is SessionStatus.PENDING
    put(store, Record(e.UserMessage("do it"), "s", turn=1))
    assert status(reader) is SessionStatus.PENDING
    put(store, Record(e.ThreadBound("t", "fresh"), "s", turn=1), Record(e.TurnStarted("n"), "s", turn=1))
    assert status(reader) is SessionStatus.RUNNING
    for request in ("q1", "q2"):
        put(store, Record(e.ApprovalRequested(request=request, what="command", text="rm x"), "s", turn=1))
    assert status(reader) is SessionStatus.AWAITING_INPUT
    put(store, Record(e.ApprovalResolved(request="q1", decision="accept"), "s", turn=1))
    assert status(reader) is SessionStatus.AWAITING_INPUT, "another one is open"
    put(store, Record(e.ApprovalResolved(request="q2", decision="accept"), "s", turn=1))
    assert status(reader) is SessionStatus.RUNNING
    put(store, Record(e.QuestionAsked("q3", "which?"), "s", turn=1))
    [request] = reader.requests("s")
    assert (request.id, request.turn) == ("q3", 1)
    assert request.event == e.QuestionAsked("q3", "which?")
    put(store, Record(e.TurnEnded(status="interrupted", error="stopped"), "s", turn=1))
    assert status(reader) is SessionStatus.INTERRUPTED
    assert reader.requests() == [], "those of an ended turn are closed"
    view = reader.session("s")
    assert view is not None
    assert (view.thread, view.native_turn, view.how, view.error) == ("t", "n", "fresh", "stopped")


def test_a_session_that_is_ended_in_mid_turn_was_killed(store: Store, reader: Reader) -> None:
    put(store, created("s"), *turn("s", 1, e.QuestionAsked("q", "?"), status=None))
    put(store, Record(e.SessionEnded("enough"), "s", turn=1))
    view = reader.session("s")
    assert view is not None
    assert view.status is SessionStatus.KILLED
    assert view.ended
    assert reader.requests() == []
    assert reader.unfinished() == []


def test_an_idle_session_that_is_ended_keeps_its_status(store: Store, reader: Reader) -> None:
    put(store, created("s"), *turn("s", 1), Record(e.SessionEnded(hidden=True), "s", turn=1))
    view = reader.session("s")
    assert view is not None
    assert view.status is SessionStatus.COMPLETED
    assert view.ended
    assert reader.sessions() == []
    assert [v.id for v in reader.sessions(hidden=True)] == ["s"]


def test_the_most_urgent_reason_is_shown_until_someone_looks(store: Store, reader: Reader) -> None:
    put(store, created("s"), *turn("s", 1, status=None))
    for reason in ("silent", "question", "completed"):
        put(store, Record(e.AttentionRaised(reason, f"about {reason}"), "s", turn=1))
    view = reader.session("s")
    assert view is not None
    assert view.attention is not None
    assert (view.attention.reason, view.attention.detail) == ("question", "about question")
    put(store, Record(e.Acknowledged("screen"), "s", turn=1))
    assert not reader.sessions()[0].needs_attention
    put(store, Record(e.AttentionRaised("failed"), "s", turn=1), Record(e.UserMessage("again"), "s", turn=2))
    assert not reader.sessions()[0].needs_attention, "speaking to it is looking at it"


def test_money_and_tokens_add_up(store: Store, reader: Reader) -> None:
    usage = e.Usage(
        model="m", input=10, cached=5, cache_write=2, output=4, reasoning=1, context=17, window=99
    )
    put(store, created("s"), *turn("s", 1, usage, usage), created("t"), *turn("t", 1, spent(3, "mystery")))
    s, t = reader.sessions()
    assert (s.cost.usd, s.cost.complete) == (28.0, True)
    assert (s.tokens.input, s.tokens.cached, s.tokens.cache_write) == (20, 10, 4)
    assert (s.tokens.output, s.tokens.reasoning, s.context, s.window) == (8, 2, 17, 99)
    assert (t.cost.usd, t.cost.complete) == (0.0, False)
    totals = reader.totals()
    assert (totals.total.usd, totals.total.complete) == (28.0, False)
    assert totals.by_model["m"].usd == 28.0
    assert not totals.by_model["mystery"].complete
    assert totals.by_session["s"].complete
    assert sum(c.usd for c in totals.by_day.values()) == 28.0


def test_a_usage_that_nobody_reports_makes_the_figures_at_least(store: Store, reader: Reader) -> None:
    put(store, created("s"), *turn("s", 1, spent(3), e.UsageUnknown("cut off"), status="interrupted"))
    [view] = reader.sessions()
    assert (view.cost.usd, view.cost.complete) == (3.0, False)
    assert not reader.totals().total.complete
    assert not reader.branches()[0].cost.complete


def test_a_branch_holds_what_had_ended_at_its_checkpoint(store: Store, reader: Reader) -> None:
    put(store, created("s"), *turn("s", 1, e.Text("a", "one"), spent(1)), checkpoint(1, 0))
    put(store, *turn("s", 2, e.Text("a", "two"), spent(2)), created("later"), checkpoint(2, 1))
    put(store, Record(e.Moved(1, 1)))
    here = reader.position()
    assert (here.branch, here.checkpoint, here.detached) == (1, 1, True)
    assert [s.id for s in reader.sessions()] == ["s"]
    assert reader.sessions()[0].cost.usd == 1.0
    fork(store, reader, 2, "other", 1)
    assert reader.position().path == ((1, reader.checkpoint_seq(1)), (2, TIP))
    put(store, *turn("s", 2, e.Text("a", "instead"), spent(4), branch=2), checkpoint(3, 1, branch=2))
    [view] = reader.sessions()
    assert (view.turns, view.branch, view.branch_id, view.cost.usd) == (2, "other", 2, 5.0)
    assert [m["content"] for m in reader.messages("s")] == ["go on", "one", "go on", "instead"]
    assert [t.branch for t in reader.turns("s")] == [1, 2]
    assert [m["content"] for m in reader.messages("s", reader.path(1))][-1] == "two"
    totals = reader.totals()
    assert (totals.total.usd, totals.branch.usd, totals.abandoned.usd) == (7.0, 5.0, 2.0)
    assert [c.cost.usd for c in reader.checkpoints()] == [1.0, 2.0, 4.0]
    assert [(b.id, b.tip, b.cost.usd) for b in reader.branches()] == [(1, 2, 3.0), (2, 3, 4.0)]
    assert reader.checkpoint_state(3) == {"n": 3}


def test_a_turn_that_ran_at_the_checkpoint_is_not_in_the_branch(store: Store, reader: Reader) -> None:
    put(store, created("s"), *turn("s", 1, e.Text("a", "running"), e.QuestionAsked("q", "?"), status=None))
    put(store, Record(e.AttentionRaised("question"), "s", turn=1), checkpoint(1, 0))
    fork(store, reader, 2, "other", 1)
    put(store, Record(e.TurnEnded(status="completed"), "s", turn=1))
    [view] = reader.sessions()
    assert (view.status, view.turns, view.attention) == (SessionStatus.PENDING, 0, None)
    assert reader.blocks("s") == []
    assert reader.messages("s") == []
    assert reader.sessions(reader.path(1))[0].status is SessionStatus.COMPLETED


def test_what_is_noted_after_the_checkpoint_is_not_in_the_branch(store: Store, reader: Reader) -> None:
    put(store, created("s"), Record(e.Notice("info", "before"), "s"), *turn("s", 1), checkpoint(1, 0))
    put(store, Record(e.Notice("info", "after"), "s"), Record(e.Notice("info", "late"), "s", turn=1))
    fork(store, reader, 2, "other", 1)
    shown = [b.event.text for b in reader.blocks("s") if isinstance(b.event, e.Notice)]
    assert shown == ["before"]
    told = [
        r.event.text for r in reader.records("s", reader.position().path) if isinstance(r.event, e.Notice)
    ]
    assert told == ["before"]


def test_ending_a_session_is_seen_on_its_own_line_only(store: Store, reader: Reader) -> None:
    put(store, created("s"), *turn("s", 1), checkpoint(1, 0))
    put(store, Record(e.SessionEnded("deleted", hidden=True), "s", turn=1))
    assert reader.sessions() == []
    put(store, Record(e.Moved(1, 1)))
    assert [(s.id, s.ended) for s in reader.sessions()] == [("s", False)]


def test_a_session_of_a_role_is_made_again_on_another_line(store: Store, reader: Reader) -> None:
    put(store, created("pilot", role="pilot", model="big"), *turn("pilot", 1), checkpoint(1, 0))
    fork(store, reader, 2, "from-root", 0)
    assert reader.session("pilot") is None
    put(store, created("pilot", branch=2, role="pilot", model="small"), *turn("pilot", 1, branch=2))
    view = reader.session("pilot")
    assert view is not None
    assert (view.model, view.turns, view.branch) == ("small", 1, "from-root")
    old = reader.session("pilot", reader.path(1))
    assert old is not None
    assert (old.model, old.turns) == ("big", 1)


def test_a_flag_from_before_the_fork_is_cleared_on_the_branch(store: Store, reader: Reader) -> None:
    put(store, created("s"), *turn("s", 1), Record(e.AttentionRaised("completed"), "s", turn=1))
    put(store, checkpoint(1, 0))
    fork(store, reader, 2, "other", 1)
    assert reader.sessions()[0].needs_attention
    put(store, Record(e.Acknowledged("check"), "s", 2, 1))
    assert not reader.sessions()[0].needs_attention


def test_a_session_is_found_by_the_beginning_of_its_id(store: Store, reader: Reader) -> None:
    put(store, created("abc1"), created("abd2"), created("ab"))
    assert reader.find("abc") == "abc1"
    assert reader.find("ab") == "ab", "a whole id wins"
    for wrong, candidates in (("a", ["abc1", "abd2", "ab"]), ("x", []), ("", []), ("%", []), ("a_c", [])):
        with pytest.raises(SessionNotFoundError) as caught:
            reader.find(wrong)
        assert caught.value.candidates == candidates


def test_hostile_text_comes_back_as_it_was(store: Store, reader: Reader) -> None:
    texts = [HOSTILE, "x" * 5_000_000]
    put(
        store,
        created("s", task=HOSTILE),
        *turn(
            "s",
            1,
            *(e.Text(f"m{HOSTILE}{n}", t) for n, t in enumerate(texts)),
            e.AttentionRaised("failed", HOSTILE),
            prompt=HOSTILE,
            status=None,
        ),
    )
    ended = e.TurnEnded(status="failed", error=HOSTILE, stderr=HOSTILE, turn_id=HOSTILE)
    put(store, Record(ended, "s", turn=1))
    assert store.error is None
    said = [b.event.text for b in reader.blocks("s") if isinstance(b.event, e.Text)]
    assert said == texts
    assert [m["content"] for m in reader.messages("s")] == [HOSTILE, "\n\n".join(texts)]
    [view] = reader.sessions()
    assert view.status is SessionStatus.FAILED
    for text in (view.task, view.error, view.stderr, reader.turns("s")[0].prompt):
        assert text is not None
        assert "list[int]\x1b[2J \x00 " in text
    assert "\udc80" not in reader.search("s", "list[INT]")
    assert len(reader.search("s", "list[INT]")) == 3


def test_search_minds_neither_case_nor_what_json_escapes(store: Store, reader: Reader) -> None:
    put(
        store,
        created("s"),
        *turn("s", 1, e.Text("a", 'Élan 100% "sure"\nof C:\\temp'), e.TextDelta("b", "half a w")),
    )
    put(store, Record(e.TextDelta("b", "ord"), "s", turn=1))
    first = next(b.first_seq for b in reader.blocks("s") if isinstance(b.event, e.Text))
    for text in ("éLAN", "100%", '"SURE"\nof', "c:\\TEMP"):
        assert reader.search("s", text) == [first], text
    assert len(reader.search("s", "half a word")) == 1, "what still streams is found too"
    for text in ("", "100_", "nowhere", "streaming"):
        assert reader.search("s", text) == []


def test_messages_are_joined_by_turn_without_those_of_sub_agents(store: Store, reader: Reader) -> None:
    said = (e.Text("a", "first"), e.Text("b", "  "), e.Text("c", "sub", parent="tool"), e.Text("d", "second"))
    put(store, created("s"), *turn("s", 1, *said), *turn("s", 2, e.Text("e", "")))
    assert [(m["role"], m["content"]) for m in reader.messages("s")] == [
        ("user", "go on"),
        ("assistant", "first\n\nsecond"),
        ("user", "go on"),
    ]
    [view] = reader.sessions()
    assert view.no_text, "its last turn said nothing"


def test_changes_say_what_to_look_at_again(store: Store, reader: Reader) -> None:
    seq = put(store, created("s"), created("t"))
    assert reader.changes(0).sessions == {"s", "t"}
    assert reader.changes(seq) == type(reader.changes(0))(seq)
    seq, before = put(store, *turn("s", 1)), seq
    changes = reader.changes(before)
    assert (changes.seq, changes.sessions, changes.money) == (seq, {"s"}, False)
    before, seq = seq, put(store, Record(spent(1), "t"))
    assert reader.changes(before).money
    assert not reader.changes(before).timeline
    before, seq = seq, put(store, checkpoint(1, 0))
    assert reader.changes(before).timeline
    assert reader.changes(before).sessions == frozenset()
    before = seq
    put(store, *turn("t", 1, e.QuestionAsked("q", "?"), status=None))
    assert reader.changes(before).requests


def test_requests_of_two_sessions_may_have_the_same_id(store: Store, reader: Reader) -> None:
    for s in ("s", "t"):
        put(store, created(s), *turn(s, 1, e.QuestionAsked("0", f"{s}?"), status=None))
    assert [r.session for r in reader.requests()] == ["s", "t"]
    put(store, Record(e.QuestionAnswered("0", "s?", "yes"), "s", turn=1))
    assert [r.session for r in reader.requests()] == ["t"]


def test_small_answers(store: Store, reader: Reader) -> None:
    put(store, created("s"), *turn("s", 1, e.TurnDiff("one"), e.TurnDiff("two"), e.Unknown("x", "raw")))
    put(store, *turn("s", 2, status=None))
    assert reader.diff("s") == "two"
    assert reader.unrecognised("s") == 1
    assert [t.turn for t in reader.unfinished()] == [2]
    assert [t.turn for t in reader.ended(1, 0)] == [1]
    bound = reader.bound("s", "thread-1")
    assert bound is not None
    assert bound.executor == "codex"
    assert reader.bound("s", "other") is None
