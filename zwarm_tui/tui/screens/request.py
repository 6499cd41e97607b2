"""One approval or question, whole: with exactly what the agent wants to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from zwarm_tui.core.events import ApprovalRequested, QuestionAsked
from zwarm_tui.core.model import RequestView
from zwarm_tui.tui.render.literal import exact, literal
from zwarm_tui.tui.screens.dialog import SCROLL, Fitted
from zwarm_tui.tui.screens.once import Once
from zwarm_tui.tui.widgets.choices import Choice, Choices

_TEXTS = {
    "accept": ("a", "Accept, this once"),
    "accept_session": ("s", "Accept, and the like of it for this session"),
    "decline": ("d", "Deny, and say why"),
    "cancel": ("c", "Deny, and stop the turn"),
}
_BUDGET = {
    "accept": ("a", "Begin this turn all the same"),
    "accept_session": ("s", "Begin it, and forget this budget until the host ends"),
    "decline": ("d", "Don't begin it, and say why"),
}
_REVIEW = {
    "accept": ("a", "Accept the work"),
    "decline": ("d", "Ask for changes, and say which"),
}
_OWN = {"budget": _BUDGET, "review": _REVIEW}
_WHAT = {
    "command": "wants to run a command",
    "files": "wants to change files",
    "tool": "wants to use a tool",
    "review": "wants your review",
}


@dataclass(frozen=True, slots=True)
class Decided:
    """`decision` is one of an approval's choices, or "answer" to a question; or "gone", where
    it does not wait any more."""

    decision: str
    text: str = ""


class RequestScreen(Fitted[Decided | None], Once[Decided | None]):
    """None is "not now": it goes on waiting. With `denying` it begins at the reason."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *SCROLL,
        Binding("escape", "back", "Not now", show=False, id="request.close"),
    ]

    def __init__(self, request: RequestView, who: str, *, denying: bool = False) -> None:
        super().__init__()
        self._request, self._who, self._denying = request, who, denying
        self._asking = denying
        """Whether it asks for the reason."""

    def compose(self) -> ComposeResult:
        event = self._request.event
        with Vertical(id="dialog", classes="-asking"):
            yield Static(self._title(), id="title", markup=False)
            with VerticalScroll(id="body", can_focus=False):
                yield Static(self._body(), markup=False)
            if isinstance(event, ApprovalRequested):
                texts = _OWN.get(event.what, _TEXTS)
                yield Choices([Choice(*texts[c], c) for c in event.choices if c in texts])
                why = "What has to change?" if event.what == "review" else "Why not?"
                yield Input(placeholder=f"{why} (Enter sends; may stay empty)", id="words")
            elif isinstance(event, QuestionAsked):
                if event.options:
                    yield Choices([Choice(str(n), o, o) for n, o in enumerate(event.options[:9], 1)])
                yield Input(placeholder="Your answer (Enter sends)", id="words")
            yield Static(self.hint, id="hint", markup=False)

    def on_mount(self) -> None:
        if isinstance(self._request.event, ApprovalRequested):
            self._ask_why(self._denying)
        elif self.query(Choices):
            self.query_one(Choices).focus()
        else:
            self.query_one(Input).focus()

    @property
    def hint(self) -> str:
        event = self._request.event
        if self._asking and isinstance(event, ApprovalRequested):
            what = "ask for changes" if event.what == "review" else "deny"
            return f"enter  {what}    esc  {'not now' if self._denying else 'back'}"
        return "esc  not now: it goes on waiting"

    def look(self, requests: Sequence[RequestView]) -> None:
        """Go away where what it is about is not among those that wait."""
        mine = self._request
        if self.is_current and not any(
            (r.id, r.session, r.branch) == (mine.id, mine.session, mine.branch) for r in requests
        ):
            self.dismiss(Decided("gone", self.query_one(Input).value.strip()))

    def _title(self) -> str:
        event = self._request.event
        if isinstance(event, ApprovalRequested) and event.what == "budget":
            return f"{self._who} waits: a budget is used up"
        if isinstance(event, ApprovalRequested):
            return f"{self._who} {_WHAT.get(event.what, 'asks for leave')}"
        return f"{self._who} asks"

    def _body(self) -> Content:
        event = self._request.event
        if isinstance(event, ApprovalRequested):
            parts: list[str | tuple[str, str]] = [(exact(event.text), "bold $foreground")]
            if event.cwd:
                parts.append((f"\n\nin {exact(event.cwd)}", "$zwarm-dim"))
            if event.reason:
                parts.append((f"\n\n{literal(event.reason)}", "$zwarm-dim"))
            return Content.assemble(*parts)
        return Content(literal(event.text) if isinstance(event, QuestionAsked) else "")

    def _ask_why(self, asking: bool) -> None:
        """The reason takes the place of the choices, where there may be no room for both."""
        self._asking = asking
        words, choices = self.query_one(Input), self.query_one(Choices)
        words.display, choices.display = asking, not asking
        (words if asking else choices).focus()
        self.call_after_refresh(self.fit)

    def action_back(self) -> None:
        """From the reason back to the choices, else away."""
        words = self.query_one(Input)
        approval = isinstance(self._request.event, ApprovalRequested)
        if approval and words.has_focus and not self._denying:
            self._ask_why(False)
        else:
            self.dismiss(None)

    @on(Choices.Chosen)
    def _chosen(self, event: Choices.Chosen) -> None:
        if isinstance(self._request.event, QuestionAsked):
            self.dismiss(Decided("answer", event.value))
        elif event.value == "decline":
            self._ask_why(True)
        else:
            self.dismiss(Decided(event.value))

    @on(Input.Submitted)
    def _said(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        if isinstance(self._request.event, ApprovalRequested):
            self.dismiss(Decided("decline", text))
        elif text:
            self.dismiss(Decided("answer", text))
