"""Runs in a log, written by hand: in each state that a screen has to show."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.tui.scene import NOW, Log, usage
from zwarm_tui.config.paths import database, state_dir
from zwarm_tui.core import events as e
from zwarm_tui.store.lock import ProjectLock

HOSTILE = "dr[red]aft[/] \x1b[2J [/tmp/x]"


class RunLog(Log):
    """Writes runs. One without `end` is live as long as `hold` is not released."""

    def run(self, run: str, name: str, *, ago: float, **about: Any) -> None:
        self.add(e.RunStarted(run=run, name=name, pid=os.getpid(), **about), ago=ago)

    def stage(
        self,
        run: str,
        name: str,
        *,
        after: str = "",
        ago: float,
        took: float | None = None,
        status: str = "completed",
        tokens: int = 0,
        error: str | None = None,
        result: Any = None,
        how: str = "fresh",
        checks: tuple[e.Event, ...] = (),
        reused: bool = False,
        **about: Any,
    ) -> None:
        """An attempt at a stage; without `took` it still runs. With `tokens` an agent
        works on it: session `<run>-<name>`, or one more for each attempt."""
        parents = tuple(after.split(", ")) if after else ()
        about = {"backend": "codex:gpt-5.1-codex", **about}
        attempt = about.get("attempt", 1)
        self.add(e.StageStarted(run=run, stage=name, parents=parents, **about), ago=ago)
        if tokens:
            slug = "".join(c if c.isalnum() else "-" for c in name)
            session = f"{run}-{slug}" + (f"-{attempt}" if attempt > 1 else "")
            self.session(session, f"{name} of {run}", ago=ago)
            self.add(
                e.StageServed(run=run, stage=name, session=session, turn=1, how=how),
                ago=ago,
            )
            said = e.Text("t1", f"What {name} found:\n\n- one\n- **two**")
            ended = None if took is None else "failed" if status == "failed" else "completed"
            self.turn(session, 1, f"Do {name}.", usage(tokens), said, ago=ago, status=ended)
            for check in checks:
                self.add(check, session, turn=1, ago=ago)
        if took is not None:
            ended_ = e.StageEnded(
                run=run,
                stage=name,
                status=status,
                error=error,
                result=result,
                reused=reused,
            )
            if status != "again":
                self.add(ended_, ago=ago - took)

    def end(self, run: str, status: str = "completed", *, ago: float, **about: Any) -> None:
        self.add(e.RunEnded(run=run, status=status, **about), ago=ago)


def gate(n: int, name: str, passed: bool, *, attempt: int = 1, output: str = "") -> e.GateDone:
    return e.GateDone(
        item=f"gate:{name}{n}",
        gate=name,
        command=f"python -m {name} -q",
        passed=passed,
        exit_code=0 if passed else 1,
        output=output,
        seconds=3.2,
        attempt=attempt,
        attempts=3,
    )


REVIEW = e.ReviewDone(
    item="review:1",
    reviewer="agent",
    passed=False,
    seconds=12.5,
    attempts=3,
    findings=(
        e.ReviewFinding(
            1, "The export loses the last line", "It is written without a newline.", "todo/x.py", 41
        ),
        e.ReviewFinding(2, "No test for an empty list", file="tests/test_x.py"),
        e.ReviewFinding(3, "A typo in the help"),
    ),
)


def running(log: RunLog, run: str = "b71c02") -> None:
    """Two drafts side by side, one in its second attempt; a stage that asks."""
    log.run(run, "debate", ago=260, inputs={"prompt": "Should the list be a tree?", "rounds": "2"})
    log.stage(run, "plan", ago=258, took=42, tokens=3100, result="Three ways to do it")
    log.stage(run, "bold", after="plan", ago=215, took=90, status="again", tokens=2100, attempts=3)
    log.stage(run, "calm", after="plan", ago=215, took=101, tokens=5200, result="Keep the list")
    log.stage(
        run,
        "facts",
        after="plan",
        ago=214,
        took=60,
        tokens=900,
        headless=True,
        backend="codex:gpt-5.1-codex-mini",
    )
    log.stage(run, "bold", after="plan", ago=122, tokens=4400, attempt=2, attempts=3)
    log.stage(run, "outline", after="bold", within="bold", ago=118, took=30, tokens=700)
    log.stage(run, "prose", after="outline", within="bold", ago=88, tokens=1500)


def failed(log: RunLog, run: str = "4fe911") -> None:
    """A parallel stage failed; its sibling's result is kept."""
    log.run(run, "task-loop", ago=4000, inputs={"task": "Export as JSON"})
    log.stage(run, "plan", ago=3999, took=50, tokens=2000, result="Two tasks")
    checks = (
        gate(1, "ruff", True),
        gate(1, "pytest", False, output="E   assert 3 == 4\n1 failed, 12 passed"),
        gate(2, "pytest", False, attempt=2, output="E   assert 3 == 4\n1 failed, 12 passed"),
        REVIEW,
    )
    log.stage(
        run,
        HOSTILE,
        after="plan",
        ago=3940,
        took=400,
        tokens=18000,
        status="failed",
        error="gate pytest failed 3 times: 1 failed, 12 passed",
        attempt=3,
        attempts=3,
        checks=checks,
        headless=True,
    )
    log.stage(
        run,
        "readme",
        after="plan",
        ago=3940,
        took=220,
        tokens=6000,
        result="README.md",
        checks=(gate(3, "ruff", True),),
    )
    log.end(
        run, "failed", ago=3530, error=f"stage '{HOSTILE}': gate pytest failed 3 times: 1 failed, 12 passed"
    )


