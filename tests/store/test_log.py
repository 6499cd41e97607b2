"""The log as a file: durable, in order, private, and loud when it can't be written."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.records import created, price, spent, turn
from zwarm_tui.config.paths import has_log
from zwarm_tui.core import events as e
from zwarm_tui.core.errors import StoreError
from zwarm_tui.core.events import Record
from zwarm_tui.core.secrets import Veil
from zwarm_tui.store import schema
from zwarm_tui.store.log import Store, _open
from zwarm_tui.store.reader import Reader


def texts(reader: Reader, session: str = "s") -> list[str]:
    return [r.event.text for r in reader.records(session) if isinstance(r.event, (e.Text, e.TextDelta))]


async def test_what_was_committed_can_be_read(store: Store, reader: Reader) -> None:
    assert await store.commit(created("s"), *turn("s", 1, e.Text("a", "hello"))) == 6
    assert reader.last_seq() == 6
    assert [r.seq for r in reader.records()] == [1, 2, 3, 4, 5, 6]
    assert texts(reader) == ["hello"]
    assert await store.commit() == 6, "nothing new"
    assert all(r.time > 1e9 for r in reader.records()), "time 0.0 is now"


def test_an_append_when_idle_is_written_at_once(store: Store, reader: Reader) -> None:
    seen = threading.Event()
    store.subscribe(lambda seq: seen.set())
    store.append(created("s"))
    assert seen.wait(30)
    assert reader.last_seq() == 1


def test_a_caller_whose_loop_has_ended_does_not_end_the_log(store: Store, reader: Reader) -> None:
    async def leave() -> None:
        waiting = asyncio.create_task(store.commit(created("s")))
        await asyncio.sleep(0)
        assert not waiting.done()

    with writer_held(store):
        asyncio.run(leave())
    store.append(created("t"))
    assert store.flush() == 2
    assert reader.last_seq() == 2


def test_deltas_of_an_item_become_one_record(store: Store, reader: Reader) -> None:
    store.append(created("s"), created("t"))
    store.flush()
    with writer_held(store):
        store.append(created("u"))
        while store._queue:  # the writer has taken it, and waits: what follows is one batch
            time.sleep(0.001)
        for n in range(1000):
            store.append(Record(e.TextDelta("a", f"{n} "), "s"), Record(e.CommandOutput("c", f"{n}\n"), "t"))
        store.append(Record(e.TextDelta("b", "other"), "s"), Record(e.TextDelta("a", "again"), "s"))
    store.flush()
    assert texts(reader) == ["".join(f"{n} " for n in range(1000)), "other", "again"]
    [output] = [r.event for r in reader.records("t") if isinstance(r.event, e.CommandOutput)]
    assert output.text == "".join(f"{n}\n" for n in range(1000))
    assert reader.last_seq() == 7
    assert [r.seq for r in reader.records()] == [1, 2, 3, 4, 5, 6, 7]


def test_many_threads_append_in_their_own_order(store: Store, reader: Reader) -> None:
    def work(name: str) -> None:
        for n in range(300):
            store.append(Record(e.Text(f"{n}", str(n)), name))

    threads = [threading.Thread(target=work, args=(f"s{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.flush() == 1200
    for n in range(4):
        assert texts(reader, f"s{n}") == [str(i) for i in range(300)]


def test_what_is_no_json_stops_nothing(store: Store, reader: Reader) -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    wrong = (e.ToolStarted("a", "t", {"deep": deep}), e.ToolStarted("b", "t", {"set": {1}}))
    store.append(created("s"), *turn("s", 1, *wrong, e.Text("c", "goes on")))
    store.flush()
    assert [b.event.kind for b in reader.blocks("s")].count("unknown") == 2
    assert reader.unrecognised("s") == 2
    assert texts(reader) == ["goes on"]
    while deep:
        deep = deep.pop()  # the interpreter would recurse


def test_a_listener_that_raises_is_dropped_and_named(store: Store) -> None:
    heard: list[int] = []
    second = threading.Event()  # who flushes may go on before the listeners are told

    def broken(seq: int) -> None:
        raise RuntimeError("oh")

    def hear(seq: int) -> None:
        heard.append(seq)
        if seq == 2:
            second.set()

    store.subscribe(broken)
    off = store.subscribe(hear)
    store.append(created("s"))
    store.flush()
    store.append(created("t"))
    store.flush()
    assert second.wait(30)
    off()
    store.append(created("u"))
    assert store.flush() == 3
    store.flush()
    assert heard == [1, 2]
    [notice] = store.notices
    assert "RuntimeError: oh" in notice


def test_a_closed_log_takes_nothing(store: Store) -> None:
    store.append(created("s"))
    store.close()
    store.close()
    with closing(Reader(store.path)) as reader:
        assert reader.last_seq() == 1
    for late in (lambda: store.append(created("t")), store.flush):
        with pytest.raises(StoreError, match="closed"):
            late()


# -- trouble --------------------------------------------------------------------------


@contextmanager
def writer_held(store: Store) -> Iterator[None]:
    """Another process writes meanwhile: the store's batches wait for it."""
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def test_a_full_disk_is_told_and_nothing_is_lost(store: Store, reader: Reader) -> None:
    await store.commit(created("s"))
    heard = threading.Event()
    off = store.subscribe(lambda seq: heard.set() if store.error else None)
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")  # how SQLite plays a full disk
    with pytest.raises(StoreError, match="full"):
        await store.commit(*turn("s", 1, e.Text("a", "x" * 100_000)))
    assert heard.wait(30), "who listens hears of it"
    assert "full" in (store.error or "")
    store.append(Record(e.Text("b", "later"), "s", turn=1))
    with pytest.raises(StoreError):
        store.flush()
    assert reader.last_seq() == 1, "half a batch is no batch"
    store._db.execute("PRAGMA max_page_count = 1000000")
    assert await store.commit() == 7
    assert store.error is None
    assert texts(reader) == ["x" * 100_000, "later"]
    off()


