"""A diff on a sheet of its own: of a session's last turn, or between two places."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from zwarm_tui.core.errors import ZwarmError
from zwarm_tui.tui.screens.once import Once
from zwarm_tui.tui.widgets.diff_view import DiffView
from zwarm_tui.tui.work import begin

Read = Callable[[], Awaitable[str]]


class DiffScreen(ModalScreen[None], Once[None]):
    """Escape, q or v closes it. `diff` is the text, or reads it while the sheet is up."""

    CSS_PATH = "../styles/dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,v,V", "dismiss", "Close", show=False, id="diff.close"),
    ]

    def __init__(self, title: str, diff: str | Read) -> None:
        super().__init__()
        self._title, self._diff = title, diff

    def compose(self) -> ComposeResult:
        with Vertical(id="sheet"):
            yield Static(self._title, id="title", markup=False)
            yield DiffView()
            yield Static("esc  close", id="hint", markup=False)

    def on_mount(self) -> None:
        self.query_one(DiffView).focus()
        if isinstance(self._diff, str):
            self.query_one(DiffView).show_diff(self._diff)
        else:
            begin(self, self._read(self._diff))

    async def _read(self, read: Read) -> None:
        try:
            text = await read()
        except ZwarmError as error:
            text = str(error)
        self.query_one(DiffView).show_diff(text)
