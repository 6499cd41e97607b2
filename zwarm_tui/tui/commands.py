"""Commands: what a line that begins with ":" means, and how it can go on.

Parsing is pure. A command names an action of the table or a verb with what was written
behind it; the main screen does it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from zwarm_tui.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `argument` is the word in its help line, in brackets where it can be
    left out; `kind` says what completes it."""

    name: str
    argument: str
    help: str
    kind: str = ""

    @property
    def usage(self) -> str:
        return f":{self.name} {self.argument}".rstrip()


COMMANDS: tuple[Command, ...] = (
    Command("goto", "T3", "Jump to a checkpoint, to root, or to a branch (:T3 for short).", "place"),
    Command("branch", "NAME", "A new branch of the timeline, here."),
    Command("rename", "NAME", "Another name for the branch that you are on."),
    Command("checkpoint", "[WORDS]", "Take a checkpoint."),
    Command("label", "T3 [NAME]", "A name beside a checkpoint's label; none takes it away.", "checkpoint"),
    Command(
        "note", "T3 [TEXT]", "Note something at a checkpoint; nothing takes the note away.", "checkpoint"
    ),
    Command("compare", "T3 T7", "Compare two checkpoints or branches.", "places"),
    Command("adopt", "NAME", "Bring a branch's files into your checkout.", "branch"),
    Command("fold", "", "Fold all of the timeline but the way to here, or unfold it."),
    Command("delegate", "TASK", "Start an agent on a task."),
    Command("open", "SESSION", "Open a session by its id, or the beginning of it.", "session"),
    Command("interrupt", "[SESSION]", "Stop a running turn.", "session"),
    Command("resume", "[SESSION]", "Go on with an interrupted turn.", "session"),
    Command("fork", "[SESSION]", "A new session with the history of this one.", "session"),
    Command("end", "[SESSION]", "End a session; its transcript stays.", "session"),
    Command("delete", "[SESSION]", "End a session and take it off the list.", "session"),
    Command("sessions", "", "Go to the list of sessions."),
    Command("history", "", "Go to the timeline."),
    Command("timeline", "", "The timeline on a screen of its own."),
    Command("runs", "[RUN]", "Show the runs, or the one of an id or a name."),
    Command("run", "[NAME]", "Start a workflow or a command.", "startable"),
    Command("status", "", "What thinks, what runs, and what is wrong."),
    Command("theme", "[NAME]", "Other colours.", "theme"),
    Command("help", "", "All keys and commands."),
    Command("quit", "", "Leave."),
)
_BY_NAME = {command.name: command for command in COMMANDS}
_LABEL = re.compile(r"(?i)T\d+|root")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A command and its argument, "" where there is none."""

    name: str
    argument: str = ""


def parse(line: str) -> Parsed:
    """What a line such as ":goto T3" or ":T3" wants. `UsageError` says what is wrong."""
    word, _, rest = line.strip().removeprefix(":").strip().partition(" ")
    argument = rest.strip()
    if not word:
        raise UsageError("a command has a name: :help shows them")
    if _LABEL.fullmatch(word) and not argument:
        return Parsed("goto", word)
    command = _BY_NAME.get(word.lower()) or _abbreviated(word.lower())
    if argument and not command.argument:
        raise UsageError(f":{command.name} takes nothing behind it")
    if not argument and command.argument and not command.argument.startswith("["):
        raise UsageError(f"{command.usage}: {command.argument} is missing")
    return Parsed(command.name, argument)


def _abbreviated(word: str) -> Command:
    found = [c for c in COMMANDS if c.name.startswith(word)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f":{word} could be {', '.join(':' + c.name for c in found)}")
    if near := get_close_matches(word, _BY_NAME, n=1):
        raise UsageError(f"no command :{word}: :{near[0]}? f1 shows all of them")
    raise UsageError(f"no command :{word}: a colon alone lists them, f1 explains them")


def complete(line: str, words: dict[str, Iterable[str]]) -> list[str]:
    """What could stand instead of `line`: names of commands, then what a command takes,
    from `words` (kind -> words: place, checkpoint, branch, session, theme)."""
    name, space, typed = line.removeprefix(":").partition(" ")
    if not space:
        found = [c.name for c in COMMANDS if c.name.startswith(name.lower())]
        return [f":{c}" for c in found or get_close_matches(name.lower(), _BY_NAME)]
    command = _BY_NAME.get(name.lower())
    if command is None or not command.kind:
        return []
    first, second, wanted = typed.rpartition(" ")
    if second and (command.kind != "places" or " " in first):
        return []
    kind = "place" if command.kind == "places" else command.kind
    start = f":{name} {first}{second}"
    return [start + word for word in words.get(kind, ()) if word.lower().startswith(wanted.lower())]
