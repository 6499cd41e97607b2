"""See a run through from a shell: what it asks is asked here where there is a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

import click

from zwarm_tui.cli.call import Call, note
from zwarm_tui.cli.plain import plain
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ZwarmError

if TYPE_CHECKING:
    from zwarm_tui.client import EngineClient
    from zwarm_tui.core.model import RequestView


def at_terminal() -> bool:
    """Somebody can be asked here."""
    return bool(sys.stdin and sys.stdin.isatty() and sys.stderr.isatty())


async def see_through(call: Call, client: EngineClient, run: str) -> None:
    """Return when the run's turn has ended. What waits for its person is asked at the
    terminal; without one it is named once, with the verb that answers it."""
    from zwarm_tui.cli.wait import follow

    reader = call.reader()
    assert reader is not None, "the run has been written into the log"
    line = reader.position().path
    number = max((t.turn for t in reader.turns(run, line)), default=1)
    known: set[str] = set()

    def news() -> list[RequestView] | None:
        """What is asked, and was not seen yet; [] when the run has ended."""
        if any(t.turn == number and t.end_seq is not None for t in reader.turns(run, line)):
            return []
        return [r for r in reader.requests() if r.id not in known and _of(r, run)] or None

    def _of(request: RequestView, run: str) -> bool:
        if request.session == run:
            return True
        from zwarm_tui.workflow.runs import read_runs

        # Not in the log yet, where its turn has only just begun.
        return any(request.session in view.sessions for view in read_runs(reader) if view.id == run)

    with contextlib.closing(reader):
        while requests := await follow(call, client, news):
            for request in requests:
                known.add(request.id)
                if at_terminal():
                    await _ask(client, request)
                else:
                    verb = "approve" if isinstance(request.event, e.ApprovalRequested) else "answer"
                    note(f"it asks: {_text(request)} (zwarm-tui {verb} {request.id} …)")


async def _ask(client: EngineClient, request: RequestView) -> None:
    event = request.event
    try:
        if isinstance(event, e.ApprovalRequested):
            choice = click.Choice(list(event.choices))
            decision = await asyncio.to_thread(click.prompt, _text(request), type=choice, err=True)
            await client.approve(request.id, decision=decision)
        else:
            await client.answer(
                request.id, str(await asyncio.to_thread(click.prompt, _text(request), err=True))
            )
    except ZwarmError as error:  # answered elsewhere meanwhile, say
        note(str(error))


def _text(request: RequestView) -> str:
    return plain(str(getattr(request.event, "text", ""))).strip()
