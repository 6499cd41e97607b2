"""What a jump would do, before it is done."""

from __future__ import annotations

from typing import Any

from textual import on
from textual.content import Content

from zwarm_tui.tui.diffs import patch_between
from zwarm_tui.tui.render.literal import line_of
from zwarm_tui.tui.render.rows import count_of
from zwarm_tui.tui.screens.dialog import LOW, Dialog
from zwarm_tui.tui.screens.diff import DiffScreen
from zwarm_tui.tui.widgets.choices import Choice, Choices

Json = dict[str, Any]
Part = str | tuple[str, str]
_SHOWN = 6
_SIGNS = {"A": "$zwarm-diff-add", "D": "$zwarm-diff-del"}


class GotoScreen(Dialog):
    """Its result is what shall become of the turns that run (`EngineClient.goto`'s
    `running`), "go" where none does, or "in_place"."""

    def __init__(self, preview: Json, rows: int = 40) -> None:
        self._files = _files(preview)
        choices = _go_on(preview)
        if self._files.get("changed"):
            choices.append(Choice("v", "Look at the diff of the files", "diff"))
            if not self._files.get("in_place"):
                choices.append(Choice("p", "Put the files into your checkout, in place…", "in_place"))
        choices.append(Choice("n", "Stay here", ""))
        title = f"Jump to {line_of(str(preview.get('label', '')))}?"
        super().__init__(
            title, Content.assemble(*_body(preview, self._files, 2 if rows < LOW else _SHOWN)), choices
        )

    @on(Choices.Chosen)
    def _look(self, event: Choices.Chosen) -> None:
        if event.value != "diff":
            return
        event.prevent_default()
        path, a, b = (str(self._files.get(key) or "") for key in ("path", "from", "to"))
        if not (path and a and b):
            self.app.notify(
                "There is no diff to show: the files here or there were not captured.", markup=False
            )
            return
        self.app.push_screen(DiffScreen("What the files would become", lambda: patch_between(path, a, b)))


def in_place_dialog(preview: Json) -> Dialog:
    """The explicit second question of a jump that changes the person's checkout."""
    files, label = _files(preview), line_of(str(preview.get("label", "")))
    kept = files.get("kept") or []
    parts: list[Part] = [
        (
            f"The files in {line_of(str(files.get('path') or 'your checkout'))} become those of {label}.",
            "bold",
        ),
        "\n\nA safety checkpoint is taken before: nothing is lost. Ignored files are not touched.",
    ]
    if kept:
        parts.append(
            f" {count_of(len(kept), 'untracked file')} made since then {'is' if len(kept) == 1 else 'are'} kept in it:"
        )
        parts += [f"\n  {line_of(str(path))}" for path in kept[:_SHOWN]]
        parts.append(f"\n  and {len(kept) - _SHOWN} more" if len(kept) > _SHOWN else "")
    parts += ["\n\n", *_running(preview), *_changed(files)]
    return Dialog(
        f"Put {label} into your checkout?",
        Content.assemble(*parts),
        [*_go_on(preview, "and put the files in place"), Choice("n", "Leave the checkout as it is", "")],
    )


def goto_said(preview: Json, there: Json) -> str:
    """What a jump did, for a notice."""
    said = "".join(p if isinstance(p, str) else p[0] for p in _changes(preview)).strip()
    if safety := there.get("safety"):
        said += f"\n:{line_of(str(safety))} is how your checkout was before."
    return said


def nothing_else(preview: Json) -> bool:
    """The jump changes the place only: there is nothing to look at before it."""
    parts = ("running", "sessions_back", "sessions_absent", "effects", "threads")
    files = _files(preview)
    return (
        not any(preview.get(part) for part in parts) and not files.get("changed") and not files.get("problem")
    )


def _files(preview: Json) -> Json:
    files = preview.get("files")
    if isinstance(files, dict):
        return files
    return {"problem": files} if files else {}


def _go_on(preview: Json, also: str = "") -> list[Choice]:
    also = f" {also}" if also else ""
    if not preview.get("running"):
        return [Choice("y", f"Jump{also}", "go")]
    return [
        Choice("l", f"Leave them running on their branch, and jump{also}", "leave"),
        Choice("w", f"Wait until they have ended, then jump{also}", "wait"),
        Choice("x", f"Interrupt them, and jump{also}", "interrupt"),
    ]


