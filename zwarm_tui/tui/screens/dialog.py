"""Dialogs: a question with a few answers. Escape is "not now", never an answer."""

from __future__ import annotations

from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, ScreenResultType
from textual.widget import Widget
from textual.widgets import Static

from zwarm_tui.tui.screens.once import Once
from zwarm_tui.tui.widgets.choices import Choice, Choices

LOW = 30
SCANT = 16
"""Under so many rows a dialog keeps to what it must say, and then goes without empty ones."""

SCROLL: list[BindingType] = [
    Binding("pageup", "scroll_body(-1)", "Text up", show=False, id="dialog.up", priority=True),
    Binding("pagedown", "scroll_body(1)", "Text down", show=False, id="dialog.down", priority=True),
]
"""For dialogs with a text that can be long."""


class Fitted(ModalScreen[ScreenResultType]):
    """What can be done is always seen: the one part that can be long gets the rows that the
    rest leaves, and scrolls in them. Its parts are in `#dialog`, the last of them `#hint`."""

    CSS_PATH: ClassVar = ["../styles/dialog.tcss"]
    scrolls: ClassVar[bool] = True
    """Whether it has the keys of `SCROLL`."""

    @property
    def long(self) -> Widget:
        """The part that can be long."""
        return self.query_one("#body")

    @property
    def hint(self) -> str:
        """The last line: which keys there are, besides those of the choices."""
        return "esc  not now"

    @property
    def _rows(self) -> int:
        """How high it may be (and `dialog.tcss` lets it be)."""
        return self.size.height if self.has_class("-low") else self.size.height * 9 // 10

    def on_mount(self) -> None:
        self.watch(self.long, "show_vertical_scrollbar", self._show_hint, init=False)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height < LOW, "-low")
        self.set_class(event.size.height < SCANT, "-scant")
        self.long.styles.max_height = max(self._rows - 10, 2)  # about so, until the rest has its size
        self.call_after_refresh(self.fit)

    def fit(self) -> None:
        """Give the long part what the others leave."""
        if not self.is_attached:  # answered already
            return
        dialog, long = self.query_one("#dialog"), self.long
        if not dialog.content_size.width:  # it has no size yet
            self.call_after_refresh(self.fit)
            return
        rest = [part for part in dialog.children if part.display and part is not long]
        taken = sum(self._height(part, dialog.content_size.width) for part in rest)
        taken += dialog.gutter.height + long.styles.margin.height
        long.styles.max_height = max(self._rows - taken, 2)
        self._show_hint()

    def _height(self, part: Widget, width: int) -> int:
        """With its margins. Asked of its style: what was hidden until now has no size yet."""
        given = part.styles.height
        if given is not None and given.is_cells:
            return int(given.value) + part.styles.margin.height
        rows = part.get_content_height(self.size, self.size, width - part.gutter.width)
        return rows + part.gutter.height + part.styles.margin.height

    def _show_hint(self) -> None:
        more = "pgdn  more    " if self.long.show_vertical_scrollbar and self.scrolls else ""
        self.query_one("#hint", Static).update(f"{more}{self.hint}")

    def action_scroll_body(self, by: int) -> None:
        body = self.long
        body.scroll_relative(y=by * max(body.size.height - 1, 1), animate=False)


class Dialog(Fitted[str], Once[str]):
    """Its result is the value of a choice, "" for Escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *SCROLL,
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
            yield Static(self.hint, id="hint", markup=False)

    def on_mount(self) -> None:
        self.query_one(Choices).focus()

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