def done(log: RunLog, run: str = "00d3aa") -> None:
    """All went well; two stages stand from an earlier attempt at the run."""
    log.run(run, "release", ago=9000, inputs={"version": "1.4"}, resumed=True)
    log.stage(run, "changes", ago=8999, took=0, tokens=1000, reused=True, result="14 changes")
    log.stage(run, "notes", after="changes", ago=8998, took=80, tokens=2600, result={"words": 210})
    log.stage(run, "build", after="changes", ago=8998, took=30, tokens=800, checks=(gate(1, "build", True),))
    log.stage(run, "docs", after="changes", ago=8997, took=44, tokens=1200, headless=True)
    log.stage(
        run,
        "check",
        after="notes, build, docs",
        ago=8900,
        took=61,
        tokens=1900,
        how="resumed",
        checks=(gate(2, "pytest", True, attempt=2),),
    )
    log.stage(run, "publish", after="check", ago=8830, took=12, tokens=400)
    log.end(run, ago=8810, result="v1.4")


def asking(log: RunLog, run: str = "a0a0a0") -> None:
    """A stage waits for the person's answer."""
    log.run(run, "interview", ago=700)
    log.stage(run, "draft", ago=699, took=60, tokens=900)
    log.stage(run, "choose", after="draft", ago=630, tokens=300)
    log.add(e.StageAsked(run=run, stage="choose", question="Which of the two shall it be?"), ago=610)
    asked = e.QuestionAsked("q-1", "Which of the two shall it be?", ("the bold one", "the calm one"))
    log.add(asked, f"{run}-choose", turn=1, ago=610)
    log.add(e.AttentionRaised("question", "Which of the two?"), f"{run}-choose", turn=1, ago=610)


def hold(project: Path) -> ProjectLock:
    """Run the project's agents, as far as anybody can see: live runs are alive."""
    lock = ProjectLock(state_dir(project), "engine")
    lock.acquire()
    lock.path.write_text(f'{{"pid": {os.getpid()}, "since": 0}}')
    return lock


def open_log(project: Path) -> RunLog:
    assert database(project).parent.name
    return RunLog(project)


__all__ = [
    "HOSTILE",
    "NOW",
    "REVIEW",
    "RunLog",
    "asking",
    "done",
    "failed",
    "gate",
    "hold",
    "open_log",
    "running",
]
