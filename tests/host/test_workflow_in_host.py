"""`workflow run` where the project has a host: the host runs it, with its own agents."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.host.conftest import Stage, until

FILE = """
from zwarm_tui.workflow import Input

INPUTS = [Input("word", "text", required=True)]


async def run(ctx):
    first = await ctx.stage("first", lambda s: s.send(f"@say {ctx.inputs['word']}"))
    return (await ctx.stage("second", lambda s: s.send(f"@say after {first.result}"))).result
"""


def test_the_host_runs_it(stage: Stage) -> None:
    stage.json("delegate", "@say hello")  # starts the host
    host = stage.pid()
    file = stage.project / "two.py"
    file.write_text(FILE)
    run = stage.json("workflow", "run", str(file), "--input", "word=quince")
    assert run["status"] == "completed"
    assert run["result"] == "after quince"
    assert stage.pid() == host
    assert [s["task"] for s in stage.json("ls")][-1] == "@say after quince"


def test_what_is_wrong_with_it_is_said(stage: Stage) -> None:
    stage.json("delegate", "@say hello")
    file = stage.project / "two.py"
    file.write_text(FILE)
    missing = stage.zwarm("workflow", "run", str(file))
    assert missing.returncode == 2
    assert "Missing required input --word" in missing.stderr
    file.write_text(FILE.replace("@say after", "@fail on purpose"))
    failed = stage.zwarm("workflow", "run", str(file), "--input", "word=quince")
    assert failed.returncode == 1
    assert "on purpose" in failed.stderr


ASKS = """
async def run(ctx):
    first = await ctx.stage("first", lambda s: s.send("@run echo first >> paid\\n@say one"))

    async def asks(s):
        return first.result + " " + await s.ask("Which colour?")

    return (await ctx.stage("second", asks)).result
"""


def begin(stage: Stage, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "zwarm_tui", "--project", str(stage.project), "workflow", "run"]
    return subprocess.Popen(
        [*command, *arguments, "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def asked(stage: Stage) -> str:
    def waiting() -> list[str]:
        reader = stage.reader()
        try:
            return [r.id for r in reader.requests()]
        finally:
            reader.close()

    return str(until(waiting, "the run asks")[0])


def test_a_stage_asks_without_a_terminal_and_waits_also_over_a_kill(stage: Stage) -> None:
    """The question is a request in the log: said on stderr, answered from any shell; after
    a kill of the host the run goes on where it was, and asks again."""
    stage.json("host", "start")
    file = stage.project / "asks.py"
    file.write_text(ASKS)
    first = begin(stage, str(file))
    asked(stage)
    [run] = stage.json("workflow", "status")
    assert run["status"] == "needs_review"
    assert [s["status"] for s in stage.json("ls") if s["id"] == run["run"]] == ["awaiting_input"]
    stage.kill()
    first.communicate(timeout=60)
    stage.json("host", "start")
    [cut] = stage.json("workflow", "status")
    assert (cut["status"], cut["stages"][1]["status"]) == ("error", "interrupted")

    second = begin(stage, str(file), "--resume", run["run"])
    assert second.stderr is not None
    err = ""
    while "it asks" not in err:
        line = second.stderr.readline()
        assert line, err
        err += line
    assert "it asks: Which colour? (zwarm-tui answer" in err
    stage.json("answer", asked(stage), "blue")
    out, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    assert json.loads(out)["result"] == "one blue"
    assert (stage.project / "paid").read_text() == "first\n"


HANGS = """
from pathlib import Path


async def run(ctx):
    first = await ctx.stage("first", lambda s: s.send("@run echo paid >> paid\\n@say quince"))
    hang = "" if (Path(__file__).parent / "go").exists() else "@hang"
    return (await ctx.stage("second", lambda s: s.send(f"{hang}\\n@say after {first.result}"))).result
"""


def test_the_next_host_goes_on_with_a_run_that_is_left_to_it(stage: Stage) -> None:
    stage.json("delegate", "@say hello")
    (stage.project / "hangs.py").write_text(HANGS)
    line = [sys.executable, "-m", "zwarm_tui", "--project", str(stage.project), "workflow", "run", "hangs.py"]
    with subprocess.Popen(
        line, cwd=stage.project, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        until(
            lambda: any(s["task"].startswith("@hang") and s["status"] == "running" for s in stage.json("ls")),
            "its second stage runs",
        )
        stage.json("host", "stop", "--running", "leave")
        running.kill()
    (stage.project / "go").touch()
    stage.json("host", "start")
    until(lambda: stage.json("workflow", "status")[0]["status"] == "completed", "the run has completed")
    assert stage.json("workflow", "status")[0]["result"] == "after quince"
    assert (stage.project / "paid").read_text().split() == ["paid"]
