"""A run's graph as a list with rails, for narrow screens: pure layout, no colours.

Time goes down. What follows one after the other is on one rail; stages side by side
branch off it, and what waits for all of them is on it again. Two lines a stage:

    ✓ plan
    │ done
    ├─● bold
    │   running
    ├─✓ calm
    │   done
    ● merge
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Stage(Protocol):
    """What a layout has to know of a stage."""

    @property
    def name(self) -> str: ...
    @property
    def parents(self) -> tuple[str, ...]: ...
    @property
    def within(self) -> str | None: ...


class RailRow(NamedTuple):
    """One stage: what is left of its sign, what is left of its second line, and those
    of the stages it follows that no rail leads from."""

    stage: str
    first: str
    second: str
    after: tuple[str, ...] = ()


class _Step(NamedTuple):
    """A thing on a rail: a stage of its own, or where a branch leaves it."""

    stage: str
    branch: bool = False
    nested: bool = False


@dataclass(slots=True)
class _Scope:
    """The stages nested in one (or in none), as a tree: each hangs on the last stage
    that all ways to it lead through."""

    kids: dict[str | None, list[str]]
    parents: dict[str, tuple[str, ...]]
    above: dict[str, set[str]]
    """Stage -> all that come before it."""


def rails(stages: Iterable[Stage]) -> list[RailRow]:
    """Rows of the whole run."""
    members: dict[str | None, list[Stage]] = defaultdict(list)
    known: set[str] = set()
    for stage in stages:
        members[stage.within if stage.within in known else None].append(stage)
        known.add(stage.name)
    scopes = {within: _scope(group) for within, group in members.items()}
    rows: list[RailRow] = []
    if None in scopes:
        _rail(scopes, None, None, "", "", rows)
    return rows


def _scope(stages: list[Stage]) -> _Scope:
    kids: dict[str | None, list[str]] = defaultdict(list)
    parents: dict[str, tuple[str, ...]] = {}
    above: dict[str, set[str]] = {}
    over: dict[str, str | None] = {}
    depth: dict[str | None, int] = {None: 0}
    for stage in stages:
        before = tuple(p for p in dict.fromkeys(stage.parents) if p in parents)
        top: str | None = before[0] if before else None
        for other in before[1:]:
            up: str | None = other
            while top != up:
                if depth[top] >= depth[up] and top is not None:
                    top = over[top]
                elif up is not None:
                    up = over[up]
        parents[stage.name], over[stage.name] = before, top
        above[stage.name] = set(before).union(*(above[p] for p in before))
        depth[stage.name] = depth[top] + 1
        kids[top].append(stage.name)
    return _Scope(kids, parents, above)


def _steps(scopes: dict[str | None, _Scope], scope: _Scope, head: str | None) -> list[_Step]:
    """All that is on the rail which begins with `head` (None: at the top)."""
    steps: list[_Step] = [] if head is None else [_Step(head)]
    while True:
        if head is not None and head in scopes:
            steps += [_Step(root, branch=True, nested=True) for root in scopes[head].kids[None]]
        following = scope.kids.get(head, [])
        if not following:
            return steps
        *side, last = following
        joins = not side or all(other in scope.above[last] for other in side)
        steps += [_Step(stage, branch=True) for stage in (side if joins else following)]
        if not joins:
            return steps
        steps.append(_Step(last))
        head = last


def _rail(
    scopes: dict[str | None, _Scope],
    within: str | None,
    head: str | None,
    first: str,
    rest: str,
    rows: list[RailRow],
) -> None:
    scope = scopes[within]
    steps = _steps(scopes, scope, head)
    before: str | None = None
    for at, step in enumerate(steps):
        goes_on = at + 1 < len(steps)
        if not step.branch:
            rail = "╎" if goes_on and steps[at + 1].nested else "│" if goes_on else " "
            lead = first if at == 0 else rest
            after = scope.parents[step.stage]
            drawn = at == 0 or before in after or _all_drawn(scope, step.stage, steps[:at])
            rows.append(RailRow(step.stage, lead, f"{rest}{rail} ", () if drawn else after))
            before = step.stage
            continue
        top = at == 0 and not first and not rest
        bar = "╌" if step.nested else "─"
        corner = "╭" if top else "├" if goes_on else "╰"
        rail = ("╎" if step.nested and steps[at + 1].nested else "│") if goes_on else " "
        inner = before if step.nested else within
        came = len(rows)
        _rail(scopes, inner, step.stage, f"{rest}{corner}{bar}", f"{rest}{rail} ", rows)
        after = scopes[inner].parents[step.stage]
        if len(after) > 1:  # it joins some of its neighbours only: no rail can show that
            rows[came] = rows[came]._replace(after=after)


def _all_drawn(scope: _Scope, stage: str, steps: list[_Step]) -> bool:
    return all(any(s.stage == p or s.stage in scope.above[p] for s in steps) for p in scope.parents[stage])
