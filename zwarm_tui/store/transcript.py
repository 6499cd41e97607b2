"""Reading transcripts: from their end, block by block, without reading the rest."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import fields
from datetime import datetime
from typing import Any

from zwarm_tui.core import events as e
from zwarm_tui.core.model import Block, Path
from zwarm_tui.core.transcript import Transcript, block_key
from zwarm_tui.core.transcript import is_open as unfinished
from zwarm_tui.store.queries import items_where, read_records
from zwarm_tui.store.schema import sql_text

_BLOCKS = """
SELECT i.first_seq, i.branch, i.turn, i.name, i.last_seq, i.open, began.time, v.kind, v.data
FROM items i JOIN events began ON began.seq = i.first_seq JOIN events v ON v.seq = i.event_seq
WHERE i.session = ? AND i.first_seq < ? AND {where} ORDER BY i.first_seq DESC LIMIT ?
"""


def read_blocks(
    db: sqlite3.Connection, session: str, path: Path, *, before: int | None, limit: int
) -> list[Block]:
    """The last `limit` blocks that began before a seq, oldest first."""
    where, args = items_where(db, session, path, "i")
    rows = db.execute(_BLOCKS.format(where=where), [session, before or 2**62, *args, limit]).fetchall()
    cuts = dict(path)
    blocks = []
    for first, branch, turn, name, last, is_open, time, kind, data in reversed(rows):
        cut = cuts[branch]
        streams = is_open == 1 or is_open > cut  # what its turn left open was open until that ended
        event = e.load(kind, data)
        if last > cut:
            blocks.append(_fold(db, session, (branch, turn, name), first, cut))
        elif unfinished(event) and last > first:
            blocks.append(_fold(db, session, (branch, turn, name), first, last))
            blocks[-1].streaming = streams
        else:
            key = block_key(e.Record(event, session, branch, turn, time, first))
            text = getattr(event, "text", "") if kind in e.DELTAS else ""
            blocks.append(
                Block(
                    key=key or (branch, turn, name),
                    first_seq=first,
                    seq=last,
                    time=time,
                    event=event,
                    streaming=streams,
                    text=text,
                )
            )
    return blocks


def _fold(db: sqlite3.Connection, session: str, key: tuple[int, int, str], first: int, last: int) -> Block:
    """A block made from its records up to `last`: one that still streams, or one that
    went on after the cut."""
    branch, turn, name = key
    fold = Transcript()
    for record in read_records(
        db,
        "events e WHERE e.session = ? AND e.seq BETWEEN ? AND ? AND e.branch = ? AND e.turn = ? ORDER BY e.seq",
        (session, first, last, branch, turn),
    ):
        whose = block_key(record)
        if isinstance(record.event, e.TurnEnded) or (whose is not None and sql_text(whose[2]) == name):
            fold.apply(record)
    return fold.blocks[0]


def search(db: sqlite3.Connection, session: str, path: Path, text: str, limit: int) -> list[int]:
    """Blocks that hold a text. SQLite finds candidates in the JSON, Python decides."""
    if not text:
        return []
    where, args = items_where(db, session, path, "i")
    # What JSON writes otherwise, or LIKE knows in one case only, is Python's alone.
    plain = max(re.findall(r"[ !#-$&-\[\]-^`-~]+", text), key=len, default="")
    wanted = text.casefold()
    found = []
    for first, last, branch, turn, name, kind, data in db.execute(
        "SELECT i.first_seq, i.last_seq, i.branch, i.turn, i.name, v.kind, v.data "
        "FROM items i JOIN events v ON v.seq = i.event_seq "
        f"WHERE i.session = ? AND (i.last_seq > i.event_seq OR v.data LIKE ?) AND {where} ORDER BY i.first_seq",
        [session, f"%{plain}%", *args],
    ).fetchall():
        said = ""
        if last > first and unfinished(e.load(kind, data)):
            said = _fold(db, session, (branch, turn, name), first, last).text
        if wanted in said.casefold() or _holds(e.load(kind, data), wanted):
            found.append(first)
            if len(found) == limit:
                break
    return found


_SHOWN = frozenset(
    {
        *(
            "text",
            "command",
            "output",
            "changes",
            "steps",
            "tool",
            "arguments",
            "result",
            "question",
            "answer",
        ),
        *("gate", "findings", "options", "message", "reason", "error", "stderr", "raw"),
    }
)
"""Fields of events that a transcript shows."""


def _holds(event: e.Event, text: str) -> bool:
    return any(_said(getattr(event, f.name), text) for f in fields(event) if f.name in _SHOWN)


def _said(value: object, text: str) -> bool:
    if isinstance(value, str):
        return text in value.casefold()
    if isinstance(value, e.FileChange):
        return _said((value.path, value.diff), text)
    if isinstance(value, e.ReviewFinding):
        return _said((str(value), value.body), text)
    if isinstance(value, dict):
        return any(_said(v, text) for v in value.values())
    if isinstance(value, (list, tuple)):
        return any(_said(v, text) for v in value)
    return False


def messages(db: sqlite3.Connection, session: str, path: Path) -> list[dict[str, Any]]:
    """What was said: prompts, and each turn's own non-empty texts as one answer."""
    where, args = items_where(db, session, path, "e")
    out: list[dict[str, Any]] = []
    answer: list[str] = []  # the texts of the last entry, while that is an answer

    def add(role: str, text: str, turn: int, time: float) -> None:
        at = datetime.fromtimestamp(time).astimezone().isoformat()
        out.append({"role": role, "content": text, "turn": turn, "time": at})

    for record in read_records(
        db,
        f"events e WHERE e.session = ? AND e.kind IN ('user', 'text') AND {where} ORDER BY e.seq",
        [session, *args],
    ):
        event, turn, time = record.event, record.turn, record.time
        if isinstance(event, e.UserMessage):
            answer = []
            add("user", event.text, turn, time)
        elif isinstance(event, e.Text) and event.parent is None and event.text.strip():
            if not answer or out[-1]["turn"] != turn:
                answer = []
                add("assistant", event.text, turn, time)
            answer.append(event.text)
            out[-1]["content"] = answer
    for entry in out:
        if entry["role"] == "assistant":
            entry["content"] = "\n\n".join(entry["content"])
    return out
