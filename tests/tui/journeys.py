"""A project with a past: a real repository, checkpoints that hold its files, three branches."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from tests.tui.scene import HOSTILE, Log, usage
from zwarm_tui.core import events as e
from zwarm_tui.store.log import Store

Json = dict[str, Any]
VIEW = "def show(items):\n    for item in items:\n        print(item)\n"
COLOURED = (
    "COLOURS = {'open': 33, 'done': 32}\n\n\ndef show(items):\n    for item in items:\n"
    "        print(f'\\x1b[{COLOURS[item.state]}m{item}\\x1b[0m')\n"
)


def _git(project: Path, *arguments: str) -> str:
    who = ("-c", "user.name=x", "-c", "user.email=x@example.invalid", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", "-C", str(project), *who, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(project: Path, files: dict[str, str | bytes | None]) -> str:
    """Write files (None: delete), and commit all of them: its id."""
    for name, content in files.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.unlink()
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content)
    _git(project, "add", "-A")
    _git(project, "commit", "-q", "--allow-empty", "-m", "x")
    return _git(project, "rev-parse", "HEAD")


def held(path: str, sha: str | None, **more: Any) -> Json:
    """A worktree as a checkpoint's state has it."""
    return {
        "path": path,
        "commit": sha,
        "head": sha,
        "mid_turn": False,
        "uncovered": [],
        "problem": None,
        **more,
    }


def state(
    root: Json | None, *turns: tuple[str, int, str], problem: str | None = None, **worktrees: Json
) -> Json:
    sessions = {name: {"turn": turn, "status": status} for name, turn, status in turns}
    return {"sessions": sessions, "files": {"root": root, "sessions": worktrees, "problem": problem}}


def travel(project: Path) -> list[str]:
    """Seven checkpoints on three branches; the project is on the third. Returns the commits."""
    _git(project, "init", "-q", "-b", "main")
    (project / ".gitignore").write_text(".zwarm/\n")
    where = "/home/me/todo"
    one = commit(project, {"todo/view.py": VIEW, "README.md": "# todo\n"})
    two = commit(project, {"todo/view.py": COLOURED, "tests/test_view.py": "def test_show(): ...\n" * 12})
    three = commit(
        project, {"todo/export.py": "import json\n" * 40, "README.md": "# todo\n\nExports JSON.\n"}
    )
    four = commit(
        project, {"docs/todo.1": ".TH TODO 1\n" * 30, "logo.png": b"\x89PNG\0\1\2", "README.md": None}
    )
    log = Log(project)
    log.session("pilot", "pilot", role="pilot", ago=9000)
    log.session("3f2a9c1e", "Add colours to the list", ago=8900)
    log.turn(
        "pilot",
        1,
        "Make the list colourful.",
        usage(1200),
        e.Text("s0", "The colours are delegated."),
        ago=8800,
    )
    log.checkpoint(
        "Make the list colourful.", 0, ago=8790, state=state(held(where, one), ("pilot", 1, "completed"))
    )
    log.turn(
        "3f2a9c1e",
        1,
        "Add colours",
        usage(5200),
        e.Text("s1", "Open ones are yellow, done ones green."),
        ago=8000,
    )
    for gate, passed in (("tests", True), ("lint", True)):
        done = e.GateDone(item=gate, gate=gate, command=gate, passed=passed, exit_code=0, seconds=1.4)
        log.add(done, "3f2a9c1e", turn=1, ago=7990)
    log.turn(
        "pilot",
        2,
        "Is it done? Then test it.",
        usage(2100),
        e.Text("s2", "It is, and twelve tests say so."),
        ago=7800,
    )
    both = (("3f2a9c1e", 1, "completed"), ("pilot", 2, "completed"))
    log.checkpoint("Is it done? Then test it.", 1, ago=7790, state=state(held(where, two), *both))
    log.add(e.CheckpointNamed(2, "colours work"), ago=7700)
    log.add(
        e.CheckpointNoted(2, "The last one before the export. Come back here if JSON turns out badly."),
        ago=7690,
    )
    log.turn(
        "pilot",
        3,
        "And an export as JSON.",
        usage(2500),
        e.Text("s3", "`todo/export.py` writes JSON; one test fails still."),
        ago=7000,
    )
    failed = e.GateDone(item="g", gate="tests", command="pytest", passed=False, exit_code=1, seconds=3.1)
    log.add(failed, "pilot", turn=3, ago=6995)
    uncovered = [{"path": "vendor/lib", "why": "submodule"}, {"path": "data/big.bin", "why": "over 50 MB"}]
    cut = log.checkpoint(
        "And an export as JSON.",
        2,
        ago=6990,
        state=state(held(where, three, mid_turn=True, uncovered=uncovered), ("pilot", 3, "completed")),
    )
    log.turn("pilot", 4, "Publish it.", usage(1700), e.Text("s4", "I can't: the tests fail."), ago=6500)
    problem = "fatal: unable to index file 'cache/x': it changed while it was read"
    log.checkpoint(
        "Publish it.", 3, ago=6490, state=state(held(where, None, problem=problem), ("pilot", 4, "failed"))
    )
    log.add(e.BranchCreated(branch=2, name="csv", parent=1, checkpoint=2, cut=cut - 4), branch=2, ago=5500)
    log.add(e.Moved(2), branch=2, ago=5500)
    log.turn("pilot", 3, "Rather as CSV.", usage(900), e.Text("s5", "Then as CSV."), branch=2, ago=5490)
    log.checkpoint(
        "Rather as CSV.", 2, branch=2, ago=5480, state=state(held(where, two), ("pilot", 3, "completed"))
    )
    log.add(e.BranchCreated(branch=3, name="man-page", parent=1, checkpoint=3, cut=cut), branch=3, ago=1500)
    log.add(e.Moved(3), branch=3, ago=1500)
    log.turn(
        "pilot",
        4,
        "A man page first.",
        usage(900),
        e.Text("s6", "It is in `docs/todo.1`. The README is gone: the man page says all of it."),
        branch=3,
        ago=1490,
    )
    tree = "/home/me/.local/share/zwarm/todo/man-page"
    log.checkpoint(HOSTILE, 3, branch=3, ago=1480, state=state(held(tree, four), ("pilot", 4, "completed")))
    log.add(e.CheckpointNamed(6, "[red]bold[/] \x1b[2J"), branch=3, ago=1400)
    log.turn(
        "pilot",
        5,
        "With examples.",
        usage(1300),
        e.Text("s7", "Three examples stand at its end, one for each command."),
        branch=3,
        ago=400,
    )
    log.checkpoint(
        "With examples.", 6, branch=3, ago=390, state=state(held(tree, four), ("pilot", 5, "completed"))
    )
    log.store.close()
    return [one, two, three, four]


