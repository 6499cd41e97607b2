"""All keys and commands, from the tables that make them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from zwarm_tui.tui.actions import ACTIONS, Where
from zwarm_tui.tui.commands import COMMANDS
from zwarm_tui.tui.runs.keys import GRAPH
from zwarm_tui.tui.screens.once import Once
from zwarm_tui.tui.widgets.row_view import RowView
from zwarm_tui.tui.widgets.transcript import TranscriptView

_KEYS_WIDTH = 20
_HINT = "esc  close    grey words are names for [keys] in the settings"
Row = tuple[str, str, str]
"""(keys, what it does, the id that a settings file may give other keys to)."""

_PLACES: dict[Where, str] = {
    "screen": "Everywhere",
    "sessions": "In the list of sessions",
    "timeline": "In the timeline",
    "runs": "Among the runs",
    "app": "The app",
}
_COMPOSER: tuple[Row, ...] = (
    ("enter", "Send. While a turn runs, the message goes into it, where the agent can take one", ""),
    ("shift+enter, ctrl+j", "Begin a line", ""),
    ("up, down", "Earlier messages, from the first and the last line", ""),
    ("@", "Complete the name of a file", ""),
    (":", "A command", ""),
)
_KEYS = {
    "question_mark": "?",
    "slash": "/",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "escape": "esc",
}


class HelpScreen(ModalScreen[None], Once[None]):
    """Escape, q or F1 closes it."""

    CSS_PATH = "../styles/dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f1,question_mark", "dismiss", "Close", show=False, id="help.close"),
    ]

    def __init__(self, keymap: dict[str, str]) -> None:
        super().__init__()
        self._keymap = keymap

    def compose(self) -> ComposeResult:
        with Vertical(id="sheet"):
            yield Static("Help", id="title", markup=False)
            with VerticalScroll(id="pages"):
                yield Static(id="text", markup=False)
            yield Static(_HINT, id="hint", markup=False)

    def on_mount(self) -> None:
        self.query_one("#pages").focus()

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self._write)  # it has no place for the text until then

    def _write(self) -> None:
        width = min(104, self.size.width * 96 // 100) - 6  # its frame, and the scroll bar
        self.query_one("#text", Static).update(help_text(self._keymap, width))


def help_text(keymap: dict[str, str], width: int) -> Content:
    """The whole page, `width` cells wide; `keymap` holds the person's own keys by id."""
    sections: list[tuple[str, Sequence[Row]]] = [
        (title, [(a.keys, f"{a.title}. {a.help}", a.id) for a in ACTIONS if a.where == place])
        for place, title in _PLACES.items()
    ]
    sections += [
        ("In lists", _rows(RowView.BINDINGS)),
        ("In a run's graph", _rows(GRAPH)),
        ("In the transcript", _rows(TranscriptView.BINDINGS)),
        ("In the composer", _COMPOSER),
        ("Commands", [(c.usage, c.help, "") for c in COMMANDS]),
    ]
    return Content.assemble(
        *(part for title, rows in sections for part in _section(title, rows, keymap, width))
    )


def _rows(made: Iterable[BindingType]) -> list[Row]:
    return [(b.key, b.description, b.id or "") for b in made if isinstance(b, Binding)]


def _section(title: str, rows: Sequence[Row], keymap: dict[str, str], width: int) -> list[tuple[str, str]]:
    parts = [(f"{title}\n", "bold $primary")]
    for keys, text, name in rows:
        first, *more = textwrap.wrap(text, max(width - _KEYS_WIDTH - 5 - len(name), 20))
        parts += [(f"  {_named(keymap.get(name, keys)):<{_KEYS_WIDTH}} ", "bold $foreground")]
        parts.append(("\n".join([first, *(" " * (_KEYS_WIDTH + 3) + line for line in more)]), "$foreground"))
        parts.append((f"  {name}\n" if name else "\n", "$zwarm-dim"))
    return [*parts, ("\n", "")]


def _named(keys: str) -> str:
    return ", ".join(_KEYS.get(key.strip(), key.strip()) for key in keys.split(",")) if keys != "," else ","
