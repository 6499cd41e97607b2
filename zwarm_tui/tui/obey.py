"""Doing what a line with ":" says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zwarm_tui.core.errors import UsageError, ZwarmError
from zwarm_tui.tui.commands import Parsed, parse
from zwarm_tui.tui.work import begin

if TYPE_CHECKING:
    from zwarm_tui.tui.app import ZwarmApp
    from zwarm_tui.tui.screens.main import MainScreen


def obey(app: ZwarmApp, screen: MainScreen, line: str) -> None:
    """Do it, or say what is wrong with the line."""
    try:
        _obey(app, screen, parse(line))
    except ZwarmError as error:
        app.say(str(error), "warning")
        screen.action_prefill(line)


def _obey(app: ZwarmApp, screen: MainScreen, command: Parsed) -> None:
    verbs, argument = app.verbs, command.argument
    match command.name:
        case "goto" | "branch" | "rename" | "checkpoint" | "label" | "note" | "compare" | "adopt":
            _travel(app, command)
        case "fold":
            screen.action_fold_all()
        case "timeline":
            screen.action_open_timeline()
        case "delegate":
            verbs.do(verbs.delegate(argument))
        case "open":
            screen.open_session(app.board.find(argument))
        case "sessions":
            screen.action_go("sessions")
        case "history":
            screen.action_go("timeline")
        case "runs":
            screen.action_runs(argument)
        case "run":
            screen.action_start_run(argument)
        case "status":
            screen.action_status()
        case "theme":
            app.use_theme(argument)
        case "help":
            app.action_help()
        case "quit":
            begin(app, app.action_quit())
        case _:
            _obey_about(app, command.name, app.board.find(argument) if argument else screen.opened)


def _travel(app: ZwarmApp, command: Parsed) -> None:
    """Commands about the timeline."""
    do, travels, argument = app.verbs.do, app.travels, command.argument
    first, _, rest = argument.partition(" ")
    match command.name:
        case "goto":
            do(travels.goto(argument))
        case "branch":
            do(travels.branch(argument))
        case "rename":
            do(travels.rename(argument))
        case "checkpoint":
            do(travels.checkpoint(argument))
        case "label":
            do(travels.label(first, rest.strip()))
        case "note":
            do(travels.note(first, rest.strip()))
        case "compare":
            if not rest.strip():
                raise UsageError(":compare T3 T7: it takes two")
            do(travels.compare(first, rest.strip()))
        case "adopt":
            do(travels.adopt(argument))


def _obey_about(app: ZwarmApp, name: str, session: str) -> None:
    """Commands about one session, by default the one that is open."""
    verbs = app.verbs
    match name:
        case "interrupt":
            verbs.do(verbs.interrupt(session))
        case "resume":
            verbs.do(verbs.resume(session))
        case "fork":
            verbs.do(verbs.fork(session))
        case "end":
            verbs.do(verbs.end(session))
        case "delete":
            verbs.do(verbs.end(session, delete=True))
