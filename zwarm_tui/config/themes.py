"""Theme files: the fields of `textual.theme.Theme`, and our own `[variables]`.

Themes are plain data here; the screen makes Textual's objects of them. A theme that
doesn't set one of our variables gets it from the bundled theme for its brightness.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zwarm_tui.config import paths, toml
from zwarm_tui.core.errors import ConfigError

DARK, LIGHT = "zwarm-dark", "zwarm-light"

VARIABLES = (
    *("zwarm-running", "zwarm-waiting", "zwarm-attention", "zwarm-done", "zwarm-failed", "zwarm-interrupted"),
    *("zwarm-dim", "zwarm-pilot", "zwarm-user", "zwarm-money"),
    *("zwarm-diff-add", "zwarm-diff-del", "zwarm-diff-hunk", "zwarm-code"),
    *(f"zwarm-branch-{lane}" for lane in range(1, 7)),
)
"""The colours that our screens use beside Textual's own."""

_COLOURS = (
    *("primary", "secondary", "warning", "error", "success", "accent"),
    *("foreground", "background", "surface", "panel", "boost"),
)
_FLAGS = ("dark", "ansi")
_SHARES = ("luminosity_spread", "text_alpha")

_HEX = r"#([0-9a-f]{3}|[0-9a-f]{4}|[0-9a-f]{6}|[0-9a-f]{8})"
_ANSI = r"ansi_(default|(bright_)?(black|red|green|yellow|blue|magenta|cyan|white))"
_COLOUR = re.compile(rf"{_HEX}|{_ANSI}", re.IGNORECASE)
_MIXED = re.compile(
    rf"({_COLOUR.pattern}|\$({'|'.join(_COLOURS)})|auto|transparent)( \d{{1,3}}%)?", re.IGNORECASE
)
_STYLE = re.compile(r"none|((not )?(bold|dim|italic|underline|reverse|strike|b|d|i|u|r|s)( |$))+")
_NAME = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class ThemeData:
    """A theme. `fields` are those of `textual.theme.Theme` that the file sets, besides
    `name`; `variables` holds all of `VARIABLES`, and what Textual's own it sets."""

    name: str
    path: Path
    dark: bool = True
    fields: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)


def load_themes() -> tuple[list[ThemeData], list[ConfigError]]:
    """The bundled themes, then the user's (one with the same name replaces it), and what
    is wrong: a broken file is left out, and the others are there."""
    problems: list[ConfigError] = []
    themes = _folder(paths.bundled_themes(), problems)
    if not {DARK, LIGHT} <= set(themes):
        text = f"{DARK} and {LIGHT}, which belong to the package, are missing: install it again"
        return [], [*problems, ConfigError(paths.bundled_themes(), text)]
    standard = {True: dict(themes[DARK].variables), False: dict(themes[LIGHT].variables)}
    themes.update(_folder(paths.user_themes(), problems))
    for theme in themes.values():
        for variable in VARIABLES:
            theme.variables.setdefault(variable, standard[theme.dark][variable])
    return list(themes.values()), problems


def _folder(folder: Path, problems: list[ConfigError]) -> dict[str, ThemeData]:
    themes: dict[str, ThemeData] = {}
    for file in _files(folder, problems):
        try:
            theme = _read(file)
        except ConfigError as problem:
            problems.append(problem)
        except FileNotFoundError:
            problems.append(ConfigError(file, "is a link to a file that isn't there"))
        else:
            themes[theme.name] = theme
    return themes


def _files(folder: Path, problems: list[ConfigError]) -> Iterable[Path]:
    try:
        return sorted(file for file in folder.iterdir() if file.suffix == ".toml")
    except FileNotFoundError:
        return ()
    except OSError as error:
        problems.append(ConfigError(folder, f"can't be read: {error.strerror}"))
        return ()


def _read(file: Path) -> ThemeData:
    """One theme file; `ConfigError` for the first thing that is wrong in it."""
    document = toml.read(file)
    data = dict(document.data)
    name = data.pop("name", file.stem)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise document.error(f"name: small letters, digits and hyphens are wanted, not {name!r}", "name")
    variables = data.pop("variables", {})
    if not isinstance(variables, dict):
        raise document.error("variables: a table is wanted, [variables]", "variables")
    if "primary" not in data:
        raise ConfigError(file, 'a theme sets at least its primary colour: primary = "#rrggbb"', 1)
    for key, value in data.items():
        if wrong := _wrong_field(key, value):
            raise document.error(f"{key}: {wrong}", key)
    for key, value in variables.items():
        if wrong := _wrong_variable(key, value):
            raise document.error(f"{key}: {wrong}", "variables", key)
    return ThemeData(name, file, data.get("dark", True), data, variables)


def _wrong_field(key: str, value: Any) -> str | None:
    """What is wrong with a field of the theme, if anything."""
    if key in _COLOURS:
        return None if _is_colour(value) else _no_colour(value)
    if key in _FLAGS:
        return None if isinstance(value, bool) else "true or false is wanted"
    if key in _SHARES:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return None if number and 0 <= value <= 1 else "a number from 0 to 1 is wanted"
    return f"no such field; a theme has {', '.join(('name', *_COLOURS, *_FLAGS, *_SHARES))} and [variables]"


def _wrong_variable(key: str, value: Any) -> str | None:
    """What is wrong with a variable, if anything. Ours are colours; Textual's own may be
    a style or mix colours too (and a bad one would stop the screen from opening)."""
    if key in VARIABLES:
        return None if _is_colour(value) else _no_colour(value)
    if key.startswith("zwarm-"):
        return f"no such variable; there are {', '.join(VARIABLES)}"
    wanted, example = (_STYLE, "bold underline") if key.endswith("-style") else (_MIXED, "#rrggbb 40%")
    if isinstance(value, str) and wanted.fullmatch(value):
        return None
    return f'{value!r} can\'t stand here; write it like "{example}"'


def _is_colour(value: Any) -> bool:
    return isinstance(value, str) and _COLOUR.fullmatch(value) is not None


def _no_colour(value: Any) -> str:
    return f'{value!r} is no colour; write "#rrggbb"'
