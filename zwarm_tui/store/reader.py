"""`Reader`: what the log says, for screens, commands and tools. It changes nothing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any

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
    SessionView,
    Totals,
    TurnView,
)
from zwarm_tui.store import money, places, schema, tree
from zwarm_tui.store.queries import (
    ITEMS,
    SESSIONS,
    TURNS,
    items_where,
    marks,
    meta,
    read_records,
    session_view,
    turn_view,
    turns_where,
)
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
        except sqlite3.OperationalError as error:  # no room for what readers share, or no right to it
            raise StoreError(f"{path} can't be read ({error})") from error
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
        at = meta(self._db)
        sessions = self._db.execute("SELECT id FROM sessions WHERE updated_seq > ?", (since,))
        return Changes(
            seq,
            frozenset(row[0] for row in sessions),
            timeline=at["timeline"] > since,
            money=at["money"] > since,
            requests=at["requests"] > since,
        )

    # -- place ----------------------------------------------------------------------

    def position(self) -> Position:
        """Where the project is."""
        return tree.position(self._db)

    def path(self, branch: int, cut: int = TIP) -> Path:
        """The line from the root to a branch, up to `cut`."""
        return tree.line(self._db, branch, cut)

    def path_at(self, checkpoint: int) -> Path:
        """The line from the root to a checkpoint; 0 is the root itself."""
        return tree.line_at(self._db, checkpoint)

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
            only = f" AND {{}} IN {marks(only_args)}"

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
        return [turn_view(row) for row in self._db.execute(TURNS + where, args)]

    def checks(self, sessions: Iterable[str] | None = None, *, since: int = 0) -> list[e.Record]:
        """Gates and reviews, oldest first: those of these sessions as they stand, or,
        without sessions, all that was recorded of any after a seq."""
        kinds = "('gate.started', 'gate', 'review.started', 'review')"
        if sessions is None:
            return read_records(
                self._db, f"events e WHERE e.seq > ? AND e.kind IN {kinds} ORDER BY e.seq", [since]
            )
        wanted = list(sessions)
        return read_records(
            self._db,
            f"{ITEMS} WHERE i.session IN {marks(wanted)} AND i.last_seq > ? AND e.kind IN {kinds} "
            "ORDER BY i.first_seq",
            [*wanted, since],
        )

    def open_checks(self) -> list[e.Record]:
        """Gates and reviews that began and have no end, oldest first."""
        return read_records(
            self._db,
            f"{ITEMS} WHERE i.open = 1 AND e.kind IN ('gate.started', 'review.started') ORDER BY e.seq",
            (),
        )

    def gates(self, branch: int, after: int, until: int) -> list[e.GateDone]:
        """The quality gates that were done on a branch after a seq, up to another one."""
        found = read_records(
            self._db,
            "events e WHERE e.kind = 'gate' AND e.branch = ? AND e.seq > ? AND e.seq <= ? ORDER BY e.seq",
            (branch, after, until),
        )
        return [r.event for r in found if isinstance(r.event, e.GateDone)]

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
        where = "e.seq > ?"
        args: list[Any] = [since]
        if session is not None:
            on_path, path_args = items_where(self._db, session, self._path(path), "e")
            where, args = f"e.session = ? AND e.seq > ? AND ({on_path})", [session, since, *path_args]
        if kinds:
            where, args = f"{where} AND e.kind IN {marks(kinds)}", [*args, *kinds]
        args.append(-1 if limit is None else limit)
        return read_records(self._db, f"events e WHERE {where} ORDER BY e.seq LIMIT ?", args)

    def project_records(self, kinds: Collection[str], *, since: int = 0) -> list[e.Record]:
        """Records of these kinds that concern no one session, after a seq, oldest first."""
        return read_records(
            self._db,
            f"events e WHERE e.session = '' AND e.seq > ? AND e.kind IN {marks(kinds)} ORDER BY e.seq",
            [since, *kinds],
        )

    def started(self, session: str, item: str) -> list[e.Record]:
        """Starts of a session's items, on any branch, that nothing followed, where the
        items' names begin so; oldest first."""
        return read_records(
            self._db,
            f"{ITEMS} WHERE i.session = ? AND substr(i.name, 1, ?) = ? AND e.kind LIKE '%.started' ORDER BY e.seq",
            (session, len(item), item),
        )

    def happened(self, branch: int, kinds: Collection[str], since: int, until: int) -> list[e.Record]:
        """Records of these kinds on a branch, of all sessions, after a seq and up to one."""
        return read_records(
            self._db,
            "events e WHERE e.seq > ? AND e.seq <= ? AND e.branch = ? "
            f"AND e.kind IN {marks(kinds)} ORDER BY e.seq",
            [since, until, branch, *kinds],
        )

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
        found = read_records(
            self._db,
            f"{ITEMS} WHERE i.session = ? AND i.name = 'diff' AND ({where}) ORDER BY i.first_seq DESC LIMIT 1",
            [session, *args],
        )
        event = found[0].event if found else None
        return event.text if isinstance(event, e.TurnDiff) else ""

    def unrecognised(self, session: str) -> int:
        """How many lines of the session no adapter understood."""
        sql = "SELECT count(*) FROM events WHERE session = ? AND kind = 'unknown'"
        return int(self._db.execute(sql, (session,)).fetchone()[0])

    # -- the timeline -------------------------------------------------------------------

    def branches(self) -> list[BranchView]:
        """All branches, oldest first."""
        return tree.branches(self._db)

    def checkpoints(self) -> list[CheckpointView]:
        """All checkpoints of all branches, oldest first."""
        return tree.checkpoints(self._db)

    def checkpoint_seq(self, checkpoint: int) -> int:
        """A checkpoint's place in the log; 0 is the root's."""
        return self.path_at(checkpoint)[-1][1]

    def checkpoint_state(self, checkpoint: int) -> dict[str, Any]:
        """The pointers that a checkpoint holds; of the root (0) only its `files`, where
        they are known."""
        return tree.state(self._db, checkpoint)

    def restore(self) -> dict[str, str] | None:
        """The restore of files that was not ended: {path, come, go}."""
        found = meta(self._db).get("restore")
        return json.loads(found) if found else None

    # -- money ------------------------------------------------------------------------

    def spent(self, path: Path) -> money.Spent:
        """Tokens and money of a line through the tree."""
        return money.spent(self._db, path)

    def totals(self, path: Path | None = None) -> Totals:
        """Money spent: in all, on the path, off it; by session, model and day."""
        return money.totals(self._db, self._path(path))

    def turn_costs(self, sessions: Iterable[str]) -> dict[tuple[str, int, int], Cost]:
        """What each turn of these sessions cost, on all branches: by (session, branch, turn)."""
        return money.turn_costs(self._db, list(sessions))
