"""The composer: what sends, what does not, and what is kept for each session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual import events, on
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from zwarm_tui.tui.widgets.completions import Completions
from zwarm_tui.tui.widgets.composer import Composer


class Stage(App[None]):
    CSS = "Composer { dock: bottom; }"

    def __init__(self) -> None:
        super().__init__()
        self.composer = Composer()
        self.sent: list[str] = []

    def compose(self) -> ComposeResult:
        yield self.composer

    def on_mount(self) -> None:
        self.composer.open("pilot", "Say something")
        self.composer.focus()

    @on(Composer.Submitted)
    def hear(self, message: Composer.Submitted) -> None:
        self.sent.append(message.text)


@asynccontextmanager
async def stage() -> AsyncIterator[tuple[Stage, Composer, Pilot[None]]]:
    app = Stage()
    async with app.run_test() as pilot:
        await pilot.pause()
        yield app, app.composer, pilot


async def test_enter_sends_and_empties() -> None:
    async with stage() as (app, composer, pilot):
        await pilot.press(*"hi", "enter")
        assert app.sent == ["hi"]
        assert composer.text == ""
        await pilot.press("space", "enter")
        assert app.sent == ["hi"]


async def test_other_keys_begin_a_line() -> None:
    async with stage() as (app, composer, pilot):
        await pilot.press("a", "ctrl+j", "b", "shift+enter", "c", "alt+enter", "d")
        assert composer.text == "a\nb\nc\nd"
        await pilot.press("enter")
        assert app.sent == ["a\nb\nc\nd"]


async def test_what_is_pasted_is_one_draft() -> None:
    async with stage() as (app, composer, pilot):
        lines = [f"line {n}" for n in range(40)]
        composer.post_message(events.Paste("\r\n".join(lines) + "\r\n"))
        await pilot.pause()
        assert app.sent == []
        assert composer.text.splitlines() == lines
        await pilot.press("enter")
        assert app.sent == ["\n".join(lines)]


async def test_pasted_escapes_are_only_seen() -> None:
    async with stage() as (_, composer, pilot):
        composer.post_message(events.Paste("a\x1b[31m\x00\ud800b"))
        await pilot.pause()
        assert composer.text == "a␛[31m␀�b"


async def test_the_history_of_a_session() -> None:
    async with stage() as (app, composer, pilot):
        for text in ("one", "two\nlines"):
            composer.text = text
            await pilot.press("enter")
        composer.text = "draft"
        await pilot.press("up")
        assert composer.text == "two\nlines"
        await pilot.press("up", "up")  # first into its first line, then back
        assert composer.text == "one"
        await pilot.press("up")
        assert composer.text == "one"
        await pilot.press("down", "down", "down")
        assert composer.text == "draft"
        composer.open("other", "")
        await pilot.press("up")
        assert composer.text == ""
        assert app.sent == ["one", "two\nlines"]


async def test_each_session_keeps_its_draft() -> None:
    async with stage() as (_, composer, pilot):
        await pilot.press(*"abc", "left")
        composer.open("s2", "To s2")
        assert composer.text == ""
        assert composer.placeholder == "To s2"
        await pilot.press("x")
        composer.open("pilot", "")
        assert composer.text == "abc"
        assert composer.cursor_location == (0, 2)
        composer.open("s2", "")
        assert composer.text == "x"


async def test_completions_of_commands_and_files() -> None:
    choices = [":goto", ":goto T1", ":quit", "@src/a.py", "@src/b.py"]
    asked: list[str] = []

    def complete(prefix: str) -> list[str]:
        asked.append(prefix)
        return [choice for choice in choices if choice.startswith(prefix)]

    async with stage() as (app, composer, pilot):
        composer.set_completer(complete)
        await pilot.press(":", "g")
        await pilot.pause()
        assert app.screen.query_one(Completions).chosen == ":goto"
        await pilot.press("tab")
        assert composer.text == ":goto "
        composer.text = ""
        await pilot.press(*"see @s")
        assert asked[-1] == "@s"
        await pilot.press("down", "enter")
        assert composer.text == "see @src/b.py "
        assert app.sent == []
        await pilot.pause()
        assert not app.screen.query(Completions)
        await pilot.press("enter")
        assert app.sent == ["see @src/b.py"]


async def test_enter_sends_what_was_typed_unless_a_completion_was_chosen() -> None:
    async with stage() as (app, composer, pilot):
        composer.set_completer(lambda prefix: [":quit now"])
        await pilot.press(*":quit", "enter")
        assert app.sent == [":quit"]
        assert composer.text == ""


async def test_escape_closes_the_completions_only() -> None:
    async with stage() as (app, composer, pilot):
        composer.set_completer(lambda prefix: ["@[red]x[/nope]"])
        await pilot.press("@")
        await pilot.pause()
        assert app.screen.query(Completions)
        await pilot.press("escape")
        await pilot.pause()
        assert not app.screen.query(Completions)
        assert composer.text == "@"
        assert composer.has_focus


async def test_it_grows_with_what_is_written() -> None:
    async with stage() as (_, composer, pilot):
        low = composer.size.height
        composer.text = "\n".join("abcdefgh")
        await pilot.pause()
        assert composer.size.height > low
        composer.text = "\n" * 50
        await pilot.pause()
        assert composer.outer_size.height == 12


async def test_up_goes_through_the_rows_of_a_long_line_first() -> None:
    async with stage() as (_, composer, pilot):
        composer.text = "old"
        await pilot.press("enter")
        composer.text = "word " * 40
        composer.move_cursor(composer.document.end)
        await pilot.press("up")
        assert composer.text.startswith("word")
        await pilot.press("up", "up")
        assert composer.text == "old"


async def test_without_any_room_it_draws_nothing() -> None:
    """As for an instant while a terminal is made very small: Textual's own placeholder
    can't be wrapped to no columns."""
    async with stage() as (app, composer, pilot):
        composer.styles.width = composer.gutter.width
        await pilot.pause()
        assert composer.content_size.width == 0
        composer.styles.width = "1fr"
        await pilot.pause()
        assert "ay&#160;something" in app.export_screenshot()  # the S is under the cursor
