"""All of one checkpoint, as a page: pure, for a width."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from zwarm_tui.core.events import GateDone
from zwarm_tui.core.model import BranchView, CheckpointView
from zwarm_tui.tui.checkpoint_facts import CheckpointFacts, Files
from zwarm_tui.tui.figures import money
from zwarm_tui.tui.render.literal import line_of, literal
from zwarm_tui.tui.render.rows import BLANK, Piece, count_of, header, prose, row

Json = dict[str, Any]
Ink = Callable[..., Style]
_INDENT: Piece = ("  ", None)
_ROOMY = 36
"""From so many cells on, lines added and removed stand in columns."""
_MOST = 400
"""Rows of files; a checkpoint that differs in more says how many more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is shown. `changed` is None while it is read; `why` says why there are no
    changes to show. `tasks` are titles by session id."""

    branch: BranchView
    checkpoint: CheckpointView | None = None
    facts: CheckpointFacts | None = None
    age: str = ""
    parent: str = ""
    place: str = ""
    changed: Sequence[Json] | None = ()
    why: str = ""
    tasks: dict[str, str]
    here: bool = False
    about: Sequence[str] = ()


def page(p: Page, width: int, ink: Ink, branch_style: Style) -> list[Strip]:
    """The page's rows."""
    dim, text = ink("zwarm-dim"), ink("foreground")
    rows: list[Strip] = []
    c = p.checkpoint
    if c is None:
        rows.append(row((" ", None), (line_of(p.branch.name), branch_style)))
        where = [f"{money(p.branch.cost)} spent on this branch"]
    else:
        title: list[Piece] = [(" ", None), (c.label, branch_style)]
        if c.name:
            title += [("  ", None), (line_of(c.name), ink("accent", bold=True))]
        rows.append(header(title, [(f"{money(c.cost)} ", ink("zwarm-money"))], width))
        where = [line_of(p.branch.name), f"{p.age} ago" if p.age else "", "you are here" if p.here else ""]
    where.append(f"in {line_of(p.place)}" if p.place else "")
    rows += _dim(" · ".join(filter(None, where)), width, dim)
    rows += [BLANK] if p.about else []
    for sentence in p.about:
        rows += prose(sentence, width - 1, text, first=(" ", None), rest=("   ", None))
    if c is not None:
        rows += [BLANK, *prose(literal(c.description), width - 1, text, first=(" ", None))]
        if c.note:
            note = ink("secondary")
            rows += [BLANK, *prose(literal(c.note), width - 1, note, first=(" ✎ ", note), rest=("   ", None))]
        if p.facts is not None:
            rows += _files(p, p.facts, width, ink)
            rows += _turns(p, p.facts, width, ink)
            rows += _gates(p.facts.checks, width, ink)
    return rows


def _dim(text: str, width: int, style: Style) -> list[Strip]:
    return prose(text, width - 1, style, first=(" ", None))


def _title(text: str, right: list[Piece], width: int, ink: Ink) -> list[Strip]:
    return [BLANK, header([(f" {text}", ink("primary", bold=True))], [*right, (" ", None)], width)]


def _files(p: Page, facts: CheckpointFacts, width: int, ink: Ink) -> list[Strip]:
    dim, warn = ink("zwarm-dim"), ink("zwarm-attention")
    since = f"Files since {p.parent}" if p.parent else "Files"
    if p.changed is None:
        return [*_title(since, [], width, ink), *_dim("Reading…", width, dim)]
    rows = _title(since, sums(p.changed, ink) if p.changed else [], width, ink)
    taken = [f for f in (facts.root, *facts.worktrees.values()) if f is not None]
    said: list[str] = []
    for one in taken:
        if one.commit is None:
            why = f": {one.problem}" if one.problem else ""
            said.append(f"∅ Not captured in {one.path}{why}")
        if one.mid_turn:
            rows += prose(
                f"Captured while an agent wrote in {line_of(one.path)}.",
                width - 1,
                ink("zwarm-waiting"),
                first=(" ◐ ", ink("zwarm-waiting")),
                rest=("   ", None),
            )
    for sentence in said:
        rows += prose(literal(sentence), width - 1, warn, first=(" ", None), rest=("   ", None))
    if p.why:
        rows += _dim(literal(p.why), width, dim)
    elif not p.changed and not said:
        rows += _dim("No file changed.", width, dim)
    rows += [changed_row(one, width, ink) for one in p.changed[:_MOST]]
    if len(p.changed) > _MOST:
        rows += _dim(f"and {len(p.changed) - _MOST:,} more", width, dim)
    return [*rows, *_uncovered(taken, width, ink)]


