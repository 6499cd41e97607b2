"""Everything a person can do, in one table.

From it come the key bindings, the command palette, the help screen, the hints in the
bottom line and the ids that a settings file may give other keys to. What `run` names is
a method of the main screen, of that of runs, or of the app.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import Binding

from zwarm_tui.tui.actions import app, runs, sessions, timeline
from zwarm_tui.tui.actions.action import ANYWHERE, RUNS, Action, Where

__all__ = ["ACTIONS", "ANYWHERE", "BY_ID", "NEEDS", "RUNS", "Action", "Where", "bindings", "hints", "key_of"]

ACTIONS: tuple[Action, ...] = (*sessions.ACTIONS, *timeline.ACTIONS, *runs.ACTIONS, *app.ACTIONS)
"""In the order in which help and palette show them."""

NEEDS = {**sessions.NEEDS, **timeline.NEEDS, **runs.NEEDS}
"""What an action may need -> what is said where that is missing."""

BY_ID = {action.id: action for action in ACTIONS}


def bindings(where: Where) -> list[Binding]:
    """The bindings of one place. Quitting works in dialogs too."""
    return [
        Binding(a.keys, a.action, a.title, show=False, id=a.id, priority=a.id == "quit")
        for a in ACTIONS
        if a.where == where and a.keys
    ]


def hints(focus: str, facts: Iterable[str]) -> list[Action]:
    """What the bottom line shows for a focus, where these `facts` hold: first what is
    possible only now, then what is always."""
    holds = set(facts)
    shown = [a for a in ACTIONS if a.hint and focus in a.seen and (not a.needs or a.needs in holds)]
    return sorted(shown, key=lambda a: (not a.needs, a.where == "app", a.where == "screen"))


def key_of(action: Action, keymap: dict[str, str]) -> str:
    """Its first key, as a person reads it."""
    first = keymap.get(action.id, action.keys).split(",")[0].strip()
    names = {"slash": "/", "question_mark": "?", "escape": "esc", "delete": "del"}
    return first.replace("ctrl+", "^") if first not in names else names[first]
