"""Fills a project's log with sessions, for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from zwarm_tui.core import events as e
from zwarm_tui.store.log import Store

START = 1_790_000_000.0
"""2026-09-21: the time of the first record, in seconds since the epoch."""


def session_records(
    session: str,
    task: str,
    events: int,
    *,
    turn: int = 1,
    at: float = START,
    last_text: str = "Done: all tests pass.",
) -> Iterator[e.Record]:
    """A completed session of about `events` records: commands, files, text, usage."""

    def record(event: e.Event, number: int = turn) -> e.Record:
        nonlocal at
        at += 0.01
        return e.Record(event, session, 1, number, at)

    if turn == 1:
        yield record(e.SessionCreated(task=task, executor="demo", model="gpt-5.1-codex", simulated=True), 0)
    yield record(e.UserMessage(task))
    yield record(e.ThreadBound(f"thread-{session}", "fresh", executor="demo"))
    yield record(e.TurnStarted(f"turn-{turn}"))
    for n in range(max(0, events - 8)):
        match n % 5:
            case 0:
                yield record(e.Reasoning(f"r{n}", f"Step {n}: look at the module and its tests."))
            case 1:
                yield record(e.CommandStarted(f"c{n}", f"pytest -q tests/test_{n}.py", "."))
            case 2:
                output = f"{n} passed in 0.0{n % 10}s\n"
                command = f"pytest -q tests/test_{n - 1}.py"
                yield record(e.CommandDone(item=f"c{n - 1}", command=command, output=output, exit_code=0))
            case 3:
                change = e.FileChange(f"src/module_{n}.py", "update", f"@@ -1 +1 @@\n-old {n}\n+new {n}\n")
                yield record(e.FilesChanged(f"f{n}", (change,)))
            case _:
                yield record(e.Text(f"m{n}", f"Finished part **{n}** of `{task}`."))
    yield record(e.Usage(model=None, input=1200, cached=800, output=90, context=2000, window=258_400))
    yield record(e.Text("last", last_text))
    yield record(e.TurnEnded(status="completed", turn_id=f"turn-{turn}"))
    yield record(e.AttentionRaised("completed"))


def fill(project: Path, *, sessions: int, events: int, last_text: str = "Done: all tests pass.") -> Path:
    """A log in `project` with that many sessions ("task 0", …). Returns its path."""
    path = project / ".zwarm" / "zwarm.db"
    store = Store.open(path)
    try:
        for n in range(sessions):
            records = session_records(f"{n:08x}", f"task {n}", events, at=START + n, last_text=last_text)
            store.append(*records)
            if n % 50 == 49:
                store.flush()
        store.flush()
    finally:
        store.close()
    return path
