"""`tail`: a session's events as they were recorded, and as they come."""

from __future__ import annotations

import os
import select
import stat
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from zwarm_tui.cli import jsonl
from zwarm_tui.cli.call import Call, show, verb
from zwarm_tui.cli.story import lines

if TYPE_CHECKING:
    from zwarm_tui.core.events import Record
    from zwarm_tui.core.model import Path as Line
    from zwarm_tui.store.reader import Reader

_PAGE = 1000
_PAUSE = 0.1  # seconds between two looks at the log


@verb
@click.argument("id")
@click.option("--follow", "-f", is_flag=True, help="Go on printing what comes, until Ctrl-C.")
def tail(call: Call, id: str, follow: bool) -> None:
    """A session's events.

    With --json one object a line: seq, time, session, turn, branch, kind and the
    event's own fields, pieces of streamed text included.
    """
    reader, session, line = call.find(id)
    for page in _pages(reader, session.id, line, follow):
        if call.as_json:
            click.echo("\n".join(jsonl.line(record) for record in page))
        else:
            show(line for record in page for line in lines(record, starts=follow))


def _pages(reader: Reader, session: str, line: Line, follow: bool) -> Iterator[list[Record]]:
    last = 0
    while True:
        page = reader.records(session, line, since=last, limit=_PAGE)
        if page:
            last = page[-1].seq
            yield page
        elif not follow or not _pause():
            return


def _pause() -> bool:
    """Wait a moment; False where nobody reads standard output any more. Without this
    `tail --follow | head` would stay until the session says one more thing."""
    if not stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode):
        time.sleep(_PAUSE)
        return True
    gone = select.poll()
    gone.register(sys.stdout.fileno(), 0)  # errors and hang-ups are always told
    return not gone.poll(_PAUSE * 1000)
