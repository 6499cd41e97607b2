"""Budgets: who goes on spending beyond one was told to."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from tests.host.conftest import eventually
from zwarm_tui.config.settings import BudgetSettings, PilotSettings, Settings
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import SessionBusyError, UsageError
from zwarm_tui.core.model import RequestView, SessionStatus
from zwarm_tui.engine import Engine
from zwarm_tui.sessions import ExecutorSession
from zwarm_tui.store.log import rebuild
from zwarm_tui.store.reader import Reader

CENT = "@say Done.\n@usage 8000 0 0"
"""A turn that costs a cent."""


def limited(**limits: float) -> Settings:
    return Settings(
        executor="demo",
        pilot=PilotSettings(brain="demo"),
        budget=BudgetSettings(**limits),
        max_concurrent=8,
    )


@contextlib.asynccontextmanager
async def opened(folder: Path, **limits: float) -> AsyncIterator[Engine]:
    async with await Engine.open(folder, limited(**limits)) as engine:
        yield engine


async def spend(engine: Engine, text: str = CENT) -> str:
    """A session whose first turn runs to its end."""
    session = str((await engine.delegate(text))["session_id"])
    await engine.sessions.wait(session, 20)
    return session


async def asked(engine: Engine, session: str) -> RequestView:
    """What the session's person is asked, as soon as it stands in the log."""
    await eventually(lambda: engine.reader.requests(session))
    [request] = engine.reader.requests(session)
    return request


def notices(engine: Engine) -> list[str]:
    return [r.event.text for r in engine.reader.records() if isinstance(r.event, e.Notice)]


async def test_a_turn_beyond_the_budget_waits_for_its_person(tmp_path: Path) -> None:
    async with opened(tmp_path, usd=0.01) as engine:
        await spend(engine)
        before, below = engine.reader.totals().total.usd, psutil.Process().children()
        held = (await engine.delegate("@run touch begun\n" + CENT))["session_id"]
        request = await asked(engine, held)
        view = engine.sessions.get_session(held)
        assert view.status is SessionStatus.AWAITING_INPUT
        assert view.attention_reason == "budget"
        event = request.event
        assert isinstance(event, e.ApprovalRequested)
        assert event.what == "budget"
        assert "simulated $0.010 of $0.010" in event.text
        assert engine.reader.turns(held)[0].thread is None, "no thread, no process, no money"
        assert engine.reader.totals().total.usd == before
        assert [p for p in psutil.Process().children() if p not in below] == []
        assert (await engine.status())["held"] == 1
        with pytest.raises(SessionBusyError, match=request.id):
            await engine.converse(held, "more")
        await engine.approve(held)
        done = await engine.sessions.wait(held, 20)
        assert done.status is SessionStatus.COMPLETED
        assert (tmp_path / "begun").exists()
        # This one turn only.
        again = (await engine.delegate(CENT))["session_id"]
        await asked(engine, again)


async def test_denied_it_ends_with_the_reason_and_can_be_sent_again(tmp_path: Path) -> None:
    async with opened(tmp_path, usd=0.0) as engine:
        held = (await engine.delegate(CENT))["session_id"]
        request = await asked(engine, held)
        await engine.approve(request.id, decision="decline", message="too dear")
        ended = await engine.sessions.wait(held, 20)
        assert ended.status is SessionStatus.INTERRUPTED
        assert "too dear" in (ended.error or "")
        assert not ended.needs_attention
        assert engine.reader.requests() == []
        with pytest.raises(UsageError):
            await engine.approve(request.id)
        await engine.resume(held)
        await asked(engine, held)


async def test_always_sets_the_budget_aside(tmp_path: Path) -> None:
    async with opened(tmp_path, session_usd=0.01, usd=0.02) as engine:
        session = await spend(engine)
        await engine.converse(session, CENT)
        request = await asked(engine, session)
        assert "this session has spent" in getattr(request.event, "text", "")
        await engine.approve(request.id, decision="accept_session")
        await engine.sessions.wait(session, 20)
        # Its own budget is set aside; now the project's holds it.
        await engine.converse(session, CENT)
        request = await asked(engine, session)
        assert "the project has spent" in getattr(request.event, "text", "")
        assert "this session" not in getattr(request.event, "text", "")


async def test_the_pilot_is_held_and_its_agents_too(tmp_path: Path) -> None:
    async with opened(tmp_path, usd=0.01) as engine:
        await engine.say('@usage 8000 0 0\n@tool delegate {"task": "@say Never."}\n@say Delegated.')
        await eventually(lambda: engine.reader.requests())
        [request] = engine.reader.requests()
        assert request.session != "pilot", "the pilot began before the money was gone"
        await engine.sessions.wait("pilot", 20)
        await engine.say("@say More.")
        assert (await asked(engine, "pilot")).session == "pilot"
        with pytest.raises(SessionBusyError, match="budget"):
            await engine.say("And more.")
        await engine.approve("pilot")
        await engine.sessions.wait("pilot", 20)
        assert engine.sessions.get_session("pilot").messages[-1]["content"] == "More."


