"""Definitions: every field, strictly, with file, line and field of what is wrong."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zwarm_tui.commands import (
    ActionDefintion,
    ArgumentError,
    CommandArgument,
    CommandDefinition,
    CommandLoadError,
    StepType,
    discover_commands,
    find_command,
    load_command,
)
from zwarm_tui.commands.arguments import resolve
from zwarm_tui.core.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZWARM_CONFIG_DIR", str(tmp_path / "user"))
    made = tmp_path / "project" / ".zwarm" / "commands"
    made.mkdir(parents=True)
    return made


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(textwrap.dedent(text))
    return file


def test_the_defaults_and_the_order_of_all_steps() -> None:
    made = ActionDefintion(
        name="n", description="d", post_steps=["c d"], steps=["b b"], pre_steps=["setup-environment"]
    )
    assert ActionDefintion is CommandDefinition
    assert [s.name for s in made.get_all_steps()] == ["setup-environment", "b b", "c d"]
    assert (made.category, made.timeout, made.cleanup, made.working_directory) == (
        "workflow",
        1800,
        "always",
        None,
    )
    assert (made.prompt_file, made.extends, made.arguments, made.environment) == (None, None, [], {})
    assert (made.cleanup_on_failure, made.steps[0].timeout) == ([], 300)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("echo hello", StepType.SHELL),
        ("make;", StepType.SHELL),
        ("a|b", StepType.SHELL),
        ("a>b", StepType.SHELL),
        ("run.py", StepType.SCRIPT),
        ("sub/run.sh", StepType.SCRIPT),
        ("run.sh now", StepType.SHELL),
        ("setup-environment", StepType.BUILTIN),
    ],
)
def test_a_string_is_a_step(text: str, kind: StepType) -> None:
    (step,) = CommandDefinition(name="n", description="d", steps=[text]).steps
    assert (step.type, step.action) == (kind, text)


ONE = """\
name: one
description: d
"""


@pytest.mark.parametrize(
    ("text", "line", "field", "why"),
    [
        (ONE + "stpes: []\n", 3, "stpes", "unknown key; did you mean 'steps'?"),
        (ONE + "steps:\n  - name: a\n    action: b c\n    timeot: 3\n", 6, "steps.0.timeot", "'timeout'?"),
        (ONE + "arguments:\n  - {name: a, tpe: int}\n", 4, "arguments.0.tpe", "did you mean 'type'?"),
        (ONE + "timeout: long\n", 3, "timeout", "number"),
        (ONE + "timeout: -1\n", 3, "timeout", "greater than 0"),
        (ONE + "steps:\n  - make\n", 4, "steps.0", "no built-in step 'make'"),
        (ONE + "steps:\n  - create-worktre\n", 4, "steps.0", "did you mean 'create-worktree'?"),
        (ONE + "steps:\n  - {type: magic, action: x}\n", 4, "steps.0.type", "'builtin', 'script', 'shell'"),
        (ONE + "steps:\n  - {type: agent}\n", 4, "steps.0", "needs a prompt"),
        (ONE + "steps:\n  - {prompt: 'do {this}'}\n", 4, "steps.0.prompt", "{this}"),
        (ONE + "steps:\n  - {prompt_file: no.md}\n", 4, "steps.0.prompt_file", "no.md"),
        (ONE + "steps: [{type: shell, action: x, retry: 1, fix: nobody}]\n", 3, "steps.0.fix", "'nobody'"),
        (ONE + "prompt_file: missing.md\n", 3, "prompt_file", "missing.md"),
        (ONE + "extends: nobody\n", 3, "extends", "there is no 'nobody'"),
        (ONE + "arguments: [a, a]\n", 3, "arguments", "two arguments are called 'a'"),
        (ONE + "arguments: [{name: n, type: int, default: x}]\n", 3, "arguments.0", "can't be 'x'"),
        (ONE + "arguments: [{name: n, type: enum}]\n", 3, "arguments.0", "an enum needs values"),
        (ONE + "environment: {'A B': c}\n", 3, "environment", "can't be a name"),
        (ONE + "name: two\n", 3, "name", "twice"),
        (ONE + "steps: [\n", 4, "", "no YAML"),
        ("name: x\n", 1, "description", "missing"),
        ("- a\n", 1, "", "a command is a map"),
        ("", 1, "", "a command is a map"),
        ("name: !!python/object:os.system x\n", 1, "", "no YAML"),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_field(
    folder: Path, text: str, line: int | None, field: str, why: str
) -> None:
    file = write(folder, "x.yaml", text)
    with pytest.raises(CommandLoadError) as wrong:
        load_command(file)
    assert (wrong.value.path, wrong.value.line, wrong.value.field) == (file, line, field), str(wrong.value)
    assert why in str(wrong.value)
    assert str(file) in str(wrong.value)


def test_all_that_is_wrong_is_said_at_once(folder: Path) -> None:
    with pytest.raises(CommandLoadError) as wrong:
        load_command(write(folder, "x.yaml", ONE + "timeout: x\nstpes: []\n"))
    assert [p.field for p in wrong.value.problems] == ["timeout", "stpes"]


def test_a_small_file_that_stands_for_billions_is_refused(folder: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    with pytest.raises(CommandLoadError, match="stands for more than"):
        load_command(write(folder, "x.yaml", "\n".join(lines)))


@given(st.text(max_size=200))
def test_no_text_is_more_than_a_load_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.mktemp("any") / "x.yaml"
    file.write_text(text, errors="replace")
    try:
        load_command(file)
    except CommandLoadError as error:
        assert str(file) in str(error)


def test_extends_scalars_override_environment_merges_lists_append(folder: Path) -> None:
    write(
        folder,
        "base.yaml",
        """
        name: base
        description: the base
        category: ops
        timeout: 10
        environment: {A: base, B: base}
        arguments: [{name: who, default: me}, where]
        steps: ["echo base"]
        cleanup_on_failure: ["echo clean"]
        """,
    )
    write(folder, "middle.yml", "name: middle\ndescription: m\nextends: base\nsteps: ['echo middle']\n")
    file = write(
        folder,
        "top.yaml",
        """
        name: top
        description: the top
        extends: middle
        timeout: 20
        environment: {B: top}
        arguments: [{name: who, default: you}]
        steps: ["echo top"]
        """,
    )
    made = load_command(file)
    assert (made.name, made.description, made.category, made.timeout) == ("top", "the top", "ops", 20)
    assert made.environment == {"A": "base", "B": "top"}
    assert [s.action for s in made.steps] == ["echo base", "echo middle", "echo top"]
    assert [s.action for s in made.cleanup_on_failure] == ["echo clean"]
    assert [(a.name, a.default) for a in made.arguments] == [("who", "you"), ("where", None)]


def test_what_is_wrong_in_the_base_is_said_there(folder: Path) -> None:
    base = write(folder, "base.yaml", "name: base\ndescription: d\nsteps:\n  - good one\n  - bad\n")
    with pytest.raises(CommandLoadError) as wrong:
        load_command(write(folder, "top.yaml", "name: top\ndescription: d\nextends: base\nsteps: [a b]\n"))
    assert (wrong.value.path, wrong.value.line) == (base, 5)


def test_a_cycle_of_extends_is_an_error(folder: Path) -> None:
    write(folder, "a.yaml", ONE + "extends: b\n")
    write(folder, "b.yaml", ONE + "extends: a\n")
    with pytest.raises(CommandLoadError, match=r"it extends itself: a\.yaml → b\.yaml → a\.yaml"):
        load_command(folder / "a.yaml")


def test_a_prompt_file_lies_beside_the_command(folder: Path) -> None:
    write(folder, "p.md", "Do {what}.")
    made = load_command(
        write(folder, "x.yaml", ONE + "prompt_file: p.md\narguments: [what]\npost_steps: [a b]\n")
    )
    assert [s.type for s in made.planned_steps()] == [StepType.AGENT, StepType.SHELL]
    assert len(made.get_all_steps()) == 1
    write(folder, "p.md", "Do {something else that} {nobody}.")
    with pytest.raises(CommandLoadError, match=r"prompt_file: .*\{nobody\}"):
        load_command(folder / "x.yaml")


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("string", [("x", "x"), ("", "")], ["a\0b"]),
        ("int", [("-3", -3), (4, 4)], ["x", "1.5", "", True]),
        ("float", [("1.5", 1.5), (2, 2.0)], ["x", "nan", "inf"]),
        ("bool", [("yes", True), (False, False), ("0", False)], ["maybe"]),
        ("path", [("a/b", "/p/a/b"), ("/x", "/x")], []),
        ("enum", [("red", "red")], ["blue"]),
    ],
)
def test_arguments_have_types(kind: Any, good: list[Any], bad: list[Any]) -> None:
    argument = CommandArgument(name="a", type=kind, required=False, values=["red"] if kind == "enum" else [])
    for given_, value in good:
        assert resolve([argument], {"a": given_}, Path("/p")) == {"a": value}
    for given_ in bad:
        with pytest.raises(ArgumentError, match="argument 'a' can't be"):
            resolve([argument], {"a": given_}, Path("/p"))


def test_defaults_and_what_is_missing() -> None:
    declared = [CommandArgument(name="a", default=3, type="int"), CommandArgument(name="b", required=False)]
    assert resolve(declared, {}, Path("/")) == {"a": 3}
    assert resolve(declared, {"a": " "}, Path("/")) == {"a": 3}
    with pytest.raises(ArgumentError, match="missing argument 'c': what for"):
        resolve([CommandArgument(name="c", description="what for")], {"c": "  "}, Path("/"))


def test_commands_are_found_and_broken_ones_listed_with_their_error(folder: Path, tmp_path: Path) -> None:
    project = folder.parent.parent
    write(folder, "good.yaml", "name: good\ndescription: of the project\n")
    write(folder, "broken.yaml", "name: broken\nnonsense: 1\n")
    write(folder, "note.txt", "no command")
    write(tmp_path, "user/commands/good.yml", "name: good\ndescription: of the user\n")
    write(tmp_path, "user/commands/mine.yml", "name: mine\ndescription: d\n")
    found = {c.name: c for c in discover_commands(project) if c.origin != "shipped"}
    assert {n: c.origin for n, c in found.items()} == {"broken": "project", "good": "project", "mine": "user"}
    assert found["good"].description == "of the project"
    assert found["broken"].definition is None
    assert "nonsense: unknown key" in (found["broken"].error or "")
    assert find_command("mine", project).name == "mine"
    assert find_command(str(folder / "good.yaml"), project).name == "good"
    with pytest.raises(CommandLoadError, match="nonsense"):
        find_command("broken", project)
    with pytest.raises(UsageError, match=r"no command 'other'.*there is broken, good, mine"):
        find_command("other", project)


def test_two_files_of_one_name_are_an_error(folder: Path) -> None:
    write(folder, "a.yaml", ONE)
    write(folder, "b.yaml", ONE)
    found = [c for c in discover_commands(folder.parent.parent) if c.origin == "project"]
    assert [(c.name, bool(c.error)) for c in found] == [("b.yaml", True), ("one", False)]
