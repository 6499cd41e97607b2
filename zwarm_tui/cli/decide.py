"""`interrupt`, `end`, `ack`, `approve`, `answer`: what sessions want from their person."""

from __future__ import annotations

import click

from zwarm_tui.cli.call import Call, verb
from zwarm_tui.cli.engine import answer as shown
from zwarm_tui.cli.engine import ask
from zwarm_tui.cli.sessions import acknowledge
from zwarm_tui.core.errors import UsageError


@verb
@click.argument("id")
def interrupt(call: Call, id: str) -> None:
    """Stop a running turn.

    A queued one is taken back.
    """
    ask(call, lambda engine: engine.interrupt(id), shown(call, lambda v: f"{v['id']}  {v['status']}"))


@verb
@click.argument("id")
@click.option("--delete", is_flag=True, help="Take it off the lists, too.")
@click.option("--reason", metavar="R", help="Why, for the record.")
def end(call: Call, id: str, delete: bool, reason: str | None) -> None:
    """End a session.

    With its turn, and all that its agent left running.
    """
    ask(
        call,
        lambda engine: engine.end(id, delete=delete, reason=reason),
        shown(call, lambda v: f"{v['id']}  {'deleted' if delete else 'ended'}"),
    )


@verb
@click.argument("id")
def ack(call: Call, id: str) -> None:
    """Mark a session as seen.

    This needs no host: it is recorded at once.
    """
    reader, session, line = call.find(id)
    reader.close()
    if session.needs_attention:
        failure = acknowledge(call, session, line[-1][0], by="ack")
        if failure is not None:
            raise failure
    reader, session, _ = call.find(session.id)
    reader.close()
    call.answer(session.to_json(), lambda: [f"{session.id}  seen"])


@verb
@click.argument("id")
@click.option(
    "--always", is_flag=True, help="Also the next time, for this session (of a budget: until the host ends)."
)
@click.option("--deny", is_flag=True, help="No.")
@click.option("--reason", metavar="R", help="With --deny: what to do instead.")
def approve(call: Call, id: str, always: bool, deny: bool, reason: str | None) -> None:
    """Let an agent do what it asks for, or not.

    ID is an approval's, or a session's: then its oldest. A turn that a budget holds
    begins with it, or is dropped with --deny.
    """
    if always and deny:
        raise UsageError("--always and --deny contradict each other")
    if reason is not None and not deny:
        raise UsageError("--reason goes with --deny")
    decision = "decline" if deny else "accept_session" if always else "accept"
    ask(
        call,
        lambda engine: engine.approve(id, decision=decision, message=reason or ""),
        shown(call, lambda v: f"{v['request']}  {v['decision']}"),
    )


@verb
@click.argument("id")
@click.argument("text")
def answer(call: Call, id: str, text: str) -> None:
    """Answer a question.

    ID is a question's, or a session's: then its oldest.
    """
    ask(call, lambda engine: engine.answer(id, text), shown(call, lambda v: f"{v['request']}  answered"))
