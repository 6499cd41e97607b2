"""`say`, `delegate`, `converse`, `resume`: work for the pilot and for agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from zwarm_tui.cli.call import Call, verb
from zwarm_tui.cli.engine import answer, ask, confirm
from zwarm_tui.cli.plain import one_line, plain
from zwarm_tui.client import EngineClient

if TYPE_CHECKING:
    from zwarm_tui.core.model import TurnView
    from zwarm_tui.store.reader import Reader


@verb
@click.argument("task")
@click.option("--executor", metavar="E", help="The agent: codex, demo, or one of your settings' [agents].")
@click.option("--model", metavar="M", help="Its model.")
@click.option("--dir", metavar="D", help="The folder to work in, from the project's (default: that).")
@click.option("--worktree", is_flag=True, help="In a git worktree of its own.")
@confirm
def delegate(
    call: Call,
    task: str,
    executor: str | None,
    model: str | None,
    dir: str | None,
    worktree: bool,
    confirm: bool,
) -> None:
    """Start an agent on a task.

    Returns at once: the agent goes on in the background; `wait` and `check` follow it.
    """
    ask(
        call,
        lambda engine: engine.delegate(
            task, executor=executor, model=model, dir=dir, worktree=worktree, confirm=confirm
        ),
        answer(call, lambda value: f"{value['session_id']}  {value['status']}"),
    )


@verb
@click.argument("message")
@click.option("--wait", is_flag=True, help="Wait for the end of the pilot's turn, and print its reply.")
@confirm
def say(call: Call, message: str, wait: bool, confirm: bool) -> int:
    """Talk to the pilot, who delegates.

    Where a turn of the pilot runs, the message is put into it; where it comes too late
    for that one, it begins the next. Exit status 1 with
    --wait: the turn did not complete, or a budget keeps it from beginning.
    """

    async def do(engine: EngineClient) -> dict[str, Any]:
        said = await engine.say(message, confirm=confirm)
        if not wait:
            return said
        from zwarm_tui.cli.wait import turn_ended

        turn = await turn_ended(call, engine, said["session_id"], said["turn"], message)
        reader, session, line = call.find(said["session_id"])
        replies = [m for m in reader.messages(session.id, line) if m["turn"] == turn.turn]
        reply = "\n\n".join(m["content"] for m in replies if m["role"] == "assistant")
        error = _held_by(reader, turn) if turn.held else turn.error
        return {**said, "turn": turn.turn, "status": turn.status.value, "error": error, "reply": reply}

    outcome: dict[str, Any] = {}

    def show(value: dict[str, Any]) -> None:
        outcome.update(value)
        call.answer(value, lambda: [_reply(value) if wait else f"turn {value['turn']} of the pilot"])

    ask(call, do, show)
    return 1 if outcome.get("status", "completed") != "completed" else 0


def _held_by(reader: Reader, turn: TurnView) -> str:
    """Which budget it is, and what lets the turn begin."""
    mine = (turn.session, turn.branch, turn.turn)
    for request in reader.requests(turn.session):
        if (request.session, request.branch, request.turn) == mine:
            text = getattr(request.event, "text", "")
            return f"{text}: `zwarm-tui approve {request.id}` lets it begin, with --deny it is taken back"
    return "a budget holds it"


def _reply(value: dict[str, Any]) -> str:
    if value["reply"] and value["status"] == "completed":
        return plain(value["reply"])
    return plain(f"{value['reply']}\n\n{value['status']}: {value['error'] or 'no reply'}".strip())


@verb
@click.argument("id")
@click.argument("message")
@confirm
def converse(call: Call, id: str, message: str, confirm: bool) -> None:
    """Say more to a session.

    Its last turn must have ended. Returns at once.
    """
    ask(
        call,
        lambda engine: engine.converse(id, message, confirm=confirm),
        answer(call, lambda value: one_line(f"{value['id']}  {value['status']}, turn {value['turns']}")),
    )


@verb
@click.argument("id")
def resume(call: Call, id: str) -> None:
    """Go on with a turn that was interrupted.

    Where the agent's program is still at it in its terminal, it is followed, and nothing
    is typed. Else the agent is told to go on. Returns at once.
    """
    ask(
        call,
        lambda engine: engine.resume(id),
        answer(call, lambda value: one_line(f"{value['id']}  {value['status']}, turn {value['turns']}")),
    )
