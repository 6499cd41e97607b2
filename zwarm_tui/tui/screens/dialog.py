"""Dialogs: a question with a few answers. Escape is "not now", never an answer."""

from __future__ import annotations

from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from zwarm_tui.tui.screens.once import Once
from zwarm_tui.tui.widgets.choices import Choice, Choices

LOW = 30
"""Under so many rows a dialog keeps to what it must say."""


class Dialog(ModalScreen[str], Once[str]):
    """Its result is the value of a choice, "" for Escape."""

    CSS_PATH = "../styles/dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss('')", "Not now", show=False, id="dialog.close"),
        Binding("pageup", "scroll_body(-1)", "Text up", show=False, id="dialog.up", priority=True),
        Binding("pagedown", "scroll_body(1)", "Text down", show=False, id="dialog.down", priority=True),
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

    def on_resize(self, event: events.Resize) -> None:
        """What can be chosen is always seen: the text above it gets the rows that are left,
        and scrolls in them."""
        low = event.size.height < LOW
        self.set_class(low, "-low")
        others = (6 if low else 10) + len(self._choices)
        most = event.size.height * 9 // 10 - others
        self.query_one("#body").styles.max_height = max(most, 2)
        self.call_after_refresh(self._show_hint)

    def _show_hint(self) -> None:
        more = "    pgdn  more" if self.query_one("#body").max_scroll_y else ""
        self.query_one("#hint", Static).update(f"esc  not now{more}")

    def action_scroll_body(self, by: int) -> None:
        body = self.query_one("#body")
        body.scroll_relative(y=by * max(body.size.height - 1, 1), animate=False)

    @on(Choices.Chosen)
    def _chosen(self, event: Choices.Chosen) -> None:
        self.dismiss(event.value)


def quit_dialog(running: int, queued: int, *, kept: bool) -> Dialog:
    """Asked where leaving would stop something; `kept`: the project is there afterwards."""
    turns = f"{running} {'turn runs' if running == 1 else 'turns run'}" if running else ""
    waits = f"{queued} {'waits' if queued == 1 else 'wait'} in the queue" if queued else ""
    body = " and ".join(filter(None, (turns, waits)))
    what = "interrupts them; each can be resumed when you come back"
    if not kept:
        what = "ends them for good: this project is deleted then"
    return Dialog(
        "Quit?",
        Content(f"{body}. Leaving {what}."),
        [Choice("y", "Interrupt them and quit", "quit"), Choice("n", "Stay", "")],
    )


def confirm_dialog(sentence: str) -> Dialog:
    """For what can be done if the person wants it."""
    return Dialog(
        "Are you sure?", Content(sentence), [Choice("y", "Yes, do it", "yes"), Choice("n", "No", "")]
    )
