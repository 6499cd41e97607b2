"""The main job on the real codex, checked from outside: by the server's request log."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from zwarm_tui.core.costs import estimate_cost
from zwarm_tui.demo.play import REQUEST_LOG, headless

pytestmark = pytest.mark.codex


@pytest.fixture(scope="module")
def played() -> Any:
    outcome = headless("codex", 3, True)
    project = Path(outcome["project"])
    log = [json.loads(line) for line in (project / ".zwarm" / REQUEST_LOG).read_text().splitlines()]
    yield outcome, log
    shutil.rmtree(project.parent)


def test_what_came_of_it(played: Any) -> None:
    outcome, _ = played
    assert len(outcome["sessions"]) >= 3
    assert [c["label"] for c in outcome["checkpoints"]] == ["T1", "T2", "T3", "T4", "T5"]
    assert [c["parent_id"] for c in outcome["checkpoints"]] == [0, 1, 2, 3, 3]
    assert [b["name"] for b in outcome["branches"]] == ["main", "branch-2"]
    assert outcome["cost"]["simulated"]
    assert all(s["status"] == "completed" for s in outcome["sessions"])


def test_costs_are_the_servers_own_count_times_the_price(played: Any) -> None:
    outcome, log = played
    delivered = [r["usage"] for r in log if r["delivered"]]
    spent = sum(
        estimate_cost("gpt-5.1-codex", u["input"] - u["cached"], u["output"], u["cached"]) or 0
        for u in delivered
    )
    assert outcome["cost"]["total_usd"] == pytest.approx(spent)
    assert outcome["cost"]["complete"]
    assert sum(b["cost_usd"] for b in outcome["branches"]) == pytest.approx(spent)


def test_each_branch_has_exactly_its_history(played: Any) -> None:
    """The pilot's and the second session's last request of each branch, message by message."""
    outcome, log = played
    said = {c["label"]: c["description"] for c in outcome["checkpoints"]}
    common = [said["T1"], said["T2"], said["T3"]]
    pilots = [r for r in log if "delegate" in r["tools"]]
    returned = re.compile(r"\A(\[The [^\]]*\]\n\n)+")

    def heard(request: dict[str, Any]) -> list[str]:
        # Where it first goes on after the jump, it is told of that in front of the message.
        return [" ".join(returned.sub("", m).split()) for m in request["messages"]]

    def expected(*labels: str) -> list[str]:
        return [*common, *(said[label] for label in labels)]

    def matches(messages: list[str], wanted: list[str]) -> bool:
        # A description in the timeline is the message, cut to a line.
        return len(messages) == len(wanted) and all(
            m == w or (w.endswith("…") and m.startswith(w[:-1]))
            for m, w in zip(messages, wanted, strict=True)
        )

    last_of_main = [r for r in pilots if matches(heard(r), expected("T4"))]
    last_of_branch = [r for r in pilots if matches(heard(r), expected("T5"))]
    assert last_of_main
    assert last_of_branch
    assert {r["thread"] for r in last_of_main}.isdisjoint({r["thread"] for r in last_of_branch})
    # The executor that both branches spoke to: its second message differs, and only that.
    store = "Store the to-dos in a JSON file that survives a crash"
    executors = [r for r in log if "delegate" not in r["tools"] and r["messages"][0].startswith(store)]
    ends = {tuple(heard(r)[1:]) for r in executors if len(r["messages"]) > 1}
    assert len(ends) == 2
    assert any("Use SQLite instead" in " ".join(end) for end in ends)
    kept = next(end for end in ends if "Keep the JSON file" in " ".join(end))
    assert "SQLite" not in " ".join(kept)
