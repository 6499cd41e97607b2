"""`doctor`: what works on this machine, and what is missing."""

from __future__ import annotations

import asyncio
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from zwarm_tui.cli.call import Call, verb
from zwarm_tui.cli.plain import one_line
from zwarm_tui.cli.table import Cell, Column, table
from zwarm_tui.config.paths import project_config, user_config
from zwarm_tui.core.errors import ExecutorError
from zwarm_tui.executors.base import ExecutorInfo, ExecutorSettings, Interactive


@verb
def doctor(call: Call) -> int:
    """Say what works here, and what is missing.

    It starts no agent's turn and spends nothing. Exit status 1: no real agent could
    run (the demo agent does not count).
    """
    from zwarm_tui.config.settings import load
    from zwarm_tui.executors.tmux_installed import missing as tmux_missing

    loaded = load(call.project)
    codex = loaded.settings.codex
    wanted = {"codex": ExecutorSettings(path=codex.path, env=codex.env, args=codex.args)}
    wanted |= {
        name: ExecutorSettings(interactive=Interactive(command=one.command, ready=one.ready, asks=one.asks))
        for name, one in loaded.settings.agents.items()
    }
    executors = asyncio.run(_probe(wanted))
    git, tmux = _version("git", "--version"), _version("tmux", "-V")
    agents = [_agent(one) for one in executors]
    ready = any(agent["found"] and not agent["problem"] for agent in agents if agent["name"] != "demo")
    problems = [str(problem) for problem in loaded.problems]
    if loaded.settings.agents and (lacking := tmux_missing()):
        problems.append(f"{lacking}; without it your agents in terminals end with the host")
    if git is None:
        problems.append("git is missing: the demo needs it, and so will time travel")
    if not ready:
        problems.append("no real agent could run; `zwarm-tui demo` works all the same")
    value = {
        "python": platform.python_version(),
        "git": git,
        "tmux": tmux,
        "executors": agents,
        "config_files": [str(file) for file in loaded.files],
        "problems": problems,
    }
    call.answer(value, lambda: _report(value, call.project))
    return 0 if ready else 1


async def _probe(settings: dict[str, ExecutorSettings]) -> list[ExecutorInfo]:
    from zwarm_tui.executors import registry

    async def one(name: str, state: Path) -> ExecutorInfo:
        try:
            executor = registry.create(name, settings=settings.get(name, ExecutorSettings()), state_dir=state)
            try:
                return await executor.probe()
            finally:
                await executor.aclose()
        except ExecutorError as error:
            return ExecutorInfo(name=name, found=False, problem=str(error))

    with tempfile.TemporaryDirectory(prefix="zwarm-doctor-") as state:
        return list(
            await asyncio.gather(
                *(
                    one(name, Path(state))
                    for name in [*registry.NAMES, *(n for n in settings if n not in registry.NAMES)]
                )
            )
        )


def _version(program: str, flag: str) -> str | None:
    """What a program says its version is; None where it isn't there or doesn't say."""
    path = shutil.which(program)
    if path is None:
        return None
    try:
        said = subprocess.run(
            [path, flag], stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.decode(errors="replace").strip().removeprefix(program).removeprefix(" version").strip()


def _agent(info: ExecutorInfo) -> dict[str, Any]:
    problem = info.problem
    if problem is None and not info.found:
        problem = f"{info.name} was not found"
    elif problem is None and info.login == "no":
        problem = f"{info.name} is not logged in: run `{info.path or info.name} login`"
    return {
        "name": info.name,
        "found": info.found,
        "path": info.path,
        "version": info.version,
        "login": info.login,
        "problem": problem,
    }


def _report(value: dict[str, Any], project: Path) -> Iterable[str]:
    yield f"python {value['python']} · git {value['git'] or 'missing'} · tmux {value['tmux'] or 'missing'}"
    yield ""
    yield from table(
        (Column("AGENT"), Column("FOUND"), Column("VERSION"), Column("LOGIN"), Column("WHERE", shrink=True)),
        [
            (
                agent["name"],
                Cell("yes", "green") if agent["found"] else Cell("no", "red"),
                agent["version"] or "",
                agent["login"],
                agent["path"] or "",
            )
            for agent in value["executors"]
        ],
    )
    yield ""
    for file in (user_config(), project_config(project)):
        read = str(file) in value["config_files"]
        yield f"configuration: {one_line(str(file))}" + ("" if read else "  (not there)")
    troubles = [agent["problem"] for agent in value["executors"] if agent["problem"]]
    for problem in [*troubles, *value["problems"]]:
        yield click.style(f"! {one_line(problem)}", fg="yellow")
