"""Messages that are put into a running turn. What becomes of those that come too late for
it is decided as it ends (see `ending`)."""

from __future__ import annotations

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ExecutorError, TurnOverError, UsageError
from zwarm_tui.sessions.runner import TurnRunner
from zwarm_tui.sessions.turn import Turn


async def steer(runner: TurnRunner, session: str, message: str) -> bool:
    """Put a message into the session's turn on this branch, once a thread serves that.
    False where no turn is left to put it into."""
    while (turn := runner.turns.get((session, runner.branch))) is not None:
        turn.check_begun()
        if turn.ended:
            await turn.gone.wait()
        elif turn.thread is not None:
            await _put(runner, turn, turn.thread, message)
            return True
        elif turn.running or runner.has_place(turn):
            await turn.placed.wait()
        else:
            raise UsageError(f"the turn before has yet to begin on {session}: wait for it, or interrupt it")
    return False


async def _put(runner: TurnRunner, turn: Turn, thread: str, message: str) -> None:
    if not turn.executor.capabilities.steer:
        raise UsageError(f"{turn.executor.name} takes no message in mid turn: wait, or interrupt it")
    turn.steers.append(message)
    turn.untold += 1
    try:
        await turn.executor.steer(thread, message)
    except TurnOverError:
        await turn.gone.wait()
    except BaseException as error:
        if not turn.ended:
            turn.steers.remove(message)
            turn.untold -= 1
        if not turn.ended or not isinstance(error, ExecutorError):
            raise
        # Its end has taken care of the message.
    else:
        turn.untold -= 1
    if turn.ended:
        await turn.gone.wait()
        return
    runner.record(turn.session, turn.number, e.UserMessage(message, steer=True), branch=turn.branch)
    await runner.store.commit()
