"""Declared inputs (AT-8) and finding workflows (AT-16)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zwarm_tui.workflow import (
    Input,
    InputError,
    WorkflowLoadError,
    discover_workflows,
    find_workflow,
    load_workflow,
)
from zwarm_tui.workflow.inputs import check_schema, resolve

FOCUS = Input("focus", "enum", values=("speed", "size"), default="speed")
DECLARED = [Input("prompt", "text", required=True), FOCUS, Input("note", "string")]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"name": "2x"}, "bad input name '2x'"),
        ({"name": ""}, "bad input name"),
        ({"name": "a", "type": "number"}, "no type 'number'"),
        ({"name": "a", "type": "enum"}, "needs values"),
        ({"name": "a", "values": ("x",)}, "only an enum has values"),
        ({"name": "a", "type": "enum", "values": ("x", "y"), "default": "z"}, "'z' is none of its values"),
    ],
)
def test_a_wrong_declaration_is_refused_at_once(given: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=why):
        Input(**given)


def test_names_are_declared_once() -> None:
    with pytest.raises(InputError, match=r"Duplicate input 'a'"):
        check_schema([Input("a"), Input("b"), Input("a")])


def test_values_and_defaults() -> None:
    assert resolve(DECLARED, {"prompt": "do it\nnow"}) == {
        "prompt": "do it\nnow",
        "focus": "speed",
        "note": "",
    }
    assert resolve(DECLARED, {"prompt": "x", "focus": " "})["focus"] == "speed"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Missing required input --prompt"),
        ({"prompt": " \n"}, "Missing required input --prompt"),
        (
            {"prompt": "x", "focus": "bogus"},
            'Invalid value for --focus: "bogus". Expected one of: speed, size',
        ),
        ({"prompt": "x", "x": "y"}, "Unknown input --x (there is --prompt, --focus, --note)"),
        ({"prompt": "x", "note": "a\nb"}, "Invalid value for --note: it has several lines. Expected one"),
        ({"prompt": 3}, "Invalid value for --prompt: 3. Expected text"),
    ],
)
def test_wrong_values_say_which_and_what_is_expected(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as wrong:
        resolve(DECLARED, given)
    assert str(wrong.value) == message
    assert isinstance(wrong.value, ValueError)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


GOOD = '''"""Does it well.\n\nAt length."""
from zwarm_tui.workflow import Input
INPUTS = [Input("prompt", required=True), Input("focus", "enum", values=["a", "b"])]
async def run(ctx):
    return ctx.inputs["prompt"]
'''
BROKEN = {
    "syntax": ("def run(:", r"syntax.py:1: invalid syntax"),
    "norun": ("x = 1", r"norun.py: it has no `async def run\(ctx\)`"),
    "sync": ("def run(ctx): pass", r"it has no `async def run\(ctx\)`"),
    "badinput": (
        "from zwarm_tui.workflow import Input\nINPUTS = [Input('2')]\nasync def run(ctx): pass",
        "bad input name '2'",
    ),
    "twice": (
        "from zwarm_tui.workflow import Input\nINPUTS = [Input('a'), Input('a')]\nasync def run(ctx): pass",
        "Duplicate input 'a'",
    ),
    "notinput": ("INPUTS = [1]\nasync def run(ctx): pass", r"INPUTS has to be a list of Input"),
}


def test_workflows_are_found_and_broken_ones_say_why(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, mine = project / ".zwarm" / "workflows", tmp_path / "config"
    monkeypatch.setenv("ZWARM_CONFIG_DIR", str(mine))
    write(ours, "good", GOOD)
    write(mine / "workflows", "good", "def broken(:")
    write(mine / "workflows", "mine", GOOD)
    write(ours, "_helper", "not a workflow at all(")
    for name, (text, _) in BROKEN.items():
        write(ours, name, text)
    found = {w.name: w for w in discover_workflows(project)}
    shipped = {name for name, w in found.items() if w.origin == "shipped"}
    assert shipped == {"debate", "task_loop"}
    assert not any(found[name].error for name in shipped)
    assert set(found) - shipped == {"good", "mine", *BROKEN}
    assert (found["good"].origin, found["mine"].origin) == ("project", "user")
    assert found["good"].path.parent == ours
    assert found["good"].error is None
    assert found["good"].description == "Does it well."
    assert [(i.name, i.required) for i in found["good"].inputs] == [("prompt", True), ("focus", False)]
    assert found["mine"].error is None
    assert find_workflow("mine", project) == found["mine"].path
    assert find_workflow("debate", project) == found["debate"].path
    write(ours, "debate", GOOD)
    assert find_workflow("debate", project).parent == ours, "the project's own comes first"
    with pytest.raises(WorkflowLoadError, match=r"no workflow 'nope'.*good"):
        find_workflow("nope", project)


@pytest.mark.parametrize("name", BROKEN)
def test_looking_and_loading_say_the_same(project: Path, name: str) -> None:
    text, why = BROKEN[name]
    path = write(project / ".zwarm" / "workflows", name, text)
    [looked] = [w for w in discover_workflows(project) if w.origin == "project"]
    with pytest.raises(WorkflowLoadError, match=why) as loaded:
        load_workflow(path)
    assert str(path) in str(loaded.value)
    assert looked.error is not None
    assert str(path) in looked.error
    assert why.rpartition(":")[2].strip().split("`")[0].replace("\\", "")[:12] in looked.error


def test_looking_at_a_file_runs_nothing_of_it(project: Path) -> None:
    write(project / ".zwarm" / "workflows", "evil", "open('ran', 'w')\n" + GOOD)
    [found] = [w for w in discover_workflows(project) if w.origin == "project"]
    assert found.error is None
    assert not Path("ran").exists()


def test_an_error_while_loading_names_its_line(project: Path) -> None:
    path = write(project / ".zwarm" / "workflows", "raises", "x = 1\ny = x / 0\nasync def run(ctx): pass")
    with pytest.raises(WorkflowLoadError, match=r"raises\.py:2: ZeroDivisionError"):
        load_workflow(path)
