"""A stage's two files: its prompt is written anew for each attempt, its output is fresh."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path

from zwarm_tui.workflow.errors import OutputError, StageNameError
from zwarm_tui.workflow.placeholders import check_prompt

Prompt = str | Callable[[Path], str | None]


def resolve(folder: Path, given: str | Path | None, default: str) -> Path:
    """Where an artifact lies: an override, below `folder` where it is relative."""
    return folder / (default if given is None else given)


def check_name(name: str) -> None:
    """`StageNameError` where a stage's files can't be called after it."""
    if not isinstance(name, str) or not name.strip():
        raise StageNameError("a stage needs a name")
    if "/" in name or "\0" in name:
        raise StageNameError(f"a stage's name is part of its files' names: {name!r} can't be")


def write_prompt(stage: str, prompt: Prompt, path: Path, known: Collection[str]) -> None:
    """Put the stage's prompt into `path`. A callable is given the path, and returns the
    text or writes the file itself. `known`: texts that agents wrote (see `check_prompt`)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(prompt, str):
        text = prompt
    elif callable(prompt):
        was = path.stat() if path.exists() else None
        if was is not None:  # else a file of before could pass for one that was written now
            os.utime(path, ns=(was.st_atime_ns, 0))
        made = prompt(path)
        if made is not None and not isinstance(made, str):
            raise TypeError(f"the prompt of stage '{stage}' is a {type(made).__name__}, and has to be text")
        if made is None:
            if not path.exists() or (was is not None and path.stat().st_mtime_ns == 0):
                raise ValueError(
                    f"the prompt writer of stage '{stage}' returned None and wrote nothing to {path}"
                )
            check_prompt(path.read_text(encoding="utf-8"), known)
            return
        text = made
    else:
        raise TypeError(
            f"the prompt of stage '{stage}' is a {type(prompt).__name__}: give a text, or a function that makes one"
        )
    check_prompt(text, known)
    path.write_text(text, encoding="utf-8")


def set_aside(output: Path) -> None:
    """What an earlier run left can't be taken for this one's: it becomes `….previous`."""
    output.parent.mkdir(parents=True, exist_ok=True)
    if output.exists():
        os.replace(output, output.with_name(f"{output.name}.previous"))


def check_output(output: Path) -> None:
    """`OutputError` where a stage's output is missing or holds no words."""
    if not output.exists():
        raise OutputError(f"it ended well and wrote no output ({output})")
    if not output.read_text(encoding="utf-8", errors="replace").strip():
        raise OutputError(f"its output is empty ({output})")
