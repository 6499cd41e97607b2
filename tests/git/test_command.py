"""Running git: what becomes of one that is at work when everything ends."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest

from zwarm_tui.git import command

SLOW = """#!/bin/sh
trap '' TERM
cat > taken
touch begun
sleep {seconds}
touch done
"""


@pytest.mark.parametrize(
    ("seconds", "changes"), [(600, False), (0.3, True)], ids=["one that reads", "one that changes files"]
)
def test_a_loop_that_ends_leaves_no_git_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, changes: bool
) -> None:
    """As where the app leaves while it reads a diff: the loop cancels all that goes on in it."""
    script = tmp_path / "bin" / "git"
    script.parent.mkdir()
    script.write_text(SLOW.format(seconds=seconds))
    script.chmod(0o755)
    monkeypatch.setattr(command, "_PATIENCE", 0.2)
    monkeypatch.setenv("PATH", str(script.parent), prepend=":")

    async def leave() -> None:
        at_work = asyncio.create_task(command.attempt(tmp_path, "x", stdin=b"words", finish=changes))
        while not (tmp_path / "begun").exists():
            await asyncio.sleep(0.01)
        at_work.cancel()
        await asyncio.sleep(0)

    asyncio.run(leave())
    assert (tmp_path / "done").exists() == changes
    gc.collect()  # a process or a pipe that nobody waited for would be complained of
