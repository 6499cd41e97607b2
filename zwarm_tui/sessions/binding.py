"""Which native thread serves a turn: continue it, resume it, fork it, or brief a new one.

A session has one id for good; on each branch of the timeline it has a thread of its
own. The first turn on a new branch forks the thread that the session had, at exactly
the turn it had there. Where an agent can't do that, a new thread gets the transcript
so far as its brief, and the log says which it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from zwarm_tui.core import events as e
from zwarm_tui.core.errors import ProviderMismatchError, ThreadLostError
from zwarm_tui.core.model import Path, SessionView, TurnView
from zwarm_tui.executors.base import Executor, Sink, ThreadSpec
from zwarm_tui.store.reader import Reader

BRIEF_LIMIT = 60_000
"""Characters of transcript in a brief: head and tail are kept (about 15,000 tokens)."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The thread for a turn, the text to send, and the event that records it."""

    thread: str
    text: str
    event: e.ThreadBound
    last: TurnView | None = None
    """The session's turn before this one, if it had any."""
    was_in: str | None = None
    """The folder that the thread knows of; None where that isn't known, or it is new."""


@dataclass(frozen=True, slots=True)
class Binder:
    """Binds turns of one session on one branch."""

    reader: Reader
    executor: Executor
    live: set[str]
    """Threads that this process has live."""

    async def bind(
        self,
        view: SessionView,
        branch: int,
        path: Path,
        text: str,
        spec: ThreadSpec,
        sink: Sink,
        toolset: str | None,
    ) -> Bound:
        """Find or make the thread for the session's next turn on `branch`; without a `text`
        it is that of the last one, or `ThreadLostError`."""
        bound = await self._bind(view, branch, path, text, spec, sink, toolset)
        past = [t for t in self.reader.turns(view.id, path) if t.thread]
        was = self.reader.bound(view.id, past[-1].thread) if past and past[-1].thread else None
        was_in = was.cwd if was else view.settings.get("was_in")
        event = replace(bound.event, cwd=spec.cwd)
        return replace(bound, event=event, last=past[-1] if past else None, was_in=was_in)

    async def _bind(
        self,
        view: SessionView,
        branch: int,
        path: Path,
        text: str,
        spec: ThreadSpec,
        sink: Sink,
        toolset: str | None,
    ) -> Bound:
        past = [t for t in self.reader.turns(view.id, path) if t.thread]
        last = past[-1] if past else None
        if last is None:
            return await self._first(view, text, spec, sink, toolset)
        assert last.thread is not None
        was = self.reader.bound(view.id, last.thread)
        if was is not None and (was.executor != self.executor.name or was.toolset != toolset):
            if view.role == "executor":
                raise ProviderMismatchError(
                    f"thread {last.thread} was begun by {was.executor}, and {self.executor.name} can't go on with it: "
                    f"delegate the task anew, or set the executor back"
                )
            return await self._brief(view, path, text, spec, sink, toolset, last)
        try:
            if last.branch != branch:
                return await self._fork(view, path, text, spec, sink, toolset, last)
            if last.thread in self.live:
                return self._bound(last.thread, text, "continued", toolset)
            await self.executor.resume(last.thread, spec, sink)
            return self._bound(last.thread, text, "resumed", toolset)
        except ThreadLostError as error:
            if not text:
                raise
            # Killed before it had written the thread down, or its home was moved: the
            # transcript is ours, and a new thread can go on from it.
            sink.emit(e.Notice("warning", f"{error}; a new thread goes on, with the transcript as its brief"))
            return await self._brief(view, path, text, spec, sink, toolset, last)

    async def _first(
        self, view: SessionView, text: str, spec: ThreadSpec, sink: Sink, toolset: str | None
    ) -> Bound:
        forked = view.settings.get("thread")
        if isinstance(forked, str):
            if forked not in self.live:
                await self.executor.resume(forked, spec, sink)
            if brief := view.settings.get("brief"):
                return self._bound(forked, f"{brief}\n\n{text}", "briefed", toolset)
            return self._bound(forked, text, "forked", toolset)
        thread = await self.executor.start(spec, sink)
        if view.role == "executor" and text.strip() != view.task.strip():
            # Its first turn never ended on this branch: it starts again from its brief.
            text = f"{view.task}\n\n{text}"
        return self._bound(thread, text, "fresh", toolset)

    async def _fork(
        self,
        view: SessionView,
        path: Path,
        text: str,
        spec: ThreadSpec,
        sink: Sink,
        toolset: str | None,
        last: TurnView,
    ) -> Bound:
        assert last.thread is not None
        if not self.forks_at(view.id, last):
            return await self._brief(view, path, text, spec, sink, toolset, last)
        at = last.native_turn if self.executor.capabilities.fork == "turn" else None
        forked = await self.executor.fork(last.thread, spec, sink, at_turn=at)
        if not forked.exact:
            text = f"{self.brief(view.id, path)}\n\n{text}"
        return self._bound(forked.thread, text, "forked" if forked.exact else "briefed", toolset, last)

    async def _brief(
        self,
        view: SessionView,
        path: Path,
        text: str,
        spec: ThreadSpec,
        sink: Sink,
        toolset: str | None,
        last: TurnView,
    ) -> Bound:
        thread = await self.executor.start(spec, sink)
        return self._bound(thread, f"{self.brief(view.id, path)}\n\n{text}", "briefed", toolset, last)

    def forks_at(self, session: str, last: TurnView) -> bool:
        """Can the agent fork a session's thread at exactly this turn?"""
        can = self.executor.capabilities.fork
        if can == "turn":
            return last.native_turn is not None
        return can == "tip" and self._is_tip(session, last)

    def _is_tip(self, session: str, last: TurnView) -> bool:
        whole = self.reader.turns(session, self.reader.path(last.branch))
        return [t for t in whole if t.thread == last.thread][-1:] == [last]

    def brief(self, session: str, path: Path) -> str:
        """The conversation so far, as the opening of a new thread."""
        said = "\n\n".join(
            f"[{'You' if m['role'] == 'assistant' else 'Your person'}, turn {m['turn']}]\n{m['content']}"
            for m in self.reader.messages(session, path)
        )
        if len(said) > BRIEF_LIMIT:
            keep = BRIEF_LIMIT * 4 // 10
            said = f"{said[:keep]}\n[… {len(said) - 2 * keep} characters left out …]\n{said[-keep:]}"
        return f"This goes on from an earlier conversation, which you can't see. What was said in it:\n\n{said}\n\nNow:"

    def _bound(
        self, thread: str, text: str, how: str, toolset: str | None, source: TurnView | None = None
    ) -> Bound:
        self.live.add(thread)
        event = e.ThreadBound(
            thread,
            how,
            source.thread if source else None,
            source.native_turn if source else None,
            self.executor.name,
            toolset,
        )
        return Bound(thread, text, event)


def moved(old: str, new: str) -> str:
    """Said to an agent whose folder is another one: what it remembers of paths is of the
    old one."""
    return (
        f"The working folder has changed from {old} to {new}. Paths under the old folder in what was said "
        "so far stand for those under the new one. Work in the new folder only."
    )