async def test_warned_once_at_eighty_per_cent(tmp_path: Path) -> None:
    async with opened(tmp_path, usd=0.012) as engine:
        session = await spend(engine)
        assert notices(engine) == []
        for _ in range(2):
            await engine.converse(session, "@say Free.\n@usage 0 0 0")
            await engine.sessions.wait(session, 20)
        [text] = notices(engine)
        assert "simulated $0.010 of $0.012" in text
    rebuild(tmp_path / ".zwarm" / "zwarm.db")
    async with opened(tmp_path, usd=0.012) as engine:
        await engine.converse(session, "@say Free.\n@usage 0 0 0")
        await engine.sessions.wait(session, 20)
        assert len(notices(engine)) == 1, "also after a restart"
    async with opened(tmp_path, usd=0.0121) as engine:
        await engine.converse(session, "@say Free.\n@usage 0 0 0")
        await engine.sessions.wait(session, 20)
        assert len(notices(engine)) == 2, "another budget, another warning"


async def test_an_unknown_price_makes_it_at_least(tmp_path: Path) -> None:
    async with opened(tmp_path, usd=0.01) as engine:
        await spend(engine)
        other = (await engine.delegate(CENT, model="nobody-knows-it"))["session_id"]
        await engine.approve((await asked(engine, other)).id)
        await engine.sessions.wait(other, 20)
        held = (await engine.delegate(CENT))["session_id"]
        request = await asked(engine, held)
        assert "at least simulated $0.010 of $0.010" in getattr(request.event, "text", "")
        assert any("count less than was spent" in text for text in notices(engine))


async def test_each_of_eight_at_once_sees_the_ledger_as_it_is(tmp_path: Path) -> None:
    """At 99 % all eight may begin: a budget cuts no turn that runs. The next one waits."""
    async with opened(tmp_path, usd=0.0101) as engine:
        await spend(engine)
        made = await asyncio.gather(*(engine.delegate(CENT) for _ in range(8)))
        done = await asyncio.gather(*(_settled(engine, m["session_id"]) for m in made))
        begun = [s for s in done if s is SessionStatus.COMPLETED]
        held = [s for s in done if s is SessionStatus.AWAITING_INPUT]
        assert len(begun) + len(held) == 8
        assert begun, "99 % is not all of it"
        assert engine.reader.totals().total.usd == pytest.approx(0.01 * (1 + len(begun)))
        await asked(engine, (await engine.delegate(CENT))["session_id"])


async def _settled(engine: Engine, session: str) -> SessionStatus:
    """Its status, once it is held or done."""

    def status() -> SessionStatus | None:
        found = engine.sessions.get_session(session).status
        return None if found in (SessionStatus.PENDING, SessionStatus.RUNNING) else found

    found: SessionStatus = await eventually(status)
    return found


async def test_what_is_held_takes_no_place_in_the_queue(tmp_path: Path) -> None:
    settings = Settings(
        executor="demo",
        pilot=PilotSettings(brain="demo"),
        budget=BudgetSettings(session_usd=0.01),
        max_concurrent=1,
    )
    async with await Engine.open(tmp_path, settings) as engine:
        session = await spend(engine)
        await engine.converse(session, CENT)
        await asked(engine, session)
        assert await _settled(engine, await spend(engine)) is SessionStatus.COMPLETED


@pytest.mark.parametrize("decision", ["accept", "decline"])
async def test_it_goes_on_waiting_after_a_restart(tmp_path: Path, decision: str) -> None:
    async with opened(tmp_path, usd=0.01) as engine:
        session = await spend(engine)
        await engine.converse(session, CENT)
        request = await asked(engine, session)
        await engine.say("@say Hello.")
        pilot = await asked(engine, "pilot")
    reader = Reader(tmp_path / ".zwarm" / "zwarm.db")
    assert reader.session(session).status is SessionStatus.AWAITING_INPUT  # type: ignore[union-attr]
    reader.close()
    async with opened(tmp_path, usd=0.01) as engine:
        assert engine.recovered == []
        assert {r.id for r in engine.reader.requests()} == {request.id, pilot.id}, "the same, and once"
        for one in (session, "pilot"):
            await engine.approve(one, decision=decision)
            view = await engine.sessions.wait(one, 20)
            ended = SessionStatus.COMPLETED if decision == "accept" else SessionStatus.INTERRUPTED
            assert view.status is ended
        assert len(engine.reader.turns(session)) == 2


