"""A prompt with a `{placeholder}` left in it is a bug of the program that sends it."""

from __future__ import annotations

import re
from collections.abc import Collection

from zwarm_tui.workflow.errors import PlaceholderError

_CODE = re.compile(r"```.*?```|~~~.*?~~~|`[^`\n]+`", re.DOTALL)
_LEFT = re.compile(r"(?<![{$\w])\{[A-Za-z_][A-Za-z0-9_.]*\}(?!\})")


def check_prompt(text: str, known: Collection[str] = ()) -> None:
    """`PlaceholderError` where the text still has a `{placeholder}` (F5). Braces within
    code (backticks, fences) count as code; so do those that stand in `known`, the texts
    which agents and people wrote: the prompt may quote them."""
    if "{" not in text:
        return
    for left in _LEFT.finditer(_CODE.sub(" ", text)):
        if not any(left[0] in said for said in known):
            raise PlaceholderError(
                f"the prompt still holds the placeholder {left[0]}, which nothing filled in "
                "(where it is meant literally, put it in backticks)"
            )
