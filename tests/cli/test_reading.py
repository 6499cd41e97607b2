"""The verbs that read the log, on a log that was written by the store."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Answer
from zwarm_tui.core import events as e
from zwarm_tui.core.costs import price_usage
from zwarm_tui.core.events import Record
from zwarm_tui.store.log import Store
from zwarm_tui.store.reader import Reader

PINNED = {
    *("id", "task", "status", "executor", "model", "branch", "working_dir", "worktree", "turns"),
    *("needs_attention", "attention_reason", "attention_since", "usage", "cost_usd", "cost_known"),
    *("error", "exit_code", "created_at", "started_at", "completed_at", "last_message"),
}
"""What spec §6 says of a session."""

Zwarm = Callable[..., Answer]

HOSTILE = "\x1b[2J[red]list[int]\x00 \ud83d `````fence````` \u202etxt"
DIFF = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1,2 @@\n-a\n+b\n+c\n"


def turn(session: str, number: int, prompt: str, *middle: e.Event, branch: int = 1) -> list[Record]:
    """A turn that completed, as the engine records it."""
    events = [e.UserMessage(prompt), e.TurnStarted(f"t{number}"), *middle, e.TurnEnded(status="completed")]
    return [Record(event, session, branch, number) for event in events]


def created(session: str, task: str) -> Record:
    return Record(
        e.SessionCreated(task=task, executor="codex", model="gpt-5.1-codex", working_dir="/w"), session
    )


def checkpoint(number: int, parent: int, branch: int = 1) -> Record:
    taken = e.CheckpointTaken(
        checkpoint=number,
        label=f"T{number}",
        description=f"after {number}",
        parent=parent,
        time="2026-01-01T00:00:00+00:00",
        metadata={"n": number},
    )
    return Record(taken, branch=branch)


@pytest.fixture
def store(project: Path) -> Iterator[Store]:
    """A project with three sessions, three checkpoints and two branches."""
    store = Store.open(project / ".zwarm" / "zwarm.db", price=price_usage)
    usage = e.Usage(model="gpt-5.1-codex", input=10_000, cached=90_000, output=1_000, reasoning=100)
    store.append(
        created("aaaa1111", "write the parser"),
        *turn(
            "aaaa1111",
            1,
            "write the parser",
            e.TextDelta("m1", "I wr"),
            e.Text("m1", f"I wrote it. {HOSTILE}"),
            e.CommandDone(item="c1", command="pytest -q", output="1 passed\n", exit_code=0, seconds=1.5),
            e.FilesChanged("f1", (e.FileChange("x", "update", DIFF),)),
            e.TurnDiff(DIFF),
            usage,
        ),
        Record(e.AttentionRaised("completed", "done"), "aaaa1111", turn=1),
        checkpoint(1, 0),
        created("aaaa2222", "write the docs"),
        *turn("aaaa2222", 1, "write the docs", e.Text("m1", "Docs."), e.Usage(model="mystery", input=5)),
        checkpoint(2, 1),
    )
    cut = store.flush() - 1
    store.append(
        Record(e.BranchCreated(branch=2, name="second", parent=1, checkpoint=1, cut=_seq(store, 1))),
        Record(e.Moved(branch=2)),
        *turn("aaaa1111", 2, "another way", e.Text("m2", "Done so."), usage, branch=2),
        created_on(2, "bbbb3333", "check it"),
        checkpoint(3, 1, branch=2),
    )
    assert store.flush() > cut
    yield store
    store.close()


def created_on(branch: int, session: str, task: str) -> Record:
    one = created(session, task)
    return Record(one.event, session, branch)


def _seq(store: Store, checkpoint: int) -> int:
    reader = Reader(store.path)
    try:
        return next(one.seq for one in reader.checkpoints() if one.id == checkpoint)
    finally:
        reader.close()


def test_ls(zwarm: Zwarm, store: Store) -> None:
    sessions = zwarm("ls", "--json").json()
    assert [s["id"] for s in sessions] == ["aaaa1111", "bbbb3333"], "what the current branch holds"
    first = sessions[0]
    assert set(first) >= PINNED
    assert set(first["usage"]) == {"input", "cached", "cache_write", "output", "reasoning"}
    assert [s["id"] for s in zwarm("ls", "--json", "--status", "pending").json()] == ["bbbb3333"]
    table = zwarm("ls").out
    assert "aaaa1111" in table
    assert "write the parser" in table


def test_checkpoints_without_all_files_are_named(zwarm: Zwarm, store: Store) -> None:
    assert "not all files" not in zwarm("checkpoints").out
    missing = {"files": {"problem": "no git repository: /\x1b[2J", "mid_turn": False, "uncovered": 0}}
    for number in range(4, 11):
        taken = checkpoint(number, number - 1, 2).event
        assert isinstance(taken, e.CheckpointTaken)
        store.append(Record(dataclasses.replace(taken, metadata=missing), branch=2))
    store.flush()
    told = zwarm("checkpoints").out.splitlines()[-1]
    assert told == r"not all files are in T4, T5, T6, T7, T8 and 2 more: no git repository: /\x1b[2J"


def test_an_id_may_be_cut_short_until_it_is_ambiguous(zwarm: Zwarm, store: Store) -> None:
    assert zwarm("peek", "b", "--json").json()["id"] == "bbbb3333"
    answer = zwarm("peek", "aaaa")
    assert answer.status == 2
    assert "aaaa1111" in answer.err
    assert "aaaa2222" in answer.err


def test_peek_shows_and_leaves_the_flag(zwarm: Zwarm, store: Store) -> None:
    store.append(Record(e.AttentionRaised("question", "which one?"), "aaaa1111", 2, 2))
    store.flush()
    seen = zwarm("peek", "aaaa1111", "--json").json()
    assert (seen["status"], seen["last_message"]) == ("completed", "Done so.")
    assert "question" in zwarm("peek", "aaaa1111").out
    assert zwarm("peek", "aaaa1111", "--json").json()["needs_attention"] is True
    assert [s["id"] for s in zwarm("ls", "--needs-attention", "--json").json()] == ["aaaa1111"]


def test_check_tells_all_and_acknowledges(zwarm: Zwarm, store: Store) -> None:
    store.append(Record(e.AttentionRaised("completed"), "aaaa1111", 2, 2))
    store.flush()
    told = zwarm("check", "aaaa1111", "--json")
    value = told.json()
    assert told.status == 0
    assert [m["role"] for m in value["messages"]] == ["user", "assistant", "user", "assistant"]
    assert value["messages"][1]["content"].endswith(HOSTILE)
    assert value["usage"]["cached"] == 180_000
    assert value["runtime_seconds"] >= 0
    assert value["diff_stat"] == {
        "files": [{"path": "x", "added": 2, "removed": 1}],
        "added": 2,
        "removed": 1,
    }
    assert zwarm("peek", "aaaa1111", "--json").json()["needs_attention"] is False
    assert zwarm("check", "aaaa1111").status == 0


def test_check_without_a_flag_writes_nothing(zwarm: Zwarm, store: Store) -> None:
    before = zwarm("export", "--all").out
    assert zwarm("check", "bbbb3333").status == 0
    assert zwarm("export", "--all").out == before


def test_tail_prints_one_object_a_line(zwarm: Zwarm, store: Store) -> None:
    answer = zwarm("tail", "aaaa1111", "--json")
    assert answer.out.isascii()
    events = [json.loads(line) for line in answer.out.splitlines()]
    assert {"seq", "time", "session", "turn", "branch", "kind"} <= set(events[0])
    assert [event["seq"] for event in events] == sorted(event["seq"] for event in events)
    assert "text.delta" in {event["kind"] for event in events}
    text = next(event for event in events if event["kind"] == "text")
    assert text["text"].endswith(HOSTILE)


def test_agents_text_does_nothing_to_a_terminal(zwarm: Zwarm, store: Store) -> None:
    for arguments in (
        ("tail", "aaaa1111"),
        ("check", "aaaa1111"),
        ("peek", "aaaa1111"),
        ("export", "aaaa1111"),
    ):
        out = zwarm(*arguments).out
        assert not {"\x1b", "\x00", "\u202e", "\ud83d"} & set(out)
        assert "Done so." in out
    assert "\\x1b[2J[red]list[int]\\x00" in zwarm("tail", "aaaa1111").out


def test_tail_follows(project: Path, store: Store) -> None:
    argv = [sys.executable, "-m", "zwarm_tui", "tail", "bbbb3333", "--json", "--follow"]
    with subprocess.Popen(argv, cwd=project, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert json.loads(child.stdout.readline())["kind"] == "session.created"
        store.append(*turn("bbbb3333", 1, "check it", branch=2))
        assert json.loads(child.stdout.readline())["text"] == "check it"
        child.send_signal(signal.SIGINT)
        child.stdout.read()
        assert child.wait(20) == 130


def test_following_ends_when_nobody_reads(project: Path, store: Store) -> None:
    """Also where the session says nothing more."""
    argv = [sys.executable, "-m", "zwarm_tui", "tail", "bbbb3333", "--follow"]
    with subprocess.Popen(argv, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.wait(20) == 0
        assert child.stderr.read() == b""


def test_checkpoints(zwarm: Zwarm, store: Store) -> None:
    value = zwarm("checkpoints", "--json").json()
    assert (value["current"], value["branch"]) == ("T3", "second")
    assert [(b["name"], b["tip"], b["worktree"]) for b in value["branches"]] == [
        ("main", "T2", None),
        ("second", "T3", None),
    ]
    rows = {row["label"]: row for row in value["checkpoints"]}
    assert {label: row["parent_id"] for label, row in rows.items()} == {"T1": 0, "T2": 1, "T3": 1}
    assert {label: row["on_active_branch"] for label, row in rows.items()} == {
        "T1": True,
        "T2": False,
        "T3": True,
    }
    assert [label for label, row in rows.items() if row["is_current"]] == ["T3"]
    assert set(rows["T1"]) >= {"checkpoint_id", "description", "timestamp", "cost_usd", "metadata"}
    assert rows["T1"]["metadata"] == {"n": 1}
    assert rows["T1"]["cost_usd"] == pytest.approx(0.03375)
    assert "second" in zwarm("checkpoints").out


def test_checkpoints_ahead_of_a_jump_stay_on_the_active_branch(zwarm: Zwarm, store: Store) -> None:
    store.append(Record(e.Moved(branch=1, checkpoint=1)))
    store.flush()
    value = zwarm("checkpoints", "--json").json()
    assert (value["current"], value["branch"]) == ("T1", "main")
    on = [row["label"] for row in value["checkpoints"] if row["on_active_branch"]]
    assert on == ["T1", "T2"]


def test_cost(zwarm: Zwarm, store: Store) -> None:
    value = zwarm("cost", "--json").json()
    assert value["total_usd"] == pytest.approx(0.0675)
    assert value["branch_usd"] == pytest.approx(0.0675)
    assert value["abandoned_usd"] == 0
    assert value["complete"] is False, "one model has no known price"
    assert value["by_session"]["aaaa1111"] == pytest.approx(0.0675)
    assert value["by_model"]["gpt-5.1-codex"] == pytest.approx(0.0675)
    assert sum(value["by_day"].values()) == pytest.approx(0.0675)
    assert "≥" in zwarm("cost").out


def test_export(zwarm: Zwarm, store: Store) -> None:
    transcript = zwarm("export", "aaaa1111").out
    assert transcript.startswith("# write the parser\n")
    assert "> another way" in transcript
    assert "$ pytest -q\n1 passed" in transcript
    log = [json.loads(line) for line in zwarm("export", "--all").out.splitlines()]
    assert len(log) == store.flush(), "the whole log, every branch"
    assert zwarm("export", "--all", "--json").json() == log
    own = [json.loads(line) for line in zwarm("export", "aaaa1111", "--format", "jsonl").out.splitlines()]
    assert own == [record for record in log if record["session"] == "aaaa1111"]
    everyone = zwarm("export", "--all", "--format", "md").out
    assert everyone.count("\n# ") + everyone.startswith("# ") == 2


def test_hostile_code_stays_in_its_fence(zwarm: Zwarm, store: Store) -> None:
    evil = "```\n# not a heading\n````\n"
    store.append(*turn("bbbb3333", 1, "x", e.CommandDone(item="c", command="cat x", output=evil), branch=2))
    store.flush()
    transcript = zwarm("export", "bbbb3333").out
    assert "`````console\n$ cat x\n```\n# not a heading\n````\n`````\n" in transcript


def test_a_database_from_tomorrow_and_a_broken_one(zwarm: Zwarm, project: Path) -> None:
    import sqlite3

    file = project / ".zwarm" / "zwarm.db"
    Store.open(file).close()
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    assert zwarm("ls").status == 1
    file.write_bytes(b"no database at all, but long enough to be read as one" * 100)
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    answer = zwarm("ls", "--json")
    assert answer.status == 1
    assert answer.out == ""
    assert "Traceback" not in answer.err
    assert file.read_bytes().startswith(b"no database"), "a reader touches nothing"


def test_a_read_only_log_is_read(
    shell: Callable[..., subprocess.CompletedProcess[str]], project: Path
) -> None:
    """After a clean end SQLite has put its other files away, and can't make them here."""
    Store.open(project / ".zwarm" / "zwarm.db").close()
    (project / ".zwarm").chmod(0o500)
    unprivileged = ""
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may write anywhere, and can't step down here")
        unprivileged = "setpriv --bounding-set=-all --inh-caps=-all"
    done = shell(f"{unprivileged} {sys.executable} -m zwarm_tui ls --json")
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
