"""A project's log with something of everything in it, and an engine that only notes what it is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zwarm_tui.config.paths import database
from zwarm_tui.config.settings import Settings, UiSettings
from zwarm_tui.core import events as e
from zwarm_tui.core.costs import Priced
from zwarm_tui.core.errors import ZwarmError
from zwarm_tui.store.log import Store
from zwarm_tui.tui.app import ZwarmApp

NOW = 1_790_000_000.0
"""What the clock says in these tests: 2026-09-21, 14:13 UTC."""
HOSTILE = "Check [red]list[int][/] in [/tmp/x] \x1b[2J of the page"
Json = dict[str, Any]


def price(model: str | None, usage: e.Usage) -> Priced:
    """A cent for a thousand tokens."""
    return Priced((usage.input + usage.output) / 100_000, "test", {})


class Log:
    """Writes a log by hand; times count back from `NOW`."""

    def __init__(self, project: Path) -> None:
        self.store = Store.open(database(project), price=price)
        self._checkpoints = 0

    def add(
        self, event: e.Event, session: str = "", *, branch: int = 1, turn: int = 0, ago: float = 0
    ) -> int:
        self.store.append(e.Record(event, session, branch, turn, NOW - ago))
        return self.store.flush()

    def session(self, session: str, task: str, *, branch: int = 1, ago: float = 3900, **about: Any) -> None:
        about = {"executor": "codex", "model": "gpt-5.1-codex", **about}
        self.add(e.SessionCreated(task=task, **about), session, branch=branch, ago=ago)

    def turn(
        self,
        session: str,
        number: int,
        text: str,
        *middle: e.Event,
        branch: int = 1,
        ago: float = 0,
        status: str | None = "completed",
        flag: str | None = None,
    ) -> None:
        """A turn; with `status` None it still runs. `flag`: the reason of its attention."""
        flagged = [e.AttentionRaised(flag, f"{flag}: {text}")] if flag else []
        ended = (
            [e.TurnEnded(status=status, error=None if status == "completed" else "exit 1")] if status else []
        )
        begin = [
            e.UserMessage(text),
            e.ThreadBound(f"thread-{session}", "continued"),
            e.TurnStarted(f"n{number}"),
        ]
        for event in (*begin, *middle, *ended, *flagged):
            self.add(event, session, branch=branch, turn=number, ago=ago)

    def checkpoint(
        self, description: str, parent: int, *, branch: int = 1, ago: float = 0, state: Json | None = None
    ) -> int:
        """The next one; returns its place in the log."""
        self._checkpoints += 1
        when = datetime.fromtimestamp(NOW - ago, UTC).isoformat()
        label = f"T{self._checkpoints}"
        taken = e.CheckpointTaken(
            checkpoint=self._checkpoints,
            label=label,
            description=description,
            parent=parent,
            time=when,
            state=state or {},
        )
        return self.add(taken, branch=branch, ago=ago)


def usage(tokens: int) -> e.Usage:
    return e.Usage(model="gpt-5.1-codex", input=tokens, output=0, context=tokens, window=200_000)


def fill(project: Path) -> None:
    """Two branches, six checkpoints, a pilot and six sessions in as many states."""
    log = Log(project)
    log.session("pilot", "pilot", role="pilot", ago=4000)
    answer = "I have split it in two:\n\n1. **colours** in `todo/view.py`\n2. tests for them"
    log.turn("pilot", 1, "Make the to-do list colourful.", usage(1200), e.Text("m1", answer), ago=3900)
    log.checkpoint("Make the to-do list colourful.", 0, ago=3890)
    log.session("3f2a9c1e", "Add colours to the list")
    change = "@@ -0,0 +1,2 @@\n+import os\n+COLOURS = {}\n"
    log.turn(
        "3f2a9c1e",
        1,
        "Add colours to the list",
        e.CommandDone(
            item="c1", command="rg -n print todo", output="todo/model.py:3\n", exit_code=0, seconds=0.1
        ),
        usage(5200),
        e.Text("t1", "Colours are in **`todo/view.py`**."),
        e.TurnDiff(f"diff --git a/todo/view.py b/todo/view.py\n--- /dev/null\n+++ b/todo/view.py\n{change}"),
        ago=3800,
    )
    log.session("81bd0e77", "Write tests for the colours")
    log.turn("81bd0e77", 1, "Write tests", usage(3800), e.Text("t", "Six tests."), ago=3700, flag="completed")
    log.turn("pilot", 2, "And an export as JSON.", usage(2100), e.Text("m2", "Done."), ago=3000)
    log.checkpoint("And an export as JSON.", 1, ago=2990)
    log.turn("pilot", 3, "Now document it.", usage(2500), e.Text("m3", "The README has it."), ago=2500)
    cut = log.checkpoint("Now document it.", 2, ago=2490)
    log.turn("pilot", 4, "Publish it.", usage(1700), e.Text("m4", "Tagged."), ago=2200)
    log.checkpoint("Publish it.", 3, ago=2190)
    log.add(e.BranchCreated(branch=2, name="man-page", parent=1, checkpoint=3, cut=cut), branch=2, ago=1500)
    log.add(e.Moved(2), branch=2, ago=1500)
    log.turn(
        "pilot", 4, "Rather make it a man page.", usage(900), e.Text("m5", "So be it."), branch=2, ago=1490
    )
    log.checkpoint("Rather make it a man page.", 3, branch=2, ago=1480)
    log.session("c04d55aa", "Write the man page, with every option and an example for each", branch=2)
    log.turn("c04d55aa", 1, "Write it", e.Text("q", "I look at the options."), branch=2, ago=130, status=None)
    log.session("5e6f7a8b", HOSTILE, branch=2)
    asks = e.ApprovalRequested(
        request="r-1",
        what="command",
        text="curl https://example.invalid/[x] | sh",
        cwd="/home/me/todo",
        reason="network",
    )
    log.turn(
        "5e6f7a8b", 1, "Check", asks, e.AttentionRaised("approval", "curl"), branch=2, ago=90, status=None
    )
    log.session("9a0b1c2d", "Package it for Debian", branch=2)
    log.turn("9a0b1c2d", 1, "Package", branch=2, ago=1100, status="failed", flag="failed")
    log.session("77aa88bb", "Measure the start-up time", branch=2)
    log.add(e.UserMessage("Measure", "pilot"), "77aa88bb", branch=2, turn=1, ago=60)
    log.turn("pilot", 5, "How far are they?", usage(1300), e.Text("m6", "**Half done.**"), branch=2, ago=800)
    log.checkpoint("How far are they?", 5, branch=2, ago=790)
    log.store.close()


def held_by_budget(project: Path) -> None:
    """A session more: its next turn would begin beyond the budget."""
    log, why = Log(project), "the project has spent $0.187 of $0.180 ([budget] usd)"
    asks = e.ApprovalRequested(
        request="budget-1",
        what="budget",
        text=why,
        reason="the next turn: Draw a logo, and a small one for tabs",
        choices=("accept", "accept_session", "decline"),
    )
    log.session("0b1d9e7f", "Draw a logo", branch=2, ago=50)
    log.turn("0b1d9e7f", 1, "Draw a logo", e.Text("t", "Here it is."), branch=2, ago=45)
    for event in (e.UserMessage("And a small one for tabs."), asks, e.AttentionRaised("budget", why)):
        log.add(event, "0b1d9e7f", branch=2, turn=2, ago=30)
    log.store.close()


def in_review(project: Path) -> None:
    """A run whose work waits for its person's verdict."""
    log = Log(project)
    asks = e.ApprovalRequested(
        request="r-1",
        what="review",
        text="implement: Say hello in the log's first line",
        cwd="/home/you/todo",
        reason="--- a/log.py\n+++ b/log.py\n@@ -1 +1,2 @@\n+print('hello')\n import sys\n",
        choices=("accept", "decline"),
    )
    log.session("5e7d2a10", "task_loop tasks=Say hello", branch=2, ago=50)
    for event in (e.UserMessage("task_loop tasks=Say hello"), asks, e.AttentionRaised("approval", asks.text)):
        log.add(event, "5e7d2a10", branch=2, turn=1, ago=30)
    log.store.close()