def _uncovered(taken: Iterable[Files], width: int, ink: Ink) -> list[Strip]:
    uncovered = [one for files in taken for one in files.uncovered]
    if not uncovered:
        return []
    rows = _title(f"Not covered  {len(uncovered)}", [], width, ink)
    for path, why in uncovered[:20]:
        rows.append(
            header(
                [(" ", None), (line_of(path), ink("foreground"))],
                [(f"{line_of(why)} ", ink("zwarm-dim"))],
                width,
            )
        )
    return rows


def _turns(p: Page, facts: CheckpointFacts, width: int, ink: Ink) -> list[Strip]:
    if not facts.turns:
        return []
    rows = _title("Turns", [], width, ink)
    colours = {"completed": "zwarm-done", "failed": "zwarm-failed", "interrupted": "zwarm-interrupted"}
    for session, (turn, status) in facts.turns.items():
        sign = {"completed": "✓", "failed": "✗"}.get(status, "•")
        style = ink(colours.get(status, "zwarm-dim"))
        task = line_of(p.tasks.get(session, session))
        right: list[Piece] = [(f"turn {turn} ", ink("zwarm-dim"))]
        if status != "completed":
            right.insert(0, (f"{line_of(status)}  ", style))
        rows.append(header([(f" {sign} ", style), (task, ink("foreground"))], right, width))
    return rows


def _gates(checks: Iterable[GateDone], width: int, ink: Ink) -> list[Strip]:
    last = {check.gate: check for check in checks}
    if not last:
        return []
    rows = _title("Gates", [], width, ink)
    for check in last.values():
        style = ink("zwarm-done" if check.passed else "zwarm-failed")
        said = (
            "" if check.passed else f"exit {check.exit_code}" if check.exit_code is not None else "not ended"
        )
        right: list[Piece] = [
            (f"{said}  " if said else "", style),
            (f"{check.seconds:.1f}s ", ink("zwarm-dim")),
        ]
        left: list[Piece] = [
            (" ✓ " if check.passed else " ✗ ", style),
            (line_of(check.gate), ink("foreground")),
        ]
        rows.append(header(left, right, width))
    return rows


# -- files that differ, here and in dialogs ---------------------------------------------------

_COLOURS = {"A": "zwarm-diff-add", "D": "zwarm-diff-del", "R": "secondary", "T": "zwarm-waiting"}


def changed_row(one: Json, width: int, ink: Ink) -> Strip:
    """One file: what happened to it, its path, and lines added and removed. Of a long path
    the end is shown: it tells files apart."""
    letter = str(one.get("status") or "M")[:1]
    lines = lines_of(one, ink, columns=width >= _ROOMY)
    room = max(width - 5 - sum(cell_len(text) for text, _ in lines), 8)
    path = line_of(str(one.get("path", "")))
    while cell_len(path) > room:
        path = f"…{path[max(2, cell_len(path) - room + 1) :]}"
    left: list[Piece] = [(f" {letter} ", ink(_COLOURS.get(letter, "zwarm-dim"), bold=True))]
    return header([*left, (path, ink("foreground"))], [*lines, (" ", None)], width)


def lines_of(one: Json, ink: Ink, *, columns: bool = True) -> list[Piece]:
    """ "+8 −2", in columns where there is room; "binary" where lines can't be counted."""
    added, deleted = one.get("added"), one.get("deleted")
    if added is None and deleted is None:
        return [("binary", ink("zwarm-dim"))]
    plus, minus = (f"+{added}" if added else ""), (f"−{deleted}" if deleted else "")
    if not columns:
        gap = " " if plus and minus else ""
        return [(plus, ink("zwarm-diff-add")), (gap, None), (minus, ink("zwarm-diff-del"))]
    return [(f"{plus:>5}", ink("zwarm-diff-add")), (f"{minus:>6}", ink("zwarm-diff-del"))]


def sums(changed: Sequence[Json], ink: Ink) -> list[Piece]:
    """The same over all files, with how many there are."""
    total = {key: sum(one.get(key) or 0 for one in changed) for key in ("added", "deleted")}
    return [(f"{count_of(len(changed), 'file')}  ", ink("zwarm-dim")), *lines_of(total, ink)]