async def test_a_held_turn_can_be_taken_back(tmp_path: Path) -> None:
    async with opened(tmp_path, usd=0.0) as engine:
        session = (await engine.delegate(CENT))["session_id"]
        await asked(engine, session)
        await engine.interrupt(session)
        assert engine.sessions.get_session(session).status is SessionStatus.INTERRUPTED
        assert engine.reader.requests() == []
        other = (await engine.delegate(CENT))["session_id"]
        await asked(engine, other)
        await engine.end(other)
        assert engine.sessions.get_session(other).status is SessionStatus.KILLED


async def test_one_that_is_taken_back_and_approved_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path, usd=0.0) as engine:
        session = (await engine.delegate(CENT))["session_id"]
        request = await asked(engine, session)
        back, approved = await asyncio.gather(
            engine.sessions.interrupt(session),
            engine.sessions.requests.decide(request.id, "accept"),
            return_exceptions=True,
        )
        assert (back, type(approved)) == (None, UsageError)
        assert engine.sessions.get_session(session).status is SessionStatus.INTERRUPTED


async def test_a_branch_budget_counts_its_path(tmp_path: Path) -> None:
    async with opened(tmp_path, branch_usd=0.02) as engine:
        for _ in range(2):
            await engine.say(CENT)
            await engine.sessions.wait("pilot", 20)
        await engine.goto("T1")
        await engine.say(CENT)  # one cent on the path: it begins
        await engine.sessions.wait("pilot", 20)
        await engine.say(CENT)
        request = await asked(engine, "pilot")
        assert "this branch has spent" in getattr(request.event, "text", "")
        assert engine.reader.totals().total.usd == pytest.approx(0.03)


async def test_a_running_turn_is_never_cut(tmp_path: Path) -> None:
    async with opened(tmp_path, usd=0.005) as engine:
        session = await spend(engine, "@run true\n@usage 8000 0 0\n@run true\n@usage 8000 0 0\n@say Done.")
        assert engine.sessions.get_session(session).status is SessionStatus.COMPLETED
        assert engine.reader.totals().total.usd > 0.02


async def test_a_stage_nobody_attends_to_waits_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from zwarm_tui.workflow.turns import Agent, take_turn

    async with opened(tmp_path, usd=0.0) as engine:
        waited: list[float | None] = []
        wait = engine.sessions.wait

        async def wait_for(session: str, timeout: float | None, *, turn: int | None) -> ExecutorSession:
            waited.append(timeout)
            if len(waited) > 1:
                return await wait(session, turn=turn)
            await asked(engine, session)
            raise TimeoutError

        monkeypatch.setattr(engine.sessions, "wait", wait_for)
        agent = Agent(folder=tmp_path, attended=False)
        stage = asyncio.create_task(take_turn(engine.sessions, agent, CENT, timeout=2))
        await eventually(lambda: len(waited) == 2, "its time was over once, and it waits on")
        assert not stage.done(), "neither asked in vain nor timed out: a person pays"
        await engine.approve(engine.reader.requests()[0].id)
        assert await stage == "Done."


async def test_a_stage_whose_leave_is_just_being_written_has_asked_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zwarm_tui.workflow.turns import Agent, take_turn

    async with opened(tmp_path, usd=0.0) as engine:
        hear: list[Callable[[int], None]] = []
        monkeypatch.setattr(
            engine.sessions, "on_news", lambda listener: hear.append(listener) or (lambda: None)
        )
        stage = asyncio.create_task(take_turn(engine.sessions, Agent(folder=tmp_path, attended=False), CENT))
        await eventually(lambda: engine.reader.requests())
        [request], [turn] = engine.reader.requests(), engine.sessions.running()
        go, write = threading.Event(), engine.store._write

        def slowly(batch: list[e.Record]) -> str | None:
            assert go.wait(30)
            return write(batch)

        monkeypatch.setattr(engine.store, "_write", slowly)
        approving = asyncio.create_task(engine.approve(request.id))
        await eventually(lambda: turn.hold is None)
        hear[0](0)  # another session's news, say: the log still has the request as an open one
        for _ in range(10):
            await asyncio.sleep(0)
        go.set()
        await approving
        assert await stage == "Done."


async def test_a_held_stage_ends_with_its_run(tmp_path: Path) -> None:
    async with opened(tmp_path, usd=0.0) as engine:
        made = await engine.sessions.start_session(CENT, working_dir=tmp_path, origin="workflow")
        await asked(engine, made.id)
    async with opened(tmp_path, usd=0.0) as engine:
        assert engine.sessions.get_session(made.id).status is SessionStatus.INTERRUPTED
        assert engine.reader.requests() == []
