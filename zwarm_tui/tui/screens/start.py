"""Starting a run: a list of what there is, then a form for what it wants to know."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from rich.style import Style
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input, Select, Static, TextArea

from zwarm_tui.tui.render.literal import line_of, literal
from zwarm_tui.tui.render.rows import Piece, header
from zwarm_tui.tui.runs.startable import Field, Startable, discover, wanted_inputs
from zwarm_tui.tui.screens.dialog import Fitted
from zwarm_tui.tui.screens.once import Once
from zwarm_tui.tui.widgets.choices import Choice, Choices
from zwarm_tui.tui.widgets.row_view import RowView
from zwarm_tui.tui.work import begin


@dataclass(frozen=True, slots=True)
class Wanted:
    """What shall be started. `kind`: workflow or command."""

    kind: str
    name: str
    inputs: dict[str, Any]


class StartableList(RowView):
    """Two lines each: its name, and what it does or why it can't be started."""

    row_height = 2

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.items: list[Startable] = []

    def show(self, items: list[Startable], at: int = 0) -> None:
        self.items = items
        self.rows_changed(len(items), at)

    @property
    def chosen(self) -> Startable | None:
        return self.items[self.cursor] if self.items else None

    def draw(self, index: int, line: int, width: int) -> Strip:
        item, ink = self.items[index], self.ink
        dim = ink("zwarm-dim")
        edge: Piece = ("▎" if index == self.cursor else " ", ink("primary"))
        if line == 0:
            sign, colour = ("✗", "zwarm-failed") if item.error else ("▸", "primary")
            left = [edge, (f"{sign} ", ink(colour)), (line_of(item.name), ink("foreground", bold=True))]
            return header(left, [(f"{item.kind} ", dim)], width)
        if item.error:
            return header([edge, ("  ", None), (line_of(item.error), ink("zwarm-failed"))], [], width)
        asks = ", ".join(field.name for field in item.fields)
        text = line_of(item.description or (f"asks for {asks}" if asks else "asks for nothing"))
        return header([edge, ("  ", None), (text, dim)], [], width)

    def ground(self, index: int) -> Style:
        return self.ink("foreground", on="panel") if index == self.cursor else Style.null()


class FieldRow(Vertical):
    """A field of the form: its label, where it is filled in, and what is wrong with it."""

    def __init__(self, field: Field) -> None:
        super().__init__(classes="field")
        self.field = field
        self._problem = ""

    def compose(self) -> ComposeResult:
        field = self.field
        label: list[tuple[str, str]] = [(line_of(field.name), "bold $foreground")]
        label.append((" required" if field.required else " optional", "$zwarm-dim"))
        if field.description:
            label.append((f"  {line_of(field.description)}", "$zwarm-dim"))
        yield Static(Content.assemble(*label), markup=False, classes="label")
        if field.type == "enum":
            options = [(Content(line_of(value)), value) for value in field.values]
            default = field.default if field.default in field.values else Select.NULL
            yield Select(options, prompt="Choose one", value=default, compact=True, classes="entry")
        elif field.type == "text":
            yield TextArea(field.default, compact=True, show_line_numbers=False, classes="entry")
        else:
            yield Input(field.default, compact=True, placeholder=field.type, classes="entry")
        yield Static(markup=False, classes="problem")

    @property
    def entry(self) -> Widget:
        """Where it is filled in."""
        return self.query_one(".entry", Widget)

    @property
    def value(self) -> str:
        """What is filled in; "" for nothing."""
        entry = self.entry
        if isinstance(entry, TextArea):
            return entry.text
        if isinstance(entry, Select):
            return "" if entry.value is Select.NULL else str(entry.value)
        assert isinstance(entry, Input)
        return entry.value

    def check(self, *, whole: bool) -> bool:
        """Say what is wrong; that something is missing only where it is `whole`."""
        value = self.value
        problem = self.field.problem(value) if whole or value.strip() else ""
        if problem != self._problem:
            self._problem = problem
            self.query_one(".problem", Static).update(Content(literal(problem)))
            self.set_class(bool(problem), "-wrong")
        return not problem


