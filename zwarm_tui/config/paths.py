"""Where things lie. Nothing here is created by asking for it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from zwarm_tui.core.errors import ZwarmError

STATE = ".zwarm"

_LONGEST = 100
"""Bytes that a socket's path may have everywhere (macOS: 103, Linux: 107)."""


def config_dir() -> Path:
    """The user's configuration folder; `ZWARM_CONFIG_DIR` names another one."""
    if given := os.environ.get("ZWARM_CONFIG_DIR"):
        return Path(given).expanduser()
    # Most commands never ask for it, and this import is slower than they are.
    from platformdirs import user_config_path

    return user_config_path("zwarm-tui", appauthor=False)


def data_dir() -> Path:
    """The user's data folder, where worktrees lie; `ZWARM_DATA_DIR` names another one."""
    if given := os.environ.get("ZWARM_DATA_DIR"):
        return Path(given).expanduser()
    from platformdirs import user_data_path

    return user_data_path("zwarm-tui", appauthor=False)


def user_config() -> Path:
    """The settings that hold in all projects."""
    return config_dir() / "config.toml"


def user_themes() -> Path:
    """The folder for themes of the user's own."""
    return config_dir() / "themes"


def bundled_themes() -> Path:
    """The themes that come with the package: inside it, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "themes"
    return inside if inside.is_dir() else package.parent / "themes"


def state_dir(project: Path) -> Path:
    """A project's private folder: log, lock, raw protocol lines, its settings."""
    return project / STATE


def database(project: Path) -> Path:
    """A project's log."""
    return state_dir(project) / "zwarm.db"


def has_log(file: Path) -> bool:
    """Whether there is anything in a log. An empty file was begun by one who then found
    no room for more."""
    return file.exists() and file.stat().st_size > 0


def project_config(project: Path) -> Path:
    """The settings of one project, which win over the user's."""
    return state_dir(project) / "config.toml"


def project_id(project: Path) -> str:
    """A short name for a project, made from its path."""
    import hashlib  # not all that imports this module needs it

    return hashlib.sha256(os.fsencode(project.resolve())).hexdigest()[:16]


def socket_path(project: Path, ending: str) -> Path:
    """The path for a socket of a project, `ending` its kind: in the user's runtime folder,
    since socket paths must be short, in a folder that is private (made, and checked)."""
    name = f"{project_id(project)}.{ending}"
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    for folder in (*([Path(runtime) / "zwarm-tui"] if runtime else []), Path(f"/tmp/zwarm-{os.getuid()}")):
        if len(os.fsencode(folder / name)) <= _LONGEST and folder.parent.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)
            check_private(folder)
            return folder / name
    raise ZwarmError("there is no folder for a socket: set XDG_RUNTIME_DIR to a short path")


def check_private(path: Path) -> None:
    """`ZwarmError` where others than we could have made this, or can reach it."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ZwarmError(f"{path} must be yours alone (chmod 700, no link): sockets are there")


def tmux_socket(project: Path) -> Path:
    """The socket of a project's own tmux server."""
    return socket_path(project, "tmux")
