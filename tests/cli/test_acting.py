"""Verbs that do something: through a host of their own, started by the first of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.host.conftest import Stage, stage, until

__all__ = ["stage"]  # the fixture

QUICK = "@say Done.\n@usage 1000 200 50"


def test_delegate_wait_check(stage: Stage) -> None:
    told = stage.json("delegate", QUICK, "--executor", "demo", "--model", "gpt-5", "--dir", ".")
    assert set(told) == {"session_id", "status"}
    assert told["status"] in ("pending", "running")
    (waited,) = stage.json("wait", told["session_id"])
    assert (waited["id"], waited["status"], waited["model"]) == (told["session_id"], "completed", "gpt-5")
    checked = stage.json("check", told["session_id"])
    assert [m["content"] for m in checked["messages"]][-1] == "Done."
    assert stage.json("ls", "--needs-attention") == []


def test_converse_interrupt_end(stage: Stage) -> None:
    session = stage.json("delegate", QUICK)["session_id"]
    stage.json("wait")
    assert stage.json("converse", session, "@hang")["turns"] == 2
    until(lambda: stage.session(session).status.value == "running")
    busy = stage.zwarm("converse", session, "more")
    assert busy.returncode == 2
    assert "a turn runs" in busy.stderr
    assert stage.json("interrupt", session[:5])["status"] == "interrupted"
    assert stage.zwarm("interrupt", session).returncode == 2, "nothing runs"
    assert stage.json("end", session, "--reason", "enough")["id"] == session
    assert stage.json("end", session, "--delete")["deleted"] is True
    assert stage.json("ls") == []


def test_say_and_its_reply(stage: Stage) -> None:
    said = stage.json("say", "Hello\n@say Hi there.", "--wait")
    assert said["session_id"] == "pilot"
    assert (said["turn"], said["status"], said["reply"]) == (1, "completed", "Hi there.")
    failed = stage.zwarm("say", "@fail No luck", "--wait", "--json")
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["status"] == "failed"
    for i in range(4):  # before, in or after the turn of the one before: it is answered
        assert set(stage.json("say", "@say Quick.")) == {"session_id", "turn"}
        assert f"Plain {i}." in stage.zwarm("say", f"@say Plain {i}.", "--wait").stdout


def test_approve_from_the_shell(stage: Stage) -> None:
    task = "@escalate echo one > one\n@escalate echo two > two\n@escalate echo three > three\n@say Done."
    session = stage.json("delegate", task)["session_id"]

    def waits(command: str) -> bool:
        reader = stage.reader()
        waiting = reader.requests()
        reader.close()
        return any(command in getattr(r.event, "text", "") for r in waiting)

    until(lambda: waits("one"))
    (listed,) = stage.json("ls", "--needs-attention")
    assert (listed["status"], listed["attention_reason"]) == ("awaiting_input", "approval")
    approved = stage.json("approve", session)
    assert set(approved) == {"request", "decision"}
    assert approved["decision"] == "accept"
    until(lambda: waits("two"))
    assert stage.json("approve", session, "--always")["decision"] == "accept_session"
    until(lambda: waits("three"))
    assert stage.json("approve", session, "--deny", "--reason", "@say Then not.")["decision"] == "decline"
    assert stage.json("wait")[0]["last_message"] == "Then not."
    assert [name for name in ("one", "two", "three") if (stage.project / name).exists()] == ["one", "two"]
    assert stage.zwarm("approve", session).returncode == 2, "nothing waits any more"
    assert stage.zwarm("approve", session, "--always", "--deny").returncode == 2
    assert stage.zwarm("approve", session, "--reason", "x").returncode == 2


def test_answer_from_the_shell(stage: Stage) -> None:
    session = stage.json("delegate", "@ask Tabs or spaces?\n@say Thanks.")["session_id"]
    until(lambda: stage.session(session).status.value == "awaiting_input")
    assert stage.json("answer", session, "Spaces")["answer"] == "Spaces"
    assert stage.json("wait", session)[0]["status"] == "completed"


def test_ack_needs_no_host(stage: Stage) -> None:
    session = stage.json("delegate", QUICK)["session_id"]
    stage.json("wait")
    stage.json("host", "stop")
    assert stage.json("ack", session)["needs_attention"] is False
    assert stage.json("host", "status") == {"running": False}


def test_wait(stage: Stage) -> None:
    assert stage.json("wait") == []
    assert stage.zwarm("wait", "nobody").returncode == 2
    slow = stage.json("delegate", "@hang")["session_id"]
    until(lambda: stage.session(slow).status.value == "running")
    quick = stage.json("delegate", QUICK)["session_id"]
    assert [s["id"] for s in stage.json("wait", quick)] == [quick]
    began = time.monotonic()
    late = stage.zwarm("wait", "--timeout", "0.3", "--json")
    assert late.returncode == 1
    assert time.monotonic() - began < 10
    assert {s["status"] for s in json.loads(late.stdout)} == {"running", "completed"}
    assert "still run" in late.stderr
    stage.kill()
    (ended,) = stage.json("wait", slow)
    assert ended["status"] == "interrupted", "what a dead host ran is over"


def test_travelling(stage: Stage) -> None:
    assert stage.json("checkpoint", "the start")["label"] == "T1"
    stage.json("say", "@say One.", "--wait")
    until(lambda: stage.json("checkpoints")["current"] == "T2")
    preview = stage.json("goto", "T1", "--dry-run")
    assert preview["label"] == "T1"
    assert stage.json("checkpoints")["current"] == "T2"
    assert stage.json("goto", "T1") == {"label": "T1", "branch": "main"}
    assert stage.json("checkpoints")["detached"] is True
    assert stage.json("label", "T1", "before one") == {"label": "T1", "name": "before one"}
    assert stage.json("note", "before one", "a clean start")["note"] == "a clean start"
    noted = stage.json("checkpoints")["checkpoints"][0]
    assert (noted["name"], noted["note"]) == ("before one", "a clean start")
    assert "before one" in stage.zwarm("checkpoints").stdout
    assert stage.json("branch", "other")["branch"] == "other"
    assert stage.json("branch", "third", "--from", "T2")["from"] == "T2"
    assert stage.json("goto", "main")["branch"] == "main"
    for verb in (
        ("goto", "T99"),
        ("branch", "main"),
        ("branch", "x", "--from", "T99"),
        ("goto", "T1", "--running", "x"),
        ("label", "T99", "x"),
        ("note", "T99", "x"),
    ):
        done = stage.zwarm(*verb)
        assert done.returncode == 2, verb
        assert "Traceback" not in done.stderr
    for verb in ("checkpoint", "goto T1", "goto T2 --dry-run", "branch fourth"):
        assert stage.zwarm(*verb.split()).stdout.strip()


def test_running_turns_stay_on_their_branch(stage: Stage) -> None:
    stage.json("checkpoint")
    session = stage.json("delegate", "@hang")["session_id"]
    until(lambda: stage.session(session).status.value == "running")
    stage.json("branch", "other", "--from", "T1")
    beside = stage.zwarm("delegate", QUICK)
    assert beside.returncode == 2
    assert "confirm" in beside.stderr
    assert stage.json("delegate", QUICK, "--confirm")["session_id"]
    stage.json("goto", "main", "--running", "wait")
    assert stage.json("interrupt", session)["status"] == "interrupted"


def test_tail_follows_what_a_host_does(stage: Stage) -> None:
    session = stage.json("delegate", "@sleep 0.5\n@say One.")["session_id"]
    argv = ["timeout", "60", "bash", "-c", '"$@" | grep -m1 One', "bash"]
    argv += [
        sys.executable,
        "-m",
        "zwarm_tui",
        "--project",
        str(stage.project),
        "tail",
        session,
        "--follow",
        "--json",
    ]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0
    assert json.loads(done.stdout)["session"] == session


@pytest.mark.parametrize(
    "arguments",
    [
        ("delegate",),
        ("converse", "x"),
        ("delegate", " "),
        ("end", "nobody"),
        ("answer", "nobody", "x"),
        ("say", ""),
    ],
    ids=" ".join,
)
def test_wrong_use(stage: Stage, arguments: tuple[str, ...]) -> None:
    done = stage.zwarm(*arguments, "--json")
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_the_agents_outlive_the_shell(stage: Stage, tmp_path: Path) -> None:
    """A shell with a terminal starts it, and is killed with all of its group."""
    line = f"{sys.executable} -m zwarm_tui --project {stage.project} delegate '@sleep 1\n@say Alive.' --json; sleep 60"
    shell = subprocess.Popen(["bash", "-c", line], stdout=subprocess.PIPE, start_new_session=True)
    assert shell.stdout is not None
    told: dict[str, Any] = json.loads(shell.stdout.readline())
    os.killpg(shell.pid, signal.SIGHUP)
    os.killpg(shell.pid, signal.SIGKILL)
    shell.wait()
    shell.stdout.close()
    assert stage.json("wait")[0]["last_message"] == "Alive."
    assert stage.json("check", told["session_id"])["status"] == "completed"
