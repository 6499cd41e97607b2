"""The line at the bottom: what can be done now, where the focus is."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from zwarm_tui.tui.actions import Action, key_of
from zwarm_tui.tui.render.rows import Piece
from zwarm_tui.tui.widgets.ink import Ink
from zwarm_tui.tui.widgets.row_view import strip_of


class StatusLine(Widget):
    """Keys and their words, as many as there is room for; a click does them too."""

    DEFAULT_CSS = """
    StatusLine { height: 1; }
    """

    class Clicked(Message):
        """Somebody clicked on a hint."""

        def __init__(self, action: Action) -> None:
            super().__init__()
            self.action = action

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._actions: Sequence[Action] = ()
        self._first: tuple[str, ...] = ()
        self._keymap: dict[str, str] = {}
        self._spans: list[tuple[int, int, Action]] = []
        self._ink: Ink | None = None

    def show(self, actions: Sequence[Action], keymap: dict[str, str], *first: str) -> None:
        """Hints for these; `first` are such as no action of the table stands for ("enter send")."""
        if (actions, keymap, first) != (self._actions, self._keymap, self._first):
            self._actions, self._keymap, self._first = actions, keymap, first
            self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._ink = None

    def render_line(self, y: int) -> Strip:
        if self._ink is None:
            self._ink = Ink(self.app.theme_variables)
        key, word = self._ink("footer-key-foreground", bold=True), self._ink("zwarm-dim")
        width, x = self.size.width, 1
        pieces: list[Piece] = [(" ", None)]
        self._spans = []
        for hint in self._first:
            name, _, rest = hint.partition(" ")
            pieces += _hint(name, rest, key, word)
            x += len(hint) + 3
        sizes = [len(key_of(a, self._keymap)) + 1 + len(a.hint) for a in self._actions]
        room = (
            width - 1 - sum(size + 3 for a, size in zip(self._actions, sizes, strict=True) if a.id == "help")
        )
        for action, size in zip(self._actions, sizes, strict=True):
            if action.id == "help":  # there is always room for it, whatever else there is to do
                room = width - 1
            if x + size > room:
                room = 0
                continue
            pieces += _hint(key_of(action, self._keymap), action.hint, key, word)
            self._spans.append((x, x + size, action))
            x += size + 3
        return strip_of(*pieces).adjust_cell_length(width).apply_style(self.rich_style)

    def on_click(self, event: events.Click) -> None:
        for start, end, action in self._spans:
            if start <= event.x < end:
                self.post_message(self.Clicked(action))


def _hint(name: str, text: str, key: Style, word: Style) -> list[Piece]:
    return [(name, key), (f" {text}   ", word)]
