"""`workflow run` where the project has a host: the host runs it, with its own agents."""

from __future__ import annotations

from tests.host.conftest import Stage

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
