"""Comparing two places of the timeline: what was said, what came of it, what it took.

Nothing is changed and no engine is needed: the log and git's objects hold it all.
"""

from __future__ import annotations

import time
from pathlib import Path as FilePath
from typing import Any

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import GitError, UsageError
from zwarm_tui.core.model import CheckpointView, Path, SessionView, TurnView
from zwarm_tui.git import diff, unrecorded
from zwarm_tui.git.repo import Repo, commits, find
from zwarm_tui.store.money import Spent
from zwarm_tui.store.reader import Reader
from zwarm_tui.timeline.places import Place, common, find_place, last_checkpoint

Json = dict[str, Any]
LETTERS = {"added": "A", "deleted": "D", "modified": "M", "renamed": "R", "type": "T"}
UNRECORDED = 20
"""Files changed since a branch's last checkpoint that are named."""


async def compare(reader: Reader, project: FilePath, a: str, b: str) -> Json:
    """What differs between two checkpoints' labels or names, branches' names, or "root":

    `{"a": SIDE, "b": SIDE, "files": {"problem", "from", "to", "path", "changed",
    "sessions", "unrecorded": {"a": [paths], "b": [paths]}}, "tests": [{"gate", "command",
    "a", "b"}], "common": label}`. SIDE counts what was done since the common place:
    `{"label", "branch", "checkpoint_id", "instructions": [{"label", "text"}], "final":
    [{"session", "task", "turns", "text"}], "turns", "seconds", "usage", "cost_usd",
    "cost_known", "simulated", "gates": [{"gate", "command", "session", "passed",
    "exit_code", "seconds", "attempt"}], "total": {the six figures from the root on}}`.

    `unrecorded` names what changed in a branch's files after its last checkpoint, which
    `changed` can't hold. In `tests` True is passed and None not run. `UsageError` for an
    unknown name.
    """
    one, other = find_place(reader, a), find_place(reader, b)
    shared, taken = common(one.path, other.path), reader.checkpoints()
    at = last_checkpoint(taken, shared)
    sides = [_side(reader, place, shared, taken) for place in (one, other)]
    return {
        "a": sides[0],
        "b": sides[1],
        "files": await _files(reader, project, one, other),
        "tests": _tests(sides[0]["gates"], sides[1]["gates"]),
        "common": at.label if at else "root",
    }


# -- a side ---------------------------------------------------------------------------------


def _side(reader: Reader, place: Place, shared: Path, taken: list[CheckpointView]) -> Json:
    sessions = reader.sessions(place.path, hidden=True)
    before = {s.id: s.turns for s in reader.sessions(shared, hidden=True)}
    turns = {s.id: reader.turns(s.id, place.path) for s in sessions}
    new = {id: [t for t in made if t.turn > before.get(id, 0)] for id, made in turns.items()}
    spent, then = reader.spent(place.path), reader.spent(shared)
    return {
        "label": place.label,
        "branch": place.branch.name,
        "checkpoint_id": place.checkpoint,
        "instructions": _instructions(reader, place.path, sessions, new, taken),
        "final": [
            {"session": s.id, "task": s.task, "turns": len(new[s.id]), "text": s.last_message}
            for s in sessions
            if not (s.ended and not new[s.id])
        ],
        **_figures([t for made in new.values() for t in made], spent - then),
        "gates": [g for s in sessions if new[s.id] for g in _gates(reader, place.path, s.id, new[s.id][0])],
        "total": _figures([t for made in turns.values() for t in made], spent),
    }


def _figures(turns: list[TurnView], spent: Spent) -> Json:
    now = time.time()
    return {
        "turns": len(turns),
        "seconds": round(
            sum((t.ended_at or now) - t.started_at for t in turns if t.started_at is not None), 3
        ),
        "usage": spent.tokens.to_json(),
        "cost_usd": spent.cost.usd,
        "cost_known": spent.cost.complete,
        "simulated": spent.cost.simulated,
    }


def _instructions(
    reader: Reader,
    path: Path,
    sessions: list[SessionView],
    new: dict[str, list[TurnView]],
    taken: list[CheckpointView],
) -> list[Json]:
    """What the person said, in the order in which it was said, each with the checkpoint
    that came of it ("": none yet)."""
    line = dict(path)
    said: list[tuple[str, Json]] = []
    for session in sessions:
        own = {t.turn: t for t in new[session.id] if t.origin == "person"}
        for message in reader.messages(session.id, path) if own else ():
            turn = own.get(message["turn"])
            if turn is None or message["role"] != "user":
                continue
            end = turn.end_seq
            label = next(
                (
                    c.label
                    for c in taken
                    if end and c.branch == turn.branch and end <= c.seq <= line[c.branch]
                ),
                "",
            )
            to = "" if session.role == "pilot" else session.id
            said.append((message["time"], {"label": label, "text": message["content"], "session": to}))
    return [one for _, one in sorted(said, key=lambda entry: entry[0])]


