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

GIT = """#!/bin/bash
n=$(($(cat {count}) + 1)); echo $n > {count}
if [ $n = {at} ] && [ {when} = before ]; then kill -9 $PPID; exit 1; fi
{real} "$@"; status=$?
if [ $n = {at} ] && [ {when} = after ]; then kill -9 $PPID; fi
exit $status
"""


async def killed_at_each_step(folder: Path, when: str, *module: str) -> AsyncIterator[int]:
    """Run a module of Python again and again, killed `when` (before, after) its first call
    of git, its second, and so on until it comes to its end: the number of each run."""
    count, fake = folder / "count", folder / "bin" / "git"
    fake.parent.mkdir()
    env = {**os.environ, "PATH": f"{fake.parent}:{os.environ['PATH']}"}
    at, status = 0, -signal.SIGKILL
    while status == -signal.SIGKILL:
        at += 1
        fake.write_text(GIT.format(count=count, at=at, when=when, real=shutil.which("git")))
        fake.chmod(0o755)
        count.write_text("0")
        victim = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *module),
            stdout=asyncio.subprocess.DEVNULL,
            env=env,
            start_new_session=True,
        )
        status = await victim.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(victim.pid, signal.SIGKILL)
        yield at
    assert status == 0
    assert at > 3, "it was killed at several steps"
