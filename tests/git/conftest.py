from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.git.world import World


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of its own, so that no setting of the machine has a say."""
    folder = tmp_path_factory.mktemp("home")
    (folder / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return folder


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A repository with a commit of two files."""
    made = World(tmp_path / "checkout")
    made.write("a.txt", "one\ntwo\nthree\n")
    made.write("src/b.py", "print()\n")
    made.git("add", "-A")
    made.git("commit", "-qm", "first")
    return made


@pytest.fixture
def empty(tmp_path: Path) -> Callable[[], World]:
    return lambda: World(tmp_path / "empty")
