"""`run` and `commands`: YAML commands from the shell."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zwarm_tui.cli import words
from zwarm_tui.cli.attend import at_terminal, see_through
from zwarm_tui.cli.call import Call, note, verb
from zwarm_tui.cli.plain import one_line, plain
from zwarm_tui.cli.table import Column, table
from zwarm_tui.core.errors import UsageError, ZwarmError

if TYPE_CHECKING:
    from zwarm_tui.client import EngineClient
    from zwarm_tui.commands.definition import CommandDefinition
    from zwarm_tui.core.events import Record
    from zwarm_tui.core.model import Cost
    from zwarm_tui.workflow.runs import RunView

Json = dict[str, Any]
_PAUSE = 0.1  # seconds between two looks at the log
_PATIENCE = 20.0  # seconds for another host to start where one has died


def _arguments(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    values = dict(pair.partition("=")[::2] for pair in given if "=" in pair)
    if len(values) < len(given):
        raise UsageError("an argument is key=value, each key once")
    return values


@verb
@click.argument("command")
@click.argument("arguments", nargs=-1, callback=_arguments, metavar="[KEY=VALUE]…")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
def run(call: Call, command: str, arguments: dict[str, str], dry_run: bool) -> int:
    """Run a command of yours to its end.

    COMMAND is a name (see `zwarm-tui commands`) or a .yaml file. Ctrl-C cancels the run and
    waits for its cleanup; a second one leaves the cleanup's steps out.
    """
    from zwarm_tui.commands.arguments import resolve
    from zwarm_tui.commands.discovery import find_command

    definition = find_command(command, call.project)
    values = resolve(definition.arguments, arguments, call.project)
    if dry_run:
        plan = _plan(definition, values)
        call.answer(plan, lambda: _plan_lines(plan))
        return 0
    view, cost, stopped = asyncio.run(_run(call, definition, arguments))
    call.answer(view.to_json(cost), lambda: _story(view, cost))
    if stopped:
        return 130
    return 0 if view.status == "completed" else 1


async def _run(
    call: Call, definition: CommandDefinition, arguments: dict[str, str]
) -> tuple[RunView, Cost, bool]:
    """(the run at its end, its cost, whether it was stopped from here)."""
    from zwarm_tui.config.settings import load
    from zwarm_tui.host.client import hosted
    from zwarm_tui.host.connect import connect
    from zwarm_tui.workflow.runs import find_run, read_runs, spent

    loaded = load(call.project)
    for problem in loaded.problems:
        note(str(problem))
    client = await connect(call.project, loaded.settings)
    try:
        in_host = hosted(client) is not None
        with _cancelled_by_keys(client) as (run, asked):
            begun = await client.start_run(
                "command", str(definition.path), dict(arguments), attended=in_host or at_terminal()
            )
            id = begun["run_id"]
            note(f"run {id} of {definition.name}{' in the project’s host' if in_host else ''}")
            reader = call.reader()
            assert reader is not None, "the run is in the log"
            run.set_result(id)
            over = asyncio.Event()

            async def seen_through() -> None:
                await see_through(call, client, id)
                over.set()

            await asyncio.gather(_follow(call, id, over), seen_through())
        if not any(view.id == id for view in read_runs(reader)):
            note(f"run {id} was cancelled before it began: nothing was done")
            raise click.Abort
        view = find_run(reader, id)
        return view, spent(reader, view), bool(asked) and view.ended == "interrupted"
    finally:
        await client.aclose()


@contextlib.contextmanager
def _cancelled_by_keys(
    client: EngineClient,
) -> Iterator[tuple[asyncio.Future[str], list[asyncio.Task[None]]]]:
    """Ctrl-C (or SIGTERM) cancels the run, a second one harder; also one that comes while the
    run is only being begun: a second one then leaves. (What is to be told its id, what was
    asked for so far.)"""
    loop, asked = asyncio.get_running_loop(), list[asyncio.Task[None]]()
    run: asyncio.Future[str] = loop.create_future()

    async def cancel(hard: bool) -> None:
        id = await asyncio.shield(run)
        try:
            await client.cancel_run(id, hard=hard)
        except UsageError:
            pass  # it has ended meanwhile
        except ZwarmError as error:
            note(str(error))

    def interrupt() -> None:
        if asked and not run.done():  # who would begin it is stuck, or at long work
            note("left before it was begun; should it begin, `zwarm-tui ls` shows it")
            raise KeyboardInterrupt
        note("cancelled: its cleanup runs" if not asked else "cancelled for good")
        asked.append(loop.create_task(cancel(bool(asked))))

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    try:
        yield run, asked
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _follow(call: Call, run: str, over: asyncio.Event) -> None:
    """Print how the run goes until it has ended. One whose turn is `over` and that has not
    begun will not begin."""
    from zwarm_tui.core.events import RunEnded, RunStarted
    from zwarm_tui.store.lock import holder
    from zwarm_tui.workflow.runs import KINDS

    reader, last, dead, pid = call.reader(), 0, 0, 0
    assert reader is not None
    while True:
        last_look = over.is_set()
        records = reader.project_records(KINDS, since=last)
        for record in records:
            last = record.seq
            if getattr(record.event, "run", None) == run:
                _tell(record)
                if isinstance(record.event, RunStarted):
                    pid = record.event.pid
                if isinstance(record.event, RunEnded):
                    return
        if last_look and not pid:
            return
        if not records and (holder(reader.file.parent) or {}).get("pid") != pid:
            dead += 1  # another host starts, takes back what this one left, and says how it ended
            if dead * _PAUSE > _PATIENCE:
                raise ZwarmError(f"the process that ran {run} died: the next start takes back what it left")
        await asyncio.sleep(_PAUSE)


def _tell(record: Record) -> None:
    """A line on standard error: standard output is the answer's."""
    from zwarm_tui.core import events as e

    event = record.event
    if isinstance(event, e.StageStarted):
        tries = f" ({event.attempt}/{event.attempts})" if event.attempts > 1 else ""
        note(f"→ {one_line(event.stage)}{tries}  {one_line(event.what)}")
    elif isinstance(event, e.StageServed):
        note(f"  session {event.session}, turn {event.turn}")
    elif isinstance(event, e.StageEnded):
        why = f": {event.error}" if event.error else ""
        note(f"  {event.status}{why}")


