"""Lines cut to rows of at most so many cells, at spaces where there are any."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size, split_graphemes

TAB = 4


def tabs(line: str) -> str:
    """`line` with its tabs as spaces, to stops of `TAB` cells."""
    if "\t" not in line:
        return line
    head, *rest = line.split("\t")
    cells = cell_len(head)
    parts = [head]
    for part in rest:
        stop = TAB - cells % TAB
        parts += (" " * stop, part)
        cells += stop + cell_len(part)
    return "".join(parts)


def spans(line: str, width: int) -> list[tuple[int, int]]:
    """(start, end) of each row of one line without tabs. The space at which a row
    breaks belongs to none. Never empty."""
    if line.isascii():
        return _ascii_spans(line, width)
    if len(line) * 2 <= width or cell_len(line) <= width:
        return [(0, len(line))]
    rows: list[tuple[int, int]] = []
    begin = cells = 0
    space = -1  # where the row could break: index of a space, cells up to and with it
    space_cells = 0
    inked = False
    for start, end, size in split_graphemes(line)[0]:
        if cells + size > width and start > begin:
            if line[start] == " " and end - start == 1:
                rows.append((begin, start))
                begin, cells, space, inked = end, 0, -1, False
                continue
            if space >= 0:
                rows.append((begin, space))
                begin, cells = space + 1, cells - space_cells
            if cells + size > width and start > begin:
                rows.append((begin, start))
                begin, cells = start, 0
            space, inked = -1, start > begin
        cells += size
        if line[start] == " ":
            if inked:  # indentation is no place to break
                space, space_cells = start, cells
        else:
            inked = True
    rows.append((begin, len(line)))
    return rows


def _ascii_spans(line: str, width: int) -> list[tuple[int, int]]:
    rows: list[tuple[int, int]] = []
    begin, length = 0, len(line)
    while length - begin > width:
        cut = line.rfind(" ", begin, begin + width + 1)
        if cut <= begin or line[begin:cut].isspace():
            rows.append((begin, begin + width))
            begin += width
        else:
            rows.append((begin, cut))
            begin = cut + 1
    rows.append((begin, length))
    return rows


def wrap(line: str, width: int) -> list[str]:
    """The rows of one line (no newline in it), each at most `width` cells."""
    line = tabs(line)
    if len(line) <= width and line.isascii():
        return [line]
    return [line[a:b] for a, b in spans(line, width)]


def fit(text: str, width: int) -> str:
    """`text` (one line) cut to `width` cells, with an ellipsis where something is left off."""
    text = tabs(text[: width * 4 + 64])
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 1 else "…"[:width]
