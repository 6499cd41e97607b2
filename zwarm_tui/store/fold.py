"""From records to tables: the one place that knows what an event means for a view.

All state is in the tables, so that several processes may append; what is cached here
is dropped as soon as another process has written.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from zwarm_tui.core import events as e
from zwarm_tui.core.costs import Priced
from zwarm_tui.core.transcript import block_key, is_open
from zwarm_tui.store.schema import NAME, NOTE, sql_text

Price = Callable[[str | None, e.Usage], Priced]
Turn = tuple[str, int, int]
NewItem = tuple[str, int, int, int, str, int, int, int]
ChangedItem = tuple[int | None, int, int | None]

_TURN = "WHERE session = ? AND branch = ? AND turn = ?"


class Fold:
    """Folds batches of records, each within the caller's transaction."""

    def __init__(
        self, connection: sqlite3.Connection, price: Price, paid: Mapping[int, Priced] | None = None
    ) -> None:
        self._db = connection
        self._price = price
        self._paid = paid or {}
        """What a response cost when it was recorded, by seq: a new price table changes no past."""
        self._items: dict[Turn, dict[str, int]] = {}
        self._sessions: dict[tuple[str, int], tuple[str, str | None, int]] = {}

    def forget(self) -> None:
        """Another process wrote: what is known by heart may be old."""
        self._items.clear()
        self._sessions.clear()

    def apply(self, records: Sequence[e.Record]) -> None:
        """Fold records that have their seq."""
        touched: dict[str, int] = {}
        texts: dict[Turn, int] = {}
        new: list[NewItem] = []
        changed: dict[tuple[str, int], ChangedItem] = {}
        for record in records:
            event, session, seq = record.event, record.session, record.seq
            touched[session] = seq
            key = block_key(record)
            if key is not None:
                names = self._names((session, record.branch, record.turn))
                name = sql_text(key[2])
                first = names.get(name)
                delta = event.kind in e.DELTAS
                if first is None:
                    names[name] = seq
                    new.append(
                        (session, seq, record.branch, record.turn, name, seq, seq, int(is_open(event)))
                    )
                elif delta:
                    was = changed.get((session, first), (None, 0, None))
                    changed[session, first] = (was[0], seq, was[2])
                else:
                    changed[session, first] = (seq, seq, int(is_open(event)))
            if isinstance(event, e.Text):
                if event.parent is None and event.text.strip():
                    texts[session, record.branch, record.turn] = seq
            elif not (key is not None and event.kind in e.DELTAS):
                handler = _HANDLERS.get(event.kind)
                if handler is not None:
                    handler(self, record)
            if isinstance(event, e.TurnEnded):  # what still streams in it is as complete as it will be
                self._put_items(new, changed)
                ended = (seq, session, record.branch, record.turn)
                self._db.execute(f"UPDATE items SET open = ? {_TURN} AND open = 1", ended)
        self._put_items(new, changed)
        self._db.executemany(
            # Not of a turn that was queued only later in this batch: no batch may matter.
            f"UPDATE turns SET text_seq = ? {_TURN} AND queued_seq < ?",
            [(seq, *turn, seq) for turn, seq in texts.items()],
        )
        self._db.executemany(
            "UPDATE sessions SET updated_seq = ? WHERE id = ?", [(seq, s) for s, seq in touched.items() if s]
        )
        if len(self._items) > 2000:  # not earlier: until here, the batch's own names are nowhere else
            self._items.clear()

    def _put_items(self, new: list[NewItem], changed: dict[tuple[str, int], ChangedItem]) -> None:
        """Write what the batch did to items so far, and start over."""
        self._db.executemany("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?)", new)
        self._db.executemany(
            "UPDATE items SET event_seq = coalesce(?, event_seq), last_seq = ?, open = coalesce(?, open) "
            "WHERE session = ? AND first_seq = ?",
            [(*value, *where) for where, value in changed.items()],
        )
        new.clear()
        changed.clear()

    def _put(self, sql: str, values: Sequence[object]) -> None:
        try:
            self._db.execute(sql, values)
        except UnicodeEncodeError:  # rare, so nobody else pays for the look at every text
            self._db.execute(sql, [sql_text(v) if isinstance(v, str) else v for v in values])

    def _names(self, turn: Turn) -> dict[str, int]:
        """Items of a turn by name: the first seq of each."""
        names = self._items.get(turn)
        if names is None:
            rows = self._db.execute(f"SELECT name, first_seq FROM items {_TURN}", turn)
            names = self._items[turn] = dict(rows.fetchall())
        return names

    # -- sessions and turns ---------------------------------------------------------

    def _session_created(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.SessionCreated)
        self._sessions.clear()
        self._put(
            "INSERT INTO sessions (id, role, task, executor, model, working_dir, worktree, parent, settings, "
            "simulated, branch, created_seq, created_at, updated_seq) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            # A role's session is made again with another brain: it stays one session.
            "ON CONFLICT DO UPDATE SET executor = excluded.executor, model = excluded.model, "
            "settings = excluded.settings, simulated = excluded.simulated, updated_seq = excluded.updated_seq",
            (
                r.session,
                v.role,
                v.task,
                v.executor,
                v.model,
                v.working_dir,
                v.worktree,
                v.parent,
                json.dumps(v.settings),
                v.simulated,
                r.branch,
                r.seq,
                r.time,
                r.seq,
            ),
        )

    def _user(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.UserMessage)
        if v.steer:
            return
        self._put(
            "INSERT INTO turns (session, branch, turn, prompt, origin, status, queued_seq) VALUES (?, ?, ?, ?, ?, "
            "'pending', ?) ON CONFLICT DO NOTHING",
            (r.session, r.branch, r.turn, v.text, v.origin, r.seq),
        )
        self._acknowledged(r)

    def _thread_bound(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.ThreadBound)
        self._put(
            f"UPDATE turns SET thread = ?, how = ? {_TURN}", (v.thread, v.how, r.session, r.branch, r.turn)
        )

    def _turn_started(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.TurnStarted)
        self._put(
            "UPDATE turns SET status = CASE status WHEN 'pending' THEN 'running' ELSE status END, "
            f"started_at = coalesce(started_at, ?), native_turn = coalesce(?, native_turn) {_TURN}",
            (r.time, v.turn_id, r.session, r.branch, r.turn),
        )

    def _turn_ended(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.TurnEnded)
        self._put(
            "UPDATE turns SET status = ?, native_turn = coalesce(?, native_turn), error = ?, exit_code = ?, "
            f"stderr = ?, end_seq = ?, ended_at = ? {_TURN} AND end_seq IS NULL",
            (v.status, v.turn_id, v.error, v.exit_code, v.stderr, r.seq, r.time, r.session, r.branch, r.turn),
        )
        self._db.execute(f"DELETE FROM requests {_TURN}", (r.session, r.branch, r.turn))
        self._db.execute(
            "DELETE FROM attention WHERE session = ? AND branch = ? "
            "AND reason IN ('approval', 'question', 'budget', 'silent')",
            (r.session, r.branch),
        )
        self._mark("requests", r.seq)

    def _session_ended(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.SessionEnded)
        self._db.execute("INSERT INTO ends VALUES (?, ?, ?, ?)", (r.session, r.seq, r.branch, v.hidden))
        self._db.execute(f"DELETE FROM requests {_TURN}", (r.session, r.branch, r.turn))
        self._mark("requests", r.seq)
        self._put(
            f"UPDATE turns SET status = 'killed', error = ?, end_seq = ?, ended_at = ? {_TURN} AND end_seq IS NULL",
            (v.reason, r.seq, r.time, r.session, r.branch, r.turn),
        )

    # -- attention and requests -----------------------------------------------------

    def _notice(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.Notice)
        if v.about:
            self._put("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"said {v.about}", r.seq))

    def _attention(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.AttentionRaised)
        self._put(
            "INSERT INTO attention VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET detail = excluded.detail, "
            "since = excluded.since, seq = excluded.seq",
            (r.session, r.branch, v.reason, v.detail, r.time, r.seq),
        )

    def _acknowledged(self, r: e.Record) -> None:
        # Seen on a branch is seen on the line that leads to it.
        self._db.execute(
            "WITH RECURSIVE line (id) AS (SELECT ? UNION SELECT b.parent FROM branches b JOIN line ON b.id = line.id "
            "WHERE b.parent IS NOT NULL) DELETE FROM attention WHERE session = ? AND branch IN line",
            (r.branch, r.session),
        )

    def _requested(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.ApprovalRequested | e.QuestionAsked)
        self._put(
            "INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (v.request, r.session, r.branch, r.turn, r.seq, r.time, v.kind, e.dump(v)),
        )
        self._db.execute(
            f"UPDATE turns SET status = 'awaiting_input' {_TURN} AND end_seq IS NULL",
            (r.session, r.branch, r.turn),
        )
        self._mark("requests", r.seq)

    def _resolved(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.ApprovalResolved | e.QuestionAnswered)
        self._put(
            "DELETE FROM requests WHERE session = ? AND branch = ? AND id = ?",
            (r.session, r.branch, v.request),
        )
        left = self._db.execute(
            f"SELECT 1 FROM requests {_TURN} LIMIT 1", (r.session, r.branch, r.turn)
        ).fetchone()
        if left is None:
            self._db.execute(
                # One that a budget held has yet to begin.
                "UPDATE turns SET status = CASE WHEN thread IS NULL THEN 'pending' ELSE 'running' END "
                f"{_TURN} AND status = 'awaiting_input'",
                (r.session, r.branch, r.turn),
            )
        self._mark("requests", r.seq)

    # -- money ------------------------------------------------------------------------

    def _usage(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.Usage)
        executor, session_model, simulated = self._about(r)
        model = sql_text(v.model) if v.model else session_model
        priced = self._paid.get(r.seq) or self._price(model, v)
        counts = (v.input, v.cached, v.cache_write, v.output, v.reasoning)
        self._put(
            "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(r.seq, r.time, r.session, r.branch, r.turn),
                executor,
                model,
                *counts,
                priced.cost,
                priced.source,
                json.dumps(priced.rates),
                v.provider_cost,
                simulated,
            ),
        )
        self._db.execute(
            "UPDATE turns SET input = input + ?, cached = cached + ?, cache_write = cache_write + ?, "
            "output = output + ?, reasoning = reasoning + ?, cost = cost + ?, unknown = unknown + ?, "
            f"context = coalesce(?, context), window = coalesce(?, window) {_TURN}",
            (
                *counts,
                priced.cost or 0.0,
                priced.cost is None,
                v.context,
                v.window,
                *(r.session, r.branch, r.turn),
            ),
        )
        self._total(r, model, priced.cost, simulated)

    def _usage_unknown(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.UsageUnknown)
        executor, model, simulated = self._about(r)
        self._put(
            "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, NULL, ?, '{}', NULL, ?)",
            (r.seq, r.time, r.session, r.branch, r.turn, executor, model, v.why, simulated),
        )
        self._db.execute(f"UPDATE turns SET unknown = unknown + 1 {_TURN}", (r.session, r.branch, r.turn))
        self._total(r, model, None, simulated)

    def _total(self, r: e.Record, model: str | None, cost: float | None, simulated: int) -> None:
        day = datetime.fromtimestamp(r.time).astimezone().date().isoformat()
        scopes = (
            ("all", ""),
            ("branch", str(r.branch)),
            ("session", r.session),
            ("model", model or "unknown"),
            ("day", day),
        )
        self._db.executemany(
            "INSERT INTO totals VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET cost = cost + excluded.cost, "
            "unknown = unknown + excluded.unknown, simulated = max(simulated, excluded.simulated)",
            [(scope, key, cost or 0.0, cost is None, simulated) for scope, key in scopes],
        )
        self._mark("money", r.seq)

    def _about(self, r: e.Record) -> tuple[str, str | None, int]:
        """(executor, model, simulated) of a record's session, as its own branch made it."""
        known = self._sessions.get((r.session, r.branch))
        if known is None:
            row = self._db.execute(
                "SELECT executor, model, simulated FROM sessions WHERE id = ? "
                "ORDER BY branch = ? DESC, created_seq DESC LIMIT 1",
                (r.session, r.branch),
            ).fetchone()
            known = self._sessions[r.session, r.branch] = row or ("", None, 0)
        return known

    # -- the timeline -----------------------------------------------------------------

    def _branch_created(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.BranchCreated)
        self._put(
            "INSERT OR IGNORE INTO branches VALUES (?, ?, ?, ?, ?, ?)",
            (v.branch, v.name, v.parent, v.checkpoint, v.cut, v.checkpoint),
        )
        self._mark("timeline", r.seq)

    def _branch_renamed(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.BranchRenamed)
        self._put("UPDATE branches SET name = ? WHERE id = ?", (v.name, v.branch))
        self._mark("timeline", r.seq)

    def _checkpoint(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.CheckpointTaken)
        # What ended while its files were captured is not of it.
        seq = v.state.get("log", r.seq)
        last = self._db.execute(
            "SELECT coalesce((SELECT max(seq) FROM checkpoints WHERE branch = b.id), b.cut) FROM branches b "
            "WHERE id = ?",
            (r.branch,),
        ).fetchone()
        since = last[0] if last else 0
        cost, unknown, simulated = self._db.execute(
            "SELECT coalesce(sum(cost), 0), coalesce(sum(cost IS NULL), 0), coalesce(max(simulated), 0) "
            "FROM ledger WHERE branch = ? AND seq > ? AND seq <= ?",
            (r.branch, since, seq),
        ).fetchone()
        self._put(
            "INSERT OR IGNORE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                v.checkpoint,
                v.label,
                v.parent,
                r.branch,
                v.description,
                v.time,
                seq,
                json.dumps(v.metadata),
                json.dumps(v.state),
                cost,
                unknown,
                simulated,
            ),
        )
        self._db.execute("UPDATE branches SET tip = ? WHERE id = ?", (v.checkpoint, r.branch))
        self._mark("timeline", r.seq)

    def _checkpoint_named(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.CheckpointNamed)
        self._remark(v.checkpoint, NAME, v.name, r.seq)

    def _checkpoint_noted(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.CheckpointNoted)
        self._remark(v.checkpoint, NOTE, v.text, r.seq)

    def _remark(self, checkpoint: int, key: str, text: str, seq: int) -> None:
        """What a person says of a checkpoint stands beside its metadata, so that a log
        from before there were names has the same tables."""
        row = self._db.execute("SELECT metadata FROM checkpoints WHERE id = ?", (checkpoint,)).fetchone()
        if row is not None:
            remarks = json.loads(row[0]) | {key: text}
            self._db.execute(
                "UPDATE checkpoints SET metadata = ? WHERE id = ?", (json.dumps(remarks), checkpoint)
            )
        self._mark("timeline", seq)

    def _moved(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.Moved)
        self._db.executemany(
            "UPDATE meta SET value = ? WHERE key = ?", [(v.branch, "branch"), (v.checkpoint, "checkpoint")]
        )
        self._mark("timeline", r.seq)

    # -- files --------------------------------------------------------------------------

    def _files_at_root(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.FilesAtRoot)
        self._put("INSERT OR REPLACE INTO meta VALUES ('root files', ?)", (json.dumps(v.files),))

    def _worktree_begun(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.WorktreeBegun)
        self._put(
            "INSERT OR REPLACE INTO worktrees VALUES (?, ?, ?, ?, ?, ?, 'begun', 0, NULL, ?)",
            (v.path, v.branch, v.session, v.snapshot, v.head, v.checkout, r.seq),
        )

    def _worktree_made(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.WorktreeMade)
        self._put("UPDATE worktrees SET state = 'made' WHERE path = ?", (v.path,))
        self._mark("timeline", r.seq)

    def _worktree_ready(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.WorktreeReady)
        self._put("UPDATE worktrees SET ready = 1, problem = ? WHERE path = ?", (v.problem, v.path))

    def _worktree_gone(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.WorktreeGone)
        self._put("UPDATE worktrees SET state = ? WHERE path = ?", ("left" if v.kept else "gone", v.path))
        self._mark("timeline", r.seq)

    def _checkout_taken(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.CheckoutTaken)
        self._put("INSERT OR REPLACE INTO meta VALUES ('checkout', ?)", (v.branch,))
        self._mark("timeline", r.seq)

    def _restore_begun(self, r: e.Record) -> None:
        v = r.event
        assert isinstance(v, e.RestoreBegun)
        value = json.dumps({"path": v.path, "come": v.come, "go": v.go})
        self._put("INSERT OR REPLACE INTO meta VALUES ('restore', ?)", (value,))

    def _restore_ended(self, r: e.Record) -> None:
        self._put("DELETE FROM meta WHERE key = 'restore'", ())

    def _mark(self, what: str, seq: int) -> None:
        self._db.execute("UPDATE meta SET value = ? WHERE key = ?", (seq, what))