def test_closing_a_log_that_cant_be_written_says_what_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zwarm_tui.store.log.RETRY", 0.01)
    store = Store.open(tmp_path / "zwarm.db")
    store._db.execute("PRAGMA query_only = 1")
    store.append(created("s"), created("t"))
    with pytest.raises(StoreError, match="last 2 records are lost"):
        store.close()


def test_the_folder_is_private_and_ignores_itself(store: Store) -> None:
    folder = store.path.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / ".gitignore").read_text() == "*\n"
    store.append(created("s"))
    store.flush()
    for file in folder.glob("zwarm.db*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_a_folder_whose_maker_was_killed_ignores_itself(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").touch()
    Store.open(tmp_path / "zwarm.db").close()
    assert (tmp_path / ".gitignore").read_text() == "*\n"


def test_a_newer_log_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "zwarm.db"
    Store.open(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    for opening in (lambda: Store.open(path), lambda: Reader(path)):
        with pytest.raises(StoreError, match=rf"99.*{schema.VERSION}"):
            opening()
    assert path.read_bytes() == before


def _no_database(path: Path) -> None:
    path.write_bytes(b"this is no database at all\n" * 1000)


def _cut_short(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def _overwritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)


@pytest.mark.parametrize("damage", [_no_database, _cut_short, _overwritten])
def test_a_damaged_log_is_set_aside(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "zwarm.db"
    store = Store.open(path)
    store.append(*(created(f"s{n}", task="x" * 100) for n in range(500)))
    store.close()
    damage(path)
    damaged = path.read_bytes()
    with closing(Store.open(path)) as store:
        [notice] = store.notices
        [aside] = [f for f in tmp_path.glob("zwarm.db.corrupt-*") if not f.name.endswith(("-wal", "-shm"))]
        assert aside.name in notice
        assert aside.read_bytes() == damaged
        store.append(created("new"))
        assert store.flush() == 1


def test_where_nothing_can_be_written_a_sentence_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / ".zwarm" / "zwarm.db", Path("/proc/zwarm/zwarm.db")):
        with pytest.raises(StoreError, match="can't be written"):
            Store.open(path)


def test_a_reader_needs_a_log(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no log"):
        Reader(tmp_path / "zwarm.db")
    _no_database(tmp_path / "zwarm.db")
    with pytest.raises(StoreError, match="can't be read"):
        Reader(tmp_path / "zwarm.db")


# -- other processes ------------------------------------------------------------------

_WRITER = """
import sys
from pathlib import Path
from tests.store.records import created, price, spent, turn
from zwarm_tui.core import events as e
from zwarm_tui.store.log import Store

path, name, turns = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store = Store.open(path, price=price)
store.append(created(name))
for n in range(1, turns + 1):
    store.append(*turn("shared", n, e.TextDelta("a", name), branch=1 if name == "one" else 2))
    store.append(*turn(name, n, e.TextDelta("a", "be"), e.Text("a", "began"), spent(1)))
    print(store.flush(), flush=True)
store.close()
"""


def _writer(path: Path, name: str, turns: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path), name, str(turns)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def test_two_processes_append_without_gaps(tmp_path: Path) -> None:
    path = tmp_path / "zwarm.db"
    writers = [_writer(path, name, 60) for name in ("one", "two")]  # they make the file together, too
    for writer in writers:
        said, _ = writer.communicate(timeout=60)
        assert writer.returncode == 0
        assert len(said.splitlines()) == 60
    with closing(Reader(path)) as reader:
        records = reader.records()
        assert [r.seq for r in records] == list(range(1, len(records) + 1))
        views = {s.id: s for s in reader.sessions()}
        for name in ("one", "two"):
            assert (views[name].turns, views[name].cost.usd) == (60, 60.0)
            assert [m["content"] for m in reader.messages(name)] == ["go on", "began"] * 60
        assert reader.totals().total.usd == 120.0


def test_a_new_file_can_be_made_by_several_at_once(tmp_path: Path) -> None:
    failed: list[sqlite3.Error] = []

    def make(path: Path, start: threading.Barrier) -> None:
        start.wait()
        try:
            _open(path).close()
        except sqlite3.Error as error:
            failed.append(error)

    for number in range(100):  # without asking again, one or two of these fail
        start = threading.Barrier(4)
        makers = [threading.Thread(target=make, args=(tmp_path / f"{number}.db", start)) for _ in range(4)]
        for maker in makers:
            maker.start()
        for maker in makers:
            maker.join()
    assert failed == []


def test_who_looks_while_a_log_is_made_finds_all_of_it_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, connect = tmp_path / "zwarm.db", schema.connect
    found: list[str] = []

    def look(_: str) -> None:  # before each step of its maker
        if has_log(path):
            try:
                Reader(path).close()
                found.append("a log")
            except StoreError as error:
                found.append(str(error))

    def watched(path: Path, *, write: bool) -> sqlite3.Connection:
        made = connect(path, write=write)
        made.set_trace_callback(look if write else None)
        return made

    monkeypatch.setattr(schema, "connect", watched)
    _open(path).close()
    assert set(found) == {"a log"}


def test_a_killed_writer_loses_nothing_that_it_was_told(tmp_path: Path) -> None:
    path = tmp_path / "zwarm.db"
    with _writer(path, "one", 100_000) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(20)]
        os.kill(writer.pid, signal.SIGKILL)
        told += [int(line) for line in writer.stdout.read().splitlines() if line]
    with closing(Store.open(path, price=price)) as store, closing(Reader(path)) as reader:
        assert store.notices == []
        assert reader.last_seq() >= told[-1]
        [view] = reader.sessions()
        assert view.turns >= len(told)
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        seq = reader.last_seq()
        store.append(Record(spent(1), "one"))
        assert store.flush() == seq + 1


def test_another_process_may_look_while_one_writes(store: Store) -> None:
    store.append(created("s"), *turn("s", 1, e.Text("a", "hello")))
    store.flush()
    code = (
        "import json, sys; from pathlib import Path; from zwarm_tui.store.reader import Reader; "
        "r = Reader(Path(sys.argv[1])); print(json.dumps([s.to_json() for s in r.sessions()])); r.close()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(store.path)], capture_output=True, text=True, timeout=30
    )
    assert json.loads(done.stdout)[0]["last_message"] == "hello", done.stderr


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.text(alphabet="sk-e.", max_size=4), st.booleans()), max_size=12), st.data())
def test_a_key_is_hidden_however_it_is_split(words: list[tuple[str, bool]], data: st.DataObject) -> None:
    """A model's answer comes in pieces, which are written as time allows."""
    key = "sk-ske-sk-ske.k"
    spoken = "".join(word + key * whole for word, whole in words)
    veil = Veil({"MY_API_KEY": key})
    with TemporaryDirectory() as folder:
        opened = Store.open(Path(folder) / "zwarm" / "zwarm.db", given=[{"MY_API_KEY": key}])
        with closing(opened) as store:  # also where a draw ends the example
            at = 0
            while at < len(spoken):
                size = data.draw(st.integers(1, 12))
                store.append(Record(e.TextDelta("a", spoken[at : at + size]), "s"))
                at += size
                if data.draw(st.booleans()):
                    store.flush()
            if data.draw(st.booleans()):
                store.append(Record(e.CommandOutput("c", "else"), "s"))
        with closing(Reader(store.path)) as reader:
            deltas = [r.event.text for r in reader.records("s") if isinstance(r.event, e.TextDelta)]
            assert "".join(deltas) == veil.over(spoken)
            assert [r.seq for r in reader.records()] == list(range(1, reader.last_seq() + 1))
