"""How verbs that do something reach the engine: the project's host, started if need be."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zwarm_tui.cli.call import Call, note

if TYPE_CHECKING:
    from zwarm_tui.client import EngineClient

R = TypeVar("R")

confirm = click.option(
    "--confirm",
    is_flag=True,
    help="Yes, also where turns of another branch write the same checkout, or a checkpoint has no files.",
)


def ask(call: Call, do: Callable[[EngineClient], Awaitable[R]], show: Callable[[R], None]) -> None:
    """Do something with the engine, and show what came of it. Where the environment
    forbids a host, this process runs the agents, and stays until they are done."""

    async def run() -> None:
        from zwarm_tui.config.settings import load
        from zwarm_tui.host.client import hosted
        from zwarm_tui.host.connect import connect

        client = await connect(call.project, load(call.project).settings)
        if (remote := hosted(client)) is not None:
            for difference in remote.differences:
                note(difference)
        try:
            came: R = await do(client)
            show(came)
            sys.stdout.flush()
        except BaseException:
            await client.aclose()
            raise
        await client.aclose(running="wait")

    asyncio.run(run())


def answer(call: Call, line: Callable[[dict[str, Any]], str]) -> Callable[[dict[str, Any]], None]:
    """Shows a verb's result: as JSON, or as a line for people."""
    return lambda value: call.answer(value, lambda: [line(value)])
