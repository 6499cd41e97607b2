"""`checkpoints` and `cost`: where the project has been, and what it took."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

from zwarm_tui.cli import words
from zwarm_tui.cli.call import Call, verb
from zwarm_tui.cli.plain import one_line
from zwarm_tui.cli.table import Cell, Column, table
from zwarm_tui.config.settings import load
from zwarm_tui.core.budgets import Budget, budgets
from zwarm_tui.core.model import BranchView, CheckpointView, Cost, Path, Position, Totals
from zwarm_tui.core.money import format_cost

_START = Position(branch=1, branch_name="main", checkpoint=0, detached=False, path=())
_TIMELINE = (
    Column(""),
    Column("AT"),
    Column("AFTER"),
    Column("BRANCH"),
    Column("COST", right=True),
    Column("TIME"),
    Column("NAME"),
    Column("WHAT", shrink=True),
    Column("NOTE", shrink=True),
)
_WHOSE = {"usd": "the project", "branch_usd": "this branch"}
_MOST = 20
"""Rows of a cost table that people get to see."""
_LABELS = 5
"""Checkpoints that a line about several names."""


@verb
def checkpoints(call: Call) -> None:
    """The timeline: checkpoints and branches.

    `*` marks where the project is; the dim ones lie on other branches.
    """
    reader = call.reader()
    here = reader.position() if reader else _START
    branches = reader.branches() if reader else []
    taken = reader.checkpoints() if reader else []
    line = reader.path(here.branch) if reader else ()  # to its tip, also where that lies ahead
    labels = {0: "root"} | {one.id: one.label for one in taken}
    rows = [_checkpoint(one, here, line) for one in taken]
    value = {
        "current": labels.get(here.checkpoint, f"T{here.checkpoint}"),
        "branch": here.branch_name,
        "detached": here.detached,
        "branches": [_branch(branch, labels) for branch in branches],
        "checkpoints": rows,
    }
    call.answer(value, lambda: _timeline(value, taken, branches, labels))


def _branch(branch: BranchView, labels: dict[int, str]) -> dict[str, Any]:
    return {
        "name": branch.name,
        "tip": labels.get(branch.tip, f"T{branch.tip}"),
        "from": labels.get(branch.checkpoint, f"T{branch.checkpoint}"),
        "cost_usd": branch.cost.usd,
        "worktree": branch.worktree,
    }


def _checkpoint(one: CheckpointView, here: Position, line: Path) -> dict[str, Any]:
    return {
        "checkpoint_id": one.id,
        "label": one.label,
        "name": one.name,
        "note": one.note,
        "parent_id": one.parent,
        "description": one.description,
        "timestamp": one.time,
        "is_current": one.id == here.checkpoint,
        "on_active_branch": any(branch == one.branch and one.seq <= cut for branch, cut in line),
        "cost_usd": one.cost.usd,
        "metadata": one.metadata,
    }


def _timeline(
    value: dict[str, Any], taken: list[CheckpointView], branches: list[BranchView], labels: dict[int, str]
) -> Iterable[str]:
    names = {branch.id: branch.name for branch in branches}
    where = f"on {click.style(one_line(value['branch']), bold=True)}, at {value['current']}"
    yield where + ("; the next message begins a new branch here" if value["detached"] else "")
    yield ""
    yield from table(
        _TIMELINE,
        [
            [
                Cell(text, colour, dim=not row["on_active_branch"])
                for text, colour in (
                    ("*" if row["is_current"] else "", "yellow"),
                    (one.label, "blue"),
                    (labels.get(one.parent, ""), None),
                    (names.get(one.branch, ""), None),
                    (words.money(one.cost), None),
                    (one.time[:19].replace("T", " "), None),
                    (one.name, "bright_white"),
                    (one.description, None),
                    (one.note, None),
                )
            ]
            for one, row in zip(taken, value["checkpoints"], strict=True)
        ],
    )
    yield from _without_files(taken)


def _without_files(taken: list[CheckpointView]) -> Iterable[str]:
    """What a jump to some of them can't bring back, and why."""
    missing: dict[str, list[str]] = {}
    for one in taken:
        if problem := (one.metadata.get("files") or {}).get("problem"):
            missing.setdefault(problem, []).append(one.label)
    if missing:
        yield ""
    for problem, found in missing.items():
        more = f" and {len(found) - _LABELS} more" if len(found) > _LABELS else ""
        yield one_line(f"not all files are in {', '.join(found[:_LABELS])}{more}: {problem}")


@verb
def cost(call: Call) -> None:
    """What was spent: in all, by session, model and day.

    Money is never rewound: what abandoned branches took stays in the total. "≥"
    says that a price or a usage is unknown, so that the figure is the least it can be.
    """
    reader = call.reader()
    here = reader.position() if reader else _START
    totals = reader.totals() if reader else Totals(total=Cost(), branch=Cost(), abandoned=Cost())
    value = {
        "total_usd": totals.total.usd,
        "branch_usd": totals.branch.usd,
        "abandoned_usd": totals.abandoned.usd,
        "complete": totals.total.complete,
        "simulated": totals.total.simulated,
        "by_session": _dollars(totals.by_session),
        "by_model": _dollars(totals.by_model),
        "by_day": _dollars(totals.by_day),
    }
    limits = load(call.project).settings.budget
    found = budgets(limits, totals, here.branch, max(totals.by_session, key=_spent(totals), default=""))
    value["budget"] = {one.key[0]: one.to_json() for one in found}

    def people() -> Iterable[str]:
        yield from _budgets(found)
        yield from _costs(totals, {s.id: s.task for s in reader.sessions()} if reader else {})

    call.answer(value, people)


def _spent(totals: Totals) -> Callable[[str], float]:
    return lambda session: totals.by_session[session].usd


def _budgets(found: list[Budget]) -> Iterable[str]:
    """A line each; that of sessions is about the dearest one."""
    for one in found:
        whose = f"session {one.key[1]}" if one.key[0] == "session_usd" else _WHOSE[one.key[0]]
        text = f"budget of {whose}: {words.money(one.spent)} of {format_cost(one.limit)}"
        if one.reached:
            yield click.style(f"{text}, used up: no turn begins without your leave", fg="red")
        elif one.near:
            yield click.style(f"{text} ({one.share:.0%})", fg="yellow")
        else:
            yield f"{text} ({one.share:.0%})"
    if found:
        yield ""


def _dollars(costs: dict[str, Cost]) -> dict[str, float]:
    return {key: one.usd for key, one in costs.items()}


def _costs(totals: Totals, tasks: dict[str, str]) -> Iterable[str]:
    parts = {"total": totals.total, "this branch": totals.branch, "other branches": totals.abandoned}
    for title, costs in (
        ("", parts),
        ("SESSION", totals.by_session),
        ("MODEL", totals.by_model),
        ("DAY", totals.by_day),
    ):
        if costs:
            columns = (Column(title), Column("USD", right=True), Column("TASK", shrink=True))
            dearest = costs if costs is parts else sorted(costs, key=lambda key: -costs[key].usd)[:_MOST]
            yield from table(columns, [(key, words.money(costs[key]), tasks.get(key, "")) for key in dearest])
            if len(costs) > _MOST:
                yield f"… {len(costs) - _MOST} more (--json has them all)"
            yield ""
    if totals.total.simulated:
        yield "~ simulated by the demo: nobody was charged"
