"""Starting a host: detached from this process, its terminal and its session."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from zwarm_tui.config.paths import state_dir
from zwarm_tui.core.errors import StoreError, ZwarmError
from zwarm_tui.executors.process import PROJECT_MARK, RUN_MARK, SESSION_MARK, STEP_MARK
from zwarm_tui.store.lock import holder
from zwarm_tui.wire import place, rpc

PATIENCE = 20.0
"""Seconds a host gets to be ready (it takes half a second), or to get on with it."""
CRASHES = 3
CRASH_WINDOW = 60.0
"""So many hosts that died in so many seconds, and no more are started by themselves."""
LOG_LIMIT = 1_000_000
_FOREIGN = (SESSION_MARK, RUN_MARK, STEP_MARK, PROJECT_MARK, "CODEX_THREAD_ID")
"""Marks of an agent whose command may have asked for this host: it outlives that."""


def forbidden() -> bool:
    """The environment says that no host may be started."""
    return os.environ.get("ZWARM_HOST") == "never"


def recent_starts(project: Path) -> list[float]:
    """When hosts were started that died a short time later, without a good-bye."""
    card = place.read_card(project)
    return [t for t in card.starts if time.time() - t < CRASH_WINDOW] if card else []


def start(project: Path, *, anyway: bool = False) -> None:
    """Start the project's host, and return when it is ready. Blocks for half a second.
    Raises what kept it from starting: `LockedError` where there is one, `ZwarmError` where
    it died again and again (`anyway` tries all the same)."""
    card = place.read_card(project)
    if card is not None and len(card.starts) >= CRASHES and not anyway and place.standing(project) is None:
        raise ZwarmError(
            f"the host died {len(card.starts)} times at its start, and is not started again by itself. "
            f"Its last words: {_last_words(project)} (see {place.log_file(project)}; "
            "`zwarm-tui host start` tries once more)"
        )
    read, write = os.pipe()
    try:
        output = _open_log(project)
        try:
            # -P: a project's own modules must not stand in for the standard library's.
            argv = [sys.executable, "-P", "-m", "zwarm_tui", "--project", str(project), "host", "run"]
            argv += ["--ready", str(write)] + (["--anyway"] if anyway else [])
            environment = {k: v for k, v in os.environ.items() if k not in _FOREIGN}
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(write,),
                cwd=project,
                env=environment,
                start_new_session=True,
            )
        finally:
            os.close(output)
            os.close(write)
        told = _hear(read)
        child.wait()  # it went into the background at once: this is not the host itself
    finally:
        os.close(read)
    if told is None:
        raise ZwarmError(f"the host did not start: {_last_words(project)} (see {place.log_file(project)})")
    if "error" in told:
        raise rpc.raised(told["error"])


def into_background() -> None:
    """Called by the host first of all: who started it sees its child end, and gets no
    zombie later."""
    if os.fork():
        os._exit(0)
    os.setsid()


def tell(ready: int, error: Exception | None = None) -> None:
    """Tell who started this host that it is ready, or what is wrong. Where they were killed
    meanwhile, nobody hears it: the host is there for everybody, and stays."""
    with contextlib.suppress(BrokenPipeError):
        os.write(ready, rpc.encode({"error": rpc.failure(error)} if error else {}))
    os.close(ready)


def tell_progress(ready: int) -> None:
    """Tell who started this host that it is up, and will be ready."""
    with contextlib.suppress(BrokenPipeError):
        os.write(ready, b" ")  # before JSON it means nothing


def _hear(read: int) -> dict[str, Any] | None:
    """What the host tells; None where it dies or says nothing for too long."""
    said, until = b"", time.monotonic() + PATIENCE
    while not said.endswith(b"\n"):
        if not select.select([read], [], [], max(0.0, until - time.monotonic()))[0]:
            return None
        chunk = os.read(read, 65536)
        if not chunk:
            return None
        said += chunk
        until = time.monotonic() + PATIENCE
    found: dict[str, Any] = json.loads(said)
    return found


def _open_log(project: Path) -> int:
    """The host's log, private; a long one is begun anew, and the old one kept."""
    file = place.log_file(project)
    try:
        state_dir(project).mkdir(mode=0o700, exist_ok=True)
        state_dir(project).chmod(0o700)
        if file.exists() and file.stat().st_size > LOG_LIMIT:
            file.replace(file.with_suffix(".log.old"))
        handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.fchmod(handle, 0o600)
    except OSError as error:
        raise unwritable(project, error) from error
    return handle


def unwritable(project: Path, error: OSError) -> StoreError:
    """Why there can be no host, which writes files from its first moment on."""
    where = error.filename or state_dir(project)
    return StoreError(
        f"{where} can't be written ({error.strerror or error}): no host can be started here until it can. "
        "What was recorded is kept, and can be looked at"
    )


def _last_words(project: Path) -> str:
    try:
        lines = place.log_file(project).read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1][-300:] if lines else "none"


def wait_gone(project: Path, pid: int, timeout: float) -> bool:
    """Wait until this host of the project has let go of everything; False: it still runs.
    The next one may be there already: somebody may just have needed one."""
    until = time.monotonic() + timeout
    while (who := holder(state_dir(project))) is not None and who.get("pid", pid) == pid:
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
