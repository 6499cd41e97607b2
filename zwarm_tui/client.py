"""The verbs: all that a screen, a command or a tool can ask of the swarm.

Arguments and results are plain JSON values, so that the same protocol is served
in-process (`engine.Engine`) or over a socket. Reading needs no verb: readers open
the log themselves (`store.reader.Reader`). An error is raised as a `ZwarmError`.
"""

from __future__ import annotations

from typing import Any, Protocol

Json = dict[str, Any]


class EngineClient(Protocol):
    """Every verb returns when its effect is in the log."""

    @property
    def trouble(self) -> str:
        """Why nothing new can be started just now (the log can't be written), as a
        sentence; "" as soon as it can. Known without asking."""

    async def say(self, message: str, *, confirm: bool = False) -> Json:
        """Talk to the pilot (steers its running turn). {session_id, turn}. `confirm`:
        yes, its sessions may run beside running ones of another branch."""

    async def delegate(
        self,
        task: str,
        *,
        executor: str | None = None,
        model: str | None = None,
        dir: str | None = None,
        worktree: bool = False,
        origin: str = "person",
        settings: Json | None = None,
        confirm: bool = False,
    ) -> Json:
        """Start a session. {session_id, status}, at once. With `worktree` it works in a
        worktree of its own. `origin`: person, or workflow (a program's stage); `settings`
        are its thread's own: sandbox, approvals, questions, config."""

    async def converse(
        self, session_id: str, message: str, *, steer: bool = False, confirm: bool = False
    ) -> Json:
        """Say more to a session; with `steer` into its running turn, if one runs. The session.
        `confirm`: yes, also beside running turns of another branch."""

    async def interrupt(self, session_id: str) -> Json:
        """Stop its running turn, or take a queued one back. The session."""

    async def resume(self, session_id: str) -> Json:
        """Go on with a turn that was interrupted; one whose program is still at it in its terminal is
        followed, and nothing is typed. The session."""

    async def end(self, session_id: str, *, delete: bool = False, reason: str | None = None) -> Json:
        """End a session; `delete` takes it off the lists. The session."""

    async def ack(self, session_id: str, *, by: str = "screen") -> Json:
        """Seen: clears its attention flag. The session."""

    async def approve(self, request: str, *, decision: str = "accept", message: str = "") -> Json:
        """Decide an approval (or a session's oldest). {request, decision}."""

    async def answer(self, request: str, text: str) -> Json:
        """Answer a question (or a session's oldest). {request, answer}."""

    async def fork(self, session_id: str, *, at_turn: int | None = None, dir: str | None = None) -> Json:
        """A new session with this one's history up to a turn. The new session."""

    async def checkpoint(self, description: str = "") -> Json:
        """Take one now. {checkpoint_id, label, files: {problem, mid_turn, uncovered: how many
        things it does not hold, ignored ones apart}}."""

    async def goto(
        self, label: str, *, running: str | None = None, dry_run: bool = False, in_place: bool = False
    ) -> Json:
        """Jump to a checkpoint ("root" too) or a branch's name: {label, branch}. `running`
        (wait, interrupt, leave) is needed where turns run. With `in_place` the files are
        put into the person's checkout, after a checkpoint of it (`safety`: its label).

        With `dry_run` only says what would be: {label, branch, branches_on_next_message,
        sessions_back: [{id, task, turns}], sessions_absent: [ids], running: [{id, task}],
        files: {problem, from, to, path, changed: [{path, old_path, status, added, deleted}],
        worktree, in_place, kept: [paths], uncovered: [{path, why}]}, threads: [{id, how: fork
        | brief | fresh}], effects: [{session, turn, what}], same}."""

    async def branch(self, name: str, *, start: str | None = None) -> Json:
        """A new branch here (or at the checkpoint `start`), and go there."""

    async def adopt(
        self, branch: str, *, mode: str = "apply", dry_run: bool = False, confirm: bool = False
    ) -> Json:
        """Put a branch's files onto the person's checkout, all of them or none: as uncommitted
        changes ("apply"), as one "commit", or as a git "branch" beside it. {adopted, mode,
        safety: the checkpoint taken before, files: [{path, old_path, status, added,
        deleted}], commit, git_branch}. `confirm`: yes, also while turns run there."""

    async def remove_worktree(self, which: str, *, force: bool = False, dry_run: bool = False) -> Json:
        """Remove a branch's or a session's worktree (its path, or their name): {path, branch,
        session, removed, goes: {files, uncovered, commits}, also: where else its files are,
        kept}. Never while a turn runs in it; one that holds something that nobody took over
        only with `force`, and then a snapshot is kept."""

    async def rename_branch(self, old: str, new: str) -> Json:
        """{branch}."""

    async def label_checkpoint(self, label: str, name: str) -> Json:
        """A name beside a checkpoint's label ("" takes it away). {label, name}."""

    async def note(self, label: str, text: str) -> Json:
        """What to remember of a checkpoint ("" takes it away). {label, note}."""

    async def tool(
        self, name: str, arguments: Json, *, branch: str | None = None, thread: str | None = None
    ) -> Json:
        """One of the nine tools, for an agent outside: {text, ok}; `text` is the JSON for
        its model, and errors are results. It acts on `branch` (a name), else on that of
        the pilot's `thread`, else on the current one; the pilot's transcript shows it."""

    async def start_run(
        self, kind: str, name: str, inputs: Json, *, resume: str | None = None, attended: bool = True
    ) -> Json:
        """Begin a run of a "workflow" or a "command" (a name or a file), or go on with the
        run `resume` of a workflow. {run_id}, at once; how it goes is in the log. `attended`: somebody sees to
        what is asked. The run is a session, that can be waited for and interrupted."""

    async def cancel_run(self, run_id: str, *, hard: bool = False) -> Json:
        """Interrupt a run and its agents: its session, when a command has cleaned up. A
        workflow can be resumed. `hard` leaves out what is left of a cleanup's own steps."""

    async def resume_run(self, run_id: str) -> Json:
        """Go on with a run that did not complete, after what it has completed. {run_id}."""

    async def retry_stage(self, run_id: str, stage: str) -> Json:
        """Do one stage of a run again, and what depends on what comes of it. {run_id}."""

    async def retry_from(self, run_id: str, stage: str) -> Json:
        """A new run from this stage on, on a new branch of the timeline that begins
        before it. {run_id, branch}."""

    async def status(self) -> Json:
        """{project, executors: […], brain, read_only, running, queued, held, problems}."""

    async def aclose(self, *, running: str = "interrupt") -> None:
        """Leave. An in-process engine interrupts what runs, and marks it resumable."""
