"""Against models: whatever happens in whatever order, the tables say what the log says."""

from __future__ import annotations

import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.store.records import checkpoint, created, price
from zwarm_tui.core import events as e
from zwarm_tui.core.events import Record
from zwarm_tui.core.model import TIP, Block
from zwarm_tui.core.transcript import Transcript
from zwarm_tui.store import schema
from zwarm_tui.store.log import Store, rebuild
from zwarm_tui.store.reader import Reader

TABLES = sorted({*schema.READ_MODELS, "events"})
EXAMPLES = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

text = st.text(st.characters(codec=None), max_size=6)  # lone surrogates and NUL, too
items = st.sampled_from(["a", "b", "c\udcff"])
counts = st.integers(0, 9)
events = st.one_of(
    st.builds(e.UserMessage, text, steer=st.booleans()),
    st.builds(e.ThreadBound, st.sampled_from(["t1", "t2"]), st.just("fresh")),
    st.builds(e.TurnStarted, st.none() | st.just("n")),
    st.builds(
        e.TurnEnded, status=st.sampled_from(["completed", "failed", "interrupted"]), error=st.none() | text
    ),
    st.builds(e.AttentionRaised, st.sampled_from(["approval", "completed", "silent", "?"]), text),
    st.builds(e.Acknowledged, st.just("screen")),
    st.builds(e.SessionEnded, hidden=st.booleans()),
    st.builds(e.TextDelta, items, text),
    st.builds(e.TextDelta, items, text),
    st.builds(e.Text, items, text, st.none() | st.just("sub")),
    st.builds(e.CommandStarted, items, text),
    st.builds(e.CommandOutput, items, text),
    st.builds(e.CommandDone, item=items, command=text, output=text),
    st.builds(
        e.FilesChanged,
        items,
        st.just((e.FileChange("p", "add", "+x"),)),
        st.sampled_from(["in_progress", "completed"]),
    ),
    st.builds(e.TurnDiff, text),
    st.builds(e.Usage, model=st.sampled_from(["m", "mystery", None]), input=counts, output=counts),
    st.builds(e.UsageUnknown, text),
    st.builds(e.ApprovalRequested, request=st.sampled_from("xy"), what=st.just("command"), text=text),
    st.builds(e.ApprovalResolved, request=st.sampled_from("xy"), decision=st.just("accept")),
    st.builds(e.QuestionAsked, st.sampled_from("xy"), text),
    st.builds(e.Notice, st.just("info"), text),
    st.builds(e.Unknown, st.just("x"), text),
)
records = st.builds(
    Record,
    events,
    session=st.sampled_from(["s", "t"]),
    branch=st.sampled_from([1, 2]),
    turn=st.integers(0, 2),
    time=st.sampled_from([1_000_000.0, 2_000_000.0]),
)
batches = st.lists(st.lists(records, max_size=8), max_size=8)
START = [created("s"), created("t"), Record(e.BranchCreated(branch=2, name="two", parent=1))]


