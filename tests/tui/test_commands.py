"""The lines that begin with a colon."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zwarm_tui.core.errors import UsageError
from zwarm_tui.tui.commands import COMMANDS, Parsed, complete, parse
from zwarm_tui.tui.completion import files


@pytest.mark.parametrize(
    ("line", "name", "argument"),
    [
        (":T3", "goto", "T3"),
        (":t12", "goto", "t12"),
        (":root", "goto", "root"),
        (":goto T3", "goto", "T3"),
        (":goto  my-branch ", "goto", "my-branch"),
        (":branch try-csv", "branch", "try-csv"),
        (":rename docs", "rename", "docs"),
        (":delegate Write the tests\nand run them", "delegate", "Write the tests\nand run them"),
        (":checkpoint", "checkpoint", ""),
        (":checkpoint before lunch", "checkpoint", "before lunch"),
        (":q", "quit", ""),
        (":QUIT", "quit", ""),
        (": status", "status", ""),
        (":hist", "history", ""),
        (":theme", "theme", ""),
        (":interrupt 3f2a", "interrupt", "3f2a"),
    ],
)
def test_a_line_is_a_command(line: str, name: str, argument: str) -> None:
    assert parse(line) == Parsed(name, argument)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (":", "has a name"),
        (":frobnicate", "no command :frobnicate: a colon alone lists them, f1 explains them"),
        (":gto T3", "no command :gto: :goto\\? f1 shows all of them"),
        (":goto", "T3 is missing"),
        (":delegate   ", "TASK is missing"),
        (":s", "could be :sessions, :status"),
        (":quit now", "takes nothing"),
    ],
)
def test_a_wrong_line_is_a_sentence(line: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse(line)


@given(st.text())
def test_any_line_is_a_command_or_a_sentence(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert parse(":" + text).name in {command.name for command in COMMANDS}


def test_what_could_follow() -> None:
    words = {"place": ["main", "T2", "T1"], "theme": ["tide"]}
    assert complete(":de", words) == [":delegate", ":delete"]
    assert complete(":goto ", words) == [":goto main", ":goto T2", ":goto T1"]
    assert complete(":goto t", words) == [":goto T2", ":goto T1"]
    assert complete(":theme ti", words) == [":theme tide"]
    assert complete(":delegate x", words) == []
    assert complete(":nothing x", words) == []


def test_files_of_the_project_only(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    for name in ("README.md", "setup.py", "src/app.py", "src/__init__.py", ".env"):
        (tmp_path / name).touch()
    assert files(tmp_path, "@") == ["@README.md", "@setup.py", "@src/"]
    assert files(tmp_path, "@s") == ["@setup.py", "@src/"]
    assert files(tmp_path, "@src/") == ["@src/app.py", "@src/__init__.py"]
    assert files(tmp_path, "@.e") == ["@.env"]
    assert files(tmp_path, "@/etc/pass") == []
    assert files(tmp_path, "@../") == []
    assert files(tmp_path, "@nowhere/x") == []
