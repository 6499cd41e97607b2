"""Aligned tables for people."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import click

from zwarm_tui.cli.plain import fit, one_line, width

_GAP = "  "


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of text and its colour (a name that click knows)."""

    text: str
    colour: str | None = None
    dim: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """`right` is for numbers; the one that may `shrink` gives way on a narrow terminal."""

    title: str
    right: bool = False
    shrink: bool = False


def table(columns: Sequence[Column], rows: Iterable[Sequence[str | Cell]]) -> Iterable[str]:
    """Lines: a header and the rows. A column that is empty in all rows is left out.
    On a terminal no line is wider than it; in a pipe nothing is cut."""
    cells = [[_cell(value) for value in row] for row in rows]
    used = [i for i in range(len(columns)) if any(row[i].text for row in cells)]
    columns = [columns[i] for i in used]
    cells = [[row[i] for i in used] for row in cells]
    if not columns:
        return
    widths = [
        max(width(column.title), *(width(row[i].text) for row in cells)) for i, column in enumerate(columns)
    ]
    screen = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    if screen is not None:
        for i, column in enumerate(columns):
            if column.shrink:
                excess = sum(widths) + len(_GAP) * (len(widths) - 1) - screen
                widths[i] = max(min(widths[i], 8), widths[i] - max(0, excess))
    yield _line(columns, [Cell(column.title, dim=True) for column in columns], widths, screen)
    for row in cells:
        yield _line(columns, row, widths, screen)


def _cell(value: str | Cell) -> Cell:
    cell = value if isinstance(value, Cell) else Cell(value)
    return Cell(one_line(cell.text), cell.colour, cell.dim)


def _line(columns: Sequence[Column], row: Sequence[Cell], widths: list[int], screen: int | None) -> str:
    parts: list[str] = []
    left = screen if screen is not None else sum(widths) * 2 + 1000
    for column, cell, wide in zip(columns, row, widths, strict=True):
        if left <= 0:
            break
        text = fit(cell.text, min(wide, left))
        padding = " " * (min(wide, left) - width(text))
        styled = click.style(text, fg=cell.colour, dim=cell.dim or None) if text else ""
        parts.append(padding + styled if column.right else styled + padding)
        left -= wide + len(_GAP)
    return _GAP.join(parts).rstrip()
