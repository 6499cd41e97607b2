"""The ledger's rule, against a model of what codex reports."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from zwarm_tui.executors.codex.usage import Lineage, Running, Tokens

ZERO = Tokens()


def plus(a: Tokens, b: Tokens) -> Tokens:
    return Tokens(
        a.input + b.input,
        a.cached + b.cached,
        a.cache_write + b.cache_write,
        a.output + b.output,
        a.reasoning + b.reasoning,
    )


counts = st.integers(min_value=0, max_value=3)
responses = st.builds(lambda i, c, o, r: Tokens(i + c + 1, c, 0, o + r, r), counts, counts, counts, counts)


@dataclass
class CodexThread:
    """A thread as codex keeps it: its total, and its last response's count."""

    name: str
    total: Tokens = ZERO
    last: Tokens = ZERO
    turns: list[tuple[str, Tokens, Tokens]] = field(default_factory=list)


class World:
    """Codex, its client's ledger, and the truth."""

    def __init__(self) -> None:
        self.lineage = Lineage()
        self.threads = [CodexThread("t0")]
        self.lineage.begin("t0", ZERO)
        self.delivered = ZERO
        self.booked = ZERO
        self.count = 0

    def report(self, thread: CodexThread, turn: str, *, ours: bool = True) -> None:
        spent = self.lineage.spent(thread.name, turn, thread.total, thread.last, ours=ours)
        if spent is not None:
            self.booked = plus(self.booked, spent)

    def turn(self, thread: CodexThread, given: list[Tokens], cut: bool) -> None:
        """A turn of some responses; `cut`: then interrupted or failed, which repeats."""
        self.count += 1
        name = f"u{self.count}"
        for tokens in given:
            thread.total, thread.last = plus(thread.total, tokens), tokens
            self.delivered = plus(self.delivered, tokens)
            self.report(thread, name)
        if cut:
            self.report(thread, name)
        self.lineage.ended(thread.name, name)
        thread.turns.append((name, thread.total, thread.last))

    def dies(self, thread: CodexThread, heard: list[Tokens], recorded: list[Tokens]) -> None:
        """Codex is killed in a turn: what it had only recorded is booked from there."""
        self.count += 1
        name = f"u{self.count}"
        for number, tokens in enumerate(heard + recorded):
            thread.total, thread.last = plus(thread.total, tokens), tokens
            self.delivered = plus(self.delivered, tokens)
            if number < len(heard):
                self.report(thread, name)
            else:
                self.booked = plus(self.booked, tokens)
        self.lineage.forget(thread.name, name)
        thread.turns.append((name, thread.total, thread.last))
        self.report(thread, name, ours=False)  # when it is resumed

    def fork(self, thread: CodexThread, at: int) -> None:
        name, total, last = thread.turns[at]
        made = CodexThread(f"t{len(self.threads)}", total, last, thread.turns[: at + 1])
        self.threads.append(made)
        inherited = self.lineage.after(thread.name, name)
        self.lineage.begin(made.name, inherited)
        if inherited is None:
            self.report(made, name, ours=False)  # the snapshot that comes with the turns

    def restart(self) -> None:
        """Another process of ours: it knows nothing, and resumes get a snapshot."""
        self.lineage = Lineage()
        for thread in self.threads:
            last_turn = thread.turns[-1][0] if thread.turns else "none"
            self.report(thread, last_turn, ours=False)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("turn"), counts, st.lists(responses, max_size=3), st.booleans()),
        st.tuples(st.just("dies"), counts, st.lists(responses, max_size=2), st.lists(responses, max_size=2)),
        st.tuples(st.just("fork"), counts, counts),
        st.tuples(st.just("resume"), counts),
        st.tuples(st.just("restart")),
    ),
    max_size=25,
)


@given(steps)
def test_what_is_booked_is_what_was_delivered(steps: list[tuple]) -> None:  # type: ignore[type-arg]
    world = World()
    for kind, *rest in steps:
        thread = world.threads[rest[0] % len(world.threads)] if rest else world.threads[0]
        if kind == "turn":
            world.turn(thread, rest[1], rest[2])
        elif kind == "dies":
            world.dies(thread, rest[1], rest[2])
        elif kind == "fork" and thread.turns:
            world.fork(thread, rest[1] % len(thread.turns))
        elif kind == "resume" and thread.turns:
            world.report(thread, thread.turns[-1][0], ours=False)
        elif kind == "restart":
            world.restart()
    assert world.booked == world.delivered


def test_a_revert_lets_the_total_fall() -> None:
    lineage, ten = Lineage(), Tokens(input=10)
    lineage.begin("t", ZERO)
    assert lineage.spent("t", "u1", Tokens(input=10), ten, ours=True) == ten
    assert lineage.spent("t", "u2", Tokens(input=20), ten, ours=True) == ten
    lineage.forget("t")
    assert lineage.spent("t", "u3", Tokens(input=20), ten, ours=True) == ten, "the same total, and yet new"


def test_a_compaction_changes_last_without_spending() -> None:
    lineage, total = Lineage(), Tokens(input=25360)
    assert lineage.spent("t", "u", total, Tokens(input=1050), ours=True)
    assert lineage.spent("t", "u", total, Tokens(input=7188), ours=True) is None


def test_a_snapshot_tells_what_was_missed() -> None:
    lineage = Lineage()
    lineage.begin("t", Tokens(input=10))
    assert lineage.spent("t", "u", Tokens(input=30), Tokens(input=5), ours=False) == Tokens(input=20)
    assert lineage.spent("t", "u", Tokens(input=20), Tokens(input=5), ours=False) is None


@given(st.lists(responses, max_size=5), st.lists(responses, max_size=5))
def test_exec_totals_are_taken_apart(parent: list[Tokens], fork: list[Tokens]) -> None:
    running, total = Running(ZERO), ZERO
    for tokens in parent:
        total = plus(total, tokens)
        assert running.spent(total) == tokens
    forked = Running(running.total)
    for tokens in fork:
        total = plus(total, tokens)
        assert forked.spent(total) == tokens


def test_an_exec_thread_of_before_has_a_baseline_only() -> None:
    running = Running(None)
    assert running.spent(Tokens(input=500)) is None
    assert running.spent(Tokens(input=700)) == Tokens(input=200)


def test_normalised_counts_never_overlap() -> None:
    usage = Tokens(100_000, 80_000, 10_000, 1_000, 400).usage("m", context=100_000, window=5)
    assert (usage.input, usage.cached, usage.cache_write) == (10_000, 80_000, 10_000)
    assert (usage.output, usage.reasoning, usage.context, usage.window) == (1_000, 400, 100_000, 5)


def test_odd_counts_are_nothing() -> None:
    names = ("i", "c", "w", "o", "r")
    assert Tokens.read({"i": True, "c": "7", "w": -1, "o": 10**40, "r": 2.5}, names) == ZERO
    assert Tokens.read([1], names) == ZERO
