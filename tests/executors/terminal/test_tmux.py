"""tmux sessions of our own: made loudly, typed into when ready, ended with all in them."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.executors.terminal.conftest import needs_tmux
from zwarm_tui.core.errors import TmuxError
from zwarm_tui.executors.tmux import MARK, TmuxServer, TmuxSession, safe_name

pytestmark = needs_tmux

PLAIN = {"HOME": "/nonexistent", "PS1": "$ ", "HISTFILE": "/dev/null"}
BASH = ["bash", "--norc", "--noprofile"]


async def until(what: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not await what():
        assert time.monotonic() < end, "it did not come about"
        await asyncio.sleep(0.02)


async def test_what_is_sent_is_run_however_early_it_is_sent(server: TmuxServer, tmp_path: Path) -> None:
    """Enter is never lost, although the shell takes a while to come up (AT-13)."""
    slow = ["bash", "-c", "sleep 0.4; exec bash --norc --noprofile"]
    sessions = [await server.new(f"s{n}", cwd=tmp_path, env=PLAIN, command=slow) for n in range(3)]
    await asyncio.gather(*(s.send(f"echo done > {s.name}.txt") for s in sessions))
    await until(lambda: _exist(*(tmp_path / f"{s.name}.txt" for s in sessions)))


async def _exist(*paths: Path) -> bool:
    return all(p.exists() for p in paths)


async def test_several_lines_are_one_paste_and_odd_text_arrives_as_it_is(
    server: TmuxServer, tmp_path: Path
) -> None:
    session = await server.new("paste", cwd=tmp_path, env=PLAIN, command=["cat"])
    await session.send("eins;\nzwei #{pane_id} #(touch hit) é ;")
    await session.send("\x1b[201~\x03drei;")  # escapes and control keys are not typed
    await until(lambda: _shows(session.capture, "drei;"))
    shown = await session.capture()
    assert "eins;\n" in shown
    assert "zwei #{pane_id} #(touch hit) é ;" in shown
    assert not (tmp_path / "hit").exists()


async def _shows(capture: Callable[[], Awaitable[str]], text: str) -> bool:
    return text in await capture()


async def _in_front(session: TmuxSession, program: str) -> bool:
    return await session.facts("pane_current_command") == [program]


async def test_a_shell_that_is_busy_is_not_typed_into(server: TmuxServer, tmp_path: Path) -> None:
    session = await server.new("busy", cwd=tmp_path, env={**PLAIN, "SHELL": "/bin/bash"})
    await session.send("cat")
    await until(lambda: _in_front(session, "cat"))
    with pytest.raises(TmuxError, match=r"busy was not ready in 0\.4 s: cat runs in it"):
        await session.send("echo", timeout=0.4)


@pytest.mark.parametrize("name", ["", "a.b", "a:b", "=a", "-t", "a b", "#(touch hit)", "$1", "é", "x" * 101])
async def test_a_name_that_tmux_would_change_is_refused(
    server: TmuxServer, tmp_path: Path, name: str
) -> None:
    with pytest.raises(TmuxError, match="can't name a tmux session"):
        await server.new(name, cwd=tmp_path)
    assert await server.list() == []
    session = await server.new(safe_name(name), cwd=tmp_path)
    assert [s.name for s in await server.list()] == [session.name]


async def test_a_taken_name_is_an_error_and_the_session_stays(server: TmuxServer, tmp_path: Path) -> None:
    first = await server.new("one", cwd=tmp_path, command=["cat"])
    with pytest.raises(TmuxError, match="one was not made: duplicate session"):
        await server.new("one", cwd=tmp_path)
    again = await server.new("one", cwd=tmp_path, reuse=True)
    assert again.name == "one"
    assert await first.alive()
    assert await server.get("on") is None  # a prefix is not the name


async def test_failures_are_loud(server: TmuxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TmuxError, match="no folder"):
        await server.new("x", cwd=tmp_path / "missing")
    with pytest.raises(TmuxError, match="can't find"):
        await (await server.new("gone", cwd=tmp_path, command=["cat"])).server.run("list-panes", "-t", "=no:")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TmuxError, match="tmux was not found: install it"):
        await TmuxServer(tmp_path / "s").new("x", cwd=tmp_path)
    monkeypatch.undo()
    await server.kill("gone")
    await server.kill("gone")


async def test_a_hostile_folder_is_only_a_folder(server: TmuxServer, tmp_path: Path) -> None:
    folder = tmp_path / "a #(touch hit) #{pane_id};"
    folder.mkdir()
    log = folder / "x'%H #(touch hit);.log"
    session = await server.new("s", cwd=folder, env=PLAIN, command="pwd; cat", log=log)
    await until(lambda: _shows(session.capture, str(folder)))
    await until(lambda: _exist(log))
    assert not list(tmp_path.rglob("hit"))


async def test_the_environment_is_given_to_one_session_only(
    server: TmuxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZWARM_SESSION", "someone-else")
    monkeypatch.setenv("TMUX", "/nowhere,1,0")
    show = 'echo "[$KEY|$ZWARM_RUN|$ZWARM_SESSION|$TMUX]"; cat'
    one = await server.new("one", cwd=tmp_path, env={"KEY": "a b;", "ZWARM_RUN": "r"}, command=show)
    two = await server.new("two", cwd=tmp_path, command=show)
    await until(lambda: _shows(one.capture, "[a b;|r||"))
    await until(lambda: _shows(two.capture, "[|||"))
    assert str(server.socket) in await two.capture()
    assert await one.environment(MARK) == f"{server.socket}:one"


async def test_what_a_program_ended_with_is_kept_where_it_is_asked_for(
    server: TmuxServer, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    kept = await server.new("kept", cwd=tmp_path, command="echo bye; exit 3", keep=True, log=log)
    await until(lambda: _not(kept.alive))
    assert await kept.exit_code() == 3
    assert "bye" in await kept.capture(history=True)
    await until(lambda: _holds(log, "bye"))  # a program of tmux's writes it
    gone = await server.new("gone", cwd=tmp_path, command="exit 3")
    await until(lambda: _not(gone.alive))
    assert await server.get("gone") is None


async def _holds(log: Path, text: str) -> bool:
    return log.exists() and text in log.read_text()


async def _not(what: Callable[[], Awaitable[bool]]) -> bool:
    return not await what()


async def test_killing_ends_what_left_the_terminal_too_and_the_server_with_it(
    server: TmuxServer, tmp_path: Path
) -> None:
    away = (
        "setsid sh -c 'echo $$ > away; sleep 300' & (trap '' HUP TERM; echo $BASHPID > deaf; sleep 300); cat"
    )
    session = await server.new("tree", cwd=tmp_path, command=["bash", "-c", away])
    await until(lambda: _exist(tmp_path / "away", tmp_path / "deaf"))
    await until(lambda: _full(tmp_path / "away", tmp_path / "deaf"))
    pids = [int((tmp_path / name).read_text()) for name in ("away", "deaf")]
    await session.kill()
    assert not any(_runs(pid) for pid in pids)
    assert await server.list() == []
    await until(lambda: _not(lambda: _answers(server)))  # it leaves when it has no session, and no client


async def _answers(server: TmuxServer) -> bool:
    done = await asyncio.create_subprocess_exec(
        shutil.which("tmux") or "", "-S", str(server.socket), "ls", stderr=asyncio.subprocess.DEVNULL
    )
    return await done.wait() == 0


async def _full(*paths: Path) -> bool:
    return all(p.read_text().strip() for p in paths)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


async def test_nothing_of_the_persons_own_tmux_is_read_or_touched(
    server: TmuxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".tmux.conf").write_text("run-shell 'touch hit'\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TMUX_TMPDIR", str(tmp_path))
    await server.new("s", cwd=tmp_path, command=["cat"])
    assert not (tmp_path / "hit").exists()
    assert not (tmp_path / f"tmux-{os.getuid()}").exists()
    assert server.attach_argv("s")[:3] == ["env", "-u", "TMUX"]


async def test_one_that_is_cancelled_while_it_is_made_leaves_none(
    server: TmuxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go, made = threading.Event(), threading.Event(), threading.Event()
    new = server._new

    def slow(*given: Any) -> None:
        begun.set()
        assert go.wait(60)
        new(*given)
        made.set()

    monkeypatch.setattr(server, "_new", slow)
    making = asyncio.create_task(server.new("late", cwd=tmp_path, env=PLAIN, command=BASH))
    assert await asyncio.to_thread(begun.wait, 60)
    making.cancel()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert await asyncio.to_thread(made.wait, 60)
    assert await server.list() == []
