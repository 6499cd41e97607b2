"""Two checkpoints or branches, side by side; below them the files that differ."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from rich.style import Style
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.strip import Strip
from textual.widgets import Static

from zwarm_tui.core.errors import ZwarmError
from zwarm_tui.core.model import Cost
from zwarm_tui.tui.diffs import patch_between
from zwarm_tui.tui.figures import elapsed, money, tokens
from zwarm_tui.tui.render.checkpoint import changed_row
from zwarm_tui.tui.render.literal import line_of, literal
from zwarm_tui.tui.render.rows import BLANK, Piece, count_of, header, prose
from zwarm_tui.tui.screens.once import Once
from zwarm_tui.tui.widgets.banner import Banner
from zwarm_tui.tui.widgets.diff_view import DiffView
from zwarm_tui.tui.widgets.ink import Ink
from zwarm_tui.tui.widgets.page_view import PageView
from zwarm_tui.tui.widgets.row_view import RowView
from zwarm_tui.tui.work import begin

Json = dict[str, Any]


class FileList(RowView):
    """The files that differ; the chosen one's diff is beside it."""

    BINDING_GROUP_TITLE = "Files"

    def __init__(self, changed: list[Json], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.changed = changed

    @property
    def chosen(self) -> Json | None:
        return self.changed[self.cursor] if self.changed else None

    def on_mount(self) -> None:
        self.rows_changed(len(self.changed))

    def ground(self, index: int) -> Style:
        return self.ink("foreground", on="panel") if index == self.cursor else Style.null()

    def draw(self, index: int, line: int, width: int) -> Strip:
        return changed_row(self.changed[index], width, self.ink)


class CompareScreen(Once[None]):
    """Shows what `timeline.compare` found."""

    AUTO_FOCUS = "FileList"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Back", show=False, id="compare.close"),
    ]

    def __init__(self, found: Json) -> None:
        super().__init__()
        self._found = found
        self._files: Json = found.get("files") or {}
        self._list = FileList(_changed(self._files), id="list")

    def compose(self) -> ComposeResult:
        yield Banner()
        with Horizontal(id="sides"):
            for name in ("a", "b"):
                with Vertical(id=name, classes="pane"):
                    yield PageView()
        with Horizontal(id="files"):
            with Vertical(id="paths", classes="pane"):
                yield self._list
            with Vertical(id="patch", classes="pane"):
                yield DiffView()
        yield Static(" esc back   tab next pane   ↑↓ file   space fold", id="keys", markup=False)

    def on_mount(self) -> None:
        other = {"a": "b", "b": "a"}
        for name in ("a", "b"):
            later = (self._files.get("unrecorded") or {}).get(name)
            side: Json = {**(self._found.get(name) or {}), "unrecorded": later}
            beside: Json = self._found.get(other[name]) or {}
            pane = self.query_one(f"#{name}")
            pane.border_title = Content(_title(side))
            pane.query_one(PageView).show(partial(side_rows, side, beside))
        changed = self._list.changed
        title = f"{count_of(len(changed), 'file')} {'differs' if len(changed) == 1 else 'differ'}"
        self.query_one("#paths").border_title = Content(title if changed else "Files")
        if changed:
            self._show_diff()
        else:
            problem = self._files.get("problem")
            self.query_one(DiffView).show_diff(
                literal(str(problem)) if problem else "The files are the same."
            )

    @on(RowView.Moved, "#list")
    def _show_diff(self) -> None:
        one = self._list.chosen
        if one is not None:
            self.query_one("#patch").border_title = Content(line_of(str(one.get("path", ""))))
            begin(self, self._read(one), group="diff", only=True)

    async def _read(self, one: Json) -> None:
        path = str(self._files.get("path") or "")
        a, b = (str(one.get(key) or self._files.get(key) or "") for key in ("from", "to"))
        paths = tuple(str(p) for p in (one.get("path"), one.get("old_path")) if p)
        try:
            text = await patch_between(path, a, b, paths=paths)
        except ZwarmError as error:
            text = str(error)
        self.query_one(DiffView).show_diff(text)


