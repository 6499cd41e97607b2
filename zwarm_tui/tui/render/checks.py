"""Quality gates, reviews and retries."""

from __future__ import annotations

from typing import cast

from textual.strip import Strip

from zwarm_tui.core import events as e
from zwarm_tui.core.checks import Check, in_words
from zwarm_tui.core.model import Block
from zwarm_tui.tui.render.commands import folded, output_parts
from zwarm_tui.tui.render.literal import line_of
from zwarm_tui.tui.render.palette import Palette
from zwarm_tui.tui.render.rows import FOLD, GUTTER, Part, header

_HEAD, _TAIL = 2, 6


def check_parts(block: Block, open: bool) -> list[Part]:
    """One line that says what became of it; the evidence is folded, or, `open`, whole."""
    event = cast("Check", block.event)
    head, body = in_words(event)

    def line(width: int, palette: Palette) -> list[Strip]:
        sign, style = {
            True: ("✓", palette.done),
            False: ("✗", palette.failed),
            None: ("●", palette.running),
        }[getattr(event, "passed", None)]
        if isinstance(event, e.RetryScheduled):
            sign, style = "↻", palette.waiting
        left = [
            (" " * GUTTER, None),
            (f"{sign} ", style + FOLD),
            (line_of(head[:400]), palette.strong + FOLD),
        ]
        return [header(left, [], width)]

    parts = [Part(line)]
    if not body.strip():
        return parts
    return parts + (output_parts(body) if open else folded(body, _HEAD, _TAIL))
