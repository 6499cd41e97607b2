"""The theme's variables as styles for rows that are drawn by hand."""

from __future__ import annotations

from collections.abc import Mapping

from rich.style import Style
from textual.color import Color, ColorParseError

LANES = 6
"""Branches have so many colours, over and over."""


class Ink:
    """Styles of one theme, made when first asked for."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._made: dict[tuple[str, bool, str], Style] = {}

    def __call__(self, name: str, *, bold: bool = False, on: str = "") -> Style:
        """Text in the colour of a variable, on that of another one."""
        key = (name, bold, on)
        if key not in self._made:
            front, back = self._colour(name), self._colour(on)
            self._made[key] = Style(
                color=front.rich_color if front else None,
                bgcolor=back.rich_color if back else None,
                bold=bold or None,
            )
        return self._made[key]

    def branch(self, branch: int, *, bold: bool = False) -> Style:
        """The colour of a branch of the timeline."""
        return self(f"zwarm-branch-{(branch - 1) % LANES + 1}", bold=bold)

    def _colour(self, name: str) -> Color | None:
        try:
            return Color.parse(self._variables[name]) if name in self._variables else None
        except ColorParseError:  # "auto 87%": the text's own colour does
            return None
