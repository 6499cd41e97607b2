"""Where things lie. Nothing here is created by asking for it."""

from __future__ import annotations

import os
from pathlib import Path

STATE = ".zwarm"


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


def project_config(project: Path) -> Path:
    """The settings of one project, which win over the user's."""
    return state_dir(project) / "config.toml"
