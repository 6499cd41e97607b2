"""`workflow`: run a file of stages, take one up again, and see how runs stand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from zwarm_tui.cli import words
from zwarm_tui.cli.attend import at_terminal, see_through
from zwarm_tui.cli.call import SETTINGS, Call, json_option, note, project_option, verb
from zwarm_tui.cli.plain import one_line, plain
from zwarm_tui.cli.table import Column, table
from zwarm_tui.core.errors import UsageError

if TYPE_CHECKING:
    from zwarm_tui.core.model import Cost
    from zwarm_tui.workflow.files import Workflow
    from zwarm_tui.workflow.runs import RunView

Json = dict[str, Any]


@click.group(context_settings=SETTINGS)
@json_option
@project_option
def workflow() -> None:
    """Run a workflow of stages, or see how its runs stand.

    A workflow is a Python file with an `async def run(ctx)`, whose stages agents work on.
    Elsewhere: `zwarm-tui interrupt RUN` cancels a run, `resume RUN` goes on after what it
    completed, and on the screen (f5) one stage of it can be done again.
    """


def _input(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    values = dict(pair.partition("=")[::2] for pair in given if "=" in pair)
    if len(values) < len(given):
        raise UsageError("an --input is key=value, each key once")
    return values


@verb
@click.argument("file")
@click.option(
    "--input", "inputs", multiple=True, callback=_input, metavar="K=V", help="An input, by its name."
)
@click.option("--resume", metavar="RUN", help="Go on with a run that did not complete.")
def run(call: Call, file: str, inputs: dict[str, str], resume: str | None) -> int:
    """Run a workflow to its end.

    FILE is a path, or the name of a workflow in .zwarm/workflows or in your
    configuration folder. What a stage completed is kept: --resume goes on after it.
    """
    from zwarm_tui.workflow.files import find_workflow, load_workflow

    loaded = load_workflow(find_workflow(file, call.project))
    view, cost = asyncio.run(_run(call, loaded, inputs, resume))
    call.answer(view.to_json(cost), lambda: _story(view, cost))
    return 1 if view.status == "error" else 0


async def _run(
    call: Call, loaded: Workflow, inputs: dict[str, str], resume: str | None
) -> tuple[RunView, Cost]:
    from zwarm_tui.config.settings import load
    from zwarm_tui.host.client import hosted
    from zwarm_tui.host.connect import connect
    from zwarm_tui.workflow.inputs import resolve
    from zwarm_tui.workflow.runs import find_run, spent

    if resume is None:
        resolve(loaded.inputs, inputs)  # before any agent's program is so much as looked for
    found = load(call.project)
    for problem in found.problems:
        note(str(problem))
    client = await connect(call.project, found.settings)
    stays = (remote := hosted(client)) is not None
    for difference in remote.differences if remote is not None else ():
        note(difference)
    try:
        begun = await client.start_run(
            "workflow", str(loaded.path), inputs, resume=resume, attended=stays or at_terminal()
        )
        run = begun["run_id"]
        note(f"run {run} of {loaded.name}")
        try:
            await see_through(call, client, run)
        except asyncio.CancelledError:
            goes_on = "it goes on in the host; zwarm-tui workflow status says how it stands"
            note(goes_on if stays else f"interrupted; zwarm-tui workflow run {loaded.path} --resume {run}")
            raise
    finally:
        await client.aclose()
    reader = call.reader()
    assert reader is not None, "the run has been written into the log"
    view = find_run(reader, run)
    if view.why:
        note(f"zwarm-tui: {view.why}")
    return view, spent(reader, view)


@verb
@click.argument("run", required=False)
def status(call: Call, run: str | None) -> None:
    """How the runs stand; of RUN, its stages."""
    from zwarm_tui.workflow.runs import find_run, read_runs, spent

    reader = call.reader()
    if run is None:
        runs = [(view, spent(reader, view)) for view in read_runs(reader)] if reader else []
        call.answer([view.to_json(cost) for view, cost in runs], lambda: _list(runs))
        return
    if reader is None:
        raise UsageError(f"no run '{run}': nothing has run here yet")
    view = find_run(reader, run)
    cost = spent(reader, view)
    call.answer(view.to_json(cost), lambda: _story(view, cost))


@verb
def list_(call: Call) -> None:
    """The workflows that there are; broken ones with their error."""
    from zwarm_tui.workflow.files import discover_workflows

    found = discover_workflows(call.project)
    value = [
        {
            "name": w.name,
            "origin": w.origin,
            "path": str(w.path),
            "description": w.description,
            "inputs": [
                {
                    "name": i.name,
                    "type": i.type,
                    "required": i.required,
                    "default": i.default,
                    "values": list(i.values),
                }
                for i in w.inputs
            ],
            "error": w.error,
        }
        for w in found
    ]
    call.answer(
        value,
        lambda: table(
            (Column("NAME"), Column("INPUTS"), Column("WHAT", shrink=True)),
            [
                (
                    w.name,
                    " ".join(i.name for i in w.inputs),
                    f"broken: {w.error}" if w.error else w.description,
                )
                for w in found
            ],
        ),
    )


workflow.add_command(run, "run")
workflow.add_command(status, "status")
workflow.add_command(list_, "list")


def _list(runs: list[tuple[RunView, Cost]]) -> Iterable[str]:
    return table(
        (
            Column("RUN"),
            Column("WORKFLOW"),
            Column("STATUS"),
            Column("STAGES", right=True),
            Column("WHY", shrink=True),
        ),
        [(v.id, v.name, v.status.replace("_", " "), str(len(v.stages)), v.why or "") for v, _ in runs],
    )


def _story(view: RunView, cost: Cost) -> Iterable[str]:
    yield f"{view.id}  {one_line(view.name)} · {view.status.replace('_', ' ')} · {words.money(cost)}"
    if view.why:
        yield click.style(plain(view.why), fg="red")
    yield from table(
        (
            Column("STAGE"),
            Column("STATUS"),
            Column("TRY", right=True),
            Column("AFTER"),
            Column("TOOK", right=True),
            Column("WHY", shrink=True),
        ),
        [
            (
                s.name + (" (unattended)" if s.headless else ""),
                s.status + (" (kept)" if s.reused else ""),
                f"{s.attempt}/{s.attempts}",
                ", ".join(s.parents),
                "" if not (s.started_at and s.ended_at) else words.duration(s.ended_at - s.started_at),
                s.error or "; ".join(f"asks: {q}" for q in s.questions),
            )
            for s in view.stages.values()
        ],
    )
    if view.result is not None:
        yield ""
        yield plain(view.result if isinstance(view.result, str) else _pretty(view.result))


def _pretty(value: Any) -> str:
    import json

    return json.dumps(value, indent=2, ensure_ascii=False)
