"""What an action is, and where it can be done."""

from __future__ import annotations

from typing import Literal

from zwarm_tui.core.value import value

Where = Literal["app", "screen", "sessions", "timeline", "runs"]
"""Where its keys work: always; on the main screen; in one of its lists; on that of runs."""

ANYWHERE = frozenset({"composer", "sessions", "transcript", "timeline"})
READING = frozenset({"sessions", "transcript"})
RUNS = frozenset({"runs", "graph"})
GRAPH = frozenset({"graph"})
"""Sets of places that can have the focus."""


@value(kw_only=True)
class Action:
    """One thing to do. `keys` are the default ones, several with commas, "" for none;
    `hint` is its word in the bottom line while one of `seen` has the focus."""

    id: str
    title: str
    help: str
    run: str
    keys: str = ""
    where: Where = "screen"
    hint: str = ""
    seen: frozenset[str] = frozenset()
    needs: str = ""

    @property
    def action(self) -> str:
        """The action as Textual calls it."""
        return self.run if "." in self.run else f"screen.{self.run}"
