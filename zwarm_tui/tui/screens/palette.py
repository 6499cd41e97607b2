"""The palette of actions."""

from __future__ import annotations

from typing import Any

from textual import on
from textual.app import App
from textual.command import CommandList, CommandPalette
from textual.widgets import OptionList


class ActionPalette(CommandPalette):
    """Textual's own, whose keys for moving in the list fail where they are pressed before
    the list is there, or has a size (8.2.8): a quick page up ended the app. A second Enter,
    before it is gone, would do again what was chosen."""

    _chosen = False

    @on(OptionList.OptionSelected)
    def _choose_once(self, event: OptionList.OptionSelected) -> None:
        if self._chosen:
            event.prevent_default()
        self._chosen = True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("command_list", "cursor_down"):
            found = self.query(CommandList)
            return bool(found) and (action == "cursor_down" or bool(found.first().size))
        return super().check_action(action, parameters)


def open_palette(app: App[Any]) -> None:
    """Open it, once."""
    if not CommandPalette.is_open(app):
        app.push_screen(ActionPalette(id="--command-palette"))  # by this id it is known to be open
