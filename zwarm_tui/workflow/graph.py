"""Which stage follows which, found out from what runs when: nobody declares edges."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextvars import ContextVar, Token
from dataclasses import dataclass


class GraphFrontier:
    """The stages that the next one follows: A, then B and C side by side, then D gives
    A → B, A → C, B → D, C → D. A stage that failed has settled too.

    Stages run in tasks; what a task starts follows what that task (and before it, the
    one that made it) has seen settle, so each task has a frontier of its own: `fork`.
    """

    def __init__(self, tips: Iterable[str] = (), order: dict[str, int] | None = None) -> None:
        self._tips = list(tips)
        self._order: dict[str, int] = {} if order is None else order
        """When each stage began, in all forks: tips are told in that order."""
        self._base = list(self._tips)
        """What whoever forked this off still counts as its own tips."""
        self._running: dict[str, tuple[str, ...]] = {}
        self._forks: list[GraphFrontier] = []

    @property
    def tips(self) -> tuple[str, ...]:
        """The stages that one spawned now would follow."""
        self._join()
        return tuple(self._tips)

    def spawn(self, stage: str) -> tuple[str, ...]:
        """A stage begins: the stages it follows."""
        parents = self._running[stage] = self.tips
        self._order[stage] = len(self._order)
        return parents

    def settle(self, stage: str) -> None:
        """A stage has ended, well or not."""
        self._advance(self._running.pop(stage), (stage,))

    def fork(self) -> GraphFrontier:
        """The frontier of a task that begins here."""
        self._forks.append(child := GraphFrontier(self.tips, self._order))
        return child

    def _join(self) -> None:
        for child in self._forks:
            child._join()
            if child._base != child._tips:
                self._advance(child._base, child._tips)
                child._base = list(child._tips)

    def _advance(self, old: Iterable[str], new: Iterable[str]) -> None:
        gone = set(old)
        self._tips = [t for t in self._tips if t not in gone]
        self._tips += [t for t in new if t not in self._tips]
        self._tips.sort(key=lambda t: self._order.get(t, -1))


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a run's graph a task is."""

    run: object
    frontier: GraphFrontier
    within: str | None = None
    task: asyncio.Task[object] | None = None


_HERE: ContextVar[Place | None] = ContextVar("place in a workflow", default=None)


def here(root: Place) -> Place:
    """The current task's place in the run that `root` is the start of."""
    place, task = _HERE.get() or root, asyncio.current_task()
    if place.run is not root.run:
        place = root
    if place.task is task:
        return place
    frontier = place.frontier if place.task is None else place.frontier.fork()
    own = Place(place.run, frontier, place.within, task)
    _HERE.set(own)
    return own


def enter(place: Place, stage: str) -> Token[Place | None]:
    """From here on this task is inside of a stage; `leave` ends it."""
    return _HERE.set(Place(place.run, GraphFrontier((stage,)), stage, place.task))


def leave(token: Token[Place | None]) -> None:
    """Back to where `enter` was called."""
    _HERE.reset(token)
