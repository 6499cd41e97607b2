"""A branch's files come into the checkout in the way that the person chooses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.journeys import travel
from tests.tui.test_app import question, said, stage, until, write
from zwarm_tui.core.errors import ConfirmationNeededError, NothingToAdoptError, UsageError
from zwarm_tui.tui.screens.adopt import AdoptScreen
from zwarm_tui.tui.screens.dialog import Dialog
from zwarm_tui.tui.screens.timeline import TimelineScreen
from zwarm_tui.tui.widgets.timeline import TimelineView

FILES = [
    {"path": "todo/[x].py", "status": "M", "added": 1, "deleted": 0},
    {"path": "new\x1b[2J", "status": "A"},
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    travel(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("key", "mode", "told"),
    [
        ("a", "apply", "2 files changed in your checkout."),
        ("c", "commit", "It is the commit 0123456789ab."),
        ("b", "branch", "It is the git branch csv."),
    ],
)
async def test_as_changes_a_commit_or_a_branch(project: Path, key: str, mode: str, told: str) -> None:
    async with stage(project) as (app, engine, pilot):
        commit = "0123456789abcdef" if mode != "apply" else None
        git_branch = "csv" if mode == "branch" else None
        engine.replies["adopt"] = {"files": FILES, "safety": "T8", "commit": commit, "git_branch": git_branch}
        write(app, ":adopt csv")
        await until(pilot, lambda: isinstance(app.screen, AdoptScreen))
        for words in ("Adopt csv?", "2 files of your checkout would change", "M todo/[x].py", "A new␛[2J"):
            assert words in question(app)
        await pilot.press(key)
        await until(pilot, lambda: told in said(app))
        assert ":T8 is how it was before." in said(app)
        assert engine.asked == [("adopt", "csv", "apply", True, False), ("adopt", "csv", mode, False, False)]


async def test_where_it_does_not_apply_a_git_branch_can_be_made(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        engine.fails["adopt"] = [UsageError("csv does not apply, and nothing was changed. Both: [x].py")]
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(app.screen, TimelineScreen))
        app.screen.query_one(TimelineView).choose("T5")
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, AdoptScreen))
        assert "Csv does not apply, and nothing was changed. Both: [x].py" in question(app)
        await pilot.press("a", "enter")
        await until(pilot, lambda: isinstance(app.screen, TimelineScreen))
        await until(pilot, lambda: engine.asked[-1] == ("adopt", "csv", "branch", False, False))


async def test_what_cant_be_adopted_is_told(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        engine.fails["adopt"] = [UsageError("main works in your checkout"), UsageError("it does")]
        write(app, ":adopt main")
        await until(pilot, lambda: "main works in your checkout" in said(app))
        assert app.screen is app.main


async def test_where_there_is_nothing_to_adopt_no_way_to_do_it_is_offered(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        nothing = "there is nothing to adopt: the checkout has it all"
        engine.fails["adopt"] = [NothingToAdoptError(nothing)]
        write(app, ":adopt csv")
        await until(pilot, lambda: nothing in said(app))
        assert app.screen is app.main
        assert engine.asked == [("adopt", "csv", "apply", True, False)]


async def test_turns_that_run_in_the_checkout_want_a_yes(project: Path) -> None:
    async with stage(project) as (app, engine, pilot):
        write(app, ":adopt csv")
        await until(pilot, lambda: isinstance(app.screen, AdoptScreen))
        engine.fails["adopt"] = [ConfirmationNeededError("3f2a still runs in your checkout")]
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, Dialog) and "still runs" in question(app))
        await pilot.press("y")
        await until(pilot, lambda: engine.asked[-1] == ("adopt", "csv", "apply", False, True))
