"""Which terminal a session or a run works in: the name of its tmux session."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zwarm_tui.core.model import SessionView
    from zwarm_tui.tui.runs.book import Run
    from zwarm_tui.workflow.runs import StageView


def of_session(session: SessionView | None, agents: Collection[str]) -> str | None:
    """That of its agent; None where it is none of the interactive ones (`agents`), or has
    not begun."""
    return session.thread if session is not None and session.executor in agents else None


def of_stage(run: Run, stage: StageView | None, agent: str | None) -> str | None:
    """The one that this stage made, else that of the `agent` that works on it, else the
    last one that any stage of the run made. None where there was none, and where the run
    took it back at its end."""
    end = run.view.result if isinstance(run.view.result, dict) else {}
    gone = run.view.ended is not None and not end.get("kept") and not end.get("cleanup_errors")
    made = [] if gone else [_made(one.result) for one in reversed(run.view.stages.values())]
    own = None if gone or stage is None else _made(stage.result)
    return own or agent or next(filter(None, made), None)


def _made(result: object) -> str | None:
    name = result.get("tmux_session") if isinstance(result, dict) else None
    return name if isinstance(name, str) else None
