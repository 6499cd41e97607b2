"""What the screen knows of the swarm: read from the log, and kept up to date.

Everything on screen comes from here, and everything here from the log. `refresh` reads
only what changed since the last time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zwarm_tui.config.paths import database, has_log
from zwarm_tui.core.attention import urgency
from zwarm_tui.core.errors import StoreError
from zwarm_tui.core.events import ApprovalRequested
from zwarm_tui.core.model import (
    TIP,
    BranchView,
    CheckpointView,
    Cost,
    Position,
    RequestView,
    SessionStatus,
    SessionView,
    Totals,
)
from zwarm_tui.store.reader import Reader
from zwarm_tui.tui.checkpoint_facts import CheckpointFacts, FactsBook

PILOT = "pilot"
"""The pilot's session id and role."""
RUN = "run"
"""The role of sessions that are runs."""

_WORD = re.compile(r"[\w./-]+")
NOWHERE = Position(branch=1, branch_name="main", checkpoint=0, detached=False, path=((1, TIP),))
MAIN = BranchView(id=1, name="main", parent=None, checkpoint=0, cut=0, tip=0, cost=Cost(), checkout=True)
NO_PILOT = SessionView(id=PILOT, task="pilot", status=SessionStatus.PENDING, executor="", role=PILOT)
"""Stands in the list until the pilot is first spoken to."""


@dataclass(slots=True)
class News:
    """What a `refresh` found: ids of sessions with something new, and whether the line
    through the tree that is in view is another one."""

    sessions: frozenset[str] = frozenset()
    timeline: bool = False
    moved: bool = False


