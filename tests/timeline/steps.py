"""A git that kills who calls it: `kill -9` at each step of what is done with it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

GIT = """#!/bin/bash
set -C; n=1; until {{ : > {count}/$n; }} 2>/dev/null; do n=$((n + 1)); done
if [ $n = {at} ] && [ {when} = before ]; then kill -9 $PPID; exit 1; fi
{real} "$@"; status=$?
if [ $n = {at} ] && [ {when} = after ]; then kill -9 $PPID; fi
exit $status
"""


STEPS = ["some", pytest.param("all", marks=pytest.mark.soak)]
"""Kill at the last calls of git, where files change, and at a few before; or (which takes
minutes) at all of them."""


async def killed_at_each_step(folder: Path, when: str, steps: str, *module: str) -> AsyncIterator[int]:
    """Run a module of Python to its end, and then again and again, killed `when` (before,
    after) one of its calls of git: the number of that call, 0 for the first run."""
    fake = folder / "bin" / "git"
    fake.parent.mkdir()
    env = {**os.environ, "PATH": f"{fake.parent}:{os.environ['PATH']}"}
    left = [0]
    while left:
        at = left.pop()
        count = folder / f"calls-{at}"
        count.mkdir()  # a file in it for each: several run at a time, and outlive a kill
        fake.write_text(GIT.format(count=count, at=at, when=when, real=shutil.which("git")))
        fake.chmod(0o755)
        victim = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *module),
            stdout=asyncio.subprocess.DEVNULL,
            env=env,
            start_new_session=True,
        )
        status = await victim.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(victim.pid, signal.SIGKILL)
        calls = len(list(count.iterdir()))
        assert status == (-signal.SIGKILL if 0 < at <= calls else 0)  # later ones need fewer calls
        if not at:
            assert calls > 6, "there are steps to be killed at"
            left = [n for n in range(1, calls + 1) if steps == "all" or n > calls - 8 or n % 12 == 0]
        yield at
