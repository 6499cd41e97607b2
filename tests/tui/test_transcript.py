"""The transcript's view: it opens at the end, keeps the reader's place, and acts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual import events, on
from textual.app import App, ComposeResult
from textual.geometry import Offset
from textual.message import Message
from textual.pilot import Pilot
from textual.selection import Selection

from zwarm_tui.core import events as e
from zwarm_tui.core.model import Block
from zwarm_tui.core.transcript import Transcript
from zwarm_tui.tui.render import markdown
from zwarm_tui.tui.widgets.diff_view import DiffView
from zwarm_tui.tui.widgets.transcript import TranscriptView


def records(*happened: e.Event, first: int = 1, turn: int = 1) -> list[e.Record]:
    return [e.Record(event, "s", turn=turn, time=1e9, seq=seq) for seq, event in enumerate(happened, first)]


def blocks(*happened: e.Event, first: int = 1) -> list[Block]:
    transcript = Transcript()
    for record in records(*happened, first=first):
        transcript.apply(record)
    return transcript.blocks


def messages(first: int, last: int) -> list[Block]:
    """Blocks whose seq is the number in their text."""
    return blocks(*(e.UserMessage(f"message {n}") for n in range(first, last + 1)), first=first)


class Stage(App[None]):
    """Only the view, and what it says."""

    def __init__(self, view: Callable[[], TranscriptView] = TranscriptView) -> None:
        super().__init__()
        self.view = view()
        self.said: list[Message] = []
        self.copied = ""

    def compose(self) -> ComposeResult:
        yield self.view

    def on_mount(self) -> None:
        self.view.focus()

    def copy_to_clipboard(self, text: str) -> None:
        self.copied = text

    @on(TranscriptView.OlderWanted)
    @on(TranscriptView.FollowChanged)
    @on(TranscriptView.RequestChosen)
    def hear(self, message: Message) -> None:
        self.said.append(message)

    def heard(self, kind: type[Message]) -> list[Any]:
        return [message for message in self.said if isinstance(message, kind)]


@asynccontextmanager
async def stage(
    view: Callable[[], TranscriptView] = TranscriptView, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[Stage, TranscriptView, Pilot[None]]]:
    app = Stage(view)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield app, app.view, pilot


def screen(view: TranscriptView) -> list[str]:
    return [strip.text.rstrip() for strip in view.render_lines(view.size.region)]


def seen(view: TranscriptView, text: str) -> bool:
    return any(text in line for line in screen(view))


async def test_it_opens_at_the_end_and_follows() -> None:
    async with stage() as (_, view, pilot):
        view.show("a", messages(1, 100), older=False)
        assert seen(view, "message 100")
        assert view.following
        view.extend(records(e.TextDelta("t", "Hello "), first=101))
        view.extend(records(e.TextDelta("t", "world"), first=102))
        assert screen(view)[-1] == "  Hello world"
        view.extend(records(e.Text("t", "Hello **world**!"), first=103))
        await pilot.pause()
        assert screen(view)[-1] == "  Hello world!"
        assert not seen(view, "**")


async def test_who_reads_back_is_left_in_peace() -> None:
    async with stage() as (app, view, pilot):
        view.show("a", messages(1, 100), older=False)
        await pilot.press("pageup")
        assert not view.following
        before = screen(view)
        view.extend(records(*(e.UserMessage(f"new {n}") for n in range(30)), first=101))
        await pilot.pause()
        assert screen(view) == before
        changed = app.heard(TranscriptView.FollowChanged)[-1]
        assert (changed.following, changed.unseen) == (False, 30)
        await pilot.press("end")
        assert view.following
        assert seen(view, "new 29")
        changed = app.heard(TranscriptView.FollowChanged)[-1]
        assert (changed.following, changed.unseen) == (True, 0)


async def test_scrolling_down_to_the_end_follows_again() -> None:
    async with stage() as (_, view, pilot):
        view.show("a", messages(1, 50), older=False)
        await pilot.press("k", "k")
        assert not view.following
        await pilot.press("j", "j")
        assert view.following


async def test_older_blocks_are_asked_for_once_and_do_not_move_the_screen() -> None:
    async with stage() as (app, view, pilot):
        view.show("a", messages(101, 200), older=True)
        await pilot.pause()
        assert not app.heard(TranscriptView.OlderWanted)
        await pilot.press("g", "g")
        assert [wanted.before for wanted in app.heard(TranscriptView.OlderWanted)] == [101]
        before = screen(view)
        view.prepend(messages(51, 100), older=True)
        await pilot.pause()
        assert screen(view)[1:] == before[1:]
        assert [block.first_seq for block in view.blocks] == list(range(51, 201))
        view.prepend(messages(1, 50), older=False)
        await pilot.press("g")
        assert screen(view)[1] == "▌ message 1"
        assert len(app.heard(TranscriptView.OlderWanted)) == 1


async def test_a_short_transcript_asks_for_more_by_itself() -> None:
    async with stage() as (app, view, pilot):
        view.show("a", messages(9, 10), older=True)
        await pilot.pause()
        assert [wanted.before for wanted in app.heard(TranscriptView.OlderWanted)] == [9]


async def test_each_transcript_is_left_as_it_was() -> None:
    async with stage() as (_, view, pilot):
        done = e.CommandDone(item="c", command="ls", output="\n".join(map(str, range(100))), exit_code=0)
        some = blocks(*(e.UserMessage(f"message {n}") for n in range(40)), done, e.UserMessage("last"))
        view.show("a", some, older=False)
        await pilot.press("pageup")
        before = screen(view)
        view.show("b", messages(500, 600), older=False)
        assert seen(view, "message 600")
        view.show("a", some, older=False)
        assert screen(view) == before
        assert not view.following


async def test_a_place_above_what_is_loaded_is_asked_for() -> None:
    async with stage() as (app, view, pilot):
        view.show("a", messages(1, 200), older=False)
        await pilot.press("g")
        before = screen(view)
        view.show("b", messages(1, 3), older=False)
        view.show("a", messages(101, 200), older=True)
        await pilot.pause()
        assert app.heard(TranscriptView.OlderWanted)[-1].before == 101
        view.prepend(messages(1, 100), older=False)
        await pilot.pause()
        assert screen(view) == before


async def test_output_folds_and_unfolds() -> None:
    async with stage() as (_, view, pilot):
        output = "\n".join(f"line {n}" for n in range(100))
        view.show("a", blocks(e.CommandDone(item="c", command="ls", output=output, exit_code=0)), older=False)
        assert seen(view, "… 94 more lines")
        assert not seen(view, "line 50")
        await pilot.press("space")
        assert not seen(view, "more lines")
        assert view.virtual_size.height == 101
        await pilot.press("space")
        assert seen(view, "… 94 more lines")
        await pilot.press("z")
        assert view.virtual_size.height == 101
        await pilot.press("z")
        assert view.virtual_size.height == 8


async def test_a_click_on_the_fold_unfolds() -> None:
    async with stage() as (_, view, pilot):
        output = "\n".join(f"line {n}" for n in range(20))
        view.show("a", blocks(e.CommandDone(item="c", command="ls", output=output, exit_code=0)), older=False)
        row = next(y for y, line in enumerate(screen(view)) if "more lines" in line)
        await pilot.click(TranscriptView, offset=(8, row))
        assert seen(view, "line 10")


async def test_an_open_request_is_chosen_by_key_and_by_click() -> None:
    async with stage() as (app, view, pilot):
        asked = e.ApprovalRequested(request="r7", what="command", text="rm -rf build")
        view.show("a", blocks(e.UserMessage("go"), asked, e.TextDelta("t", "meanwhile")), older=False)
        await pilot.press("enter")
        row = next(y for y, line in enumerate(screen(view)) if "rm -rf build" in line)
        await pilot.click(TranscriptView, offset=(8, row))
        assert [chosen.request for chosen in app.heard(TranscriptView.RequestChosen)] == ["r7", "r7"]
        view.extend(
            records(e.ApprovalResolved(request="r7", decision="decline", text="rm -rf build"), first=9)
        )
        await pilot.press("enter")
        assert seen(view, "⊘ declined by person  rm -rf build")
        assert len(app.heard(TranscriptView.RequestChosen)) == 2


async def test_stepping_from_message_to_message() -> None:
    async with stage(size=(60, 12)) as (_, view, pilot):
        steps = [e.CommandDone(item=f"c{n}", command=f"step {n}", exit_code=0) for n in range(30)]
        view.show("a", blocks(e.UserMessage("first"), *steps, e.UserMessage("second")), older=False)
        await pilot.press("left_curly_bracket")
        assert any(line.startswith("┃ second") for line in screen(view))
        await pilot.press("left_curly_bracket")
        assert any(line.startswith("┃ first") for line in screen(view))
        await pilot.press("right_square_bracket")
        assert any(line.startswith("┃ $ step 0") for line in screen(view))
        await pilot.press("right_curly_bracket")
        assert any(line.startswith("┃ second") for line in screen(view))


async def test_a_block_is_copied_as_it_was_written() -> None:
    async with stage() as (app, view, pilot):
        view.show("a", blocks(e.Text("t", "see `x` and\n\n**that**")), older=False)
        await pilot.press("y")
        assert app.copied == "see `x` and\n\n**that**"


async def test_a_search_hit_is_found_marked_and_unfolded() -> None:
    async with stage() as (_, view, pilot):
        output = "\n".join(f"Line {n}" for n in range(300))
        command = e.CommandDone(item="c", command="ls", output=output, exit_code=0)
        view.show("a", blocks(command, *(e.UserMessage(f"message {n}") for n in range(50))), older=False)
        view.set_search("LINE 150")
        assert view.jump_to(1)
        await pilot.pause()
        assert seen(view, "Line 150")
        row = next(y for y, line in enumerate(screen(view)) if "Line 150" in line)
        marked = [s.text for s in view.render_lines(view.size.region)[row] if s.style and s.style.reverse]
        assert marked == ["Line 150"]
        assert screen(view)[row].startswith("┃")
        assert not view.jump_to(999)


async def test_selected_text_comes_without_the_gutter() -> None:
    async with stage() as (_, view, pilot):
        view.show("a", blocks(e.UserMessage("one two"), e.Text("t", "three four")), older=False)
        await pilot.mouse_down(TranscriptView, offset=(6, 1))
        await pilot.hover(TranscriptView, offset=(7, 3))
        await pilot.mouse_up(TranscriptView, offset=(7, 3))
        await pilot.pause()
        assert view.screen.get_selected_text() == "two\n\nthree"
        whole = view.get_selection(Selection(None, None))
        assert whole is not None
        assert whole[0].splitlines()[1:] == ["one two", "", "three four"]


async def test_a_selection_stays_on_its_text_when_rows_come_in_front() -> None:
    async with stage() as (_, view, pilot):
        view.show("a", messages(101, 103), older=True)
        start = Offset(0, 1)
        view.screen.selections = {view: Selection(start, Offset(40, 1))}
        await pilot.pause()
        assert view.screen.get_selected_text() == "message 101"
        view.prepend(messages(1, 100), older=False)
        assert view.screen.get_selected_text() == "message 101"


async def test_another_width_wraps_again_and_keeps_the_place() -> None:
    async with stage(size=(100, 24)) as (_, view, pilot):
        long = [e.UserMessage(f"message {n} " + "words " * 60) for n in range(60)]
        view.show("a", blocks(*long), older=False)
        await pilot.press("pageup", "pageup")
        top = next(line for line in screen(view) if "message" in line).split()[2]
        await pilot.resize_terminal(50, 24)
        await pilot.pause()
        assert any(f"message {top} " in line for line in screen(view))
        assert all(len(line) <= 50 for line in screen(view))
        assert not view.following


async def test_another_theme_paints_other_colours() -> None:
    async with stage() as (app, view, pilot):
        view.show("a", blocks(e.Text("t", "plain")), older=False)

        def colour() -> object:
            strip = view.render_lines(view.size.region)[0]
            return next(s.style.color for s in strip if s.style and "plain" in s.text)

        before = colour()
        app.theme = "textual-light"
        await pilot.pause()
        assert colour() != before


async def test_measuring_the_rest_does_not_move_the_reader() -> None:
    async with stage() as (_, view, pilot):
        texts = [
            e.Text(f"t{n}", f"# Head {n}\n\n" + "- a point\n" * (n % 7) + "words " * 80) for n in range(150)
        ]
        view.show("a", blocks(*texts), older=False)
        await pilot.press("pageup", "pageup")
        before = screen(view)
        while not view._column.settled:
            view._settle_slice()
        await pilot.pause()
        assert screen(view) == before


@pytest.mark.parametrize("size", [(20, 5), (200, 60)])
async def test_any_size_of_terminal(size: tuple[int, int]) -> None:
    async with stage(size=size) as (_, view, pilot):
        asked = e.ApprovalRequested(request="r", what="command", text="git push --force origin main")
        view.show(
            "a",
            blocks(e.UserMessage("do it"), e.Text("t", "| a | b |\n|-|-|\n| 1 | 2 |"), asked),
            older=False,
        )
        await pilot.press("pageup", "end")
        assert len(screen(view)) == size[1]


async def test_nothing_to_show_is_no_trouble() -> None:
    async with stage() as (_, view, pilot):
        view.show("a", [], older=False)
        await pilot.press("k", "pageup", "g", "end", "enter", "space", "z", "y", "left_square_bracket")
        await pilot.click(TranscriptView, offset=(3, 3))
        view.extend(records(e.UserMessage("now")))
        assert seen(view, "now")


async def test_a_diff_on_its_own_page() -> None:
    def body(n: int) -> str:
        return f"diff --git a/f{n} b/f{n}\n--- a/f{n}\n+++ b/f{n}\n@@ -1,30 +1,30 @@\n" + "-old\n+new\n" * 30

    async with stage(DiffView) as (_, view, pilot):
        assert isinstance(view, DiffView)
        view.show_diff(body(1) + body(2))
        await pilot.pause()
        assert screen(view)[0].startswith("  ± f1  changed  +30 −30")
        await pilot.press("end")
        assert screen(view)[-1].endswith("+new")
        view.show_diff("")
        await pilot.pause()
        assert seen(view, "Nothing changed.")


async def test_the_wheel_scrolls_and_stops_following() -> None:
    async with stage() as (_, view, pilot):
        view.show("a", messages(1, 100), older=False)
        await pilot._post_mouse_events([events.MouseScrollUp], TranscriptView, offset=(5, 5), button=0)
        await pilot.pause()
        assert not view.following
        assert not seen(view, "message 100")
        for _ in range(3):
            await pilot._post_mouse_events([events.MouseScrollDown], TranscriptView, offset=(5, 5), button=0)
        await pilot.pause()
        assert view.following


async def test_a_double_click_selects_the_block() -> None:
    async with stage() as (_, view, pilot):
        view.show("a", blocks(e.Text("t", "one two"), e.Text("u", "first line\n\nlast line")), older=False)
        await pilot.click(TranscriptView, offset=(5, 2), times=2)
        assert view.screen.get_selected_text() == "\nfirst line\n\nlast line"


async def test_the_first_screen_waits_for_no_import(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage() as (_, view, pilot):
        with monkeypatch.context() as before:
            before.setattr(markdown, "is_loaded", lambda: False)
            view.show("a", blocks(e.Text("t", "**bold**")), older=False)
            assert seen(view, "**bold**")
        view._format()
        await pilot.pause()
        assert screen(view)[0] == "  bold"


async def test_a_selection_outlives_what_is_added() -> None:
    async with stage() as (_, view, pilot):
        texts = [
            e.Text(f"t{n}", f"# Head {n}\n\n" + "- a point\n" * (n % 7) + "words " * 80) for n in range(150)
        ]
        view.show("a", blocks(*texts), older=False)
        await pilot.double_click(TranscriptView, offset=(5, 20))
        before = view.screen.get_selected_text()
        assert before
        for n in range(20):
            view.extend(records(e.UserMessage(f"new {n}"), first=1000 + n))
        while not view._column.settled:
            view._settle_slice()
        assert view.screen.get_selected_text() == before
