"""`export`: a transcript to read, or the log to keep."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from zwarm_tui.cli import jsonl
from zwarm_tui.cli.call import Call, verb
from zwarm_tui.cli.markdown import transcript
from zwarm_tui.core.errors import UsageError
from zwarm_tui.core.events import Record

if TYPE_CHECKING:
    from zwarm_tui.core.model import Path as Line
    from zwarm_tui.store.reader import Reader

_PAGE = 1000


@verb
@click.argument("id", required=False)
@click.option("--all", "everything", is_flag=True, help="Every session, on every branch.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["md", "jsonl"]),
    help="md: to read (for one session that is the default); jsonl: one event a line.",
)
def export(call: Call, id: str | None, everything: bool, form: str | None) -> None:
    """A session's transcript, or the whole log.

    ID alone prints the session's transcript as Markdown; --all prints the log of
    everything that ever happened here, one JSON object a line.
    """
    if (id is None) is not everything:
        raise UsageError("export one session (its id), or everything (--all)")
    if id is not None:
        reader, session, line = call.find(id)
        sessions, records = [session], _records(reader, session.id, line)
    elif found := call.reader():
        reader, line, records = found, None, _records(found)
        sessions = reader.sessions(hidden=True) if form == "md" else []
    else:
        sessions, records = [], iter(())
    if call.as_json:
        click.echo(json.dumps([jsonl.as_object(record) for record in records], indent=2))
    elif form == "jsonl" or (form is None and everything):
        for record in records:
            click.echo(jsonl.line(record))
    else:
        for session in sessions:
            for part in transcript(session, reader.blocks(session.id, line, limit=sys.maxsize)):
                click.echo(part)


def _records(reader: Reader, session: str | None = None, line: Line | None = None) -> Iterator[Record]:
    """Records of one session on a line of the timeline, or all; oldest first."""
    last = 0
    while page := reader.records(session, line, since=last, limit=_PAGE):
        yield from page
        last = page[-1].seq
