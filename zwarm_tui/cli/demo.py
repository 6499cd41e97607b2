"""`demo`: the whole thing at work, without an account and without cost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import click

from zwarm_tui.cli import words
from zwarm_tui.cli.app import require_terminal
from zwarm_tui.cli.call import Call, note, verb
from zwarm_tui.cli.compare import side_by_side
from zwarm_tui.cli.plain import one_line
from zwarm_tui.cli.table import Column, table
from zwarm_tui.core.model import SessionStatus


@verb
@click.option("--headless", is_flag=True, help="Play it without a screen, and say what came of it.")
@click.option(
    "--executor",
    type=click.Choice(["demo", "codex"]),
    default="demo",
    help="codex: the real program, against a model server that is built in (no login is used).",
)
@click.option("--agents", type=click.IntRange(1, 200), default=3, show_default=True, help="How many.")
@click.option("--keep", is_flag=True, help="Keep the scratch repository, and say where it is.")
def demo(call: Call, headless: bool, executor: Literal["demo", "codex"], agents: int, keep: bool) -> int:
    """See it all at work, on a scratch repository, for free.

    A scripted pilot delegates to scripted agents; nothing leaves this machine. With
    --json there is no screen either.
    """
    if not (headless or call.as_json):
        require_terminal()
        from zwarm_tui.tui.demo import run_demo  # textual: only the screen pays for it

        return run_demo(executor, agents, keep)
    from zwarm_tui.demo.play import headless as play

    if not call.as_json:
        note("playing; this takes less than a minute")
    outcome = play(executor, agents, keep)
    call.answer(outcome, lambda: _story(outcome, keep))
    return 0


def _story(outcome: dict[str, Any], keep: bool) -> Iterable[str]:
    yield from table(
        (Column("SESSION"), Column("STATUS"), Column("TURNS", right=True), Column("TASK", shrink=True)),
        [
            (one["id"], words.status(SessionStatus(one["status"])), str(one["turns"]), one["task"])
            for one in outcome["sessions"]
        ],
    )
    yield ""
    labels = {one["checkpoint_id"]: one["label"] for one in outcome["checkpoints"]}
    yield from table(
        (Column("AT"), Column("AFTER"), Column("USD", right=True), Column("WHAT", shrink=True)),
        [
            (one["label"], labels.get(one["parent_id"], "root"), f"{one['cost_usd']:.4f}", one["description"])
            for one in outcome["checkpoints"]
        ],
    )
    yield ""
    yield from side_by_side(outcome["compare"])
    yield ""
    names = " and ".join(branch["name"] for branch in outcome["branches"])
    yield f"branches {one_line(names)}; ${outcome['cost']['total_usd']:.4f} in all, and nobody was charged"
    if keep:
        folder = one_line(outcome["project"])
        yield f"kept: zwarm-tui --project {folder} opens it"
