"""Where one writes: many lines, a draft and a history for each session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from textual import events, on
from textual.message import Message
from textual.strip import Strip
from textual.widgets import TextArea
from textual.widgets.text_area import Location

from zwarm_tui.tui.render.literal import literal
from zwarm_tui.tui.widgets.completions import Completions

_NEWLINE = frozenset({"shift+enter", "ctrl+j", "alt+enter"})


@dataclass(slots=True)
class Writing:
    """What one session's composer holds while another's is open."""

    draft: str = ""
    cursor: Location = (0, 0)
    history: list[str] = field(default_factory=list)
    back: int = 0
    """How many messages back the history is looked at; 0: at the draft."""
    kept: str = ""
    """The draft, while the history is looked at."""


class Composer(TextArea):
    """Enter sends; Shift+Enter, Ctrl+J or Alt+Enter begin a line; what is pasted never
    sends. Up in the first line and Down in the last go through the history."""

    DEFAULT_CSS = """
    Composer {
        height: auto;
        min-height: 3;
        max-height: 12;
    }
    """

    HELP = "Enter sends, Shift+Enter or Ctrl+J begins a line. @ completes files, : commands."
    BINDING_GROUP_TITLE = "Composer"

    @dataclass
    class Submitted(Message):
        """The person sent `text`: a message, or a command where it begins with ":".
        `key`: whom the composer was open for, who may not be the one that is seen by now."""

        text: str
        key: str = ""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(
            id=id, classes=classes, soft_wrap=True, tab_behavior="focus", highlight_cursor_line=False
        )
        self._key = ""
        self._writings: dict[str, Writing] = {"": Writing()}
        self._completer: Callable[[str], list[str]] | None = None
        self._completions: Completions | None = None

    def render_line(self, y: int) -> Strip:
        # Textual can't wrap the placeholder to the no columns that there are for an instant
        # while a terminal becomes very small.
        return super().render_line(y) if self.content_size.width > 0 else Strip.blank(0)

    # -- sessions ----------------------------------------------------------------------

    def open(self, key: str, placeholder: str) -> None:
        """Write to another session: its draft as it was left, its own history."""
        left = self._writing
        left.draft, left.cursor = self.text, self.cursor_location
        self._key = key
        writing = self._writings.setdefault(key, Writing())
        self.placeholder = placeholder
        self._put(writing.draft, writing.cursor)
        self._close_completions()

    @property
    def _writing(self) -> Writing:
        return self._writings[self._key]

    def _put(self, text: str, cursor: Location | None = None) -> None:
        self.load_text(text)
        self.move_cursor(self.document.end if cursor is None else cursor)

    def submit(self) -> None:
        """Send what is written; nothing happens where that is only blanks."""
        text = self.text.strip()
        if not text:
            return
        writing = self._writing
        if writing.history[-1:] != [text]:
            writing.history.append(text)
        writing.back, writing.kept = 0, ""
        self._put("")
        self._close_completions()
        self.post_message(self.Submitted(text, self._key))

    # -- keys --------------------------------------------------------------------------

    async def _on_key(self, event: events.Key) -> None:
        if self._handled(event.key):
            event.stop()
            event.prevent_default()

    def _handled(self, key: str) -> bool:
        popup = self._completions
        if key in _NEWLINE:
            self._replace_via_keyboard("\n", *self.selection)
            return True
        if popup is not None:
            if key == "tab" or (key == "enter" and popup.moved):
                self._complete(popup.chosen)
                return True
            if key in ("up", "down"):
                popup.move(-1 if key == "up" else 1)
                return True
            if key == "escape":
                self._close_completions()
                return True
        if key == "enter":
            self.submit()
            return True
        if key in ("up", "down"):
            row = self.wrapped_document.location_to_offset(self.cursor_location).y
            if key == "up" and row == 0:
                return self._look_back(1)
            if key == "down" and row >= self.wrapped_document.height - 1:
                return self._look_back(-1)
        return False

    def _look_back(self, by: int) -> bool:
        writing = self._writing
        back = writing.back + by
        if not 0 <= back <= len(writing.history):
            return False
        if writing.back == 0:
            writing.kept = self.text
        writing.back = back
        self._put(writing.history[-back] if back else writing.kept)
        return True

    async def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        text = literal(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        if result := self._replace_via_keyboard(text, *self.selection):
            self.move_cursor(result.end_location)

    # -- completion --------------------------------------------------------------------

    def set_completer(self, completer: Callable[[str], list[str]]) -> None:
        """`completer` gets "@pa" (the word at the cursor) or ":goto T" (the line, where
        the text is a command) and returns what could stand there instead, best first."""
        self._completer = completer

    @on(TextArea.Changed)
    def _suggest(self, event: TextArea.Changed) -> None:
        prefix = self._prefix()
        found = self._completer(prefix) if prefix and self._completer else []
        found = [choice for choice in found if choice != prefix]
        if not found or not self.has_focus:
            self._close_completions()
        elif self._completions is None:
            self._completions = Completions(self, found)
            self.screen.mount(self._completions)
        else:
            self._completions.offer(found)

    def _prefix(self) -> str:
        row, column = self.cursor_location
        before = self.document.get_line(row)[:column]
        if row == 0 and before.startswith(":"):
            return before
        word = before.split()[-1] if before[-1:].strip() else ""
        return word if word.startswith("@") else ""

    def _complete(self, choice: str) -> None:
        row, column = self.cursor_location
        start = (row, column - len(self._prefix()))
        self._close_completions()
        self.replace(choice + " ", start, (row, column))
        self.move_cursor((row, start[1] + len(choice) + 1))

    def _close_completions(self) -> None:
        if self._completions is not None:
            self._completions.remove()
            self._completions = None

    def on_blur(self) -> None:
        self._close_completions()
