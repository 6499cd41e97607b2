"""`ls`, `peek` and `check`: what the sessions are doing."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import click

from zwarm_tui.cli import words
from zwarm_tui.cli.call import Call, note, verb
from zwarm_tui.cli.diffstat import diff_stat
from zwarm_tui.cli.plain import one_line, plain
from zwarm_tui.cli.table import Cell, Column, table
from zwarm_tui.config.paths import database
from zwarm_tui.core.errors import ZwarmError
from zwarm_tui.core.long_sessions import context_use, is_long, warning
from zwarm_tui.core.model import SessionStatus, SessionView, TurnView

_TASK = 200
"""Characters of a task in a list, at most; `--json` has all of it."""

_COLUMNS = (
    Column("ID"),
    Column("STATUS"),
    Column("WANTS YOU"),
    Column("TURNS", right=True),
    Column("COST", right=True),
    Column("AGENT"),
    Column("BRANCH"),
    Column("TASK", shrink=True),
)


@verb
@click.option("--status", type=click.Choice([s.value for s in SessionStatus]), help="Only these.")
@click.option("--needs-attention", is_flag=True, help="Only those that want you.")
def ls(call: Call, status: str | None, needs_attention: bool) -> None:
    """List the sessions.

    Those of the timeline's current branch, oldest first.
    """
    reader = call.reader()
    sessions = [
        session
        for session in (reader.sessions() if reader else [])
        if (status is None or session.status.value == status)
        and (session.needs_attention or not needs_attention)
    ]
    call.answer([session.to_json() for session in sessions], lambda: listing(sessions))


def listing(sessions: list[SessionView]) -> Iterable[str]:
    """A table of sessions, for people."""
    return table(
        _COLUMNS,
        [
            (
                Cell(session.id, "blue"),
                words.status(session.status),
                words.attention(session),
                str(session.turns),
                words.money(session.cost),
                session.executor if session.role == "executor" else f"{session.executor} ({session.role})",
                session.branch,
                session.task[:_TASK],
            )
            for session in sessions
        ],
    )


@verb
@click.argument("id")
def peek(call: Call, id: str) -> None:
    """A session's status and latest message.

    ID is a session's id, or enough of its beginning. The session goes on wanting
    you; `check` is what marks it as seen.
    """
    _, session, _ = call.find(id)
    call.answer(session.to_json(), lambda: [*_head(session), *_latest(session)])


@verb
@click.argument("id")
def check(call: Call, id: str) -> int:
    """All of a session; marks it as seen.

    Its messages, tokens, cost, running time and what it changed.
    """
    reader, session, line = call.find(id)
    messages, seconds = reader.messages(session.id, line), runtime(reader.turns(session.id, line))
    changed = diff_stat(reader.diff(session.id, line))
    reader.close()
    failure = acknowledge(call, session, line[-1][0]) if session.needs_attention else None
    value = {
        **session.to_json(),
        "messages": messages,
        "runtime_seconds": seconds,
        "diff_stat": changed,
    }
    call.answer(value, lambda: _all(session, messages, seconds, changed))
    if failure is None:
        return 0
    note(f"zwarm-tui: still marked as unseen: {failure}")
    return 1


def acknowledge(call: Call, session: SessionView, branch: int, *, by: str = "check") -> ZwarmError | None:
    """Any process may append this one fact; the agents' host, if one runs, reads it."""
    from zwarm_tui.core.events import Acknowledged, Record
    from zwarm_tui.store.log import Store

    seen = Record(Acknowledged(by), session.id, branch, session.turns)
    try:
        store = Store.open(database(call.project))
        try:
            store.append(seen)
            store.flush()
        finally:
            store.close()
    except ZwarmError as error:
        return error
    return None


def runtime(turns: list[TurnView]) -> float:
    """Seconds in which a turn ran, the running one's so far included."""
    now = time.time()
    return round(sum((t.ended_at or now) - t.started_at for t in turns if t.started_at is not None), 3)


def _head(session: SessionView) -> Iterable[str]:
    state = words.status(session.status)
    yield f"{click.style(session.id, fg='blue')}  {one_line(session.task)}"
    facts = [
        click.style(state.text, fg=state.colour),
        words.count(session.turns, "turn"),
        words.money(session.cost),
    ]
    if (use := context_use(session)) is not None:
        facts.append(f"context {use}%")
    facts += [one_line(fact) for fact in (session.executor, session.model or "", session.branch) if fact]
    yield " · ".join(facts)
    if is_long(session):
        yield click.style(warning(session), fg="yellow")
    if wanted := words.attention(session).text:
        detail = session.attention.detail if session.attention else ""
        yield click.style(one_line(f"{wanted}  {detail}"), fg="yellow")
    if session.error:
        yield click.style(plain(session.error), fg="red")


def _latest(session: SessionView) -> Iterable[str]:
    text = session.last_message or ("(completed without any text)" if session.no_text else "")
    return ["", plain(text)] if text else []


def _all(
    session: SessionView, messages: list[dict[str, Any]], seconds: float, changed: dict[str, Any]
) -> Iterable[str]:
    yield from _head(session)
    t = session.tokens
    yield (
        f"ran {words.duration(seconds)} · tokens: {t.input:,} in, {t.cached:,} cached, "
        f"{t.output:,} out ({t.reasoning:,} reasoning)"
    )
    for file in changed["files"]:
        yield f"  {one_line(file['path'])}  +{file['added']} -{file['removed']}"
    for message in messages:
        yield ""
        yield click.style(f"{message['role']} (turn {message['turn']})", bold=True)
        yield plain(message["content"])
