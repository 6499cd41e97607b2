"""A few choices in a dialog, each with its own key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from zwarm_tui.tui.render.literal import line_of
from zwarm_tui.tui.render.rows import header
from zwarm_tui.tui.widgets.row_view import RowView


class Choice(NamedTuple):
    """One of them: its key, what it says, and what it stands for."""

    key: str
    text: str
    value: str


class Choices(RowView):
    """Enter, a click, or a choice's own key chooses."""

    DEFAULT_CSS = """
    Choices { height: auto; }
    """

    @dataclass
    class Chosen(Message):
        """This one."""

        value: str

    def __init__(self, choices: list[Choice], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._choices = choices
        self.styles.height = len(choices)

    def on_mount(self) -> None:
        self.rows_changed(len(self._choices))

    def on_key(self, event: events.Key) -> None:
        pressed = next((c for c in self._choices if event.character and c.key == event.character), None)
        if event.key == "enter":
            pressed = self._choices[self.cursor]
        if pressed is not None:
            event.stop()
            event.prevent_default()
            self.post_message(self.Chosen(pressed.value))

    def on_row_view_clicked(self, event: RowView.Clicked) -> None:
        event.stop()
        self.post_message(self.Chosen(self._choices[event.index].value))

    def ground(self, index: int) -> Style:
        if index != self.cursor:
            return Style.null()
        return self.ink("block-cursor-foreground", on="block-cursor-background")

    def draw(self, index: int, line: int, width: int) -> Strip:
        choice = self._choices[index]
        own = None if index == self.cursor else self.ink("primary", bold=True)
        return header([(f" {choice.key}  ", own), (line_of(choice.text), None)], [], width)
