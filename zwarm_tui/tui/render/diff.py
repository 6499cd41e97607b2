"""Unified diffs, coloured; the signs stay, so they read without colour too."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from zwarm_tui.tui.render.literal import literal
from zwarm_tui.tui.render.palette import Palette
from zwarm_tui.tui.render.rows import GUTTER, Part, row
from zwarm_tui.tui.render.wrap import wrap

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
_CHUNK = 200
"""Lines of a diff drawn at once."""


@dataclass(frozen=True, slots=True)
class FileDiff:
    """One file of a unified diff: its path, what happened to it (as `FileChange`
    says it), and its body from the first hunk on."""

    path: str
    body: str
    change: str = "update"

    @property
    def counts(self) -> tuple[int, int]:
        return counts(self.body)


def counts(diff: str) -> tuple[int, int]:
    """(added, removed) lines of one file's diff."""
    added = removed = 0
    in_hunk = "@@" not in diff
    for line in diff.split("\n"):
        if line.startswith("@@"):
            in_hunk = True
        elif in_hunk and line.startswith("+"):
            added += 1
        elif in_hunk and line.startswith("-"):
            removed += 1
    return added, removed


def split_files(diff: str) -> list[FileDiff]:
    """The files of a unified diff (git's or plain); text before the first is dropped."""
    lines = diff.split("\n")
    starts = [at for at, line in enumerate(lines) if line.startswith("diff --git ")]
    if not starts:  # plain: "--- a", "+++ b", and a first hunk
        starts = [
            at
            for at, line in enumerate(lines[:-2])
            if line.startswith("--- ")
            and lines[at + 1].startswith("+++ ")
            and lines[at + 2].startswith("@@ ")
        ]
    return [_file(lines[start:end]) for start, end in pairwise([*starts, len(lines)])]


def _file(lines: list[str]) -> FileDiff:
    path = lines[0].rpartition(" b/")[2] if lines[0].startswith("diff --git ") else ""
    change, notes = "update", []
    for at, line in enumerate(lines):
        if line.startswith("@@ "):
            return FileDiff(path, "\n".join(lines[at:]), change)
        if line.startswith(("--- ", "+++ ")):
            name = line[4:].split("\t")[0]
            if name != "/dev/null":
                path = name[2:] if name[:2] in ("a/", "b/") else name
            else:
                change = "add" if line.startswith("---") else "delete"
        elif line.startswith(("new file", "deleted file", "rename to")):
            change = {"n": "add", "d": "delete", "r": "move"}[line[0]]
        elif line.startswith(("Binary files", "rename from", "old mode", "new mode", "GIT binary")):
            notes.append(line)
    return FileDiff(path, "\n".join(notes), change)


def as_hunks(diff: str, change: str) -> str:
    """A diff with signs in front of its lines; the content of a file that was added
    or deleted whole, as some agents report it, gets them here."""
    if change not in ("add", "delete") or "@@ -" in diff or not diff:
        start = diff.find("@@ -")
        return diff[start:] if start > 0 else diff
    sign = "+" if change == "add" else "-"
    lines = diff.removesuffix("\n").split("\n")
    if all(line[:1] == sign for line in lines):
        return diff
    size = f"-0,0 +1,{len(lines)}" if change == "add" else f"-1,{len(lines)} +0,0"
    return f"@@ {size} @@\n" + "\n".join(sign + line for line in lines)


def diff_parts(diff: str, *, indent: int = GUTTER) -> list[Part]:
    """Parts of one file's diff, with the line numbers of both sides."""
    lines = diff.rstrip("\n").split("\n")
    parts: list[Part] = []
    old = new = 0
    for start in range(0, len(lines), _CHUNK):
        chunk = lines[start : start + _CHUNK]
        parts.append(_part(chunk, old, new, indent))
        old, new = _advance(chunk, old, new)
    return parts


def _part(chunk: list[str], old: int, new: int, indent: int) -> Part:
    return Part(
        lambda width, palette: _draw(chunk, old, new, indent, width, palette),
        lines=len(chunk),
        chars=0,
    )


def _advance(chunk: list[str], old: int, new: int) -> tuple[int, int]:
    for line in chunk:
        if match := _HUNK.match(line):
            old, new = int(match[1]), int(match[2])
            continue
        old += not line.startswith(("+", "\\"))
        new += not line.startswith(("-", "\\"))
    return old, new


def _draw(chunk: list[str], old: int, new: int, indent: int, width: int, palette: Palette) -> list[Strip]:
    strips: list[Strip] = []
    for line in chunk:
        if match := _HUNK.match(line):
            old, new = int(match[1]), int(match[2])
            strips += _line("", line, palette.hunk, palette, indent, width)
            continue
        sign = line[:1]
        if sign == "+":
            number, style = str(new or ""), palette.added
        elif sign == "-":
            number, style = str(old or ""), palette.removed
        else:
            number, style = "" if sign == "\\" else str(new or ""), palette.text
        strips += _line(number, line, style, palette, indent, width)
        old += sign not in ("+", "\\")
        new += sign not in ("-", "\\")
    return strips


def _line(number: str, line: str, style: Style, palette: Palette, indent: int, width: int) -> list[Strip]:
    lead = (" " * indent + f"{number:>4} ", palette.dim)
    rest = (" " * cell_len(lead[0]), None)
    # A generated line of megabytes is no diff to read: its beginning says what it is.
    shown = literal(line[:4000]) + ("…" if len(line) > 4000 else "")
    rows = wrap(shown, max(width - cell_len(lead[0]), 8))
    return [row(rest if i else lead, (text, style)) for i, text in enumerate(rows)]
