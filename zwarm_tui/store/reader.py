"""`Reader`: what the log says, for screens, commands and tools. It changes nothing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any, NamedTuple

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import SessionNotFoundError, StoreError
from zwarm_tui.core.model import (
    TIP,
    Block,
    BranchView,
    CheckpointView,
    Cost,
    Path,
    Position,
    RequestView,
    SessionStatus,
    SessionView,
    Tokens,
    Totals,
    TurnView,
)
from zwarm_tui.store import places, schema
from zwarm_tui.store.queries import SESSIONS, TURNS, items_where, session_view, turns_where
from zwarm_tui.store.transcript import messages, read_blocks, search


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed after a seq. `seq` is the log's last one now."""

    seq: int
    sessions: frozenset[str] = frozenset()
    timeline: bool = False
    money: bool = False
    requests: bool = False


class Reader:
    """A read-only connection, for one thread. `path` arguments are lines through the
    tree of branches (`core.model.Path`); None is the project's current position."""

    def __init__(self, path: FilePath) -> None:
        if not path.exists():
            raise StoreError(f"there is no log at {path}: nothing was done here yet")
        try:
            self._db = schema.connect(path, write=False)
            schema.check_version(self._db, path)
            if schema.version(self._db) == 0:
                raise StoreError(f"{path} is no log of zwarm_tui")
        except sqlite3.Error as error:
            raise StoreError(
                f"{path} can't be read ({error}); zwarm-tui sets it aside when it next opens"
            ) from error
        self.file = path

    def close(self) -> None:
        self._db.close()

    # -- what is new ----------------------------------------------------------------

    def last_seq(self) -> int:
        """The log's last position; 0 while it is empty."""
        return self._db.execute("SELECT max(seq) FROM events").fetchone()[0] or 0

    def changes(self, since: int) -> Changes:
        """What a screen that knows the log up to `since` has to look at again."""
        seq = self.last_seq()
        if seq <= since:
            return Changes(seq)
        marks = self._meta()
        sessions = self._db.execute("SELECT id FROM sessions WHERE updated_seq > ?", (since,))
        return Changes(
            seq,
            frozenset(row[0] for row in sessions),
            timeline=marks["timeline"] > since,
            money=marks["money"] > since,
            requests=marks["requests"] > since,
        )

    def _meta(self) -> dict[str, Any]:
        return dict(self._db.execute("SELECT key, value FROM meta").fetchall())

    # -- place ----------------------------------------------------------------------

    def position(self) -> Position:
        """Where the project is."""
        meta = self._meta()
        branch, checkpoint = meta["branch"], meta["checkpoint"]
        name, tip = self._db.execute("SELECT name, tip FROM branches WHERE id = ?", (branch,)).fetchone()
        detached = checkpoint is not None
        return Position(
            branch=branch,
            branch_name=name,
            checkpoint=checkpoint if detached else tip,
            detached=detached,
            path=self.path_at(checkpoint) if detached else self.path(branch),
        )

    def path(self, branch: int, cut: int = TIP) -> Path:
        """The line from the root to a branch, up to `cut`."""
        rows = {row[0]: row for row in self._db.execute("SELECT id, parent, cut FROM branches")}
        line = [(branch, cut)]
        while (row := rows[line[0][0]])[1] is not None:
            line.insert(0, (row[1], row[2]))
        return tuple(line)

    def path_at(self, checkpoint: int) -> Path:
        """The line from the root to a checkpoint; 0 is the root itself."""
        if checkpoint == 0:
            return ((1, 0),)
        row = self._db.execute("SELECT branch, seq FROM checkpoints WHERE id = ?", (checkpoint,)).fetchone()
        if row is None:
            raise StoreError(f"there is no checkpoint {checkpoint}")
        return self.path(row[0], row[1])

    def _path(self, path: Path | None) -> Path:
        return self.position().path if path is None else path

    # -- sessions ---------------------------------------------------------------------

    def sessions(
        self, path: Path | None = None, *, ids: Iterable[str] | None = None, hidden: bool = False
    ) -> list[SessionView]:
        """Sessions as the path sees them, in the order of creation; `ids` alone, if given."""
        path = self._path(path)
        turns, turn_args = turns_where(path, "t")
        line = [value for pair in path for value in pair]
        only, only_args = "", []
        if ids is not None:
            only_args = list(ids)
            only = f" AND {{}} IN ({', '.join('?' * len(only_args))})"

        def on_line(branch: str, seq: str, session: str) -> str:
            parts = " OR ".join(f"({branch} = ? AND {seq} <= ?)" for _ in path)
            return f"({parts})" + only.format(session)

        seen = "coalesce(over.hidden, 0) <= coalesce(last.queued_seq, 0)"
        sql = SESSIONS.format(
            turns=turns + only.format("t.session"),
            said=turns,
            over=on_line("x.branch", "x.seq", "x.session"),
            flagged=on_line("a.branch", "a.seq", "a.session"),
            born=on_line("s.branch", "s.created_seq", "s.id") + ("" if hidden else f" AND {seen}"),
        )
        rows = self._db.execute(
            sql, [*turn_args, *only_args, *turn_args, *line, *only_args, *line, *only_args, *line, *only_args]
        )
        names = dict(self._db.execute("SELECT id, name FROM branches").fetchall())
        views: dict[str, SessionView] = {}
        for row in rows:
            view = session_view(row, names, path[-1][0])
            first = views.get(view.id)  # made again on a branch: still as old as it is
            views[view.id] = replace(view, created_at=first.created_at) if first else view
        where = self.places()
        if not where.worktrees:
            return list(views.values())
        branches = [branch for branch, _ in path]
        return [where.seen(view, branches) for view in views.values()]

    def session(self, session: str, path: Path | None = None) -> SessionView | None:
        """One session (hidden ones too), or None where the path has none of that id."""
        found = self.sessions(path, ids=[session], hidden=True)
        return found[0] if found else None

    def find(self, prefix: str) -> str:
        """The id of the session with this id or unique prefix; `SessionNotFoundError`."""
        if self._db.execute("SELECT 1 FROM sessions WHERE id = ?", (prefix,)).fetchone():
            return prefix
        escaped = prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        found = self._db.execute(
            "SELECT id FROM sessions WHERE id LIKE ? ESCAPE '\\' GROUP BY id ORDER BY min(created_seq)",
            (f"{escaped}%",),
        ).fetchall()
        if len(found) != 1 or not prefix:
            raise SessionNotFoundError(prefix, [row[0] for row in found[:10]] if prefix else [])
        return str(found[0][0])

    def places(self) -> places.Places:
        """Where branches and sessions work."""
        return places.read(self._db)

    # -- turns ------------------------------------------------------------------------

    def turns(self, session: str, path: Path | None = None) -> list[TurnView]:
        """A session's turns on the path, oldest first."""
        where, args = turns_where(self._path(path), "t")
        return self._turns(f"t.session = ? AND ({where}) ORDER BY t.turn, t.branch", [session, *args])

    def ended(self, branch: int, since: int) -> list[TurnView]:
        """Turns of a branch that ended after a seq."""
        return self._turns("t.branch = ? AND t.end_seq > ? ORDER BY t.end_seq", [branch, since])

    def unfinished(self) -> list[TurnView]:
        """Turns of all branches without an end: those that run, if anything does."""
        return self._turns("t.end_seq IS NULL ORDER BY t.queued_seq", [])

    def _turns(self, where: str, args: list[Any]) -> list[TurnView]:
        return [
            TurnView(
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
            for r in self._db.execute(TURNS + where, args)
        ]

    def turn_costs(self, sessions: Iterable[str]) -> dict[tuple[str, int, int], Cost]:
        """What each turn of these sessions cost, on all branches: by (session, branch, turn)."""
        wanted = list(sessions)
        rows = self._db.execute(
            "SELECT t.session, t.branch, t.turn, t.cost, t.unknown, coalesce(s.simulated, 0) FROM turns t "
            "LEFT JOIN sessions s ON s.id = t.session AND s.branch = t.branch "
            f"WHERE t.session IN ({', '.join('?' * len(wanted))})",
            wanted,
        )
        return {(r[0], r[1], r[2]): _cost(r[3], r[4], r[5]) for r in rows}

    def checks(self, sessions: Iterable[str] | None = None, *, since: int = 0) -> list[e.Record]:
        """Gates and reviews, oldest first: those of these sessions as they stand, or,
        without sessions, all that was recorded of any after a seq."""
        kinds = "('gate.started', 'gate', 'review.started', 'review')"
        if sessions is None:
            rows = self._db.execute(
                "SELECT seq, time, session, branch, turn, kind, data FROM events "
                f"WHERE seq > ? AND kind IN {kinds} ORDER BY seq",
                [since],
            )
        else:
            wanted = list(sessions)
            rows = self._db.execute(
                "SELECT e.seq, e.time, e.session, e.branch, e.turn, e.kind, e.data FROM items i "
                f"JOIN events e ON e.seq = i.event_seq WHERE i.session IN ({', '.join('?' * len(wanted))}) "
                f"AND i.last_seq > ? AND e.kind IN {kinds} ORDER BY i.first_seq",
                [*wanted, since],
            )
        return [e.Record(e.load(k, d), s, b, t, time, q) for q, time, s, b, t, k, d in rows]

    def bound(self, session: str, thread: str) -> e.ThreadBound | None:
        """How a thread came to serve a session, the last time it was bound to it."""
        for (data,) in self._db.execute(
            "SELECT data FROM events WHERE session = ? AND kind = 'thread.bound' ORDER BY seq DESC",
            (session,),
        ):
            event = e.load("thread.bound", data)
            if isinstance(event, e.ThreadBound) and event.thread == thread:
                return event
        return None

    # -- requests ---------------------------------------------------------------------

    def restore(self) -> dict[str, str] | None:
        """The restore of files that was not ended: {path, come, go}."""
        found = self._meta().get("restore")
        return json.loads(found) if found else None

    def requests(self, session: str | None = None) -> list[RequestView]:
        """Approvals and questions that wait for a person, oldest first."""
        where, args = ("WHERE session = ?", [session]) if session is not None else ("", [])
        return [
            self._request(row)
            for row in self._db.execute(f"SELECT * FROM requests {where} ORDER BY seq", args)
        ]

    def request(self, request: str) -> RequestView | None:
        """An open request by its id (the oldest one)."""
        row = self._db.execute("SELECT * FROM requests WHERE id = ? ORDER BY seq", (request,)).fetchone()
        return None if row is None else self._request(row)

    def _request(self, row: tuple[Any, ...]) -> RequestView:
        id, session, branch, turn, _, time, kind, data = row
        return RequestView(
            id=id, session=session, branch=branch, turn=turn, since=time, event=e.load(kind, data)
        )

    def said(self, about: str) -> bool:
        """Was that notice, which is given only once, given already?"""
        row = self._db.execute("SELECT 1 FROM meta WHERE key = ?", (f"said {about}",)).fetchone()
        return row is not None

    # -- transcripts --------------------------------------------------------------------

    def blocks(
        self, session: str, path: Path | None = None, *, before: int | None = None, limit: int = 200
    ) -> list[Block]:
        """The last `limit` blocks that began before the seq `before`, oldest first."""
        return read_blocks(self._db, session, self._path(path), before=before, limit=limit)

    def records(
        self,
        session: str | None = None,
        path: Path | None = None,
        *,
        since: int = 0,
        limit: int | None = None,
        kinds: Collection[str] = (),
    ) -> list[e.Record]:
        """Records after a seq, oldest first: of one session on a path, or of all; of these
        `kinds` only, where some are named."""
        where = "seq > ?"
        args: list[Any] = [since]
        if session is not None:
            on_path, path_args = items_where(self._db, session, self._path(path), "events")
            where, args = f"session = ? AND seq > ? AND ({on_path})", [session, since, *path_args]
        if kinds:
            where, args = f"{where} AND kind IN ({', '.join('?' * len(kinds))})", [*args, *kinds]
        rows = self._db.execute(
            f"SELECT seq, time, session, branch, turn, kind, data FROM events WHERE {where} ORDER BY seq LIMIT ?",
            [*args, -1 if limit is None else limit],
        )
        return [e.Record(e.load(k, d), s, b, t, time, q) for q, time, s, b, t, k, d in rows]

    def project_records(self, kinds: Collection[str], *, since: int = 0) -> list[e.Record]:
        """Records of these kinds that concern no one session, after a seq, oldest first."""
        rows = self._db.execute(
            "SELECT seq, time, branch, turn, kind, data FROM events "
            f"WHERE session = '' AND seq > ? AND kind IN ({', '.join('?' * len(kinds))}) ORDER BY seq",
            [since, *kinds],
        )
        return [e.Record(e.load(k, d), "", b, t, time, q) for q, time, b, t, k, d in rows]

    def started(self, session: str, item: str) -> list[e.Record]:
        """Starts of a session's items, on any branch, that nothing followed, where the
        items' names begin so; oldest first."""
        rows = self._db.execute(
            "SELECT e.seq, e.time, e.branch, e.turn, e.kind, e.data FROM items i JOIN events e ON e.seq = i.event_seq "
            "WHERE i.session = ? AND substr(i.name, 1, ?) = ? AND e.kind LIKE '%.started' ORDER BY e.seq",
            (session, len(item), item),
        )
        return [e.Record(e.load(k, d), session, b, t, time, q) for q, time, b, t, k, d in rows]

    def happened(self, branch: int, kinds: Collection[str], since: int, until: int) -> list[e.Record]:
        """Records of these kinds on a branch, of all sessions, after a seq and up to one."""
        rows = self._db.execute(
            "SELECT seq, time, session, turn, kind, data FROM events WHERE seq > ? AND seq <= ? AND branch = ? "
            f"AND kind IN ({', '.join('?' * len(kinds))}) ORDER BY seq",
            [since, until, branch, *kinds],
        )
        return [e.Record(e.load(k, d), s, branch, t, time, q) for q, time, s, t, k, d in rows]

    def search(self, session: str, text: str, path: Path | None = None, *, limit: int = 500) -> list[int]:
        """`first_seq` of the blocks that hold a text, in any case, oldest first."""
        return search(self._db, session, self._path(path), text, limit)

    def messages(self, session: str, path: Path | None = None) -> list[dict[str, Any]]:
        """The conversation: {"role", "content", "turn", "time"}; an answer is all the
        texts of its turn that are the agent's own (F1, F2)."""
        return messages(self._db, session, self._path(path))

    def diff(self, session: str, path: Path | None = None) -> str:
        """The unified diff of the last turn that reported one, or ""."""
        where, args = items_where(self._db, session, self._path(path), "i")
        row = self._db.execute(
            "SELECT e.kind, e.data FROM items i JOIN events e ON e.seq = i.event_seq "
            f"WHERE i.session = ? AND i.name = 'diff' AND ({where}) ORDER BY i.first_seq DESC LIMIT 1",
            [session, *args],
        ).fetchone()
        event = e.load(*row) if row else None
        return event.text if isinstance(event, e.TurnDiff) else ""

    def unrecognised(self, session: str) -> int:
        """How many lines of the session no adapter understood."""
        sql = "SELECT count(*) FROM events WHERE session = ? AND kind = 'unknown'"
        return int(self._db.execute(sql, (session,)).fetchone()[0])

    # -- the timeline -------------------------------------------------------------------

    def branches(self) -> list[BranchView]:
        """All branches, oldest first."""
        where = self.places()
        rows = self._db.execute(
            "SELECT b.id, b.name, b.parent, b.checkpoint, b.cut, b.tip, coalesce(t.cost, 0), coalesce(t.unknown, 0), "
            "coalesce(t.simulated, 0) FROM branches b "
            "LEFT JOIN totals t ON t.scope = 'branch' AND t.key = CAST(b.id AS TEXT) ORDER BY b.id"
        )
        return [
            BranchView(
                id=r[0],
                name=r[1],
                parent=r[2],
                checkpoint=r[3],
                cut=r[4],
                tip=r[5],
                cost=_cost(r[6], r[7], r[8]),
                worktree=own.path if (own := where.of_branch(r[0])) else None,
            )
            for r in rows
        ]

    def checkpoints(self) -> list[CheckpointView]:
        """All checkpoints of all branches, oldest first."""
        rows = self._db.execute(
            "SELECT id, label, parent, branch, description, time, seq, metadata, cost, unknown, simulated "
            "FROM checkpoints ORDER BY id"
        )
        return [_checkpoint(r) for r in rows]

    def gates(self, branch: int, after: int, until: int) -> list[e.GateDone]:
        """The quality gates that were done on a branch after a seq, up to another one."""
        rows = self._db.execute(
            "SELECT kind, data FROM events WHERE kind = 'gate' AND branch = ? AND seq > ? AND seq <= ? ORDER BY seq",
            (branch, after, until),
        )
        found = (e.load(*row) for row in rows)
        return [event for event in found if isinstance(event, e.GateDone)]

    def open_checks(self) -> list[e.Record]:
        """Gates and reviews that began and have no end, oldest first."""
        rows = self._db.execute(
            "SELECT e.seq, e.time, e.session, e.branch, e.turn, e.kind, e.data FROM items i "
            "JOIN events e ON e.seq = i.event_seq "
            "WHERE i.open = 1 AND e.kind IN ('gate.started', 'review.started') ORDER BY e.seq"
        )
        return [e.Record(e.load(k, d), s, b, t, time, q) for q, time, s, b, t, k, d in rows]

    def checkpoint_seq(self, checkpoint: int) -> int:
        """A checkpoint's place in the log; 0 is the root's."""
        return self.path_at(checkpoint)[-1][1]

    def checkpoint_state(self, checkpoint: int) -> dict[str, Any]:
        """The pointers that a checkpoint holds; of the root (0) only its `files`, where
        they are known."""
        if checkpoint == 0:
            at_root = self._meta().get("root files")
            return {"files": json.loads(at_root)} if at_root else {}
        row = self._db.execute("SELECT state FROM checkpoints WHERE id = ?", (checkpoint,)).fetchone()
        if row is None:
            raise StoreError(f"there is no checkpoint {checkpoint}")
        state: dict[str, Any] = json.loads(row[0])
        return state

    # -- money ------------------------------------------------------------------------

    def spent(self, path: Path) -> Spent:
        """Tokens and money of a line through the tree."""
        where = " OR ".join("(branch = ? AND seq <= ?)" for _ in path)
        sums = ", ".join(f"coalesce(sum({name}), 0)" for name in _TOKENS)
        *counts, usd, unknown, simulated = self._db.execute(
            f"SELECT {sums}, coalesce(sum(cost), 0), coalesce(sum(cost IS NULL), 0), "
            f"coalesce(max(simulated), 0) FROM ledger WHERE {where}",
            [value for pair in path for value in pair],
        ).fetchone()
        return Spent(Tokens(*counts), usd, unknown, bool(simulated))

    def totals(self, path: Path | None = None) -> Totals:
        """Money spent: in all, on the path, off it; by session, model and day."""
        scopes: dict[str, dict[str, _Sum]] = {}
        for scope, key, *part in self._db.execute("SELECT * FROM totals"):
            scopes.setdefault(scope, {})[key] = _Sum(*part)
        total = scopes.get("all", {}).get("", _Sum(0.0, 0, 0))
        usd, unknown = 0.0, 0
        for branch, cut in self._path(path):
            if cut == TIP:
                part = scopes.get("branch", {}).get(str(branch), _Sum(0.0, 0, 0))
            else:
                part = _Sum(
                    *self._db.execute(
                        "SELECT coalesce(sum(cost), 0), coalesce(sum(cost IS NULL), 0), 0 FROM ledger "
                        "WHERE branch = ? AND seq <= ?",
                        (branch, cut),
                    ).fetchone()
                )
            usd, unknown = usd + part.usd, unknown + part.unknown
        left = total.usd - usd  # of sums in another order: nothing may look like a little
        return Totals(
            total=_cost(*total),
            branch=_cost(usd, unknown, total.simulated),
            abandoned=_cost(left if left > 1e-9 else 0.0, total.unknown - unknown, total.simulated),
            by_session=_costs(scopes.get("session")),
            by_model=_costs(scopes.get("model")),
            by_day=_costs(scopes.get("day")),
        )


def _checkpoint(row: tuple[Any, ...]) -> CheckpointView:
    metadata = json.loads(row[7])
    return CheckpointView(
        id=row[0],
        label=row[1],
        parent=row[2],
        branch=row[3],
        description=row[4],
        time=row[5],
        seq=row[6],
        name=metadata.pop(schema.NAME, ""),
        note=metadata.pop(schema.NOTE, ""),
        metadata=metadata,
        cost=_cost(row[8], row[9], row[10]),
    )


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens and money of a part of the ledger; `unknown` counts rows without a price."""

    tokens: Tokens
    usd: float
    unknown: int
    simulated: bool

    @property
    def cost(self) -> Cost:
        return Cost(self.usd, not self.unknown, self.simulated)

    def __sub__(self, other: Spent) -> Spent:
        """What is left of a part without one that lies in it."""
        counts = (getattr(self.tokens, f) - getattr(other.tokens, f) for f in _TOKENS)
        left = self.usd - other.usd  # of sums in another order: nothing may look like a little
        unknown = self.unknown - other.unknown
        return Spent(Tokens(*counts), left if left > 1e-9 else 0.0, unknown, self.simulated)


_TOKENS = ("input", "cached", "cache_write", "output", "reasoning")


class _Sum(NamedTuple):
    usd: float
    unknown: int
    simulated: int


def _costs(sums: dict[str, _Sum] | None) -> dict[str, Cost]:
    return {key: _cost(*part) for key, part in (sums or {}).items()}


def _cost(usd: float, unknown: int, simulated: int) -> Cost:
    return Cost(usd, not unknown, bool(simulated))
