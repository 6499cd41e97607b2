"""For all tests: nothing of theirs is left, in the person's own folders or as a process."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings

GOING = 20.0
"""Seconds in which processes that were told to end may still do so."""
MARK = f"STARTED_BY_TESTS_OF={os.getpid()}"
"""In the environment of what the tests of this process start, and what that starts."""
os.environ.update([MARK.split("=")])
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of processes would compile all anew
sys.dont_write_bytecode = False
signal.signal(
    signal.SIGINT, signal.default_int_handler
)  # a script's `pytest &` has it ignored, and children inherit that
# A process that is not given the processor for a moment has no slow code.
settings.register_profile(
    "untimed",
    settings.default,
    deadline=None,
    suppress_health_check=[*settings.default.suppress_health_check, HealthCheck.too_slow],
)
settings.load_profile("untimed")
_PROC = Path("/proc")
_SHARED = pytest.StashKey[set[int]]()
_BEFORE = pytest.StashKey[set[int]]()


@pytest.fixture(scope="session", autouse=True)
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Worktrees go to a folder of the tests."""
    before = os.environ.get("ZWARM_DATA_DIR")
    os.environ["ZWARM_DATA_DIR"] = str(tmp_path_factory.mktemp("data"))
    yield
    if before is None:
        del os.environ["ZWARM_DATA_DIR"]
    else:
        os.environ["ZWARM_DATA_DIR"] = before


def _pids() -> set[int]:
    return {int(name) for name in os.listdir(_PROC) if name.isdecimal()}


def _ours(pids: set[int]) -> list[psutil.Process]:
    """Those that live, and that this process or what it started has started."""
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.Error, OSError):
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE or "resource_tracker" in " ".join(process.cmdline()):
                continue  # multiprocessing's own lives as long as we do
            marked = MARK.encode() in (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
            if marked or any(above.pid == os.getpid() for above in process.parents()):
                found.append(process)
    return found


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """What a fixture of several tests starts is none of theirs."""
    if fixturedef.scope == "function" or not _PROC.is_dir():
        return (yield)
    before = _pids()
    try:
        return (yield)
    finally:
        request.config.stash.setdefault(_SHARED, set()).update(_pids() - before)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    item.stash[_BEFORE] = _pids() if _PROC.is_dir() else set()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """No test leaves a process behind, whether it passes or fails: after its fixtures'
    ends, what it started and still lives is ended, and named as an error of that test."""
    try:
        return (yield)
    finally:
        if _PROC.is_dir():
            known = item.stash[_BEFORE] | item.config.stash.get(_SHARED, set())
            if left := _ours(_pids() - known):
                _end(left)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With ZWARM_TESTS=all a test that was skipped is a failure: what it needs is to be
    installed where that is set."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("ZWARM_TESTS") == "all" and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("ZWARM_TESTS=all: no test may be skipped (-rs says why they were)", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _end(left: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(left, timeout=GOING)
    names = []
    for process in alive:
        with contextlib.suppress(psutil.Error):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            names.append(f"{process.pid} ({' '.join(process.cmdline())[:200]})")
            process.kill()
    if names:
        pytest.fail(f"left behind, and ended: {', '.join(names)}", pytrace=False)
