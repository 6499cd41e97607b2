"""The theme's variables as styles. A colour never carries a meaning alone: where a
palette style says something, a sign or a word beside it says it too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from rich.style import Style
from textual.color import Color, ColorParseError


@dataclass(frozen=True)
class Palette:
    """Styles of one theme. Equal variables make equal palettes."""

    variables: tuple[tuple[str, str], ...]
    plain: bool = False
    """Markdown is drawn as it was written: for a first screen that waits for nothing."""

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Palette:
        """From a theme's variables (`App.theme_variables`)."""
        return cls(tuple((name, variables[name]) for name in _NAMES if name in variables))

    @cached_property
    def _colours(self) -> dict[str, Color]:
        found: dict[str, Color] = {}
        for name, value in self.variables:
            try:
                found[name] = Color.parse(value)
            except ColorParseError:  # "auto 87%": the text's own colour does
                continue
        return found

    def _style(self, name: str, *, bold: bool | None = None, italic: bool | None = None) -> Style:
        colour = self._colours.get(name) or self._colours.get("foreground")
        return Style(color=colour.rich_color if colour else None, bold=bold, italic=italic)

    @cached_property
    def text(self) -> Style:
        return self._style("foreground")

    @cached_property
    def strong(self) -> Style:
        return self._style("foreground", bold=True)

    @cached_property
    def dim(self) -> Style:
        return self._style("zwarm-dim")

    @cached_property
    def thought(self) -> Style:
        return self._style("zwarm-dim", italic=True)

    @cached_property
    def user(self) -> Style:
        return self._style("zwarm-user", bold=True)

    @cached_property
    def pilot(self) -> Style:
        return self._style("zwarm-pilot", bold=True)

    @cached_property
    def running(self) -> Style:
        return self._style("zwarm-running")

    @cached_property
    def waiting(self) -> Style:
        return self._style("zwarm-waiting")

    @cached_property
    def attention(self) -> Style:
        return self._style("zwarm-attention", bold=True)

    @cached_property
    def done(self) -> Style:
        return self._style("zwarm-done")

    @cached_property
    def failed(self) -> Style:
        return self._style("zwarm-failed", bold=True)

    @cached_property
    def interrupted(self) -> Style:
        return self._style("zwarm-interrupted", bold=True)

    @cached_property
    def code(self) -> Style:
        return self._style("zwarm-code")

    @cached_property
    def added(self) -> Style:
        return self._style("zwarm-diff-add")

    @cached_property
    def removed(self) -> Style:
        return self._style("zwarm-diff-del")

    @cached_property
    def hunk(self) -> Style:
        return self._style("zwarm-diff-hunk")

    @cached_property
    def mark(self) -> Style:
        return self._style("primary", bold=True)

    @cached_property
    def found(self) -> Style:
        """Put over what a search found; reversed, so that it needs no colour."""
        return Style(reverse=True, bold=True)

    @cached_property
    def ground(self) -> Style:
        """Behind blocks of code."""
        colour = self._colours.get("panel") or self._colours.get("surface")
        return Style(bgcolor=colour.rich_color if colour else None)

    @cached_property
    def syntax(self) -> dict[str, Style]:
        """Token family (of Pygments) to style."""
        return {
            "Comment": self._style("zwarm-dim", italic=True),
            "Keyword": self._style("primary", bold=True),
            "Name.Function": self._style("accent"),
            "Name.Class": self._style("accent", bold=True),
            "Name.Decorator": self._style("secondary"),
            "Name.Tag": self._style("primary"),
            "Name.Attribute": self._style("accent"),
            "Literal.String": self._style("success"),
            "Literal.Number": self._style("warning"),
            "Operator.Word": self._style("primary", bold=True),
            "Generic.Inserted": self.added,
            "Generic.Deleted": self.removed,
            "Generic.Subheading": self.hunk,
            "Generic.Heading": self.strong,
        }


_NAMES = (
    *("foreground", "primary", "secondary", "accent", "success", "warning", "error", "panel", "surface"),
    *("zwarm-running", "zwarm-waiting", "zwarm-attention", "zwarm-done", "zwarm-failed"),
    *("zwarm-interrupted", "zwarm-dim", "zwarm-pilot", "zwarm-user", "zwarm-diff-add", "zwarm-diff-del"),
    *("zwarm-diff-hunk", "zwarm-code"),
)