def _gates(reader: Reader, path: Path, session: str, since: TurnView) -> list[Json]:
    """The last result of each gate that ran on a session."""
    last: dict[str, e.GateDone] = {}
    for record in reader.records(session, path, since=since.queued_seq, kinds=("gate",)):
        if isinstance(record.event, e.GateDone):
            last[record.event.gate] = record.event
    return [
        {
            "gate": g.gate,
            "command": g.command,
            "session": session,
            "passed": g.passed,
            "exit_code": g.exit_code,
            "seconds": g.seconds,
            "attempt": g.attempt,
        }
        for g in last.values()
    ]


def _tests(a: list[Json], b: list[Json]) -> list[Json]:
    """Gate by gate: passed on a side only where all its runs there did."""
    commands = {g["gate"]: g["command"] for g in (*a, *b)}

    def outcome(gates: list[Json], name: str) -> bool | None:
        runs = [g["passed"] for g in gates if g["gate"] == name]
        return all(runs) if runs else None

    return [
        {"gate": name, "command": command, "a": outcome(a, name), "b": outcome(b, name)}
        for name, command in commands.items()
    ]


# -- files ----------------------------------------------------------------------------------


async def _files(reader: Reader, project: FilePath, a: Place, b: Place) -> Json:
    states = [files_at(reader, place) for place in (a, b)]
    problem = states[0]["problem"] or states[1]["problem"]
    value: Json = {
        "problem": problem,
        "from": commit_of(states[0]),
        "to": commit_of(states[1]),
        "path": str(project),
        "changed": [],
        "sessions": {},
        "unrecorded": {"a": [], "b": []},
    }
    if problem:
        return value
    try:
        repo = await find(project)
        if repo is None:
            return {**value, "problem": f"no git repository: {project}"}
        value["path"] = str(repo.top)
        gone = await pruned(repo, a, value["from"]) or await pruned(repo, b, value["to"])
        if gone:
            return {**value, "problem": gone}
        value["changed"] = await changes(repo, value["from"], value["to"])
        value["sessions"] = await _session_trees(repo, states[0]["sessions"], states[1]["sessions"])
        value["unrecorded"] = {
            "a": (await unrecorded_at(reader, a, states[0]))[:UNRECORDED],
            "b": (await unrecorded_at(reader, b, states[1]))[:UNRECORDED],
        }
    except (GitError, UsageError) as error:
        value["problem"] = str(error)
    return value


def files_at(reader: Reader, place: Place) -> Json:
    """The snapshots at a place, as a checkpoint's state has them (see `snapshots`), with
    `problem` where there is none of the project's own files."""
    at_root = reader.checkpoint_state(0).get("files") if place.checkpoint == 0 else None
    if place.checkpoint == 0 and at_root is None:
        why = "no checkpoint was taken there yet" if place.tip else "nothing was recorded at the root"
        return {"root": None, "sessions": {}, "problem": f"{place.label}: {why}"}
    files = at_root or reader.checkpoint_state(place.checkpoint).get("files")
    if files is None:
        why = "the checkpoint is from a version that recorded no files"
        return {"root": None, "sessions": {}, "problem": f"{place.label}: {why}"}
    root = files["root"] or {}
    problem = files["problem"] or root.get("problem") or (None if root.get("commit") else "no files")
    return {**files, "problem": f"{place.label}: {problem}" if problem else None}


def commit_of(files: Json) -> str | None:
    """The commit of the project's own files."""
    commit: str | None = (files["root"] or {}).get("commit")
    return commit


async def pruned(repo: Repo, place: Place, commit: str | None) -> str | None:
    """A sentence where the snapshot at a place is no more."""
    if commit is None or (await commits(repo.top, commit))[0] is not None:
        return None
    return f"{place.label}: its snapshot was pruned ([checkpoints] keep and days in config.toml)"


async def changes(repo: Repo, a: str, b: str) -> list[Json]:
    """The files that differ: {path, old_path, status, added, deleted} each."""
    return [_delta(delta) for delta in (await diff.changed(repo, a, b) if a != b else [])]


def _delta(delta: diff.FileDelta) -> Json:
    return {
        "path": delta.path,
        "old_path": delta.old_path,
        "status": LETTERS[delta.kind],
        "added": None if delta.binary else delta.added,
        "deleted": None if delta.binary else delta.removed,
    }


async def _session_trees(repo: Repo, a: Json, b: Json) -> Json:
    """The files of sessions with a worktree of their own, where both sides have them."""
    found = {}
    for session in a.keys() & b.keys():
        one, other = a[session]["commit"], b[session]["commit"]
        if one and other and one != other:
            found[session] = {"from": one, "to": other, "changed": await changes(repo, one, other)}
    return found


async def unrecorded_at(reader: Reader, place: Place, files: Json) -> list[str]:
    """What lies in a branch's work tree now and not in its last checkpoint."""
    places = reader.places()
    lives, own = places.placed(place.branch.id), places.of_branch(place.branch.id)
    folder = FilePath(own.path if own else files["root"]["path"])
    if not place.tip or not lives or not folder.is_dir():
        return []  # its work tree is another branch's now, or gone
    repo = await find(folder)
    left_out = [u["path"] for u in files["root"]["uncovered"]]
    if repo is None:
        return []
    return await unrecorded.since(repo, files["root"]["commit"], left_out)
