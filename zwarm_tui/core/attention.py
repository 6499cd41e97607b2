"""Why a session wants its person, and which reason is shown first."""

from __future__ import annotations

from enum import Enum


class Reason(str, Enum):
    """Reasons in order of urgency (spec §4, "Attention")."""

    APPROVAL = "approval"
    QUESTION = "question"
    BUDGET = "budget"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    SILENT = "silent"
    COMPLETED = "completed"


_URGENCY = {reason.value: rank for rank, reason in enumerate(Reason)}


def urgency(reason: str) -> int:
    """Rank of a reason, 0 the most urgent; an unknown one comes last."""
    return _URGENCY.get(reason, len(_URGENCY))
