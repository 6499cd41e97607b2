"""Imports go down only, nothing below the screen loads textual, and looking is cheap."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import zwarm_tui

PACKAGE = Path(zwarm_tui.__file__).parent
ROOT = PACKAGE.parent
BELOW = sorted(
    path.name if path.is_dir() else path.stem
    for path in PACKAGE.iterdir()
    if (path.is_dir() and (path / "__init__.py").exists() and path.name != "tui")
    or (path.suffix == ".py" and path.stem not in ("__init__", "__main__"))
)
HEAVY = ("textual", "rich", "pydantic", "psutil", "genai_prices", "pydantic_ai", "mcp", "importlib.metadata")


def modules_after(code: str, cwd: Path) -> list[str]:
    """The modules that a fresh Python has loaded when it has run `code`."""
    script = f"import json, sys\n{code}\nsys.stderr.write('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=cwd,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    loaded: list[str] = json.loads(done.stderr.rsplit("\n", 1)[1])
    return loaded


def test_the_contracts_of_import_linter_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("floor", BELOW)
def test_nothing_below_the_screen_loads_textual(floor: str, tmp_path: Path) -> None:
    everything = f"""
import importlib, pkgutil
top = importlib.import_module("zwarm_tui.{floor}")
for module in pkgutil.walk_packages(getattr(top, "__path__", []), top.__name__ + "."):
    importlib.import_module(module.name)
"""
    assert "textual" not in modules_after(everything, tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["ls", "--json"],
        ["ls"],
        ["checkpoints"],
        ["cost"],
        ["export", "--all"],
        ["peek", "x"],
        ["check", "x"],
        ["tail", "x"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("recorded", [False, True], ids=["empty", "recorded"])
def test_reading_verbs_load_nothing_heavy(arguments: list[str], recorded: bool, tmp_path: Path) -> None:
    if recorded:
        from zwarm_tui.store.log import Store

        Store.open(tmp_path / ".zwarm" / "zwarm.db").close()
    loaded = modules_after(f"from zwarm_tui.cli import main\nmain({arguments!r})", tmp_path)
    assert not [name for name in HEAVY if name in loaded]


@pytest.mark.parametrize(
    "arguments", [["doctor"], ["init"], ["demo", "--headless", "--agents", "1"]], ids=" ".join
)
def test_no_verb_but_the_screen_loads_textual(arguments: list[str], tmp_path: Path) -> None:
    loaded = modules_after(f"from zwarm_tui.cli import main\nmain({arguments!r})", tmp_path)
    assert "textual" not in loaded
