"""How a stage of a run is drawn: as two lines of the list with rails, or as a card."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from zwarm_tui.tui.render.literal import line_of
from zwarm_tui.tui.render.rows import Piece, header
from zwarm_tui.tui.render.wrap import fit
from zwarm_tui.tui.runs import words
from zwarm_tui.tui.runs.book import Run
from zwarm_tui.tui.runs.layers import Card
from zwarm_tui.tui.runs.rails import RailRow
from zwarm_tui.tui.widgets.ink import Ink
from zwarm_tui.workflow.runs import StageView

_FRAMES = {  # corners, across, down
    "plain": ("╭", "╮", "╰", "╯", "─", "│"),
    "unattended": ("╭", "╮", "╰", "╯", "╌", "╎"),
    "chosen": ("┏", "┓", "┗", "┛", "━", "┃"),
}


class StagePen(NamedTuple):
    """Draws the stages of a run as they stand at a time."""

    run: Run
    ink: Ink
    now: float
    asking: Collection[str]
    """Stages that wait for somebody."""
    chosen: str | None
    """The stage under the cursor."""
    focused: bool
    """The graph has the focus."""

    def seen(self, name: str) -> tuple[object, ...]:
        """All of a stage that the graph shows: where it is the same, so is the picture."""
        run = self.run
        if (stage := run.view.stages.get(name)) is None:
            return ()
        chosen = name == self.chosen
        return (
            words.stage_look(stage, run.view, name in self.asking),
            words.attempt(stage),
            words.took(stage, run.view, self.now),
            words.spent(run, name),
            words.marks(run.checks_of(name)) if run.checks else (),
            words.begun(stage),
            words.trouble(stage),
            chosen,
            chosen and self.focused,
        )

    def rail_line(self, row: RailRow, line: int, width: int) -> Strip:
        """The first or the second line (0, 1) of a row of the list."""
        run, ink = self.run, self.ink
        stage = run.view.stages[row.stage]
        look = words.stage_look(stage, run.view, row.stage in self.asking)
        colour, dim = ink(look.colour, bold=look.loud), ink("zwarm-dim")
        room = max(width // 2, 12)
        lead = fit(row.first if line == 0 else row.second, room)
        chosen = row.stage == self.chosen
        edge = ("▌" if chosen else " ", ink("primary" if self.focused else "zwarm-dim"))
        if line == 0:
            quiet = stage.headless and not look.loud
            name = dim if quiet else ink("foreground", bold=chosen or look.loud)
            left: list[Piece] = [edge, (lead, dim), (f"{look.sign} ", colour), (line_of(stage.name), name)]
            strip = header(left, self._figures(stage), width)
        else:
            strip = header([edge, (lead, dim), *self._story(stage, look, row.after)], [], width)
        return strip.adjust_cell_length(width).apply_style(self._under(chosen))

    def _figures(self, stage: StageView) -> list[Piece]:
        dim, ink = self.ink("zwarm-dim"), self.ink
        tries = words.attempt(stage)
        again = ink("zwarm-waiting") if stage.attempt > 1 else dim
        return [
            (f"{tries:>5}", again),
            (f"{words.took(stage, self.run.view, self.now):>8}", dim),
            (f"{words.spent(self.run, stage.name):>9} ", ink("zwarm-money")),
        ]

    def _story(self, stage: StageView, look: words.Look, after: Collection[str]) -> list[Piece]:
        """The second line: the state, what was checked, what is wrong, who works on it."""
        ink, dim = self.ink, self.ink("zwarm-dim")
        pieces: list[Piece] = [(look.word, ink(look.colour))]
        for text, colour in words.marks(self.run.checks_of(stage.name)):
            pieces += [(" · ", dim), (text, ink(colour))]
        if why := words.trouble(stage):
            pieces += [(" · ", dim), (why, ink("foreground"))]
        facts = [
            line_of(stage.what),
            "unattended" if stage.headless else "",
            words.begun(stage),
            line_of(stage.backend or ""),
        ]
        if after:
            facts.append(f"after {line_of(', '.join(after))}")
        return [*pieces, *((f" · {fact}", dim) for fact in facts if fact)]

    def card_line(self, card: Card, line: int, wide: int) -> Strip:
        """A line of a card, with its piece of the frame."""
        run, ink = self.run, self.ink
        stage = run.view.stages[card.stage]
        look = words.stage_look(stage, run.view, card.stage in self.asking)
        chosen = card.stage == self.chosen
        a, b, c, d, across, down = _FRAMES[
            "chosen" if chosen else "unattended" if stage.headless else "plain"
        ]
        frame = (
            ink("primary", bold=True)
            if chosen and self.focused
            else ink(look.colour if look.loud else "zwarm-dim")
        )
        if line in (0, card.height - 1):
            text = f"{a}{across * (wide - 2)}{b}" if line == 0 else f"{c}{across * (wide - 2)}{d}"
            return Strip([Segment(text, frame)])
        inner = self._inside(card, stage, look, line, wide - 4)
        ground = self._under(chosen and line < 3)
        body = [Segment(" "), *inner.adjust_cell_length(wide - 4), Segment(" ")]
        return Strip([Segment(down, frame), *Strip(body).apply_style(ground), Segment(down, frame)], wide)

    def _inside(self, card: Card, stage: StageView, look: words.Look, line: int, width: int) -> Strip:
        run, now, ink, dim = self.run, self.now, self.ink, self.ink("zwarm-dim")
        if line == 1:
            quiet = stage.headless and not look.loud
            name = dim if quiet else ink("foreground", bold=True)
            tries = words.attempt(stage)
            again = ink("zwarm-waiting") if stage.attempt > 1 else dim
            left = [(f"{look.sign} ", ink(look.colour, bold=look.loud)), (line_of(stage.name), name)]
            return header(left, [(tries, again)] if tries else [], width)
        if line == 2:
            cost = words.spent(run, stage.name)
            right: list[Piece] = [(words.took(stage, run.view, now), dim)]
            right += [(f" {cost}", ink("zwarm-money"))] if cost else []
            return header([(look.word, ink(look.colour))], right, width)
        if 0 <= line - 3 < len(card.nested):
            name_, depth = card.nested[line - 3]
            inner = run.view.stages[name_]
            seen = words.stage_look(inner, run.view, name_ in self.asking)
            chosen = name_ == self.chosen
            quiet = inner.headless and not seen.loud
            text = dim if quiet else ink("foreground", bold=chosen)
            left = [
                ("▌" if chosen else " ", ink("primary" if self.focused else "zwarm-dim")),
                (f"{'  ' * (depth - 1)}╰╴" if depth > 1 else "", dim),
                (f"{seen.sign} ", ink(seen.colour, bold=seen.loud)),
                (line_of(name_), text),
            ]
            took = words.took(inner, run.view, now)
            strip = header(left, [(took, dim)] if took else [], width)
            return strip.adjust_cell_length(width).apply_style(self._under(chosen))
        pieces: list[Piece] = []
        for text_, colour in words.marks(run.checks_of(stage.name)):
            pieces += [("  " if pieces else "", None), (text_, ink(colour))]
        return header(pieces, [], width)

    def _under(self, chosen: bool) -> Style:
        """What lies under a stage: a bar under the cursor."""
        return self.ink("", on="panel") if chosen and self.focused else Style.null()
