"""How a branch's files shall come into the checkout."""

from __future__ import annotations

from typing import Any

from textual.content import Content

from zwarm_tui.tui.render.literal import line_of, literal
from zwarm_tui.tui.render.rows import count_of
from zwarm_tui.tui.screens.dialog import LOW, Dialog
from zwarm_tui.tui.widgets.choices import Choice

Json = dict[str, Any]
_SHOWN = 8
_APPLY = Choice("a", "As changes in your checkout: nothing is committed", "apply")
_COMMIT = Choice("c", "As one commit on your current git branch", "commit")
_BRANCH = Choice("b", "As a git branch, to merge yourself: the checkout stays", "branch")
_NOT = Choice("n", "Not now", "")


class AdoptScreen(Dialog):
    """Its result is a mode of `EngineClient.adopt`. `plan` is what a dry run said,
    `refused` why it does not apply: then only a git branch of it can be made."""

    def __init__(self, branch: str, plan: Json, refused: str = "", rows: int = 40) -> None:
        title = f"Adopt {line_of(branch)}?"
        if refused:
            super().__init__(
                title, Content(f"{literal(refused)[:1].upper()}{literal(refused)[1:]}."), [_BRANCH, _NOT]
            )
            return
        most = 3 if rows < LOW else _SHOWN
        files = plan.get("files") or []
        would = f"{count_of(len(files), 'file')} of your checkout would change\n"
        parts: list[str | tuple[str, str]] = [(would, "bold $foreground")]
        parts += [f"  {_named(one)}\n" for one in files[:most]]
        if len(files) > most:
            parts.append((f"  and {len(files) - most} more\n", "$zwarm-dim"))
        parts.append(("\nA safety checkpoint is taken before anything is changed.", "$zwarm-dim"))
        super().__init__(title, Content.assemble(*parts), [_APPLY, _COMMIT, _BRANCH, _NOT])


def _named(one: object) -> str:
    """A file, as a path or as {"path", "status", …}."""
    if isinstance(one, dict):
        return f"{str(one.get('status') or 'M')[:1]} {line_of(str(one.get('path', '')))}"
    return line_of(str(one))


def adopted_said(done: Json) -> str:
    """What was done, for a notice."""
    lines = []
    if done.get("git_branch"):
        lines.append(f"It is the git branch {line_of(str(done['git_branch']))}.")
    elif done.get("commit"):
        lines.append(f"It is the commit {line_of(str(done['commit']))[:12]}.")
    else:
        lines.append(f"{count_of(len(done.get('files') or ()), 'file')} changed in your checkout.")
    if done.get("safety"):
        lines.append(f":{line_of(str(done['safety']))} is how it was before.")
    return "\n".join(lines)
