"""Children: their end, their pipes, and what escapes them."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest

from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.executors.process import Child, StderrTail, end_process, lines, spawn
from zwarm_tui.executors.sweep import descendants, marked, sweep

PYTHON = sys.executable


async def read(child: Child) -> list[str]:
    assert child.stdout is not None
    return [line async for line in lines(child.stdout)]


async def ready(child: Child) -> None:
    assert child.stdout is not None
    assert await child.stdout.readline() == b"ready\n"


async def test_output_and_exit_status() -> None:
    child = await spawn(["/bin/sh", "-c", "echo one; echo two >&2; cat; exit 3"])
    assert child.stderr is not None
    tail = StderrTail(child.stderr)
    assert await read(child) == ["one"], "stdin is not ours"
    assert await child.wait() == 3
    assert await tail.finish() == "two"


async def test_what_cannot_be_started_is_an_executor_error(tmp_path: Path) -> None:
    with pytest.raises(ExecutorError, match="could not be started"):
        await spawn([str(tmp_path / "nothing")])
    with pytest.raises(ExecutorError, match="could not be started"):
        await spawn(["/bin/true"], cwd=str(tmp_path / "nowhere"))


async def test_stderr_keeps_its_end_without_colours() -> None:
    code = "import sys; sys.stderr.write('x' * 100000 + '\\x1b[31mthe end\\x1b[0m\\n')"
    child = await spawn([PYTHON, "-c", code])
    assert child.stderr is not None
    tail = StderrTail(child.stderr)
    await child.wait()
    kept = await tail.finish()
    assert kept.endswith("xthe end")
    assert len(kept) < 10_000


async def test_lines_take_anything() -> None:
    code = (
        "import sys; w = sys.stdout.buffer.write\n"
        "w(b'\\xff\\xfe\\n'); w(b'x' * 5_000_000 + b'\\n'); w(b'a\\x00b\\r\\n'); w(b'cut in ha')"
    )
    child = await spawn([PYTHON, "-c", code])
    found = await read(child)
    assert [len(line) for line in found] == [2, 5_000_000, 3, 9]
    assert found[2:] == ["a\0b", "cut in ha"]
    await child.wait()


async def test_a_grandchild_that_holds_the_pipes_holds_nobody_up() -> None:
    mark = uuid.uuid4().hex
    command = "setsid sleep 60 & echo $!"
    child = await spawn(["/bin/sh", "-c", command], env={"PATH": "/usr/bin:/bin", "ZWARM_RUN": mark})
    assert child.stderr is not None
    tail = StderrTail(child.stderr)
    began = time.monotonic()
    assert await child.wait() == 0
    assert len(await read(child)) == 1
    await tail.finish()
    assert time.monotonic() - began < 20  # of its 60
    assert await sweep({"ZWARM_RUN": mark}) == 1


@pytest.mark.parametrize(
    ("traps", "status"),
    [("", -signal.SIGINT), ("trap '' INT;", -signal.SIGTERM), ("trap '' INT TERM;", -signal.SIGKILL)],
)
async def test_the_end_gets_firmer(traps: str, status: int) -> None:
    child = await spawn(["/bin/bash", "-c", f"{traps} echo ready; exec sleep 60"])
    await ready(child)
    assert await end_process(child, grace=0.2) == status
    assert await end_process(child) == status, "twice is fine"
    assert await read(child) == []


async def test_the_sweep_finds_what_left_its_group() -> None:
    mark = uuid.uuid4().hex
    command = "setsid sleep 60 & setsid sh -c 'trap \"\" TERM; sleep 60; sleep 60' & echo ready; wait"
    child = await spawn(["/bin/sh", "-c", command], env={"PATH": "/usr/bin:/bin", "ZWARM_SESSION": mark})
    other = await spawn(["sleep", "60"])
    await ready(child)
    below = await descendants(child.pid)
    assert len(below) >= 2
    async with asyncio.timeout(20):  # one that is just becoming another program shows no mark
        while not {who.pid for who in below} <= {who.pid for who in await marked({"ZWARM_SESSION": mark})}:
            pass
    await end_process(child, grace=0.5)
    await read(child)
    assert await sweep({"ZWARM_SESSION": mark}, below, grace=0.3) >= 2
    assert not [
        p for p in psutil.process_iter() if p.pid in {b.pid for b in below} and p.status() != "zombie"
    ]
    assert await marked({"ZWARM_SESSION": mark}) == []
    assert other.returncode is None, "only what carries the mark"
    await end_process(other)
    await read(other)


@pytest.mark.skipif(sys.platform != "linux", reason="subreapers are Linux's")
def test_adopted_zombies_are_reaped_and_nobody_elses() -> None:
    """In a process of its own: becoming a subreaper can't be undone."""
    code = """
import asyncio, subprocess, psutil
from zwarm_tui.executors.process import spawn
from zwarm_tui.executors.sweep import become_subreaper, sweep
COMMAND = "setsid sleep 60 & (setsid sh -c 'sleep 60 & exec sleep 60') & echo ready; wait"
assert become_subreaper()
theirs = [subprocess.Popen(["true"]), subprocess.Popen(["true"], start_new_session=True)]
async def main():
    child = await spawn(["/bin/sh", "-c", COMMAND], env={"PATH": "/usr/bin:/bin", "ZWARM_RUN": "m"})
    await child.stdout.readline()
    me = psutil.Process()
    while sum(p.name() == "sleep" for p in me.children(recursive=True)) < 3:
        await asyncio.sleep(0.01)
    child.signal(9)
    await child.wait()
    assert await sweep({"ZWARM_RUN": "m"}) >= 3
    left = [c for c in me.children() if c.pid not in [t.pid for t in theirs]]
    assert left == [], left
    assert [t.wait() for t in theirs] == [0, 0]
    while await child.stdout.read():
        pass
asyncio.run(main())
"""
    done = subprocess.run([PYTHON, "-X", "dev", "-c", code], capture_output=True, text=True, timeout=30)
    # A busy machine makes asyncio's debug mode say so; anything else would be a warning.
    said = [line for line in done.stderr.splitlines() if not line.startswith("Executing ")]
    assert (done.returncode, said) == (0, [])
