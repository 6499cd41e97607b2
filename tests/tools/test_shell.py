"""The pilot's bash, plain and in codex's own sandbox."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.limits import Limits
from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.tools import shell
from zwarm_tui.tools.shell import run_command


def plain() -> None:
    return None


def sandbox() -> Path:
    return pytest.importorskip("codex_cli_bin").bundled_codex_path()


both = pytest.mark.parametrize("binary", [plain, pytest.param(sandbox, marks=pytest.mark.codex)])


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CODEX_HOME", str(tmp_path))  # a user's own configuration plays no part
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def gone(path: Path) -> bool:
    return not path.exists()


def processes(marker: str) -> list[int]:
    """Live processes with `marker` among their arguments."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = process.info["cmdline"] or []
        if marker in " ".join(line) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


@both
async def test_output_status_and_folder(binary: Callable[[], Path | None], work: Path) -> None:
    command = "echo out; echo err >&2; pwd; cat; echo made > file; exit 7"
    result = await run_command(command, cwd=work, codex=binary())
    assert result == {"exit_code": 7, "stdout": f"out\n{work}\n", "stderr": "err\n"}
    assert (work / "file").read_text() == "made\n"


@both
async def test_a_person_s_bashrc_plays_no_part(
    binary: Callable[[], Path | None], work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (work.parent / ".bashrc").write_text("echo I was read >&2\n")
    monkeypatch.setenv("HOME", str(work.parent))
    monkeypatch.delenv("SHLVL", raising=False)  # as where no shell started us
    result = await run_command("echo out", cwd=work, codex=binary())
    assert (result["stdout"], result["stderr"]) == ("out\n", "")


@both
async def test_a_signal_is_told_as_a_shell_tells_it(binary: Callable[[], Path | None], work: Path) -> None:
    result = await run_command("kill -9 $$", cwd=work, codex=binary())
    assert result["exit_code"] == 137


@both
async def test_there_is_a_temporary_folder_for_test_runners(
    binary: Callable[[], Path | None], work: Path
) -> None:
    result = await run_command('f=$(mktemp) && echo x > "$f" && echo "$f"', cwd=work, codex=binary())
    assert result["exit_code"] == 0
    assert gone(Path(result["stdout"].strip()))


@pytest.mark.codex
async def test_the_sandbox_writes_nowhere_else_and_has_no_network(work: Path) -> None:
    (work.parent / "x").write_text("before")
    result = await run_command("echo after > ../x", cwd=work, codex=sandbox())
    assert result["exit_code"] != 0
    assert "Read-only file system" in result["stderr"]
    assert (work.parent / "x").read_text() == "before"
    result = await run_command("echo y > /tmp/zwarm-outside", cwd=work, codex=sandbox())
    assert result["exit_code"] != 0
    assert gone(Path("/tmp/zwarm-outside"))
    result = await run_command("echo > /dev/tcp/127.0.0.1/9", cwd=work, codex=sandbox())
    assert result["exit_code"] != 0
    assert "Connection refused" not in result["stderr"]


@both
async def test_a_timeout_ends_the_whole_group(
    binary: Callable[[], Path | None], work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(monkeypatch, shell, 1.5)
    marker = f"7{os.getpid()}1"
    command = f"echo begun; sleep {marker} & touch begun; sleep {marker}"
    running = asyncio.create_task(run_command(command, cwd=work, timeout=1.5, codex=binary()))
    await until((work / "begun").exists)
    await limits.over()
    assert await running == {"exit_code": 124, "stdout": "begun\n", "stderr": "", "timed_out": True}
    await until(lambda: not processes(marker))


async def test_what_ignores_sigterm_is_killed(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zwarm_tui.tools.shell._GRACE", 0.2)
    limits = Limits(monkeypatch, shell, 1.5)
    marker = f"7{os.getpid()}2"
    command = f"trap '' TERM; touch begun; while true; do sleep {marker}; done"
    running = asyncio.create_task(run_command(command, cwd=work, timeout=1.5))
    await until((work / "begun").exists)
    await limits.over()
    assert (await running)["timed_out"]
    await until(lambda: not processes(marker))


@both
async def test_cancelling_ends_it(binary: Callable[[], Path | None], work: Path) -> None:
    marker = f"7{os.getpid()}3"
    running = asyncio.create_task(run_command(f"sleep {marker}; true", cwd=work, codex=binary()))
    await until(lambda: processes(f"sleep {marker}"))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: not processes(marker))


async def test_cancelling_while_it_is_only_starting_ends_it(work: Path) -> None:
    marker = f"7{os.getpid()}5"
    for steps in range(12):
        running = asyncio.create_task(run_command(f"sleep {marker} & sleep {marker}; true", cwd=work))
        for _ in range(steps):
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    await until(lambda: not processes(marker))


async def test_a_server_left_behind_neither_hangs_nor_stays(work: Path) -> None:
    marker = f"7{os.getpid()}4"
    apart = f"setsid bash -c 'echo > apart; exec sleep {marker}' &"
    command = f"sleep {marker} & {apart} until [ -e apart ]; do sleep 0.01; done; echo started"
    since = time.monotonic()
    result = await run_command(command, cwd=work)
    assert (result["exit_code"], result["stdout"]) == (0, "started\n")
    assert time.monotonic() - since < 60
    await until(lambda: not processes(marker))


async def test_long_output_keeps_its_head_and_its_tail(work: Path) -> None:
    result = await run_command("echo FIRST; yes é | head -c 3000000; echo; echo LAST", cwd=work, cap=2000)
    text = result["stdout"]
    assert text.startswith("FIRST\n")
    assert text.endswith("LAST\n")
    assert "bytes left out …]" in text
    assert len(text.encode()) < 2100
    assert result["truncated"] is True
    whole = await run_command("yes | head -c 2000", cwd=work, cap=2000)
    assert "truncated" not in whole
    assert len(whole["stdout"]) == 2000


async def test_bytes_that_are_no_text(work: Path) -> None:
    result = await run_command(r"printf 'a\xff\x00b'", cwd=work, env={"X": "1"})
    assert result["stdout"] == "a�\x00b"
    assert (await run_command("echo $X", cwd=work, env={"X": "1"}))["stdout"] == "1\n"


async def test_what_can_not_start_says_so(work: Path) -> None:
    with pytest.raises(ExecutorError, match=r"could not be started: .*missing"):
        await run_command("true", cwd=work / "missing")
    with pytest.raises(ExecutorError, match="could not be started"):
        await run_command("nul \0", cwd=work)
