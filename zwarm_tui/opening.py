"""Opening a project: its lock and its log, its sessions as the settings want them, and
what a dead engine left of its work, seen to before anything new begins."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from zwarm_tui.config.given import variables
from zwarm_tui.config.paths import state_dir
from zwarm_tui.config.prices import pricer
from zwarm_tui.config.settings import Settings
from zwarm_tui.core.errors import StoreError, ZwarmError
from zwarm_tui.executors.base import Executor, ExecutorSettings
from zwarm_tui.pilot.desk import left_open
from zwarm_tui.runs import Runs
from zwarm_tui.sessions import CodexSessionManager
from zwarm_tui.sessions.terminals import interactive, see_to_leftovers
from zwarm_tui.store.lock import ProjectLock
from zwarm_tui.store.log import Store
from zwarm_tui.timeline import Timeline

TIDY_AFTER = 30.0
"""Seconds: nobody waits for the opening, or for what it was opened for, any more."""


def lock_and_log(project: Path, settings: Settings, purpose: str) -> tuple[ProjectLock, Store]:
    """The project's lock, taken, and its log, open. `LockedError` where another engine
    has them, `StoreError` where nothing can be recorded; the lock is free again then."""
    state = state_dir(project)
    lock = ProjectLock(state, purpose)
    try:
        lock.acquire()
    except OSError as error:  # a full disk, a folder that may only be read
        raise StoreError(
            f"{lock.path} can't be written ({error.strerror}): nothing can be recorded here"
        ) from error
    try:
        return lock, Store.open(state / "zwarm.db", price=pricer(settings), given=variables(settings))
    except BaseException:
        lock.release()
        raise


def sessions(
    project: Path, settings: Settings, store: Store, *, executor: str | Executor, simulated: bool
) -> CodexSessionManager:
    """The manager of a project's sessions, as its settings want it."""
    return CodexSessionManager(
        state_dir(project),
        executor=executor,
        default_model=settings.model,
        max_concurrent=settings.max_concurrent,
        store=store,
        settings={
            "codex": ExecutorSettings(settings.codex.path, dict(settings.codex.env), settings.codex.args),
            **interactive(settings.agents, project),
        },
        thread_settings={"sandbox": settings.codex.sandbox, "approvals": settings.codex.approvals},
        idle_timeout=settings.idle_timeout,
        budget=settings.budget,
        simulated=simulated,
        project=project,
        worktrees=settings.worktree,
    )


async def take_over(
    project: Path, manager: CodexSessionManager, runs: Runs, timeline: Timeline
) -> tuple[list[str], list[str]]:
    """See to all that a dead engine left: what ran first, then what it ran in, the timeline
    last. Its processes have to be gone by then. Returns (the sessions whose turn it left
    unfinished, a sentence on each thing that the person should know)."""
    store, reader = manager.store, manager.reader
    told = await _take_back_commands(project, manager)
    if reader.open_checks():
        from zwarm_tui.pipeline.recovery import recover  # seldom needed, and slow to import

        recover(store, reader)
    runs.recover()
    unfinished = manager.recover()
    terminals, ended = await see_to_leftovers(reader, project, unfinished)
    for record in [*left_open(reader), *terminals]:
        store.append(record)
    return unfinished, [*told, *ended, *await timeline.recover()]


async def _take_back_commands(project: Path, manager: CodexSessionManager) -> list[str]:
    """See to what commands of a dead engine left; a sentence on each."""
    if not any(manager.state_dir.glob("runs/*/live.json")):
        return []
    from zwarm_tui.commands.recovery import recover  # seldom needed, and slow to import

    return await recover(project, manager.state_dir, manager.store, manager.reader)


def tidy_later(timeline: Timeline, resources: contextlib.AsyncExitStack) -> None:
    """Drop old snapshots in a while, unless `resources` end before. Checkpoints see to it
    too, but only every so many: sessions of a few would never get there."""

    async def tidy() -> None:
        await asyncio.sleep(TIDY_AFTER)
        with contextlib.suppress(ZwarmError):  # they stay until the next time
            await timeline.prune()

    async def stop() -> None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    task = asyncio.create_task(tidy())
    resources.push_async_callback(stop)
