"""What the scripted agents write, by what they are asked for: small modules of the
demo's to-do list, and one for everything else."""

from __future__ import annotations

from typing import NamedTuple


class Sample(NamedTuple):
    """A module: where it goes, an example of its use, and two remarks on it."""

    path: str
    code: str
    example: str
    remarks: tuple[str, str]


_PARSER = Sample(
    "todo/parser.py",
    '''"""The commands, as typed: add TEXT, done NUMBER, list."""

from dataclasses import dataclass

COMMANDS = ("add", "done", "list")


@dataclass(frozen=True)
class Command:
    name: str
    text: str = ""


def parse(line: str) -> Command:
    """ValueError, with a sentence to show, where it is no command."""
    name, _, text = line.strip().partition(" ")
    if name not in COMMANDS:
        raise ValueError(f"'{name}' is no command: there are {', '.join(COMMANDS)}")
    if name == "done" and not text.strip().isdigit():
        raise ValueError("done wants the number of a to-do, like: done 2")
    return Command(name, text.strip())
''',
    "parse('done 2')  # Command(name='done', text='2')",
    ("`parse` touches no file and prints nothing.", "An error is a sentence that can be shown as it is."),
)
_STORE = Sample(
    "todo/store.py",
    '''"""The list on disk: JSON, replaced as a whole."""

import json
import os
from dataclasses import asdict
from pathlib import Path

from todo.model import Todo


def load(path: Path) -> list[Todo]:
    """No file yet is an empty list."""
    if not path.exists():
        return []
    return [Todo(**entry) for entry in json.loads(path.read_text())]


def save(path: Path, todos: list[Todo]) -> None:
    """Write beside it, then rename: a crash leaves the old list or the new one."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps([asdict(todo) for todo in todos], indent=2))
    os.replace(beside, path)
''',
    "save(path, [Todo(\"buy tea\")])\nload(path)  # [Todo(text='buy tea', done=False)]",
    ("A crash in the middle leaves the old list, whole.", "The file stays readable: one entry a to-do."),
)
_DUE = Sample(
    "todo/due.py",
    '''"""When a to-do is due: a date behind `due:`."""

from datetime import date


def due(text: str) -> date | None:
    """The date that a to-do names; None where it names none."""
    for word in text.split():
        if word.startswith("due:"):
            try:
                return date.fromisoformat(word.removeprefix("due:"))
            except ValueError:
                return None
    return None


def by_urgency(texts: list[str], today: date) -> list[str]:
    """Overdue first, then by date, then those without one."""
    return sorted(texts, key=lambda text: ((due(text) or date.max) >= today, due(text) or date.max))
''',
    'due("buy tea due:2026-01-31")  # date(2026, 1, 31)',
    ("`today` is passed in, so that a test can choose it.", "What is no date counts as no date."),
)
_TAGS = Sample(
    "todo/tags.py",
    '''"""Tags: words that begin with #."""


def tags(text: str) -> frozenset[str]:
    """The tags of a to-do, in lower case and without the #."""
    return frozenset(word[1:].lower() for word in text.split() if word.startswith("#") and word[1:])


def tagged(texts: list[str], *wanted: str) -> list[str]:
    """Those that carry all of the wanted tags, in their order."""
    return [text for text in texts if tags(text) >= {tag.lower() for tag in wanted}]
''',
    'tagged(["tea #shop", "call Ann"], "shop")  # [\'tea #shop\']',
    ("Several tags narrow the list down: all must be there.", "`#` alone is no tag."),
)
_COLOUR = Sample(
    "todo/colour.py",
    '''"""Colour, where the terminal wants it."""

import os
import sys

GREEN, DIM, RESET = "\\033[32m", "\\033[2m", "\\033[0m"


def wanted() -> bool:
    """NO_COLOR and a pipe both mean plain text."""
    return not os.environ.get("NO_COLOR") and sys.stdout.isatty()


def line(number: int, text: str, done: bool, colour: bool) -> str:
    """A to-do as the list shows it."""
    mark = "x" if done else " "
    plain = f"{number:>3} [{mark}] {text}"
    return f"{DIM if done else GREEN}{plain}{RESET}" if colour else plain
''',
    'line(1, "buy tea", False, colour=False)  # "  1 [ ] buy tea"',
    ("`NO_COLOR` and a pipe both give plain text.", "The done mark is there without colour, too."),
)
_UNDO = Sample(
    "todo/undo.py",
    '''"""Taking back what was done last."""

from dataclasses import dataclass, field

from todo.model import Todo


@dataclass
class History:
    """Copies of the list, newest last; at most `keep` of them."""

    keep: int = 20
    states: list[list[Todo]] = field(default_factory=list)

    def remember(self, todos: list[Todo]) -> None:
        self.states = [*self.states, [Todo(t.text, t.done) for t in todos]][-self.keep :]

    def undo(self) -> list[Todo] | None:
        """The list before the last change; None where there was none."""
        return self.states.pop() if self.states else None
''',
    "history.remember(todos)\nhistory.undo()  # the list as it was",
    (
        "Copies are kept, so later edits can't change the past.",
        "Twenty steps are kept, then the oldest goes.",
    ),
)

_BY_WORD = (
    (("parser", "parse"), _PARSER),
    (("json", "store", "disk", "save"), _STORE),
    (("due", "overdue", "dates", "deadline"), _DUE),
    (("tag", "tags", "filter"), _TAGS),
    (("colour", "color"), _COLOUR),
    (("undo",), _UNDO),
)


def sample(words: list[str]) -> Sample:
    """The module for a task about these words."""
    for known, found in _BY_WORD:
        if set(known) & set(words):
            return found
    name, title = "_".join(words), " ".join(words)
    code = f'''"""{title.capitalize()}, for the to-do list."""

from todo.model import Todo


def {name}(todos: list[Todo]) -> list[str]:
    """A line for each open to-do."""
    return [todo.text for todo in todos if not todo.done]
'''
    remarks = ("Done ones are left out.", "It changes nothing, so calling it twice is fine.")
    return Sample(f"todo/{name}.py", code, f"{name}([Todo(\"buy tea\")])  # ['buy tea']", remarks)
