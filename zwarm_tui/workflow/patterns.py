"""Shapes that workflows often have: try again later; review and fix until it is clean."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from zwarm_tui.core.errors import UsageError
from zwarm_tui.workflow.context import Context, StageContext

T = TypeVar("T")


async def retry_with_backoff(
    fn: Callable[[], Awaitable[T]],
    *,
    max_retries: int = 3,
    base_delay: float = 1.0,
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
) -> T:
    """Call `fn` up to `max_retries` times in all, `base_delay`·2ⁿ seconds apart (1, 2, …);
    the last error is raised again."""
    if max_retries < 1:
        raise UsageError(f"max_retries must be at least 1, not {max_retries}")
    for number in range(max_retries - 1):
        try:
            return await fn()
        except Exception:
            await sleep(base_delay * 2**number)
    return await fn()


@dataclass(frozen=True)
class ReviewOutcome:
    """How a review loop ended: `clean` after enough reviews in a row without findings,
    or not, with those of the last review."""

    clean: bool
    cycles: int
    findings: Any


async def review_loop(
    ctx: Context,
    *,
    review: Callable[[StageContext], Awaitable[Any]],
    fix: Callable[[StageContext, Any], Awaitable[Any]],
    max_cycles: int = 10,
    clean_streak: int = 2,
    headless: bool = False,
) -> ReviewOutcome:
    """Review, fix what was found, review again, until `clean_streak` reviews in a row
    find nothing or `max_cycles` are over. `review` returns its findings, as a JSON value
    that is empty where there are none. Each review and each fix is a stage: "review 1",
    "fix 1", "review 2", …"""
    clean, findings = 0, None
    for cycle in range(1, max_cycles + 1):
        findings = (await ctx.stage(f"review {cycle}", review, headless=headless)).result
        if not findings:
            clean += 1
            if clean == clean_streak:
                return ReviewOutcome(True, cycle, findings)
            continue
        clean = 0

        async def mend(s: StageContext, found: Any = findings) -> Any:
            return await fix(s, found)

        await ctx.stage(f"fix {cycle}", mend, headless=headless)
    return ReviewOutcome(False, max_cycles, findings)
