"""One line from the person."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from zwarm_tui.tui.screens.once import Once


class AskScreen(ModalScreen[str | None], Once[str | None]):
    """Its result is what was written, maybe nothing; None for Escape."""

    CSS_PATH = "../styles/dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Not now", show=False, id="ask.close"),
    ]

    def __init__(self, title: str, value: str = "", *, hint: str = "", most: int = 0) -> None:
        super().__init__()
        self._title, self._value, self._hint, self._most = title, value, hint, most

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static(self._title, id="title", markup=False)
            yield Input(self._value, id="words", max_length=self._most, select_on_focus=False)
            yield Static(f"enter  {self._hint}    esc  not now", id="hint", markup=False)

    @on(Input.Submitted)
    def _said(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())
