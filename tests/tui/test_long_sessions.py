"""F7: a session whose agent is known to get worse says so, with what to do."""

from __future__ import annotations

import pytest

from zwarm_tui.core.long_sessions import is_long
from zwarm_tui.core.model import SessionStatus, SessionView


def view(turns: int, context: int | None, window: int | None) -> SessionView:
    return SessionView(
        id="s",
        task="t",
        status=SessionStatus.COMPLETED,
        executor="demo",
        turns=turns,
        context=context,
        window=window,
    )


@pytest.mark.parametrize(
    ("turns", "context", "window", "long"),
    [
        (9, 100, 1000, False),
        (10, None, None, True),
        (1, 900, 1000, True),
        (1, 899, 1000, False),
        (1, 900, None, False),
        (1, 0, 0, False),
    ],
)
def test_long(turns: int, context: int | None, window: int | None, long: bool) -> None:
    assert is_long(view(turns, context, window)) is long
