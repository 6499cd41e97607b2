"""A store and a reader of the same log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.records import price
from zwarm_tui.store.log import Store
from zwarm_tui.store.reader import Reader


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / ".zwarm" / "zwarm.db", price=price)
    yield store
    store.close()


@pytest.fixture
def reader(store: Store) -> Iterator[Reader]:
    reader = Reader(store.path)
    yield reader
    reader.close()
