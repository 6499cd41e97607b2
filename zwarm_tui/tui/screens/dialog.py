"""Dialogs: a question with a few answers. Escape is "not now", never an answer."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from zwarm_tui.tui.widgets.choices import Choice, Choices


class Dialog(ModalScreen[str]):
    """Its result is the value of a choice, "" for Escape."""

    CSS_PATH = "../styles/dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss('')", "Not now", show=False, id="dialog.close"),
    ]

    def __init__(self, title: str, body: Content, choices: list[Choice]) -> None:
        super().__init__()
        self._title, self._body, self._choices = title, body, choices

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static(self._title, id="title", markup=False)
            with VerticalScroll(id="body", can_focus=False):
                yield Static(self._body, markup=False)
            yield Choices(self._choices)
            yield Static("esc  not now", id="hint", markup=False)

    def on_mount(self) -> None:
        self.query_one(Choices).focus()

    @on(Choices.Chosen)
    def _chosen(self, event: Choices.Chosen) -> None:
        self.dismiss(event.value)


def quit_dialog(running: int, queued: int) -> Dialog:
    """Asked where leaving would stop something."""
    turns = f"{running} {'turn runs' if running == 1 else 'turns run'}" if running else ""
    waits = f"{queued} {'waits' if queued == 1 else 'wait'} in the queue" if queued else ""
    body = " and ".join(filter(None, (turns, waits)))
    return Dialog(
        "Quit?",
        Content(f"{body}. Leaving interrupts them; each can be resumed when you come back."),
        [Choice("y", "Interrupt them and quit", "quit"), Choice("n", "Stay", "")],
    )


def confirm_dialog(sentence: str) -> Dialog:
    """For what can be done if the person wants it."""
    return Dialog(
        "Are you sure?", Content(sentence), [Choice("y", "Yes, do it", "yes"), Choice("n", "No", "")]
    )
