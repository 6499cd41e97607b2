"""Two screens on one host: who is told that a session needs its person, and how often."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from tests.host.conftest import Stage, eventually
from zwarm_tui.config.settings import Settings, UiSettings
from zwarm_tui.tui.app import ZwarmApp

SETTINGS = Settings(executor="demo", ui=UiSettings(animations=False))


class Screen:
    """A screen on the host, with all that it ever said."""

    def __init__(self, app: ZwarmApp, pilot: Pilot[Any], rings: list[str]) -> None:
        self.app, self._pilot, self.rings = app, pilot, rings

    def told(self, of: str) -> list[str]:
        """The titles of its notices about a session; each also rang."""
        return [title for title in self.rings if of in title]

    async def until(self, condition: Callable[[], object], what: str) -> None:
        await eventually(condition, what)
        await self._pilot.pause()

    async def seen(self, session: str, reason: str | None) -> None:
        """Wait until its list shows the session with that flag, and then for its next look."""

        def shows() -> bool:
            view = self.app.board.sessions.get(session)
            return view is not None and (view.attention.reason if view.attention else None) == reason

        await self.until(shows, f"{session} is shown with {reason}")
        self.app.feed.flush()
        await self._pilot.pause()


@asynccontextmanager
async def screen(stage: Stage) -> AsyncIterator[Screen]:
    app = ZwarmApp(stage.project, engine=stage.connect, settings=SETTINGS)
    rings: list[str] = []
    ring = app._ring
    app._ring = lambda text: (rings.append(text), ring(text))[1]  # type: ignore[method-assign]
    async with app.run_test(size=(120, 36)) as pilot:
        made = Screen(app, pilot, rings)
        await made.until(lambda: app.link.ready, "the screen has its engine")
        yield made


async def test_what_needs_its_person_is_told_once_and_not_where_it_is_shown(stage: Stage) -> None:
    async with stage.client() as client, screen(stage) as one, screen(stage) as two:
        asks = (await client.delegate("@ask Which colour shall the old shed get?"))["session_id"]
        done = (await client.delegate("@say Painted."))["session_id"]
        task = "@say Which brush?\n@run until [ -e opened ]; do sleep 0.05; done\n@ask This one?"
        shown = (await client.delegate(task))["session_id"]
        await two.until(lambda: shown in two.app.board.sessions, "it is in the list")
        two.app.main.open_session(shown)
        (stage.project / "opened").touch()
        for each in (one, two):
            await each.seen(asks, "question")
            await each.seen(done, "completed")
            assert each.told("old shed") == ["@ask Which colour shall the old shed get? asks you something"]
            assert each.told("Painted") == ["@say Painted. is done"]
        # Who looks at it has seen it, for all screens.
        for each in (one, two):
            await each.until(lambda each=each: each.app.board.requests_of(shown), "it asks")
            await each.seen(shown, None)
        assert two.told("brush") == []
        assert len(one.told("brush")) <= 1
        before = one.told("")

        stage.kill()
        for each in (one, two):
            await each.seen(asks, "interrupted")
            await each.seen(done, "completed")
            assert len(each.told("old shed")) == 2, "this is something new"
            assert len(each.told("Painted")) == 1, "this is not"
        assert [title for title in one.told("")[len(before) :] if "was interrupted" not in title] == []
        async with screen(stage) as later:
            await later.seen(done, "completed")
            assert later.told("") == [], "its list shows them"
