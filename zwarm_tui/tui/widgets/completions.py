"""The small list of completions above the composer."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Offset
from textual.widget import Widget
from textual.widgets import Static

from zwarm_tui.tui.render.literal import line_of
from zwarm_tui.tui.render.wrap import fit

_ROWS = 8
_CELLS = 60


class Completions(Static):
    """Floats over the screen, right above `anchor`. Keys stay with the anchor."""

    DEFAULT_CSS = """
    Completions {
        overlay: screen;
        position: absolute;
        width: auto;
        height: auto;
        background: $panel;
        color: $foreground;
        padding: 0 1;
    }
    """
    can_focus = False

    def __init__(self, anchor: Widget, choices: list[str]) -> None:
        super().__init__(markup=False)
        self._anchor_widget = anchor
        self._choices = choices
        self._index = 0
        self.moved = False
        """The person went through the list, so Enter means the chosen one."""

    def on_mount(self) -> None:
        self._show()

    @property
    def chosen(self) -> str:
        return self._choices[self._index]

    def offer(self, choices: list[str]) -> None:
        """Other choices, as more was typed."""
        self._choices, self._index, self.moved = choices, 0, False
        self._show()

    def move(self, by: int) -> None:
        """Choose the next one, or the one before."""
        self._index = (self._index + by) % len(self._choices)
        self.moved = True
        self._show()

    def _show(self) -> None:
        first = max(0, min(self._index - _ROWS // 2, len(self._choices) - _ROWS))
        shown = self._choices[first : first + _ROWS]
        lines = [
            Content.styled(f"{'›' if at == self._index else ' '} {fit(line_of(choice), _CELLS)}", style)
            for at, choice in enumerate(shown, first)
            for style in ["bold $primary" if at == self._index else ""]
        ]
        more = len(self._choices) - len(shown)
        if more > 0:
            lines.append(Content.styled(f"  and {more} more", "$text-muted"))
        self.update(Content("\n").join(lines))
        region = self._anchor_widget.region
        self.styles.offset = Offset(region.x, max(region.y - len(lines), 0))
