"""The last resort of every verb: a sentence and an exit status, never a traceback.

0 done, 1 the thing failed, 2 wrong usage or not found, 130 interrupted (spec §6).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from zwarm_tui.cli.plain import plain
from zwarm_tui.core.errors import UsageError, ZwarmError


def run(argv: list[str]) -> int:
    """Run the command line `argv` and say what went wrong, if anything did."""
    from zwarm_tui.cli.app import zwarm_tui

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that can't show a character still gets it
            stream.reconfigure(errors="backslashreplace")
    try:
        status = zwarm_tui.main(argv, prog_name="zwarm-tui", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        _abandon_output()
        return 0  # `… | head` has seen enough
    except click.ClickException as error:
        return _usage(error)
    except ZwarmError as error:
        _say(str(error))
        return 2 if isinstance(error, UsageError) else 1
    except OSError as error:  # a full disk, a folder that is not ours
        _abandon_output()
        _say(f"{error.strerror or error}" + (f": {error.filename}" if error.filename else ""))
        return 1
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 1
    except Exception:
        _say(f"this should not have happened, and is a bug: the details are in {_write_report(argv)}")
        return 1


def _say(sentence: str) -> None:
    click.echo(plain(f"zwarm-tui: {sentence}"), err=True)


def _usage(error: click.ClickException) -> int:
    message = error.format_message()
    context = getattr(error, "ctx", None)
    if context is not None:
        message += f"\nTry '{context.command_path} -h'."
    _say(message)
    return error.exit_code


def _abandon_output() -> None:
    """Where standard output takes nothing any more, let the interpreter's last flush
    go nowhere: it would complain, and change the exit status."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _write_report(argv: list[str]) -> str:
    """Put the traceback in the project's folder, or where that can't be written, in
    the system's temporary one. Returns the file's name."""
    import tempfile
    import time
    import traceback

    from zwarm_tui import __version__
    from zwarm_tui.config.paths import state_dir
    from zwarm_tui.config.project import find_project

    text = f"zwarm-tui {__version__}, Python {sys.version.split()[0]}\n{argv!r}\n\n{traceback.format_exc()}"
    name = time.strftime("crash-%Y%m%d-%H%M%S.log")
    try:
        file = state_dir(find_project(Path.cwd())) / name
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
        return str(file)
    except OSError:
        with tempfile.NamedTemporaryFile(
            "w", prefix="zwarm-", suffix="-" + name, delete=False, encoding="utf-8", errors="backslashreplace"
        ) as spare:
            spare.write(text)
        return spare.name