def _body(preview: Json, files: Json, most: int) -> list[Part]:
    return [*_running(preview, most), *_effects(preview, most), *_changed(files, most), *_changes(preview)]


def _running(preview: Json, most: int = _SHOWN) -> list[Part]:
    turns = preview.get("running") or []
    if not turns:
        return []
    parts: list[Part] = [("Runs now", "bold $foreground")]
    for turn in turns[:most]:
        parts += [("\n  ● ", "$zwarm-running"), line_of(str(turn.get("task") or turn.get("id", ""))[:60])]
    if len(turns) > most:
        parts.append(f"\n  and {len(turns) - most} more")
    return [*parts, "\n\n"]


def _changed(files: Json, most: int = _SHOWN) -> list[Part]:
    changed, problem = files.get("changed") or [], files.get("problem")
    parts: list[Part] = []
    if changed:
        parts.append(
            (
                f"{count_of(len(changed), 'file')} {'differs' if len(changed) == 1 else 'differ'}",
                "bold $foreground",
            )
        )
        for one in changed[:most]:
            letter = str(one.get("status") or "M")[:1]
            parts += [
                "\n  ",
                (letter, _SIGNS.get(letter, "$zwarm-dim")),
                f" {line_of(str(one.get('path', '')))}",
            ]
            parts += [(f"  +{one['added']}", "$zwarm-diff-add")] if one.get("added") else []
            parts += [(f"  −{one['deleted']}", "$zwarm-diff-del")] if one.get("deleted") else []
        if len(changed) > most:
            parts.append((f"\n  and {len(changed) - most} more", "$zwarm-dim"))
        parts.append("\n")
    if problem:
        text = line_of(str(problem))
        parts.append((f"{text[:1].upper()}{text[1:]}\n", "$zwarm-dim"))
    if uncovered := files.get("uncovered"):
        named = ", ".join(line_of(str(one.get("path", ""))) for one in uncovered[:most])
        more = f" and {len(uncovered) - most} more" if len(uncovered) > most else ""
        parts.append((f"Not covered by it: {named}{more}\n", "$zwarm-waiting"))
    if files.get("worktree"):
        parts += [("Work goes on in ", "$zwarm-dim"), line_of(str(files["worktree"])), "\n"]
    return [*parts, "\n"] if parts else []


def _effects(preview: Json, most: int = _SHOWN) -> list[Part]:
    effects = preview.get("effects") or []
    if not effects:
        return []
    parts: list[Part] = [("Can't be undone", "bold $zwarm-attention")]
    for one in effects[:most]:
        parts += [("\n  ▲ ", "$zwarm-attention"), line_of(str(one.get("what", ""))[:100])]
    if len(effects) > most:
        parts.append(f"\n  and {len(effects) - most} more")
    return [*parts, "\n\n"]


_HOW = {
    "fork": "goes on as a fork of its thread",
    "brief": "begins a new thread, with what was said as its brief",
    "fresh": "begins anew",
}


def _changes(preview: Json) -> list[Part]:
    """What becomes of the sessions."""
    lines: list[str] = []
    how = {str(t.get("id")): str(t.get("how", "")) for t in preview.get("threads") or ()}
    back, absent = preview.get("sessions_back") or [], preview.get("sessions_absent") or []
    for s in back[:_SHOWN]:
        said = _HOW.get(how.get(str(s.get("id")), ""), "")
        lines.append(
            f"↺ {line_of(str(s.get('task', ''))[:48])}: back by {count_of(s.get('turns', 0), 'turn')}"
            + (f"; {said}" if said else "")
        )
    if len(back) > _SHOWN:
        lines.append(f"  and {len(back) - _SHOWN} more sessions go back")
    shown = {str(s.get("id")) for s in back}
    others = [name for name, kind in how.items() if name not in shown and kind in ("brief", "fresh")]
    if others:
        lines.append(
            f"{count_of(len(others), 'session')} can't be forked: a new thread with a brief serves it there"
        )
    if absent:
        there = (
            "is not there yet: it stays on its branch"
            if len(absent) == 1
            else "are not there yet: they stay on their branch"
        )
        lines.append(f"{count_of(len(absent), 'session')} {there}")
    if preview.get("branches_on_next_message"):
        lines.append("The next message begins a branch there. Nothing is lost.")
    return ["\n".join(lines)]
