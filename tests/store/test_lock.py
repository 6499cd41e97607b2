"""One engine a project."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from zwarm_tui.core.errors import LockedError
from zwarm_tui.store.lock import ProjectLock, alone, holder


def test_one_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / ".zwarm"
    assert holder(folder) is None
    first, second = ProjectLock(folder, "engine"), ProjectLock(folder, "demo")
    first.acquire()
    about = holder(folder)
    assert about is not None
    assert (about["pid"], about["purpose"]) == (os.getpid(), "engine")
    assert about["since"] > 1e9
    assert stat.S_IMODE(first.path.stat().st_mode) == 0o600
    with pytest.raises(LockedError, match=str(os.getpid())):
        second.acquire()
    first.release()
    first.release()
    assert holder(folder) is None
    assert first.path.read_bytes() == b"", "nobody is taken for who had it before"
    second.acquire()
    about = holder(folder)
    assert about is not None
    assert about["purpose"] == "demo"
    second.release()


def test_the_kernel_lets_it_go_when_its_process_dies(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from zwarm_tui.store.lock import ProjectLock; "
        "lock = ProjectLock(Path(sys.argv[1]), 'engine'); lock.acquire(); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        about = holder(tmp_path)
        assert about is not None
        assert about["pid"] == process.pid
        with pytest.raises(LockedError, match=str(process.pid)):
            ProjectLock(tmp_path, "engine").acquire()
        process.kill()
    lock = ProjectLock(tmp_path, "engine")
    lock.acquire()
    lock.release()


def test_it_is_free_though_a_process_that_is_just_being_started_has_it_too(tmp_path: Path) -> None:
    first, second = ProjectLock(tmp_path, "engine"), ProjectLock(tmp_path, "engine")
    first.acquire()
    assert first._fd is not None
    forked = os.dup(first._fd)  # as a child has it until it runs its own program
    first.release()
    second.acquire()
    second.release()
    os.close(forked)


def test_what_a_dead_engine_wrote_is_not_believed() -> None:
    with subprocess.Popen(["true"]) as gone:
        pass
    assert not alone({"pid": gone.pid, "purpose": "engine"})
    assert alone({"pid": os.getpid(), "purpose": "engine"})
    assert alone({"pid": 1, "purpose": "engine"}), "also where it is somebody else's"
    assert not alone({"pid": os.getpid(), "purpose": "host"})
    assert not alone({}), "it has yet to write who it is"


def test_asking_who_holds_it_is_in_nobodys_way(tmp_path: Path) -> None:
    lock, stop = ProjectLock(tmp_path, "engine"), threading.Event()
    lock.acquire()
    lock.release()

    def ask() -> None:
        while not stop.is_set():
            holder(tmp_path)
            stop.wait(0.0005)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for _ in range(200):
            lock.acquire()
            lock.release()
    finally:
        stop.set()
        thread.join()


def test_who_is_stopped_while_asking_is_in_nobodys_way_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lock").touch()
    asks = os.open(tmp_path / "lock", os.O_RDWR)
    fcntl.flock(asks, fcntl.LOCK_SH)
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 40:
            os.close(asks)

    monkeypatch.setattr("zwarm_tui.store.lock.time.sleep", wait)
    monkeypatch.setattr("zwarm_tui.store.lock.ASKERS", 60.0)  # it is not about how long
    taken = ProjectLock(tmp_path, "engine")
    taken.acquire()
    assert len(waits) == 40
    taken.release()
