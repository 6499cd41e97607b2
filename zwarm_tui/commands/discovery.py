"""The commands that there are: the project's, the person's own, and those that come along."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zwarm_tui.commands.definition import CommandDefinition
from zwarm_tui.commands.errors import CommandLoadError
from zwarm_tui.commands.loader import SUFFIXES, load_command
from zwarm_tui.config.paths import config_dir, state_dir
from zwarm_tui.core.errors import UsageError

FOLDER = "commands"


@dataclass(frozen=True)
class CommandFile:
    """A command that was found. `origin`: project, user or shipped. Where it can't run,
    `error` says why and `definition` is None."""

    name: str
    path: Path
    origin: str
    definition: CommandDefinition | None = None
    error: str | None = None

    @property
    def description(self) -> str:
        return self.definition.description if self.definition else ""

    def to_json(self) -> dict[str, Any]:
        """As `commands` prints it."""
        arguments = self.definition.arguments if self.definition else []
        return {
            "name": self.name,
            "description": self.description,
            "category": self.definition.category if self.definition else None,
            "origin": self.origin,
            "path": str(self.path),
            "arguments": [a.model_dump() for a in arguments],
            "error": self.error,
        }


def folders(project: Path) -> tuple[tuple[str, Path], ...]:
    """(origin, folder), the one that wins first."""
    return (
        ("project", state_dir(project) / FOLDER),
        ("user", config_dir() / FOLDER),
        ("shipped", Path(__file__).parents[1] / "examples"),
    )


def discover_commands(project: str | Path) -> list[CommandFile]:
    """All commands by name; a broken one is among them, with its error. Of several with
    one name the project's counts, then the person's own."""
    found: dict[str, CommandFile] = {}
    for origin, folder in folders(Path(project)):
        here: dict[str, CommandFile] = {}
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.suffix in SUFFIXES and path.is_file():
                entry = look_at(path, origin)
                if (first := here.get(entry.name)) is not None:
                    why = f"{entry.path}: the name '{entry.name}' is that of {first.path.name} already"
                    entry = CommandFile(path.name, path, origin, None, why)
                here[entry.name] = entry
        found = {**here, **found}
    return [found[name] for name in sorted(found)]


def look_at(path: Path, origin: str) -> CommandFile:
    """One file. Never raises for what is in it."""
    try:
        definition = load_command(path)
    except CommandLoadError as error:
        return CommandFile(path.stem, path, origin, None, str(error))
    return CommandFile(definition.name, path, origin, definition)


def find_command(wanted: str, project: Path) -> CommandDefinition:
    """The command of that name, or of the file at that path. `CommandLoadError` for a
    broken one, `UsageError` where there is none."""
    if wanted.endswith(SUFFIXES) and (path := Path(wanted).expanduser()).is_file():
        return load_command(path)
    known = discover_commands(project)
    for entry in known:
        if wanted == entry.name:
            return entry.definition or load_command(entry.path)
    there = f"there is {', '.join(e.name for e in known)}" if known else "there is none"
    raise UsageError(f"no command '{wanted}' in {state_dir(project) / FOLDER} ({there})")
