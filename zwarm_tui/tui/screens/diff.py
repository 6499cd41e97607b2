"""The diff of a session's last turn."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from zwarm_tui.tui.widgets.diff_view import DiffView


class DiffScreen(ModalScreen[None]):
    """Escape, q or v closes it."""

    CSS_PATH = "../styles/dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,v", "dismiss", "Close", show=False, id="diff.close"),
    ]

    def __init__(self, title: str, diff: str) -> None:
        super().__init__()
        self._title, self._diff = title, diff

    def compose(self) -> ComposeResult:
        with Vertical(id="sheet"):
            yield Static(self._title, id="title", markup=False)
            yield DiffView()
            yield Static("esc  close", id="hint", markup=False)

    def on_mount(self) -> None:
        view = self.query_one(DiffView)
        view.show_diff(self._diff)
        view.focus()
