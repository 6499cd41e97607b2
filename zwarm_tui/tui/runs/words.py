"""A run and its stages in signs and words: what a node, a row and a page say of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from zwarm_tui.core import events as e
from zwarm_tui.tui.figures import elapsed, money
from zwarm_tui.tui.render.literal import line_of
from zwarm_tui.tui.runs.book import Check, Run
from zwarm_tui.workflow.runs import RunView, StageView

Mark = tuple[str, str]
"""(text, the theme's variable for its colour)."""


class Look(NamedTuple):
    """A state: its sign, its word, and the theme's variable for its colour."""

    sign: str
    word: str
    colour: str

    @property
    def loud(self) -> bool:
        """It must never be dim."""
        return self.colour in ("zwarm-failed", "zwarm-attention", "zwarm-running", "zwarm-interrupted")


_STAGES = {
    "running": Look("●", "running", "zwarm-running"),
    "completed": Look("✓", "done", "zwarm-done"),
    "failed": Look("✗", "failed", "zwarm-failed"),
    "interrupted": Look("◼", "interrupted", "zwarm-interrupted"),
    "cancelled": Look("◼", "cancelled", "zwarm-interrupted"),
}
_RUNS = {
    "in_progress": Look("●", "running", "zwarm-running"),
    "needs_review": Look("▲", "needs you", "zwarm-attention"),
    "completed": Look("✓", "done", "zwarm-done"),
    "error": Look("✗", "failed", "zwarm-failed"),
}
NEEDS_YOU = _RUNS["needs_review"]
_ASKS = Look("▲", "asks you", "zwarm-attention")
_KEPT = Look("✓", "kept", "zwarm-done")
_STOPPED = Look("◼", "stopped", "zwarm-interrupted")


def run_look(view: RunView) -> Look:
    """How a run stands."""
    if view.status == "error" and view.ended in ("interrupted", "cancelled"):
        return _STAGES[view.ended]
    if view.status == "error" and view.ended is None and not view.alive:
        return _STOPPED._replace(word="its process died")
    return _RUNS.get(view.status, Look("?", line_of(view.status), "foreground"))


def stage_look(stage: StageView, run: RunView, asking: bool = False) -> Look:
    """How a stage stands. One that was running when its process died is not running."""
    if stage.status == "running":
        if run.ended is not None or not run.alive:
            return _STOPPED
        return _ASKS if asking or stage.questions else _STAGES["running"]
    if stage.reused:
        return _KEPT
    return _STAGES.get(stage.status, Look("?", line_of(stage.status), "foreground"))


def took(stage: StageView, run: RunView, now: float) -> str:
    """How long its last attempt has run, or ran; "" where that is unknown."""
    if stage.started_at is None or stage.reused:
        return ""
    end = stage.ended_at or (now if run.ended is None and run.alive else run.ended_at or run.heard_at)
    return elapsed(end - stage.started_at)


def run_took(view: RunView, now: float) -> str:
    """How long a run has taken, from its first start on."""
    if view.started_at is None:
        return ""
    end = view.ended_at or (now if view.ended is None and view.alive else view.heard_at)
    return elapsed(end - view.started_at)


def attempt(stage: StageView) -> str:
    """ "2/3"; "" where there is only one attempt."""
    return f"{stage.attempt}/{stage.attempts}" if stage.attempts > 1 or stage.attempt > 1 else ""


def spent(run: Run, stage: str | None = None) -> str:
    """What it cost; "" where no agent worked on it so far."""
    cost = run.cost(stage)
    return "" if cost is None else money(cost)


def marks(checks: Iterable[Check]) -> list[Mark]:
    """Gates and reviews, each as it stands after its last attempt."""
    last: dict[tuple[str, str], Check] = {}
    for check in checks:
        if isinstance(check, (e.GateStarted, e.GateDone)):
            last["gate", check.gate] = check
        else:
            last["review", check.reviewer] = check
    return [_mark(check) for check in last.values()]


def _mark(check: Check) -> Mark:
    of = f" {check.attempt}/{check.attempts}" if check.attempt > 1 else ""
    match check:
        case e.GateStarted():
            return f"● {line_of(check.gate)}{of}", "zwarm-running"
        case e.GateDone():
            sign, colour = ("✓", "zwarm-done") if check.passed else ("✗", "zwarm-failed")
            return f"{sign} {line_of(check.gate)}{of}", colour
        case e.ReviewStarted():
            return f"● review{of}", "zwarm-running"
        case e.ReviewDone():
            if check.error is not None:
                return f"? review{of}: no verdict", "zwarm-failed"
            found = findings(check)
            sign, colour = ("✓", "zwarm-done") if check.passed else ("✗", "zwarm-failed")
            return f"{sign} review{of}{f' {found}' if found else ''}", colour


def findings(review: e.ReviewDone) -> str:
    """ "P1 P2×3"."""
    counts = {p: sum(f.priority == p for f in review.findings) for p in range(4)}
    return " ".join(f"P{p}×{n}" if n > 1 else f"P{p}" for p, n in counts.items() if n)


def begun(stage: StageView) -> str:
    """How its agent came to it: fresh, continued or resumed; "" before there is one."""
    return line_of(stage.served[-1].how) if stage.served else ""


def trouble(stage: StageView) -> str:
    """What is wrong with it, or what it asks, on one line."""
    if stage.questions and stage.status == "running":
        return line_of(stage.questions[0])
    return line_of(stage.error or "")


def facts(run: Run, look: Look, now: float) -> list[Mark]:
    """One line: state, time, money, stages, and what it is about."""
    view, stages = run.view, run.view.stages.values()
    parts: list[Mark] = [(look.word, f"${look.colour}")]
    done = sum(s.status == "completed" for s in stages)
    failed = sum(s.status == "failed" for s in stages)
    live = sum(s.status == "running" for s in stages) if run.live else 0
    rest = [run_took(view, now), spent(run)]
    rest.append(f"{done} of {len(stages)} stages done" if stages else "no stage yet")
    if live > 1:
        rest.append(f"{live} run")
    if failed:
        rest.append(f"{failed} failed")
    parts.append((" · " + " · ".join(filter(None, rest)), "$zwarm-dim"))
    if view.why:
        parts.append((f" · {line_of(view.why[:300])}", "$zwarm-failed"))
    elif told := [f"{k}: {v}" for k, v in view.inputs.items() if str(v).strip()]:
        parts.append((" · " + line_of(" · ".join(told)[:300]), "$zwarm-dim"))
    return parts