class StartScreen(Fitted[Wanted | None], Once[Wanted | None]):
    """None where the person goes away again. `name` is the one to begin with, if any."""

    AUTO_FOCUS = ""
    CSS_PATH: ClassVar = ["../styles/dialog.tcss", "../styles/start.tcss"]
    scrolls = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", show=False, id="start.back"),
        Binding("enter", "choose", "Choose", show=False, id="start.choose"),
        Binding("ctrl+s", "start", "Start it", show=False, id="start.start"),
    ]

    def __init__(self, project: Path, name: str = "") -> None:
        super().__init__()
        self._project, self._name = project, name
        self._list = StartableList(id="startables")
        self._item: Startable | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog", classes="-start"):
            yield Static("Start a run", id="title", markup=False)
            yield Static("Looking for workflows and commands…", id="why", markup=False)
            yield self._list
            yield VerticalScroll(id="form", can_focus=False)
            yield Choices([Choice("s", "Start it", "start")], id="go")
            yield Static(self.hint, id="hint", markup=False)

    @property
    def long(self) -> Widget:
        return self._list if self._item is None else self.query_one("#form")

    @property
    def hint(self) -> str:
        if self._item is None:
            return "enter  choose    esc  not now"
        return "ctrl+s  start    tab  next    esc  back to the list"

    def on_mount(self) -> None:
        self._show_form(False)
        self._list.display = False
        begin(self, self._look())

    async def _look(self) -> None:
        items = await asyncio.to_thread(discover, self._project)
        why = self.query_one("#why", Static)
        if not items:
            why.update(
                Content(
                    "There are none yet. A workflow is a Python file in .zwarm/workflows with an "
                    "`async def run(ctx)`; a command is a YAML file in .zwarm/commands."
                )
            )
            return
        named = [i for i, item in enumerate(items) if item.name == self._name]
        broken = sum(bool(item.error) for item in items)
        why.update(Content(f"{broken} can't be started: see why." if broken else ""))
        why.display = bool(broken)
        self._list.styles.height = 2 * len(items)
        self._list.display = True
        self._list.show(items, named[0] if named else 0)
        self.call_after_refresh(self.fit)
        self._list.focus()
        if self._name and not named:
            why.update(Content(f"There is no workflow or command “{line_of(self._name)}”."))
            why.display = True
        elif named:
            await self._open(items[named[0]])

    # -- the form -----------------------------------------------------------------------

    async def _open(self, item: Startable) -> None:
        why = self.query_one("#why", Static)
        if item.error:
            why.update(Content.assemble((literal(item.error), "$zwarm-failed")))
            why.display = True
            self.call_after_refresh(self.fit)
            return
        self._item = item
        form = self.query_one("#form", VerticalScroll)
        await form.remove_children()
        await form.mount_all([FieldRow(field) for field in item.fields])
        self.query_one("#title", Static).update(Content(f"Start {line_of(item.name)}"))
        why.update(Content(literal(item.description)))
        why.display = bool(item.description)
        self._show_form(True)
        rows = self.query(FieldRow)
        (rows.first().entry if rows else self.query_one("#go")).focus()

    def action_back(self) -> None:
        """From the form to the list, else away."""
        if self._item is None:
            self.dismiss(None)
            return
        self._item = None
        self._show_form(False)
        self.query_one("#why").display = False
        self.query_one("#title", Static).update(Content("Start a run"))
        self._list.focus()

    def _show_form(self, shown: bool) -> None:
        form = self.query_one("#form")
        form.display = shown and self._item is not None and bool(self._item.fields)
        self.query_one("#go").display, self._list.display = shown, not shown
        self.call_after_refresh(self.fit)

    async def action_choose(self) -> None:
        if self._item is None and self._list.chosen is not None:
            await self._open(self._list.chosen)

    @on(RowView.Clicked, "#startables")
    async def _clicked(self) -> None:
        await self.action_choose()

    def action_start(self) -> None:
        """Start it, where all that is filled in is right; else go to what is not."""
        if self._item is None:
            return
        rows = list(self.query(FieldRow))
        wrong = [row for row in rows if not row.check(whole=True)]
        if wrong:
            wrong[0].entry.focus()
            return
        values = {row.field.name: row.value for row in rows}
        self.dismiss(Wanted(self._item.kind, self._item.name, wanted_inputs(self._item, values)))

    @on(Choices.Chosen)
    def _go(self) -> None:
        self.action_start()

    @on(Input.Submitted)
    def _next(self) -> None:
        """Enter in a field of one line goes on to the next one, or starts it."""
        rows = list(self.query(FieldRow))
        at = next((i for i, row in enumerate(rows) if row.has_focus_within), len(rows))
        if at + 1 < len(rows):
            rows[at].check(whole=True)
            rows[at + 1].entry.focus()
        else:
            self.action_start()

    @on(Input.Changed)
    @on(TextArea.Changed)
    @on(Select.Changed)
    def _changed(self, event: Input.Changed | TextArea.Changed | Select.Changed) -> None:
        row = event.control.parent
        if isinstance(row, FieldRow):
            row.check(whole=False)

    @on(events.DescendantBlur)
    def _left(self, event: events.DescendantBlur) -> None:
        row = event.widget.parent
        if isinstance(row, FieldRow) and self._item is not None and row.is_attached:
            row.check(whole=True)