@contextmanager
def log(batches: list[list[Record]]) -> Iterator[Store]:
    """A log to which the batches were written, each in one transaction of its own."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Store.open(Path(folder) / "z.db", price=price)) as store,
    ):
        for batch in batches:
            store.append(*batch)
            store.flush()
        assert store.error is None
        yield store


def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as db:
        return {name: sorted(db.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in TABLES}


@EXAMPLES
@given(batches)
def test_what_is_folded_as_it_comes_is_what_a_replay_makes(batches: list[list[Record]]) -> None:
    with log([START, *batches]) as store:
        before = tables(store.path)
        rebuild(store.path, price=lambda model, usage: pytest.fail("the past has its price"))
        assert tables(store.path) == before
        with closing(Reader(store.path)) as reader:  # and no view raises, whatever the tables hold
            for path in (None, reader.path(2), ((1, 3), (2, TIP)), ((1, 0),)):
                for view in reader.sessions(path, hidden=True):
                    assert view.to_json()
                reader.totals(path)
                for s in ("s", "t"):
                    reader.turns(s, path)
                    reader.messages(s, path)
                    reader.diff(s, path)
                    reader.search(s, "a", path)
            reader.requests()


@EXAMPLES
@given(batches, st.integers(1, 5))
def test_blocks_are_what_the_records_fold_to(batches: list[list[Record]], limit: int) -> None:
    with log([START, *batches]) as store, closing(Reader(store.path)) as reader:
        for path in (reader.path(1), reader.path(2), ((1, 6), (2, TIP))):
            fold = Transcript()
            for record in reader.records("s", path):
                fold.apply(record)
            assert reader.blocks("s", path) == fold.blocks
            paged: list[Block] = []
            while page := reader.blocks("s", path, before=paged[0].first_seq if paged else None, limit=limit):
                paged[:0] = page
            assert paged == fold.blocks


@EXAMPLES
@given(batches)
def test_totals_are_the_sums_of_what_was_reported(batches: list[list[Record]]) -> None:
    want: dict[tuple[str, object], tuple[float, bool]] = defaultdict(lambda: (0.0, True))
    for r in [r for batch in batches for r in batch]:
        if isinstance(r.event, e.Usage):
            cost = price(r.event.model or "m", r.event).cost
        elif isinstance(r.event, e.UsageUnknown):
            cost = None
        else:
            continue
        model = getattr(r.event, "model", None) or "m"
        for key in (("all", ""), ("branch", r.branch), ("session", r.session), ("model", model)):
            usd, complete = want[key]
            want[key] = (usd + (cost or 0.0), complete and cost is not None)
    with log([START, *batches]) as store, closing(Reader(store.path)) as reader:
        got = reader.totals(reader.path(1))
        assert (got.total.usd, got.total.complete) == want["all", ""]
        assert (got.branch.usd, got.branch.complete) == want["branch", 1]
        assert (got.abandoned.usd, got.abandoned.complete) == want["branch", 2]
        for b in reader.branches():
            assert (b.cost.usd, b.cost.complete) == want["branch", b.id]
        for scope, costs in (("session", got.by_session), ("model", got.by_model)):
            assert {k: (c.usd, c.complete) for k, c in costs.items()} == {
                k[1]: v for k, v in want.items() if k[0] == scope
            }
        assert sum(c.usd for c in got.by_day.values()) == want["all", ""][0]


class Travels(RuleBasedStateMachine):
    """Turns, checkpoints, jumps and branches, beside a model that simply copies: a
    checkpoint is the list of (turn, cost) that each session had."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store.open(Path(self.folder.name) / "z.db", price=price)
        self.reader = Reader(self.store.path)
        self.tips: dict[int, dict[str, list[str]]] = {1: {}}
        self.spent: dict[int, float] = {1: 0.0}
        self.lines: dict[int, float] = {1: 0.0}  # what the line to a branch's tip took
        self.saved: dict[int, tuple[int, dict[str, list[str]], float]] = {0: (1, {}, 0.0)}
        self.last = {1: 0}
        self.branch, self.at = 1, None  # type: tuple[int, int | None]
        self.remarks: dict[int, tuple[str, str]] = {}
        self.said = 0

    def teardown(self) -> None:
        self.reader.close()
        self.store.close()
        self.folder.cleanup()

    def put(self, *records: Record) -> None:
        self.store.append(*records)
        self.store.flush()

    def settle(self) -> None:
        """What is said at a place in the past begins a branch there."""
        if self.at is None:
            return
        new = max(self.tips) + 1
        parent, cut = self.reader.path_at(self.at)[-1]
        _, sessions, line = self.saved[self.at]
        made = e.BranchCreated(branch=new, name=f"b{new}", parent=parent, checkpoint=self.at, cut=cut)
        self.put(Record(made, branch=new), Record(e.Moved(new), branch=new))
        self.tips[new] = {s: list(texts) for s, texts in sessions.items()}
        self.spent[new], self.lines[new], self.last[new] = 0.0, line, self.at
        self.branch, self.at = new, None

    @rule(session=st.sampled_from(["s", "t", "u"]), tokens=st.integers(0, 5))
    def turn(self, session: str, tokens: int) -> None:
        self.settle()
        known = self.tips[self.branch]
        if session not in known:
            self.put(created(session, branch=self.branch))
            known[session] = []
        self.said += 1
        happened: list[e.Event] = [
            e.UserMessage("go"),
            e.TurnStarted(),
            e.Text("a", str(self.said)),
            e.Usage(model="m", input=tokens),
            e.TurnEnded(status="completed"),
        ]
        known[session].append(str(self.said))
        self.put(*(Record(event, session, self.branch, len(known[session])) for event in happened))
        self.spent[self.branch] += tokens
        self.lines[self.branch] += tokens

    @precondition(lambda self: self.at is None)
    @rule()
    def take(self) -> None:
        number = len(self.saved)
        self.put(checkpoint(number, self.last[self.branch], branch=self.branch))
        copy = {s: list(texts) for s, texts in self.tips[self.branch].items()}
        self.saved[number] = (self.branch, copy, self.lines[self.branch])
        self.last[self.branch] = number

    @rule(data=st.data())
    def jump(self, data: st.DataObject) -> None:
        self.at = data.draw(st.sampled_from(sorted(self.saved)))
        self.branch = self.saved[self.at][0]
        self.put(Record(e.Moved(self.branch, self.at), branch=self.branch))

    @rule(data=st.data())
    def go_back(self, data: st.DataObject) -> None:
        self.branch, self.at = data.draw(st.sampled_from(sorted(self.tips))), None
        self.put(Record(e.Moved(self.branch), branch=self.branch))

    @rule(data=st.data(), name=text, note=text)
    def remark(self, data: st.DataObject, name: str, note: str) -> None:
        at = data.draw(st.sampled_from(sorted(self.saved)))
        self.put(Record(e.CheckpointNamed(at, name)), Record(e.CheckpointNoted(at, note)))
        self.remarks[at] = (schema.sql_text(name), schema.sql_text(note))

    @rule()
    def replay(self) -> None:
        before = tables(self.store.path)
        rebuild(self.store.path, price=price)
        assert tables(self.store.path) == before

    @invariant()
    def all_places_are_as_they_were(self) -> None:
        here = self.reader.position()
        assert (here.branch, here.detached) == (self.branch, self.at is not None)
        assert here.checkpoint == (self.last[self.branch] if self.at is None else self.at)
        for branch, sessions in self.tips.items():
            self.holds(self.reader.path(branch), sessions, self.lines[branch])
        for number, (_, sessions, line) in self.saved.items():
            self.holds(self.reader.path_at(number), sessions, line)
        total = sum(self.spent.values())
        assert self.reader.totals().total.usd == total
        assert {b.id: b.cost.usd for b in self.reader.branches()} == self.spent
        taken = {c.id: c.cost.usd for c in self.reader.checkpoints()}
        for c in self.reader.checkpoints():
            assert (c.name, c.note) == self.remarks.get(c.id, ("", ""))
            assert c.metadata == {"n": c.id}
        for number, (branch, _, line) in self.saved.items():
            before = next((c.parent for c in self.reader.checkpoints() if c.id == number), None)
            if before is not None:
                assert taken[number] == line - self.saved[before][2], (number, branch)

    def holds(self, path: tuple[tuple[int, int], ...], sessions: dict[str, list[str]], line: float) -> None:
        views = {v.id: v for v in self.reader.sessions(path)}
        assert set(views) == set(sessions)
        for s, texts in sessions.items():
            said = [m["content"] for m in self.reader.messages(s, path) if m["role"] == "assistant"]
            assert said == texts
            assert views[s].turns == len(texts)
            assert views[s].last_message == (texts[-1] if texts else "")
        assert self.reader.totals(path).branch.usd == line


TestTravels = Travels.TestCase
TestTravels.settings = settings(
    max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