def great(store: Store) -> None:
    """500 checkpoints on 20 branches, each with a turn, a cost and files."""
    now = 1_789_000_000.0
    number, seqs, tips = 0, {0: 0}, {1: 0}

    def add(event: e.Event, session: str = "", branch: int = 1, turn: int = 0) -> int:
        store.append(e.Record(event, session, branch, turn, now + number * 60))
        return store.flush()

    def step(branch: int) -> None:
        nonlocal number
        number += 1
        add(e.UserMessage(f"Do the {number}th thing, and mind the tests"), "pilot", branch, number)
        add(usage(900 + number), "pilot", branch, number)
        add(e.TurnEnded(status="completed"), "pilot", branch, number)
        taken = e.CheckpointTaken(
            checkpoint=number,
            label=f"T{number}",
            description=f"Do the {number}th thing, and mind the tests",
            parent=tips[branch],
            time=f"2026-09-20T{number // 60:02}:{number % 60:02}:00+00:00",
            state=state(held("/home/me/todo", f"{number:040x}"), ("pilot", number, "completed")),
        )
        seqs[number], tips[branch] = add(taken, "", branch), number

    add(e.SessionCreated(task="pilot", executor="codex", role="pilot"), "pilot")
    for _ in range(120):
        step(1)
    for branch in range(2, 21):
        at = 6 * (branch - 1) if branch % 3 else tips[branch - 1]
        parent = 1 if branch % 3 else branch - 1
        made = e.BranchCreated(
            branch=branch, name=f"try-{branch}", parent=parent, checkpoint=at, cut=seqs[at]
        )
        add(made, "", branch)
        add(e.Moved(branch), "", branch)
        tips[branch] = at
        for _ in range(20):
            step(branch)