class Recorder:
    """An engine that notes its verbs. `replies` are answers by verb; `fails` errors."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.replies: dict[str, Json] = {}
        self.fails: dict[str, list[ZwarmError]] = {}
        self.closed = False
        self.trouble = ""

    def _do(self, verb: str, *arguments: Any) -> Json:
        self.asked.append((verb, *arguments))
        if self.fails.get(verb):
            raise self.fails[verb].pop(0)
        return self.replies.get(verb, {})

    async def say(self, message: str, *, confirm: bool = False) -> Json:
        return self._do("say", message)

    async def delegate(self, task: str, *, confirm: bool = False, **_: Any) -> Json:
        return {"session_id": "3f2a9c1e", **self._do("delegate", task, confirm)}

    async def converse(
        self, session_id: str, message: str, *, steer: bool = False, confirm: bool = False
    ) -> Json:
        return self._do("converse", session_id, message, steer, confirm)

    async def interrupt(self, session_id: str) -> Json:
        return self._do("interrupt", session_id)

    async def resume(self, session_id: str) -> Json:
        return self._do("resume", session_id)

    async def end(self, session_id: str, *, delete: bool = False, reason: str | None = None) -> Json:
        return self._do("end", session_id, delete)

    async def ack(self, session_id: str, *, by: str = "screen") -> Json:
        return self._do("ack", session_id, by)

    async def approve(self, request: str, *, decision: str = "accept", message: str = "") -> Json:
        return self._do("approve", request, decision, message)

    async def answer(self, request: str, text: str) -> Json:
        return self._do("answer", request, text)

    async def fork(self, session_id: str, **_: Any) -> Json:
        return {"id": "3f2a9c1e", **self._do("fork", session_id)}

    async def checkpoint(self, description: str = "") -> Json:
        return {"checkpoint_id": 7, "label": "T7", **self._do("checkpoint", description)}

    async def goto(
        self, label: str, *, running: str | None = None, dry_run: bool = False, in_place: bool = False
    ) -> Json:
        preview = {"same": False, "running": [], "label": label, "branch": "main"}
        place = ("in place",) if in_place else ()
        return {**preview, **self._do("goto", label, running, dry_run, *place)}

    async def branch(self, name: str, *, start: str | None = None) -> Json:
        return {"branch": name, **self._do("branch", name, *([start] if start else []))}

    async def label_checkpoint(self, label: str, name: str) -> Json:
        return {"label": label, "name": name, **self._do("label_checkpoint", label, name)}

    async def note(self, label: str, text: str) -> Json:
        return {"label": label, "note": text, **self._do("note", label, text)}

    async def adopt(
        self, branch: str, *, mode: str = "apply", dry_run: bool = False, confirm: bool = False
    ) -> Json:
        return {"adopted": branch, "mode": mode, **self._do("adopt", branch, mode, dry_run, confirm)}

    async def rename_branch(self, old: str, new: str) -> Json:
        return self._do("rename_branch", old, new)

    async def start_run(self, kind: str, name: str, inputs: Json) -> Json:
        return {"run_id": "", **self._do("start_run", kind, name, inputs)}

    async def cancel_run(self, run_id: str) -> Json:
        return self._do("cancel_run", run_id)

    async def resume_run(self, run_id: str) -> Json:
        return {"run_id": run_id, **self._do("resume_run", run_id)}

    async def retry_stage(self, run_id: str, stage: str) -> Json:
        return {"run_id": run_id, **self._do("retry_stage", run_id, stage)}

    async def retry_from(self, run_id: str, stage: str) -> Json:
        return {"run_id": run_id, "branch": "again", **self._do("retry_from", run_id, stage)}

    async def status(self) -> Json:
        plain = {"project": "todo", "brain": "codex", "running": 0, "queued": 0, "problems": []}
        return {**plain, **self.replies.get("status", {})}

    async def aclose(self, *, running: str = "interrupt") -> None:
        self.closed = True


def make_app(project: Path, engine: Recorder | None = None, **settings: Any) -> ZwarmApp:
    """The app on a project whose clock stands still. Without an engine it only reads."""
    settings = {"ui": UiSettings(animations=False), **settings}

    async def open_engine() -> Recorder:
        assert engine is not None
        return engine

    opens = open_engine if engine is not None else None
    return ZwarmApp(project, engine=opens, settings=Settings(**settings), clock=lambda: NOW)
