"""`mcp`: the delegation tools, for any agent that speaks MCP."""

from __future__ import annotations

import asyncio
import importlib.util

import click

from zwarm_tui.cli.call import Call, verb
from zwarm_tui.core.errors import UsageError


@verb
@click.option("--branch", metavar="NAME", help="The branch to act on (default: the current one).")
@click.option(
    "--thread", metavar="ID", help="The pilot's thread that this client is: its branch is acted on."
)
def mcp(call: Call, branch: str | None, thread: str | None) -> None:
    """Serve the delegation tools over MCP, on stdio.

    For Claude Code, an IDE or another orchestrator: its calls drive the swarm, and
    appear in the pilot's transcript. A call of `sleep` may take 300 seconds: give the
    client a longer timeout.
    """
    if importlib.util.find_spec("mcp") is None:
        raise UsageError("this needs the extra mcp: pip install 'zwarm-tui[mcp]'")
    from zwarm_tui.host.mcp import serve

    asyncio.run(serve(call.project, branch=branch, thread=thread))