class Board:
    """The state of one project's screen. Used from the screen's thread only."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self._database = database(project)
        self._book = FactsBook()
        self.reader: Reader | None = None
        self.seq = 0
        self.position = NOWHERE
        self.sessions: dict[str, SessionView] = {}
        self.requests: list[RequestView] = []
        self.branches = [MAIN]
        self.checkpoints: list[CheckpointView] = []
        self.totals = Totals(total=Cost(), branch=Cost(), abandoned=Cost())
        self.brain = ""
        """What the pilot thinks with, "" while that is not known."""
        self.capabilities: dict[str, dict[str, Any]] = {}
        """What agents can do, by name, as far as the engine said."""
        self._dirty: set[str] = set()
        self._money = False

    def can(self, session: str, what: str) -> bool:
        """Whether the session's agent can do that; what isn't known may be tried."""
        view = self.sessions.get(session)
        known = self.capabilities.get(view.executor) if view else None
        return known is None or known.get(what) not in (False, "none")

    # -- reading ------------------------------------------------------------------------

    def open(self) -> bool:
        """Open the log, where there is one by now. `StoreError` where it can't be read."""
        if self.reader is None and has_log(self._database):
            self.reader = Reader(self._database)
            self.seq = self.reader.last_seq()
            self._load(self.reader)
            return True
        return False

    def _load(self, reader: Reader) -> None:
        self.position = reader.position()
        self.sessions = {s.id: s for s in reader.sessions(self.position.path)}
        self.requests = reader.requests()
        self.branches, self.checkpoints = reader.branches(), reader.checkpoints()
        self.totals = reader.totals(self.position.path)
        self._dirty.clear()
        self._money = False

    def refresh(self) -> News | None:
        """Look what changed. Cheap where nothing did (None): it is asked 20 times a
        second. Figures in lists follow with `settle`."""
        if self.reader is None:
            try:
                return News(timeline=True, moved=True) if self.open() else None
            except StoreError:  # being made, or it was bad at the start already and that was said
                return None
        changes = self.reader.changes(self.seq)
        if changes.seq == self.seq:
            return None
        self.seq = changes.seq
        self._dirty |= changes.sessions
        self._money = self._money or changes.money
        if changes.requests:
            self.requests = self.reader.requests()
        moved = False
        if changes.timeline:
            before = self.position.path
            self.position = self.reader.position()
            moved = self.position.path != before
            if moved:
                self._load(self.reader)
            else:
                self.branches, self.checkpoints = self.reader.branches(), self.reader.checkpoints()
        return News(changes.sessions, changes.timeline, moved)

    def settle(self) -> bool:
        """Read the sessions and the money that changed since the last call."""
        if self.reader is None or not (self._dirty or self._money):
            return False
        if self._dirty:
            found = {s.id: s for s in self.reader.sessions(self.position.path, ids=self._dirty)}
            for session in self._dirty - set(found):
                self.sessions.pop(session, None)
            self.sessions.update(found)
            self._dirty.clear()
        if self._money:
            self.totals, self._money = self.reader.totals(self.position.path), False
        return True

    def close(self) -> None:
        if self.reader is not None:
            self.reader.close()
            self.reader = None

    # -- asking -------------------------------------------------------------------------

    @property
    def pilot(self) -> SessionView:
        return self.sessions.get(PILOT, NO_PILOT)

    def session(self, session: str) -> SessionView | None:
        return self.pilot if session == PILOT else self.sessions.get(session)

    def ordered(self, words: str = "") -> list[SessionView]:
        """The list: the pilot, then who needs the person (most urgent, then longest
        waiting, first), then what runs, then what is queued, then the rest, latest first."""
        wanted = words.casefold().split()
        rest = [s for s in self.sessions.values() if s.id != PILOT and all(w in _words(s) for w in wanted)]
        return [self.pilot, *sorted(rest, key=_rank)]

    def waiting(self) -> list[SessionView]:
        """Who needs the person, first the one to look at next; the pilot too."""
        return sorted((s for s in self.sessions.values() if needs_you(s)), key=_rank)

    def count(self, *statuses: SessionStatus) -> int:
        """How many sessions, the pilot too, are in one of these."""
        return sum(s.status in statuses for s in self.sessions.values())

    @property
    def queued(self) -> int:
        """How many turns wait for a slot (a session without turns waits for nothing)."""
        return sum(s.status is SessionStatus.PENDING and s.turns > 0 for s in self.sessions.values())

    def requests_of(self, session: str) -> list[RequestView]:
        """What of this session waits for a decision, oldest first."""
        return [r for r in self.requests if r.session == session]

    def approval_of(self, session: str) -> RequestView | None:
        """The oldest approval of this session that waits."""
        return next((r for r in self.requests_of(session) if isinstance(r.event, ApprovalRequested)), None)

    def find(self, prefix: str) -> str:
        """The session with that id or unique beginning of one; `SessionNotFoundError`."""
        if prefix == PILOT or self.reader is None:
            return PILOT
        return self.reader.find(prefix)

    def running_elsewhere(self) -> dict[int, int]:
        """How many turns run on branches that are not the current one, by branch."""
        if self.reader is None or len(self.branches) < 2:
            return {}
        return Counter(t.branch for t in self.reader.unfinished() if t.branch != self.position.branch)

    def facts_of(self, checkpoint: CheckpointView) -> CheckpointFacts:
        """What a checkpoint holds: read when it is first looked at."""
        self._book.learn(self.checkpoints)
        return self._book.of(self.reader, checkpoint)

    def places(self) -> Iterable[str]:
        """What `:goto` may name: branches, then checkpoints, latest first, by name (of one
        word) and by label."""
        yield from (branch.name for branch in self.branches)
        yield from (c.name for c in reversed(self.checkpoints) if _WORD.fullmatch(c.name))
        yield from (checkpoint.label for checkpoint in reversed(self.checkpoints))
        yield "root"


def needs_you(session: SessionView) -> bool:
    """It is flagged, or it waits for an answer though someone has looked."""
    return session.needs_attention or session.status is SessionStatus.AWAITING_INPUT


def _rank(session: SessionView) -> tuple[float, ...]:
    if session.attention is not None:
        return (0, urgency(session.attention.reason), session.attention.since)
    if session.status is SessionStatus.AWAITING_INPUT:
        return (1, session.started_at or 0)
    if session.status is SessionStatus.RUNNING:
        return (2, session.started_at or 0)
    if session.status is SessionStatus.PENDING and session.turns:
        return (3, session.created_at)
    return (4, -(session.completed_at or session.created_at))


def _words(session: SessionView) -> str:
    parts = (session.task, session.id, session.status.value, session.executor, session.model or "")
    return " ".join(parts).casefold()
