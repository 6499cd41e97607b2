"""What a jump would do, before it is done: shown where something is in the way."""

from __future__ import annotations

from typing import Any

from textual.content import Content

from zwarm_tui.tui.render.literal import line_of
from zwarm_tui.tui.screens.dialog import Dialog
from zwarm_tui.tui.widgets.choices import Choice

Json = dict[str, Any]
_SHOWN = 6


def goto_dialog(preview: Json) -> Dialog:
    """Asks what shall become of the turns that run (`EngineClient.goto`'s `running`)."""
    lines = [*_running(preview["running"]), "", *_changes(preview)]
    choices = [
        Choice("l", "Leave them running on their branch, and jump", "leave"),
        Choice("w", "Wait until they have ended, then jump", "wait"),
        Choice("x", "Interrupt them, and jump", "interrupt"),
        Choice("n", "Stay here", ""),
    ]
    return Dialog(f"Jump to {line_of(preview['label'])}?", Content("\n".join(lines)), choices)


def goto_said(preview: Json) -> str:
    """What a jump did, for a notice."""
    return "\n".join(_changes(preview))


def _running(turns: list[Json]) -> list[str]:
    lines = ["Runs now:", *(f"  ● {line_of(t['task'][:60])}" for t in turns[:_SHOWN])]
    return lines + ([f"  and {len(turns) - _SHOWN} more"] if len(turns) > _SHOWN else [])


def _changes(preview: Json) -> list[str]:
    lines: list[str] = []
    back, absent = preview.get("sessions_back", []), preview.get("sessions_absent", [])
    for s in back[:_SHOWN]:
        turns = f"{s['turns']} turn{'' if s['turns'] == 1 else 's'}"
        lines.append(f"↺ {line_of(s['task'][:48])}: back by {turns}")
    if len(back) > _SHOWN:
        lines.append(f"  and {len(back) - _SHOWN} more sessions go back")
    if absent:
        lines.append(f"{_sessions(len(absent))} did not exist there")
    files = preview.get("files")
    if isinstance(files, str) and files:
        lines.append(line_of(files[:1].upper() + files[1:]))
    if preview.get("branches_on_next_message"):
        lines.append("The next message begins a branch there. Nothing is lost.")
    return lines


def _sessions(count: int) -> str:
    return f"{count} session{'' if count == 1 else 's'}"
