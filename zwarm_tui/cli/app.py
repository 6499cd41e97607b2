"""The command `zwarm-tui`: its verbs are modules, loaded when one is used."""

from __future__ import annotations

import importlib
import sys

import click

from zwarm_tui import __version__
from zwarm_tui.cli.call import SETTINGS, Call, project_option
from zwarm_tui.core.errors import UsageError

VERBS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "See it all at work, on a scratch repository, for free."),
    "doctor": ("doctor", "Say what works here, and what is missing."),
    "init": ("init", "Write a commented .zwarm/config.toml."),
    "say": ("talk", "Talk to the pilot, who delegates."),
    "delegate": ("talk", "Start an agent on a task."),
    "converse": ("talk", "Say more to a session."),
    "interrupt": ("decide", "Stop a running turn."),
    "resume": ("talk", "Go on with a turn that was interrupted."),
    "end": ("decide", "End a session."),
    "ack": ("decide", "Mark a session as seen."),
    "approve": ("decide", "Let an agent do what it asks for, or not."),
    "answer": ("decide", "Answer a question."),
    "attach": ("attach", "Show the terminal that an agent or a run works in."),
    "wait": ("wait", "Wait until sessions are done."),
    "ls": ("sessions", "List the sessions."),
    "peek": ("sessions", "A session's status and latest message."),
    "check": ("sessions", "All of a session; marks it as seen."),
    "tail": ("tail", "A session's events."),
    "checkpoints": ("timeline", "The timeline: checkpoints and branches."),
    "checkpoint": ("travel", "Take a checkpoint now."),
    "goto": ("travel", "Jump to a checkpoint or a branch."),
    "branch": ("travel", "Begin a branch of everything."),
    "label": ("travel", "Give a checkpoint a name beside its label."),
    "note": ("travel", "Note something at a checkpoint."),
    "compare": ("compare", "What two checkpoints or branches did, and took."),
    "adopt": ("adopt", "Put a branch's files onto your checkout."),
    "worktrees": ("worktrees", "The worktrees of branches and sessions; remove one."),
    "cost": ("timeline", "What was spent: in all, by session, model and day."),
    "export": ("export", "A session's transcript, or the whole log."),
    "run": ("run", "Run a command of yours to its end."),
    "commands": ("run", "The commands that there are."),
    "workflow": ("workflow", "Run a workflow of stages, or see how its runs stand."),
    "host": ("host", "The background process that owns the agents."),
    "mcp": ("mcp", "Serve the delegation tools over MCP, on stdio."),
}
"""Verb -> its module in this package, and its line in the list of verbs."""


class Verbs(click.Group):
    """A group that imports a verb's module when the verb is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"zwarm_tui.cli.{VERBS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, line) for name, (_, line) in VERBS.items()])


@click.group(cls=Verbs, invoke_without_command=True, context_settings=SETTINGS, subcommand_metavar="[VERB]")
@click.version_option(__version__, prog_name="zwarm-tui", message="%(prog)s %(version)s")
@project_option
@click.pass_context
def zwarm_tui(context: click.Context) -> int | None:
    """Run a swarm of coding agents from one terminal.

    Without a verb it opens the screen. None of the verbs asks a question; those that
    need agents start the host that runs them.
    """
    context.ensure_object(Call)
    if context.invoked_subcommand is not None:
        return None
    return open_screen(context.obj)


def open_screen(call: Call) -> int:
    require_terminal()
    project = call.project
    from zwarm_tui.tui.start import run  # textual: only this verb pays for it

    return run(project)


def require_terminal() -> None:
    """UsageError where there is no terminal to open a screen in."""
    for stream, name in ((sys.stdin, "input"), (sys.stdout, "output")):
        if stream is None or not stream.isatty():
            raise UsageError(
                f"the screen needs a terminal, and standard {name} is none; "
                "the verbs work without one (zwarm-tui -h lists them)"
            )
