"""The SQL of sessions, turns and records under a line through the tree of branches, and
its rows as values."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

from zwarm_tui.core import events as e
from zwarm_tui.core.attention import urgency
from zwarm_tui.core.model import TIP, Attention, Cost, Path, SessionStatus, SessionView, Tokens, TurnView

TURNS = (
    "SELECT t.session, t.branch, t.turn, t.prompt, t.origin, t.status, t.thread, t.native_turn, t.how, t.queued_seq, "
    "t.end_seq, t.started_at, t.ended_at, t.error, t.exit_code FROM turns t WHERE "
)

# SQLite takes the bare columns of an aggregate with max() from the row of the maximum:
# the session's last turn on the path, and the sums over all of them, in one pass.
SESSIONS = """
WITH last AS (
    SELECT t.session, max(t.turn) AS turn, t.branch, t.status, t.thread, t.native_turn, t.how, t.error, t.exit_code,
        t.stderr, t.queued_seq, t.started_at, t.ended_at, t.text_seq, t.context, t.window, sum(t.input) AS input,
        sum(t.cached) AS cached, sum(t.cache_write) AS cache_write, sum(t.output) AS output,
        sum(t.reasoning) AS reasoning, sum(t.cost) AS cost, sum(t.unknown) AS unknown
    FROM turns t WHERE {turns} GROUP BY t.session
)
SELECT s.id, s.task, s.executor, s.model, s.role, s.branch, s.working_dir, s.worktree, s.parent, s.settings,
    s.simulated, s.created_at, over.seq > coalesce(last.queued_seq, 0), s.updated_seq,
    last.turn, last.branch, last.status, last.thread,
    last.native_turn, last.how, last.error, last.exit_code, last.stderr, last.started_at, last.ended_at,
    last.text_seq, last.context, last.window, last.input, last.cached, last.cache_write, last.output,
    last.reasoning, last.cost, last.unknown, said.data, flags.list
FROM sessions s
LEFT JOIN last ON last.session = s.id
LEFT JOIN events said ON said.seq = coalesce(
    last.text_seq, (SELECT max(t.text_seq) FROM turns t WHERE t.session = s.id AND {said})
)
LEFT JOIN (
    SELECT x.session, max(x.seq) AS seq, max(x.hidden * x.seq) AS hidden FROM ends x WHERE {over} GROUP BY x.session
) over ON over.session = s.id
LEFT JOIN (
    SELECT a.session, json_group_array(json_array(a.reason, a.detail, a.since)) AS list
    FROM attention a WHERE {flagged} GROUP BY a.session
) flags ON flags.session = s.id
WHERE {born} ORDER BY s.created_seq
"""


ITEMS = "items i JOIN events e ON e.seq = i.event_seq"
"""Items, each with the event that says what it is now."""


def read_records(db: sqlite3.Connection, source: str, args: Sequence[object]) -> list[e.Record]:
    """The records that `source` names: what follows FROM, where the events are `e`."""
    rows = db.execute(
        f"SELECT e.seq, e.time, e.session, e.branch, e.turn, e.kind, e.data FROM {source}", args
    )
    return [e.Record(e.load(k, d), s, b, t, time, q) for q, time, s, b, t, k, d in rows]


def marks(values: Collection[object]) -> str:
    """What follows IN, with a place for each of these."""
    return f"({', '.join('?' * len(values))})"


def meta(db: sqlite3.Connection) -> dict[str, Any]:
    """What there is one of in a project."""
    return dict(db.execute("SELECT key, value FROM meta").fetchall())


def cost(usd: float, unknown: int | None, simulated: int) -> Cost:
    """Money of which `unknown` parts have no price."""
    return Cost(usd, not unknown, bool(simulated))


def turns_where(path: Path, table: str) -> tuple[str, list[int]]:
    """Which turns a path holds: (condition, its arguments)."""
    parts, args = [], []
    for branch, cut in path:
        if cut == TIP:
            parts.append(f"{table}.branch = ?")
            args.append(branch)
        else:
            parts.append(f"({table}.branch = ? AND {table}.end_seq <= ?)")
            args += [branch, cut]
    return f"({' OR '.join(parts)})", args


def items_where(db: sqlite3.Connection, session: str, path: Path, table: str) -> tuple[str, list[int]]:
    """Which items ("i") or events ("e") of a session a path holds. Turns of a
    branch end in order, so those that had ended by a cut are the first few: a limit
    by number, and by seq for what was noted on them later."""
    parts, args = [], []
    seq = "first_seq" if table == "i" else "seq"
    for branch, cut in path:
        if cut == TIP:
            parts.append(f"{table}.branch = ?")
            args.append(branch)
        else:
            row = db.execute(
                "SELECT max(turn) FROM turns WHERE session = ? AND branch = ? AND end_seq <= ?",
                (session, branch, cut),
            ).fetchone()
            parts.append(f"({table}.branch = ? AND {table}.turn <= ? AND {table}.{seq} <= ?)")
            args += [branch, row[0] or 0, cut]
    return f"({' OR '.join(parts)})", args


def session_view(row: tuple[Any, ...], branches: dict[int, str], here: int) -> SessionView:
    """A row of `SESSIONS` as a value. `here` is the branch in view."""
    ran = row[14] is not None
    said = e.load("text", row[35]) if row[35] is not None else None
    status = SessionStatus(row[16]) if ran else SessionStatus.PENDING
    branch = row[15] if ran else row[5]
    return SessionView(
        id=row[0],
        task=row[1],
        status=status,
        executor=row[2],
        model=row[3],
        role=row[4],
        branch=branches[here],
        branch_id=branch,
        working_dir=row[6],
        worktree=row[7],
        parent=row[8],
        settings=json.loads(row[9]),
        created_at=row[11],
        ended=bool(row[12]),
        updated_seq=row[13],
        turns=row[14] or 0,
        thread=row[17],
        native_turn=row[18],
        how=row[19],
        error=row[20],
        exit_code=row[21],
        stderr=row[22],
        started_at=row[23],
        completed_at=row[24],
        no_text=status is SessionStatus.COMPLETED and row[25] is None,
        context=row[26],
        window=row[27],
        tokens=Tokens(row[28] or 0, row[29] or 0, row[30] or 0, row[31] or 0, row[32] or 0),
        cost=cost(row[33] or 0.0, row[34], row[10]),
        last_message=said.text if isinstance(said, e.Text) else "",
        attention=_attention(row[36]),
    )


def turn_view(r: tuple[Any, ...]) -> TurnView:
    """A row of `TURNS` as a value."""
    return TurnView(
        session=r[0],
        branch=r[1],
        turn=r[2],
        prompt=r[3],
        origin=r[4],
        status=SessionStatus(r[5]),
        thread=r[6],
        native_turn=r[7],
        how=r[8],
        queued_seq=r[9],
        end_seq=r[10],
        started_at=r[11],
        ended_at=r[12],
        error=r[13],
        exit_code=r[14],
    )


def _attention(flags: str | None) -> Attention | None:
    """The most urgent of a session's flags."""
    if flags is None:
        return None
    reason, detail, since = min(json.loads(flags), key=lambda flag: (urgency(flag[0]), flag[2]))
    return Attention(reason=reason, detail=detail, since=since)
