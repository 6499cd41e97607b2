"""The banner: why nothing can be done from here, on every screen, as long as that is so."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


class Banner(Static):
    """Shows the app's `banner`; nothing where there is none."""

    def __init__(self) -> None:
        super().__init__(id="banner", markup=False)

    def on_mount(self) -> None:
        self.watch(self.app, "banner", self._show)

    def _show(self, text: str) -> None:
        if text or self.display:
            self.update(Content(text))
            self.set_class(bool(text), "-shown")
