"""What each verb is given: its project, a reader of the log, and the way to answer."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zwarm_tui.cli.plain import plain
from zwarm_tui.cli.project import given_project
from zwarm_tui.config.paths import database, has_log
from zwarm_tui.config.project import find_project
from zwarm_tui.core.errors import SessionNotFoundError

if TYPE_CHECKING:
    from zwarm_tui.core.model import Path as Line
    from zwarm_tui.core.model import SessionView
    from zwarm_tui.store.reader import Reader

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Call:
    """One use of a verb."""

    given: Path | None = None
    as_json: bool = False
    _noted: set[str] = field(default_factory=set)

    @cached_property
    def project(self) -> Path:
        """The folder of the project, absolute."""
        return find_project(Path.cwd()) if self.given is None else given_project(self.given)

    def reader(self) -> Reader | None:
        """The project's log; None, and a hint, where nothing was ever recorded."""
        file = database(self.project)
        if not has_log(file):
            note(f"nothing has run in {self.project} yet; `zwarm-tui` opens the screen and begins")
            return None
        from zwarm_tui.store.reader import Reader  # sqlite3: not on the way to --help

        return Reader(file)

    def find(self, prefix: str) -> tuple[Reader, SessionView, Line]:
        """The one session whose id begins so (SessionNotFoundError otherwise), and the
        line of the timeline to read it on: the current one, or where that does not
        hold the session, the first branch that does."""
        reader = self.reader()
        if reader is not None:
            id = reader.find(prefix)
            branches = (reader.path(branch.id) for branch in reader.branches())
            for line in (reader.position().path, *branches):
                session = reader.session(id, line)
                if session is not None:
                    return reader, session, line
        raise SessionNotFoundError(prefix, [])

    def answer(self, value: Any, people: Callable[[], Iterable[str]]) -> None:
        """Print `value` as JSON, or the lines made for people."""
        if self.as_json:
            click.echo(json.dumps(value))  # ASCII only: lone surrogates survive
        else:
            show(people())

    def note_once(self, sentence: str) -> None:
        """`note` what holds for some time, and is come across again and again."""
        if sentence not in self._noted:
            self._noted.add(sentence)
            note(sentence)


def show(lines: Iterable[str]) -> None:
    """Print lines for people; their colours are for terminals only."""
    for line in lines:
        click.echo(line, color=coloured())


def note(sentence: str) -> None:
    """A diagnostic: on standard error, so that standard output stays the answer."""
    click.echo(plain(sentence), err=True)


def coloured() -> bool:
    return sys.stdout is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def verb(function: F) -> click.Command:
    """Make a function a verb: `--json` and `--project` are every verb's."""

    return click.command(context_settings=SETTINGS)(project_option(json_option(click.pass_obj(function))))


def json_option(function: F) -> F:
    """`--json`, of a verb or of a group of them."""

    def set_json(context: click.Context, _: click.Parameter, value: bool) -> None:
        context.ensure_object(Call).as_json |= value

    return click.option(
        "--json", is_flag=True, expose_value=False, callback=set_json, help="Answer with one JSON value."
    )(function)


def project_option(function: F) -> F:
    """`--project DIR`, before the verb or after it."""

    def set_project(context: click.Context, _: click.Parameter, value: Path | None) -> None:
        if value is not None:
            context.ensure_object(Call).given = value

    return click.option(
        "--project",
        type=click.Path(path_type=Path),
        metavar="DIR",
        expose_value=False,
        callback=set_project,
        help="The project's folder (default: the git checkout around this one, or this one).",
    )(function)


SETTINGS = {"help_option_names": ["-h", "--help"]}
