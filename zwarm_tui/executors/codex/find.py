"""Finding codex: the configured path, PATH, the `openai-codex-cli-bin` wheel."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.executors.process import StderrTail, end_process, spawn


def locate(configured: str | None, env: Mapping[str, str]) -> str:
    """Path of the codex to run. Raises `ExecutorError`, saying where it looked."""
    if configured:
        found = shutil.which(os.path.expanduser(configured), path=env.get("PATH"))
        if found is None:
            raise ExecutorError(
                f"the configured codex '{configured}' is not a program that can be run: "
                "correct executors.codex.path, or take it out to use the one on PATH"
            )
        return native(found)
    found = shutil.which("codex", path=env.get("PATH")) or _wheel()
    if found is None:
        raise ExecutorError(
            "codex was not found on PATH: install it (npm install -g @openai/codex, or "
            "pip install 'zwarm-tui[codex]'), or set executors.codex.path"
        )
    return native(found)


def _wheel() -> str | None:
    try:
        from codex_cli_bin import bundled_codex_path  # only there with the extra "codex"

        return str(bundled_codex_path())
    except (ImportError, FileNotFoundError):
        return None


def native(found: str) -> str:
    """The binary behind npm's node wrapper: a kill of the wrapper alone would leave
    the real codex at work. The path itself, where it is no wrapper."""
    script = Path(found).resolve()
    if script.suffix not in (".js", ".mjs", ".cjs"):
        return found
    package = script.parent.parent  # …/@openai/codex
    machine = {"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine().lower(), platform.machine())
    system = "apple-darwin" if platform.system() == "Darwin" else platform.system().lower()
    for base in (package, package.parent, package / "node_modules" / "@openai"):
        for binary in sorted(base.glob("**/vendor/*/*/codex")):
            triple = binary.parts[-3]
            if triple.startswith(machine) and system in triple and os.access(binary, os.X_OK):
                return str(binary)
    return found


async def version(path: str, env: Mapping[str, str]) -> str | None:
    """What `codex --version` says ("0.163.0"), None where it says nothing."""
    status, out, _ = await run([path, "--version"], env)
    match = re.search(r"\d+\.\d+\S*", out) if status == 0 else None
    return match[0] if match else None


async def run(argv: list[str], env: Mapping[str, str], timeout: float = 10.0) -> tuple[int, str, str]:
    """Run a short command: (exit status, stdout, stderr's end)."""
    child = await spawn(argv, env=env)
    assert child.stdout is not None
    assert child.stderr is not None
    tail, out = StderrTail(child.stderr), b""
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                out = await child.stdout.read()
                await child.wait()
    finally:
        status = await end_process(child)
        stderr = await tail.finish()
    return status, out.decode("utf-8", "replace"), stderr
