"""What waits for the person: approvals and questions, boxed while they are open."""

from __future__ import annotations

from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from zwarm_tui.core import events as e
from zwarm_tui.core.model import Block
from zwarm_tui.tui.render.literal import exact, line_of
from zwarm_tui.tui.render.palette import Palette
from zwarm_tui.tui.render.rows import GUTTER, Part, fold_row, header, long_part, prose, row
from zwarm_tui.tui.render.wrap import fit, wrap

_WHAT = {"command": "run this command", "files": "change these files", "tool": "call this tool"}
_CHOICE = {
    "accept": "allow",
    "accept_session": "allow for the session",
    "decline": "decline",
    "cancel": "decline and stop",
}
_DECIDED = {
    "accept": "allowed",
    "accept_session": "allowed for the session",
    "decline": "declined",
    "cancel": "declined, and the turn stopped",
    "withdrawn": "withdrawn: the turn ended first",
}
_BUDGET = {
    "accept": "begun beyond its budget",
    "accept_session": "begun, and the budget set aside",
    "decline": "not begun, for its budget",
    "withdrawn": "withdrawn: the turn was taken back",
}
_REVIEW = {
    "accept": "accepted",
    "decline": "changes wanted",
    "withdrawn": "withdrawn: the run was stopped",
}
_BOX = 100
_SHOWN = 30
"""Lines of the changes under review in the box; the dialog has them all."""


def request_parts(block: Block, open: bool) -> list[Part]:
    """An open request as a box; a decided one as a line, its text unfolded when `open`."""
    event = block.event
    if isinstance(event, e.ApprovalRequested):
        return _approval(event)
    if isinstance(event, e.QuestionAsked):
        return _question(event)
    if isinstance(event, e.ApprovalResolved):
        return _resolved(event, open)
    assert isinstance(event, e.QuestionAnswered)
    return _answered(event)


def _approval(event: e.ApprovalRequested) -> list[Part]:
    if event.what == "budget":
        return _budget(event)
    if event.what == "review":
        return _review(event)
    title = f"Approval: the agent asks to {_WHAT.get(event.what, line_of(event.what[:40]))}"
    about = [
        *([f"in {exact(event.cwd)}"] if event.cwd else []),
        *([f"because {exact(event.reason)}"] if event.reason else []),
    ]
    choices = ", ".join(_CHOICE.get(c, line_of(c)) for c in event.choices)
    body = long_part(
        event.text, lambda piece, width, palette: _inside(exact(piece), width, palette, palette.strong)
    )
    return _boxed(title, body, about, f"Enter or a click decides: {choices}")


def _review(event: e.ApprovalRequested) -> list[Part]:
    body = long_part(
        event.text, lambda piece, width, palette: _inside(exact(piece), width, palette, palette.strong)
    )
    about = [*([f"in {exact(event.cwd)}"] if event.cwd else []), *exact(event.reason).split("\n")[:_SHOWN]]
    return _boxed(
        "Review: is this good?", body, about, "Enter or a click decides: accept, or ask for changes"
    )


def _budget(event: e.ApprovalRequested) -> list[Part]:
    body = long_part(
        event.text, lambda piece, width, palette: _inside(exact(piece), width, palette, palette.strong)
    )
    title = "A budget is used up, so this waits"
    how = "Enter or a click decides: begin it all the same, forget the budget until the host ends, or drop it"
    return _boxed(title, body, [exact(event.reason)], how)


def _question(event: e.QuestionAsked) -> list[Part]:
    body = long_part(
        event.text, lambda piece, width, palette: _inside(exact(piece), width, palette, palette.strong)
    )
    options = [f"{n}. {exact(option)}" for n, option in enumerate(event.options, 1)]
    return _boxed("A question for you", body, options, "Enter or a click answers")


def _boxed(title: str, body: list[Part], about: list[str], how: str) -> list[Part]:
    def top(width: int, palette: Palette) -> list[Strip]:
        label = fit(f" ? {title} ", _inner(width))
        rule = "─" * max(_inner(width) + 1 - cell_len(label), 0)
        edge = palette.attention
        return [
            row((" " * GUTTER, None), ("╭─", edge), (label, edge), (rule + "╮", edge)),
            *_inside("", width, palette),
        ]

    def bottom(width: int, palette: Palette) -> list[Strip]:
        strips = _inside("", width, palette)
        for line in about:
            strips += _inside(line, width, palette, palette.text)
        if about:
            strips += _inside("", width, palette)
        strips += _inside(how, width, palette, palette.attention)
        rule = "─" * (_inner(width) + 2)
        return [*strips, row((" " * GUTTER, None), (f"╰{rule}╯", palette.attention))]

    return [Part(top, lines=2), *body, Part(bottom, lines=3 + len(about))]


def _inner(width: int) -> int:
    return max(min(width, _BOX) - GUTTER - 4, 8)


def _inside(text: str, width: int, palette: Palette, style: Style | None = None) -> list[Strip]:
    room = _inner(width)
    edge = palette.attention
    return [
        row(
            (" " * GUTTER, None),
            ("│ ", edge),
            (cut, style),
            (" " * (room - cell_len(cut)), None),
            (" │", edge),
        )
        for line in text.split("\n")
        for cut in wrap(line, room)
    ]


def _resolved(event: e.ApprovalResolved, open: bool) -> list[Part]:
    def line(width: int, palette: Palette) -> list[Strip]:
        yes = event.decision.startswith("accept")
        sign, style = ("✓", palette.done) if yes else ("⊘", palette.interrupted)
        words = {"budget": _BUDGET, "review": _REVIEW}.get(event.what, _DECIDED)
        decided = words.get(event.decision, line_of(event.decision))
        by = f" by {line_of(event.by)}" if event.by and event.decision != "withdrawn" else ""
        left = [(" " * GUTTER, None), (f"{sign} {decided}", style), (f"{by}  ", palette.dim)]
        strips = [header([*left, (line_of(event.text[:400]), palette.text)], [], width)]
        if event.message:
            strips += prose(exact(event.message), width, palette.dim, first=(" " * (GUTTER + 2), None))
        return strips

    parts = [Part(line)]
    if open and event.text:
        lead = (" " * (GUTTER + 2), None)
        parts += long_part(
            event.text, lambda piece, width, palette: prose(exact(piece), width, palette.strong, first=lead)
        )
    return parts


def _answered(event: e.QuestionAnswered) -> list[Part]:
    rest = (" " * (GUTTER + 2), None)

    def question(piece: str, width: int, palette: Palette) -> list[Strip]:
        return prose(
            exact(piece), width, palette.text, first=(" " * GUTTER + "? ", palette.attention), rest=rest
        )

    def answer(piece: str, width: int, palette: Palette) -> list[Strip]:
        return prose(exact(piece), width, palette.user, first=(" " * GUTTER + "→ ", palette.user), rest=rest)

    def none(width: int, palette: Palette) -> list[Strip]:
        return [fold_row("no answer: the turn ended first", width, palette, indent=GUTTER + 2)]

    said = [Part(none)] if event.answer is None else long_part(event.answer, answer)
    return long_part(event.question, question) + said
