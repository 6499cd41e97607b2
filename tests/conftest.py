"""For all tests: nothing of theirs is left in the person's own folders."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Worktrees go to a folder of the tests."""
    before = os.environ.get("ZWARM_DATA_DIR")
    os.environ["ZWARM_DATA_DIR"] = str(tmp_path_factory.mktemp("data"))
    yield
    if before is None:
        del os.environ["ZWARM_DATA_DIR"]
    else:
        os.environ["ZWARM_DATA_DIR"] = before
