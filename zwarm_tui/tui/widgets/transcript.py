"""The transcript: what can be done with the blocks in view, by key and by mouse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from zwarm_tui.core.events import UserMessage
from zwarm_tui.core.model import Block
from zwarm_tui.tui.render.blocks import copy_of, request_of
from zwarm_tui.tui.render.column import Place
from zwarm_tui.tui.widgets.block_view import BlockView


class TranscriptView(BlockView):
    """A session's transcript. It knows neither the store nor the engine: `show` and
    `prepend` give it blocks, `extend` gives it records; it says what it wants in messages.
    """

    BINDING_GROUP_TITLE = "Transcript"
    HELP = "What was said and done. Scrolling back stops following; End follows again."

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "line(-1)", "Line up", show=False, id="transcript.line_up"),
        Binding("down,j", "line(1)", "Line down", show=False, id="transcript.line_down"),
        Binding("pageup,b", "page(-1)", "Page up", show=False, id="transcript.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="transcript.page_down"),
        Binding("ctrl+u", "half_page(-1)", "Half a page up", show=False, id="transcript.half_up"),
        Binding("ctrl+d", "half_page(1)", "Half a page down", show=False, id="transcript.half_down"),
        Binding("home,g", "top", "To the top", show=False, id="transcript.top"),
        Binding("end,G", "end", "To the end, and follow", show=False, id="transcript.end"),
        Binding("left_square_bracket", "block(-1)", "Block before", show=False, id="transcript.block_up"),
        Binding("right_square_bracket", "block(1)", "Block after", show=False, id="transcript.block_down"),
        Binding("left_curly_bracket", "user(-1)", "Message before", show=False, id="transcript.user_up"),
        Binding("right_curly_bracket", "user(1)", "Message after", show=False, id="transcript.user_down"),
        Binding("enter", "choose", "Decide, or unfold", show=False, id="transcript.choose"),
        Binding("space", "fold", "Fold or unfold", show=False, id="transcript.fold"),
        Binding("z", "fold_all", "Fold or unfold all", show=False, id="transcript.fold_all"),
        Binding("y", "copy_block", "Copy the block", show=False, id="transcript.copy_block"),
    ]

    @dataclass
    class OlderWanted(Message):
        """The reader is near the top: blocks with a first_seq below `before`, please."""

        before: int

    @dataclass
    class FollowChanged(Message):
        """Whether the end is followed, and how many blocks came since it is not."""

        following: bool
        unseen: int

    @dataclass
    class RequestChosen(Message):
        """The person wants to decide this open approval or question."""

        request: str

    def _announce(self) -> None:
        self.post_message(self.FollowChanged(self._following, self._unseen))

    def _ask_older(self, before: int) -> None:
        self.post_message(self.OlderWanted(before))

    def on_click(self, event: events.Click) -> None:
        event.prevent_default()  # a double click would select everything
        if event.chain == 2:
            self._select_block(self._column.place_of(round(self.scroll_y) + event.y).at)
        if event.chain > 1 or self.text_selection is not None or event.button != 1:
            return
        place = self._column.place_of(round(self.scroll_y) + event.y)
        if place.at >= len(self._column.blocks):
            return
        self._cursor = place.at
        self.refresh()
        request = request_of(self._column.blocks[place.at])
        if request is not None:
            self.post_message(self.RequestChosen(request))
        elif event.style.meta.get("fold"):
            self._toggle(place.at)

    def _current(self) -> int | None:
        """The block that keys act on: the marked one, else the last one in view that
        waits for a decision, else the last one in view."""
        if self._cursor is not None:
            return self._cursor
        shown = range(
            self._column.place_of(round(self.scroll_y)).at,
            min(self._column.place_of(round(self.scroll_y) + self.size.height - 1).at + 1, len(self.blocks)),
        )
        waiting = [index for index in shown if request_of(self.blocks[index]) is not None]
        return waiting[-1] if waiting else shown[-1] if shown else None

    def _toggle(self, index: int) -> None:
        column = self._column
        y = column.top(index)
        column.toggle(index, column.blocks[index].key not in column.opened)
        if y < round(self.scroll_y):  # its beginning is above: go there, not to its middle
            self._scroll_to_place(Place(index, 0, 0))
        else:
            self._stay(round(self.scroll_y))
        self.refresh()

    def _stay(self, y: int) -> None:
        """Keep the row at the top of the screen, whatever grew below it."""
        self._top = self._column.place_of(y)
        self._following = False
        self._place()
        self._follow(round(self.scroll_y) >= self.max_scroll_y)

    def action_choose(self) -> None:
        """Decide an open request, or fold and unfold."""
        index = self._current()
        if index is None:
            return
        request = request_of(self._column.blocks[index])
        if request is not None:
            self.post_message(self.RequestChosen(request))
        else:
            self._toggle(index)

    def action_fold(self) -> None:
        """Fold or unfold the block at the cursor."""
        if (index := self._current()) is not None:
            self._toggle(index)

    def action_fold_all(self) -> None:
        """Unfold everything; fold everything where something is unfolded."""
        column = self._column
        open = not column.opened
        top = column.place_of(round(self.scroll_y))
        for index in range(len(column.blocks)):
            column.toggle(index, open)
        if not self._following:
            self._top = Place(top.at, 0, 0)
        self._place()
        self.refresh()

    def action_copy_block(self) -> None:
        """Copy the text of the block at the cursor as the agent wrote it."""
        if (index := self._current()) is not None:
            self.app.copy_to_clipboard(copy_of(self._column.blocks[index]))

    def action_line(self, by: int) -> None:
        self._scroll_by(by)

    def action_page(self, by: int) -> None:
        self._scroll_by(by * max(self.size.height - 2, 1))

    def action_half_page(self, by: int) -> None:
        self._scroll_by(by * max(self.size.height // 2, 1))

    def _scroll_by(self, rows: int) -> None:
        self.scroll_to(y=round(self.scroll_y) + rows, animate=False, force=True)

    def action_top(self) -> None:
        """To the top of what is loaded (more is asked for there)."""
        self.scroll_to(y=0, animate=False, force=True)

    def action_end(self) -> None:
        """To the end, and follow it."""
        self._cursor = None
        self._following, self._unseen = True, 0
        self._place()
        self.refresh()
        self._announce()

    def action_block(self, by: int) -> None:
        """Put the cursor on the next block that shows anything."""
        self._step(by, lambda block: True)

    def action_user(self, by: int) -> None:
        """Put the cursor on the next message to the agent."""
        self._step(by, lambda block: isinstance(block.event, UserMessage))

    def _step(self, by: int, wanted: Callable[[Block], bool]) -> None:
        column = self._column
        here = self._cursor
        if here is None:
            here = column.place_of(round(self.scroll_y) + (self.size.height if by < 0 else 0)).at
            here -= by > 0
        index = here + by
        while 0 <= index < len(column.items):
            if column.items[index].parts and wanted(column.blocks[index]):
                break
            index += by
        else:
            return
        self._cursor = index
        column.settle_up(Place(index + 1, 0, 0), self.size.height)
        top, bottom = column.top(index), column.top(index + 1)
        y, rows = round(self.scroll_y), self.size.height
        if top < y or bottom > y + rows:
            self._scroll_to_place(Place(index, 0, 0), above=0 if bottom - top >= rows else 2)
        self.refresh()
