"""A small git repository for the demo to work on."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

_FILES = {
    "README.md": "# todo\n\nA to-do list for the terminal. Work in progress.\n",
    "todo/__init__.py": '"""A to-do list for the terminal."""\n',
    "todo/model.py": (
        '"""What a to-do is."""\n\nfrom dataclasses import dataclass\n\n\n'
        "@dataclass\nclass Todo:\n    text: str\n    done: bool = False\n"
    ),
    "tests/test_model.py": (
        "from todo.model import Todo\n\n\ndef test_new_ones_are_open():\n    assert not Todo('tea').done\n"
    ),
}


def make_repository() -> Path:
    """A new private folder with a repository of one commit. The caller removes it."""
    folder = Path(tempfile.mkdtemp(prefix="zwarm-demo-")).resolve() / "todo"
    for name, text in _FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    who = (
        "-c",
        "user.name=zwarm demo",
        "-c",
        "user.email=demo@example.invalid",
        "-c",
        "commit.gpgsign=false",
    )
    for args in (
        ("init", "-q", "-b", "main"),
        ("add", "."),
        (*who, "commit", "-q", "-m", "Begin the to-do list"),
    ):
        subprocess.run(["git", *args], cwd=folder, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return folder