_HANDLERS: dict[str, Callable[[Fold, e.Record], None]] = {
    "session.created": Fold._session_created,
    "user": Fold._user,
    "thread.bound": Fold._thread_bound,
    "turn.started": Fold._turn_started,
    "turn.ended": Fold._turn_ended,
    "session.ended": Fold._session_ended,
    "attention": Fold._attention,
    "notice": Fold._notice,
    "acknowledged": Fold._acknowledged,
    "approval.requested": Fold._requested,
    "question.asked": Fold._requested,
    "approval": Fold._resolved,
    "question": Fold._resolved,
    "usage": Fold._usage,
    "usage.unknown": Fold._usage_unknown,
    "branch.created": Fold._branch_created,
    "branch.renamed": Fold._branch_renamed,
    "checkpoint": Fold._checkpoint,
    "checkpoint.named": Fold._checkpoint_named,
    "checkpoint.noted": Fold._checkpoint_noted,
    "moved": Fold._moved,
    "files.root": Fold._files_at_root,
    "worktree.begun": Fold._worktree_begun,
    "worktree.made": Fold._worktree_made,
    "worktree.ready": Fold._worktree_ready,
    "worktree.gone": Fold._worktree_gone,
    "checkout.taken": Fold._checkout_taken,
    "restore.begun": Fold._restore_begun,
    "restore.ended": Fold._restore_ended,
}
