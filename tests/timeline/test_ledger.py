"""Money is never rewound: random walks of turns, jumps, branches and restarts, against a
ledger that is kept by hand beside them."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.timeline.conftest import SETTINGS
from zwarm_tui.cli import main
from zwarm_tui.core import events as e
from zwarm_tui.core.model import Path as Line
from zwarm_tui.engine import Engine
from zwarm_tui.store.log import rebuild

PRICE = 1.25e-6
"""USD an input token of the one model whose price is known."""

Step = tuple[str, int, int]
steps = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *["turn"] * 3,
                "unpriced",
                "cut off",
                "late",
                *["goto"] * 2,
                "branch",
                "checkpoint",
                "fork",
                "restart",
            ]
        ),
        st.integers(0, 9),
        st.integers(1, 50_000),
    ),
    max_size=30,
)


@dataclass
class Row:
    seq: int
    branch: int
    session: str
    model: str
    usd: float | None


@dataclass
class Walk:
    """The engine, and what it should know of money."""

    folder: Path
    engine: Engine
    rows: list[Row] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)
    spent: float = 0.0

    async def take(self, step: Step) -> None:
        what, pick, tokens = step
        match what:
            case "turn":
                await self._turn(pick, e.Usage(model="gpt-5.1-codex", input=tokens), tokens * PRICE)
            case "unpriced":
                await self._turn(pick, e.Usage(model="nobody-knows-it", input=tokens), None)
            case "cut off":
                await self._turn(pick, e.UsageUnknown("killed"), None)
            case "late" if self.rows:  # of a turn that was left running on its branch
                was = self.rows[pick % len(self.rows)]
                usage = e.Usage(model="gpt-5.1-codex", input=tokens)
                await self._pay(was.session, was.branch, 1, usage, tokens * PRICE)
            case "goto":
                reader = self.engine.reader
                labels = [
                    "root",
                    *(c.label for c in reader.checkpoints()),
                    *(b.name for b in reader.branches()),
                ]
                await self.engine.goto(labels[pick * 7 % len(labels)])
            case "branch":
                await self.engine.branch(f"b{self.engine.reader.last_seq()}")
            case "checkpoint":
                await self.engine.checkpoint()
            case "fork" if self.sessions:
                new, parent = f"s{len(self.sessions)}", self.sessions[pick % len(self.sessions)]
                await self._create(new, parent)
            case "restart":
                await self.engine.aclose()
                rebuild(self.folder / ".zwarm" / "zwarm.db")
                self.engine = await Engine.open(self.folder, SETTINGS)

    async def _create(self, session: str, parent: str | None = None) -> None:
        made = e.SessionCreated(task="t", executor="codex", parent=parent)
        branch = await self.engine.timeline.settle()
        self.sessions.append(session)
        await self.engine.store.commit(e.Record(made, session, branch))

    async def _turn(self, pick: int, usage: e.Event, usd: float | None) -> None:
        if pick >= len(self.sessions):
            await self._create(f"s{len(self.sessions)}")
            pick = len(self.sessions) - 1
        session, branch = self.sessions[pick], await self.engine.timeline.settle()
        view = self.engine.reader.session(session, self.engine.reader.path(branch))
        number = (view.turns if view else 0) + 1
        begin = [e.UserMessage("do it"), e.ThreadBound("x", "fresh"), e.TurnStarted()]
        for event in begin:
            self.engine.store.append(e.Record(event, session, branch, number))
        await self._pay(session, branch, number, usage, usd)
        await self.engine.store.commit(e.Record(e.TurnEnded(status="completed"), session, branch, number))

    async def _pay(self, session: str, branch: int, turn: int, usage: e.Event, usd: float | None) -> None:
        seq = await self.engine.store.commit(e.Record(usage, session, branch, turn))
        self.rows.append(Row(seq, branch, session, getattr(usage, "model", "unknown"), usd))

    def check(self) -> None:
        reader = self.engine.reader
        totals, line = reader.totals(), reader.position().path
        known = _sum(self.rows)
        assert totals.total.usd == pytest.approx(known)
        assert totals.total.usd >= self.spent - 1e-12, "it never falls"
        self.spent = totals.total.usd
        assert totals.total.complete == all(r.usd is not None for r in self.rows)
        on_path = [r for r in self.rows if _holds(line, r)]
        assert totals.branch.usd == pytest.approx(_sum(on_path))
        assert totals.abandoned.usd == pytest.approx(known - _sum(on_path))
        assert totals.branch.complete == all(r.usd is not None for r in on_path)
        for by, key in ((totals.by_session, "session"), (totals.by_model, "model")):
            assert sum(c.usd for c in by.values()) == pytest.approx(known)
            for name, cost in by.items():
                assert cost.usd == pytest.approx(_sum([r for r in self.rows if getattr(r, key) == name]))
        assert sum(c.usd for c in totals.by_day.values()) == pytest.approx(known)
        assert reader.spent(line).usd == pytest.approx(totals.branch.usd)
        for branch in reader.branches():
            own = [r for r in self.rows if r.branch == branch.id]
            assert branch.cost.usd == pytest.approx(_sum(own))
            assert branch.cost.complete == all(r.usd is not None for r in own)
            nodes = [c for c in reader.checkpoints() if c.branch == branch.id]
            since = branch.cut
            for node in nodes:
                part = [r for r in own if since < r.seq <= node.seq]
                assert node.cost.usd == pytest.approx(_sum(part)), "what was spent since the one before"
                since = node.seq
            rest = _sum([r for r in own if r.seq > since])
            assert sum(c.cost.usd for c in nodes) + rest == pytest.approx(branch.cost.usd)

    def check_shell(self) -> None:
        """`cost` and `checkpoints` say the same."""
        cost, timeline = self._run("cost"), self._run("checkpoints")
        known = _sum(self.rows)
        assert cost["total_usd"] == pytest.approx(known)
        assert cost["branch_usd"] + cost["abandoned_usd"] == pytest.approx(known)
        assert cost["complete"] == all(r.usd is not None for r in self.rows)
        for key in ("by_session", "by_model", "by_day"):
            assert sum(cost[key].values()) == pytest.approx(known)
        assert sum(b["cost_usd"] for b in timeline["branches"]) == pytest.approx(known)
        assert sum(c["cost_usd"] for c in timeline["checkpoints"]) <= known + 1e-9

    def _run(self, verb: str) -> dict[str, Any]:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            assert main(["--project", str(self.folder), verb, "--json"]) == 0
        value: dict[str, Any] = json.loads(out.getvalue())
        return value


def _sum(rows: list[Row]) -> float:
    return sum(r.usd or 0.0 for r in rows)


def _holds(line: Line, row: Row) -> bool:
    return any(branch == row.branch and row.seq <= cut for branch, cut in line)


async def walk(folder: Path, taken: list[Step]) -> Walk:
    walked = Walk(folder, await Engine.open(folder, SETTINGS))
    try:
        for step in taken:
            await walked.take(step)
            walked.check()
        return walked
    finally:
        await walked.engine.aclose()


@settings(max_examples=40, deadline=None)
@given(steps)
def test_travel_cannot_falsify_the_ledger(taken: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        walked = asyncio.run(walk(Path(folder), taken))
        if walked.rows:
            walked.check_shell()
