"""What the pipeline says to agents. A placeholder that nothing fills is an error, and
what an agent or a command wrote is never taken for a template."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from string import Formatter

from zwarm_tui.core.events import ReviewFinding

_HOLES = {
    "gate_retry": {"attempt", "attempts", "reasons", "issue_id"},
    "review_retry": {"attempt", "attempts", "findings", "issue_id"},
    "checkpoint": {"issue_id"},
    "continuation": {"task", "summary", "next", "issue_id"},
    "review": {"task", "diff", "issue_id"},
}


@dataclass(frozen=True, kw_only=True)
class SessionPrompts:
    """Templates; each may name the placeholders of `_HOLES`, in braces. `ValueError` for
    any other."""

    gate_retry: str = (
        "The checks failed. This is attempt {attempt}/{attempts}.\n\nAll that failed:\n\n{reasons}\n\n"
        "Fix every point, then say in a sentence what you changed."
    )
    review_retry: str = (
        "The review found what has to be fixed first. This is attempt {attempt}/{attempts}.\n\n{findings}\n\n"
        "Fix every point, then say in a sentence what you changed."
    )
    checkpoint: str = (
        "Your context is nearly full. Write a summary for whoever goes on with this task without having "
        "seen this conversation: what is done, what is left, what was decided and why, and which files and "
        "commands matter. Answer with the summary alone."
    )
    continuation: str = (
        "You go on with a task that was begun in an earlier session, whose changes are in this folder.\n\n"
        "The task:\n\n{task}\n\nA summary of the work so far:\n\n{summary}\n\nNow:\n\n{next}"
    )
    review: str = (
        "Review what was done for this task. Change nothing.\n\nThe task:\n\n{task}\n\nThe changes:\n\n{diff}\n\n"
        'Answer with one JSON object and nothing else: {{"findings": [{{"priority": 0, "title": "…", '
        '"body": "…", "file": "…", "line": 1}}]}}. Priority 0 is a disaster, 1 has to be fixed before this '
        "can be used, 2 should be fixed some day, 3 is a matter of taste. No findings: an empty list."
    )

    def __post_init__(self) -> None:
        for field in fields(self):
            template = getattr(self, field.name)
            names = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
            if unknown := names - _HOLES[field.name]:
                raise ValueError(
                    f"the prompt {field.name} has a placeholder that nothing fills: {sorted(unknown)}; "
                    f"it may have {', '.join(sorted(_HOLES[field.name]))}"
                )


def listed(reasons: Iterable[str]) -> str:
    """Every reason, numbered; the lines after a reason's first one stand as they are."""
    return "\n\n".join(f"{number}. {reason.strip()}" for number, reason in enumerate(reasons, 1))


def listed_findings(findings: Iterable[ReviewFinding]) -> str:
    """Every finding with its place and its text."""
    return listed(f"{finding}\n{finding.body}" for finding in findings)