def _plan(definition: CommandDefinition, values: dict[str, Any]) -> Json:
    from zwarm_tui.commands.run import describe

    def listed(steps: Iterable[Any]) -> list[Json]:
        return [
            {"name": s.name, "type": s.type.value, "what": describe(s), "timeout": s.timeout} for s in steps
        ]

    return {
        "dry_run": True,
        "command": definition.name,
        "path": str(definition.path),
        "arguments": values,
        "timeout": definition.timeout,
        "steps": listed(definition.planned_steps()),
        "cleanup_on_failure": listed(definition.cleanup_on_failure),
        "cleanup": definition.cleanup,
    }


def _plan_lines(plan: Json) -> Iterable[str]:
    yield f"{one_line(plan['command'])} would do this, and does none of it now:"
    for number, step in enumerate(plan["steps"], 1):
        yield f"{number:>3}. {one_line(step['name'])}  {one_line(step['what'])}"
    for step in plan["cleanup_on_failure"]:
        yield f"  after a failure: {one_line(step['name'])}  {one_line(step['what'])}"


def _story(view: RunView, cost: Cost) -> Iterable[str]:
    yield f"{view.id}  {one_line(view.name)} · {view.ended or view.status} · {words.money(cost)}"
    if view.why:
        yield click.style(plain(view.why), fg="red")
    yield from table(
        (
            Column("STEP"),
            Column("STATUS"),
            Column("TRY", right=True),
            Column("TOOK", right=True),
            Column("WHY", shrink=True),
        ),
        [
            (
                s.name,
                s.status,
                f"{s.attempt}/{s.attempts}",
                "" if not (s.started_at and s.ended_at) else words.duration(s.ended_at - s.started_at),
                s.error or "",
            )
            for s in view.stages.values()
        ],
    )
    result = view.result or {}
    yield from (plain(line) for key in ("kept", "cleanup_errors") for line in result.get(key, ()))
    yield f"logs: {plain(str(Path(view.artifacts) / 'logs'))}"


@verb
def commands(call: Call) -> None:
    """The commands that there are.

    The project's, then yours, then those that come along; a broken one with its error.
    """
    from zwarm_tui.commands.discovery import discover_commands

    found = discover_commands(call.project)
    call.answer(
        [command.to_json() for command in found],
        lambda: table(
            (Column("NAME"), Column("OF"), Column("ARGUMENTS"), Column("WHAT", shrink=True)),
            [
                (
                    c.name,
                    c.origin,
                    " ".join(a.name for a in (c.definition.arguments if c.definition else ())),
                    f"broken: {c.error}" if c.error else c.description,
                )
                for c in found
            ],
        ),
    )
