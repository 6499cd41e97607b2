"""`init`: a settings file to edit."""

from __future__ import annotations

import click

from zwarm_tui.cli.call import Call, verb
from zwarm_tui.config.paths import project_config, state_dir
from zwarm_tui.core.errors import UsageError


@verb
def init(call: Call) -> None:
    """Write a commented .zwarm/config.toml.

    Every setting is in it, as a comment that says what it does and its default.
    """
    from zwarm_tui.config.settings import TEMPLATE
    from zwarm_tui.store.log import private_folder

    private_folder(state_dir(call.project))
    file = project_config(call.project)
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(TEMPLATE)
    except FileExistsError:
        raise UsageError(f"{file} is there already; edit it, or move it away first") from None
    call.answer({"config": str(file)}, lambda: [f"wrote {click.format_filename(file)}"])