def _changed(files: Json) -> list[Json]:
    """All files that differ, those of sessions with worktrees of their own too."""
    found = list(files.get("changed") or ())
    for trees in (files.get("sessions") or {}).values():
        found += [{**one, "from": trees["from"], "to": trees["to"]} for one in trees.get("changed") or ()]
    return found


def _title(side: Json) -> str:
    label, branch = line_of(str(side.get("label", ""))), line_of(str(side.get("branch", "")))
    return label if label == branch or not branch else f"{label} · {branch}"


def _figures(side: Json, width: int, ink: Ink) -> Strip:
    """Turns, time, tokens, cost: one row."""
    cost = Cost(float(side.get("cost_usd") or 0.0), bool(side.get("cost_known", True)))
    usage: Json = side.get("usage") or {}
    total = sum(int(usage.get(key) or 0) for key in ("input", "cached", "cache_write", "output"))
    took = (
        count_of(int(side.get("turns") or 0), "turn"),
        elapsed(float(side.get("seconds") or 0)),
        f"{tokens(total)} tokens",
    )
    spent: list[Piece] = [(f"{money(cost)} ", ink("zwarm-money", bold=True))]
    if side.get("simulated"):
        spent.insert(0, ("simulated ", ink("zwarm-dim")))
    return header([(f" {' · '.join(took)}", ink("zwarm-dim"))], spent, width)


def side_rows(side: Json, beside: Json, width: int, ink: Ink) -> list[Strip]:
    """One column: what was asked, what came of it, and the gates."""
    rows = [_figures(side, width, ink), BLANK, *_heading("Asked", width, ink)]
    asked = side.get("instructions") or []
    for one in asked:
        label: Piece = (f" {one.get('label') or '…'!s:<4} ", ink("zwarm-dim"))
        rest: Piece = (" " * len(label[0]), None)
        text = literal(str(one.get("text", ""))).strip()
        rows += prose(text, width - 1, ink("zwarm-user"), first=label, rest=rest)
    if not asked:
        rows += prose(
            "Nothing was asked after the place that both have in common.",
            width - 1,
            ink("zwarm-dim"),
            first=(" ", None),
        )
    rows += [BLANK, *_heading("Last said", width, ink)]
    # What was said before the place that both have in common is the same on both sides.
    final = [f for f in side.get("final") or () if f.get("turns", 1) and str(f.get("text") or "").strip()]
    for at, one in enumerate(final):
        who = ink("zwarm-pilot" if one.get("session") == "pilot" else "secondary")
        rows += [BLANK] if at else []
        name = one.get("task") or one.get("session") or ""
        rows += prose(line_of(str(name))[:80], width - 1, who, first=(" ", None))
        rows += prose(
            literal(str(one.get("text", ""))).strip(), width - 1, ink("foreground"), first=("   ", None)
        )
    if not final:
        rows += prose("Nobody said anything since.", width - 1, ink("zwarm-dim"), first=(" ", None))
    unrecorded = side.get("unrecorded") or []
    if unrecorded:
        rows += [BLANK, *_heading("Changed since its last checkpoint", width, ink)]
        rows += [header([(f" {line_of(str(path))}", ink("zwarm-waiting"))], [], width) for path in unrecorded]
    gates = side.get("gates") or []
    if gates or beside.get("gates"):
        rows += [BLANK, *_heading("Gates", width, ink)]
        rows += [_gate(one, width, ink) for one in gates]
        if not gates:
            rows += prose("None ran here.", width - 1, ink("zwarm-dim"), first=(" ", None))
    return rows


def _heading(text: str, width: int, ink: Ink) -> list[Strip]:
    return [header([(f" {text}", ink("primary", bold=True))], [], width)]


def _gate(one: Json, width: int, ink: Ink) -> Strip:
    passed = bool(one.get("passed"))
    name = line_of(str(one.get("gate") or one.get("name") or ""))
    style = ink("zwarm-done" if passed else "zwarm-failed")
    seconds = one.get("seconds")
    right: list[Piece] = [(f"{seconds:.1f}s ", ink("zwarm-dim"))] if isinstance(seconds, int | float) else []
    return header([(" ✓ " if passed else " ✗ ", style), (name, ink("foreground"))], right, width)
