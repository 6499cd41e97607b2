"""A branch's work put onto the person's checkout. These records belong to no session."""

from __future__ import annotations

from typing import ClassVar

from zwarm_tui.core.events.base import Event
from zwarm_tui.core.value import value


@value(kw_only=True)
class AdoptionBegun(Event):
    """From here on files change, from `old` to `new` (trees of the checkout `path`; for
    `mode` "commit" commits of its HEAD). `safety` is the checkpoint taken just before, on
    the branch `checkout` that works there."""

    kind: ClassVar[str] = "adoption.begun"
    adoption: str
    branch: str
    mode: str
    path: str
    old: str
    new: str
    safety: str
    checkout: int = 1


@value(kw_only=True)
class AdoptionEnded(Event):
    """`outcome`: done, or undone (all files are what they were). `why`: of an undone one."""

    kind: ClassVar[str] = "adoption.ended"
    adoption: str
    outcome: str
    why: str = ""
