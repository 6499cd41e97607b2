"""The nine delegation tools as an MCP server on stdio: a bridge to the project's host."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

# Only this verb's process imports this module, and with it 0.8 s of MCP.
from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from zwarm_tui import __version__
from zwarm_tui.client import EngineClient
from zwarm_tui.config.settings import load
from zwarm_tui.core.errors import ZwarmError
from zwarm_tui.host.connect import connect
from zwarm_tui.prompts import get_pilot_prompt
from zwarm_tui.tools.schema import TOOLS

PROGRESS = 15.0
"""Seconds between two signs of life to a client that asked for them."""


async def serve(project: Path, *, branch: str | None = None, thread: str | None = None) -> None:
    """Serve one client on stdin and stdout, until it hangs up. The calls act on `branch`,
    or on that of the pilot's `thread`."""
    # Before the library does so in its own way: stdout is the wire, and stderr the client's.
    logging.basicConfig(level=logging.ERROR, format="zwarm-tui mcp: %(message)s")
    client = await connect(project, load(project).settings)
    try:
        server = _server(client, project, branch, thread)
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())
    finally:
        await client.aclose()


def _server(client: EngineClient, project: Path, branch: str | None, thread: str | None) -> Server[Any]:
    async def list_tools(_: object, __: object) -> types.ListToolsResult:
        return types.ListToolsResult(
            tools=[types.Tool(name=t.name, description=t.description, input_schema=t.schema) for t in TOOLS]
        )

    async def call_tool(
        context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        try:
            async with _alive(context):
                done = await client.tool(params.name, params.arguments or {}, branch=branch, thread=thread)
        except ZwarmError as error:  # no host: the model can read that, too
            done = {"text": str(error), "ok": False}
        said = types.TextContent(type="text", text=done["text"])
        return types.CallToolResult(content=[said], is_error=not done["ok"])

    return Server(
        "zwarm",
        version=__version__,
        instructions=get_pilot_prompt(working_dir=str(project)),
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


@contextlib.asynccontextmanager
async def _alive(context: ServerRequestContext[Any]) -> AsyncIterator[None]:
    """Report progress meanwhile, to a client that asked for it: many count a call's
    timeout from the last sign of life, and a sleep may take 300 s."""

    async def report() -> None:
        count = 0.0
        while True:
            await asyncio.sleep(PROGRESS)
            count += 1
            await context.session.report_progress(count)

    task = asyncio.create_task(report(), name="progress")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
