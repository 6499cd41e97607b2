"""`workflow run`, `workflow status` and `workflow list` from a shell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zwarm_tui.cli import main
from zwarm_tui.store.lock import ProjectLock

GOOD = '''"""Two stages."""
from zwarm_tui.workflow import Input
INPUTS = [Input("topic", required=True), Input("focus", "enum", values=["a", "b"], default="a")]
async def run(ctx):
    async def one(s):
        return await s.send("@say about " + s.inputs["topic"])
    async def two(s):
        s.transcript("one")
        return await s.send("@say checked")
    a = await ctx.stage("one", one)
    await ctx.stage("two", two, headless=True)
    return a.result
'''


@pytest.fixture
def zwarm(project: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    folder = project / ".zwarm" / "workflows"
    folder.mkdir()
    (folder / "good.py").write_text(GOOD)
    (folder / "broken.py").write_text("def run(:")

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(list(arguments))
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_a_run_and_its_status(zwarm: Any) -> None:
    status, out, err = zwarm("workflow", "run", "good", "--input", "topic=tea", "--json")
    assert status == 0, err
    run = json.loads(out)
    assert (run["status"], run["result"], run["inputs"]) == (
        "completed",
        "about tea",
        {"topic": "tea", "focus": "a"},
    )
    assert run["edges"] == [["one", "two"]]
    assert run["cost_usd"] > 0
    assert [t["how"] for t in run["stages"][0]["turns"]] == ["fresh"]
    assert json.loads(zwarm("workflow", "status", "--json")[1]) == [run]
    assert json.loads(zwarm("workflow", "status", run["run"][:4], "--json")[1]) == run
    for arguments in ((), (run["run"],)):
        status, out, _ = zwarm("workflow", "status", *arguments)
        assert status == 0
        assert run["run"] in out
        assert "completed" in out
    assert zwarm("workflow", "status", "zzz")[0] == 2


def test_a_run_by_path_for_people(zwarm: Any, project: Path) -> None:
    path = str(project / ".zwarm" / "workflows" / "good.py")
    status, out, _ = zwarm("workflow", "run", path, "--input", "topic=tea\x1b[31m")
    assert status == 0
    assert "two (unattended)" in out
    assert "about tea" in out
    assert "\x1b" not in out


def test_workflows_are_listed_broken_ones_with_their_error(zwarm: Any) -> None:
    status, out, _ = zwarm("workflow", "list", "--json")
    broken, good = (w for w in json.loads(out) if w["origin"] == "project")
    assert status == 0
    assert "broken.py:1: invalid syntax" in broken["error"]
    assert good["error"] is None
    assert [i["name"] for i in good["inputs"]] == ["topic", "focus"]
    assert "invalid syntax" in zwarm("workflow", "list")[1]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["good"], "Missing required input --topic"),
        (["good", "--input", "topic= "], "Missing required input --topic"),
        (
            ["good", "--input", "topic=x", "--input", "focus=bogus"],
            'Invalid value for --focus: "bogus". Expected one of: a, b',
        ),
        (["good", "--input", "topic=x", "--input", "x=y"], "Unknown input --x"),
        (["good", "--input", "topic"], "an --input is key=value"),
        (["broken"], "broken.py:1: invalid syntax"),
        (["nope"], "no workflow 'nope'"),
        (["good", "--resume", "zzz", "--input", "topic=x"], "no run 'zzz'"),
    ],
)
def test_wrong_use_starts_nothing(zwarm: Any, arguments: list[str], why: str) -> None:
    status, out, err = zwarm("workflow", "run", *arguments)
    assert (status, out) == (2, "")
    assert why in err
    assert json.loads(zwarm("workflow", "status", "--json")[1]) == []


def test_a_failed_run_is_told_with_its_graph(zwarm: Any, project: Path) -> None:
    (project / "bad.py").write_text(
        "async def run(ctx):\n    async def x(s):\n        return await s.send('@die')\n    await ctx.stage('x', x)\n"
    )
    status, out, err = zwarm("workflow", "run", "bad.py", "--json")
    run = json.loads(out)
    assert (status, run["status"], run["stages"][0]["status"]) == (1, "error", "failed")
    assert "Stage 'x' failed after 1 attempts" in err
    assert "exit status 3" in run["error"]


def test_nothing_asks_where_there_is_no_terminal(zwarm: Any, project: Path) -> None:
    (project / "asks.py").write_text(
        "async def run(ctx):\n    async def x(s):\n        return await s.ask('Which?')\n    await ctx.stage('x', x)\n"
    )
    status, _, err = zwarm("workflow", "run", "asks.py")
    assert status == 1
    assert "nobody is here to answer: Which?" in err


def test_who_runs_the_agents_is_said(zwarm: Any, project: Path) -> None:
    lock = ProjectLock(project / ".zwarm", "engine")
    lock.acquire()
    try:
        status, out, err = zwarm("workflow", "run", "good", "--input", "topic=tea")
    finally:
        lock.release()
    assert (status, out) == (1, "")
    assert "runs this project's agents" in err
