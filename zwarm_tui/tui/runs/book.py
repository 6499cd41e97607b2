"""What the screen knows of runs: folded from the log, and kept up to date.

A run of hundreds of stages is read once; `refresh` reads only what came since.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from zwarm_tui.core import events as e
from zwarm_tui.core.model import Cost
from zwarm_tui.store.lock import holder
from zwarm_tui.store.reader import Reader
from zwarm_tui.workflow.runs import KINDS, RunView, StageView

Turn = tuple[str, int, int]
"""(session, branch, turn)."""
Check = e.GateStarted | e.GateDone | e.ReviewStarted | e.ReviewDone


@dataclass(slots=True)
class Run:
    """One run: its fold, and what belongs to its stages beside it."""

    view: RunView
    branch: int = 1
    shape: int = 0
    """Another number where there are other stages or edges."""
    turns: dict[str, list[Turn]] = field(default_factory=dict)
    """Stage -> all turns that ever served it, those of failed attempts too."""
    stage_of: dict[Turn, str] = field(default_factory=dict)
    checks: dict[str, dict[str, Check]] = field(default_factory=dict)
    """Stage -> its gates and reviews by item, in the order in which they began."""
    costs: dict[Turn, Cost] = field(default_factory=dict)

    @property
    def sessions(self) -> tuple[str, ...]:
        return self.view.sessions

    @property
    def live(self) -> bool:
        return self.view.status in ("in_progress", "needs_review")

    def cost(self, stage: str | None = None) -> Cost | None:
        """What a stage cost in all its attempts, or the whole run; None where no agent
        served it."""
        turns = self.stage_of if stage is None else self.turns.get(stage, ())
        known = [self.costs[turn] for turn in dict.fromkeys(turns) if turn in self.costs]
        if not known:
            return None
        simulated = any(c.simulated for c in known)
        return Cost(sum(c.usd for c in known), all(c.complete for c in known), simulated)

    def checks_of(self, stage: str) -> list[Check]:
        """Its gates and reviews, oldest first."""
        return list(self.checks.get(stage, {}).values())

    def apply(self, record: e.Record) -> None:
        """Fold in one of this run's records."""
        event = record.event
        if isinstance(event, e.RunStarted):
            self.branch = record.branch
        if isinstance(event, e.StageServed):
            turn = (event.session, record.branch, event.turn)
            self.turns.setdefault(event.stage, []).append(turn)
            self.stage_of[turn] = event.stage
        if isinstance(event, e.StageEnded) and (review := _review_of(event)) is not None:
            self.checks.setdefault(event.stage, {})[review.item] = review
        before = self.view.stages.get(event.stage) if isinstance(event, e.StageStarted) else None
        self.view.apply(event, record.time, record.branch)
        if isinstance(event, e.RunStarted) or (
            isinstance(event, e.StageStarted)
            and (before is None or (before.parents, before.within) != (event.parents, event.within))
        ):
            self.shape += 1

    def note(self, record: e.Record) -> bool:
        """A gate or a review, perhaps of one of its sessions; whether it is."""
        stage = self.stage_of.get((record.session, record.branch, record.turn))
        if stage is None or not isinstance(record.event, Check):
            return False
        self.checks.setdefault(stage, {})[record.event.item] = record.event
        return True


def _review_of(event: e.StageEnded) -> e.ReviewDone | None:
    """The review that a command's step was: its findings are the step's result."""
    found = event.result.get("findings") if isinstance(event.result, dict) else None
    if not isinstance(found, list):
        return None
    try:
        findings = tuple(e.ReviewFinding(**finding) for finding in found)
    except TypeError:  # an agent's own JSON that looks a little like it
        return None
    passed = event.status == "completed"
    return e.ReviewDone(item=f"review:{event.stage}", reviewer="agent", passed=passed, findings=findings)


class RunBook:
    """The runs of a project. `load` may take its time (call it in a thread of its own);
    the rest is cheap."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._reader: Reader | None = None
        self._seq = self._checked = 0
        self._priced: set[str] = set()
        """Sessions that were read once: of those only what is new is read."""
        self.runs: dict[str, Run] = {}

    def load(self) -> None:
        """Read all that there is by now."""
        self.refresh()

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def refresh(self) -> set[str]:
        """Ids of the runs that something happened to since the last time."""
        if self._reader is None:
            if not self._database.exists():
                return set()
            self._reader = Reader(self._database)
        changed: set[str] = set()
        for record in self._reader.project_records(KINDS, since=self._seq):
            self._seq = record.seq
            name = getattr(record.event, "run", None)
            if isinstance(name, str):
                self.runs.setdefault(name, Run(RunView(name))).apply(record)
                changed.add(name)
        if changed:
            self.look_alive()
        return changed | self._look_checks(self._reader)

    def _look_checks(self, reader: Reader) -> set[str]:
        """Gates and reviews that are new, of sessions that were read before."""
        seq, changed = reader.last_seq(), set()
        for record in reader.checks(since=self._checked) if self._checked else ():
            for run in self.runs.values():
                if run.note(record):
                    changed.add(run.view.id)
        self._checked = seq
        return changed

    def look_alive(self) -> bool:
        """See whether the processes of unfinished runs still are; True where that changed."""
        open_ = [run.view for run in self.runs.values() if run.view.ended is None]
        if not open_:
            return False
        host, changed = holder(self._database.parent) or {}, False
        for view in open_:
            # The same number may be another process by now: that one took the lock later.
            alive = host.get("pid") == view.pid and host.get("since", 0) <= view.heard_at
            changed, view.alive = changed or alive != view.alive, alive
        return changed

    def settle(self, run: Run, moved: Collection[str] | None = None) -> bool:
        """Read what a run's sessions cost: those in `moved` (None: all), and those never
        read before, the latter with their gates and reviews. True where there were any."""
        if self._reader is None:
            return False
        new = [s for s in run.sessions if s not in self._priced]
        wanted = new if moved is not None else list(run.sessions)
        wanted += [s for s in run.sessions if s in moved and s in self._priced] if moved else []
        if not wanted:
            return False
        self._priced |= set(new)
        run.costs.update(self._reader.turn_costs(wanted))
        for record in self._reader.checks(new) if new else ():
            run.note(record)
        return True

    def ordered(self) -> list[Run]:
        """Those that need somebody, then those that run, then the rest, latest first."""
        rank = {"needs_review": 0, "in_progress": 1}
        return sorted(
            self.runs.values(), key=lambda r: (rank.get(r.view.status, 2), -(r.view.started_at or 0))
        )

    def find(self, prefix: str) -> list[Run]:
        """Runs with this id or beginning of one, else the runs of that name, latest first."""
        found = [r for r in self.runs.values() if r.view.id.startswith(prefix)]
        found = found or [r for r in self.runs.values() if r.view.name == prefix]
        return sorted(found, key=lambda r: -(r.view.started_at or 0))


def stages_of(run: Run) -> Iterable[StageView]:
    """Its stages in the order in which they began."""
    return run.view.stages.values()
