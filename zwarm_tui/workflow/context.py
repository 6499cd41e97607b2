"""What a workflow's `run` and its stages are given: `WorkflowContext`, `StageContext`."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from zwarm_tui.core import events as e
from zwarm_tui.core.attention import Reason
from zwarm_tui.core.errors import ProviderMismatchError
from zwarm_tui.core.model import SessionStatus
from zwarm_tui.pipeline import AgentReviewer, HumanReviewer, Reviewer, ReviewRequest, ReviewResult
from zwarm_tui.sessions.turn import first_line
from zwarm_tui.workflow import fingerprint
from zwarm_tui.workflow.artifacts import check_name
from zwarm_tui.workflow.errors import (
    NoPromptError,
    PipelineError,
    StageNameError,
    StageNotCompletedError,
    UnattendedError,
)
from zwarm_tui.workflow.placeholders import check_prompt
from zwarm_tui.workflow.runs import Served
from zwarm_tui.workflow.shared import Backend, RunState, StageHandle, chosen
from zwarm_tui.workflow.stages import Outcome, Stage, as_json
from zwarm_tui.workflow.transcripts import Transcript
from zwarm_tui.workflow.turns import Agent, spoken, take_turn
from zwarm_tui.workflow.work import Work, see_through, verdict

T = TypeVar("T")


class Context:
    """What a workflow and each of its stages can do."""

    def __init__(self, run: RunState) -> None:
        self._run = run

    @property
    def inputs(self) -> Mapping[str, str]:
        """The run's inputs, checked and with their defaults."""
        return self._run.inputs

    def stage(
        self,
        name: str,
        fn: Callable[[StageContext], Awaitable[T]],
        *,
        headless: bool = False,
        backend: Backend | None = None,
        retry: int = 0,
    ) -> Coroutine[Any, Any, StageHandle[T]]:
        """Run a stage: await it. `fn` returns the stage's result, a JSON value. A stage
        that is `headless` is a node like any other, and nobody is asked in it. `retry`
        more attempts are made where a process or an answer failed; then `PipelineError`.
        """
        run = self._run
        if not isinstance(name, str) or not name.strip():
            raise StageNameError("Session name is required.")
        check_name(name)
        if name in run.handles:
            raise StageNameError(f'Duplicate session name: "{name}"')
        if retry < 0:
            raise ValueError(f"retry is how many more attempts there are, at least 0, not {retry}")
        provider, model = chosen(backend, run.sessions)
        handle: StageHandle[T] = StageHandle(name, f"{run.journal.run}/{name}")
        run.handles[name] = handle
        agent = Agent(
            provider=provider, model=model, folder=run.project, attended=run.attended and not headless
        )
        work = _run_stage(
            run, handle, fn, agent, headless=headless, asked_for=backend is not None, retry=retry
        )
        run.begun[name] = work
        return work

    def transcript(self, stage: StageHandle[Any] | str) -> Transcript:
        """What was said in a stage that has completed; `StageNotCompletedError` else."""
        name = stage.name if isinstance(stage, StageHandle) else stage
        run = self._run
        views = {n: v for n, v in run.journal.view.stages.items() if v.status == "completed" and v.served}
        if name not in views:
            raise StageNotCompletedError(
                f"No transcript for '{name}'. Available: {', '.join(views) or 'none'}"
            )
        found = run.transcripts.write(views[name])
        run.said.append(found.content)
        return found


class WorkflowContext(Context):
    """What `run(ctx)` is given."""


class StageContext(Context):
    """What a stage's function is given."""

    def __init__(
        self, run: RunState, handle: StageHandle[Any], agent: Agent, headless: bool, attempt: int
    ) -> None:
        super().__init__(run)
        self.handle, self.name = handle, handle.name
        self.headless, self.attempt = headless, attempt
        self._agent = agent
        self._session: str | None = None
        self._kept: list[Served] = []

    def keep(self, served: Iterable[Served]) -> None:
        """Take over the turns of an attempt that was cut off: as long as the same is sent,
        their answers are handed out, and nothing is paid for twice."""
        self._kept = list(served)

    @property
    def sent(self) -> bool:
        """Something was said to an agent."""
        return self._session is not None

    async def send(
        self, prompt: str, *, resume: StageHandle[Any] | str | None = None, role: str = "agent"
    ) -> str:
        """Say something to the stage's agent, and return its answer. The first prompt
        begins a fresh session, unless it resumes that of an earlier stage (which must
        have had the same provider and role: `ProviderMismatchError`)."""
        run = self._run
        check_prompt(prompt, run.said)
        session, how = self._session, "continued"
        if resume is not None:
            session, how = self._resumed(resume, role), "resumed"
        elif session is None:
            how = "fresh"
        if (logged := self._again(prompt, session, role)) is not None:
            return logged

        def served(session: str, turn: int) -> None:
            self._session = session
            run.journal.note(
                e.StageServed(
                    run=run.journal.run, stage=self.name, session=session, turn=turn, how=how, role=role
                )
            )

        answer = await take_turn(run.sessions, self._agent, prompt, session=session, on_turn=served)
        run.said.append(answer)
        return answer

    async def work(
        self,
        prompt: str,
        *,
        gates: Mapping[str, str] | None = None,
        review: Backend | bool = False,
        worktree: bool = False,
        attempts: int = 3,
    ) -> Work:
        """Have the stage's agent do a piece of work, and see that it is good: `gates` are
        commands, by name, that have to end with 0; then it is reviewed, by an agent in a
        session of its own (True: of the stage's backend) or with "you" by the person. It
        is sent back with every reason, up to `attempts` at each. With `worktree` all of
        it is in a git worktree of its own. `WorkFailedError` where it came to no good end.
        """
        run, kept = self._run, [s for s in self._kept if s.role == "agent"]
        check_prompt(prompt, run.said)

        def served(session: str, turn: int, role: str = "agent") -> None:
            how = "fresh" if turn == 1 else "continued"
            self._session = self._session or session
            run.journal.note(
                e.StageServed(
                    run=run.journal.run, stage=self.name, session=session, turn=turn, how=how, role=role
                )
            )

        async def checked(what: str) -> None:
            if run.point is not None:
                await run.point(f"{self.name}, {what}")

        done = await see_through(
            run.sessions,
            self._agent,
            prompt,
            gates=gates or {},
            reviewer=self._reviewer(review, served),
            worktree=worktree,
            attempts=attempts,
            resume=kept[-1].session if kept else None,
            name=self.name,
            on_turn=served,
            on_check=checked,
        )
        run.said.append(done["summary"])
        return done

    def _reviewer(self, review: Backend | bool, served: Callable[[str, int, str], None]) -> Reviewer | None:
        if review is False:
            return None
        if review == "you":

            async def judge(request: ReviewRequest) -> ReviewResult:
                if (person := self._run.judge) is not None and not self.headless:
                    what = f"review: {first_line(request.task)}"
                    return await self._asked(what, lambda: person(self.name, request))
                answer = await self.ask(
                    f"Review what session {request.session_id} did in {request.working_dir}: "
                    "answer ok, or say what has to be fixed."
                )
                return verdict(answer)

            return HumanReviewer(judge)
        agent = self._agent
        provider, model = (
            (agent.provider, agent.model) if review is True else chosen(review, self._run.sessions)
        )
        return AgentReviewer(
            sessions=self._run.sessions,
            executor=provider,
            model=model,
            begun=lambda session: served(session, 1, "reviewer"),
        )

    def _again(self, prompt: str, session: str | None, role: str) -> str | None:
        """The answer that the log has to this prompt, where the attempt that was cut off
        sent it at this point. From the first difference on, all is new."""
        if not self._kept:
            return None
        run, reader = self._run, self._run.sessions.reader
        was, *self._kept = self._kept
        path = reader.path(run.journal.branch)
        turn = next((t for t in reader.turns(was.session, path) if t.turn == was.turn), None)
        answer = spoken(reader, was.session, was.turn, path)
        if (
            turn is None
            or (turn.prompt, turn.status, was.role) != (prompt, SessionStatus.COMPLETED, role)
            or session not in (None, was.session)
            or not answer.strip()
        ):
            self._kept = []
            return None
        self._session = was.session
        event = e.StageServed(
            run=run.journal.run, stage=self.name, session=was.session, turn=was.turn, how="kept", role=role
        )
        run.journal.note(event)
        run.said.append(answer)
        return answer

    def _resumed(self, stage: StageHandle[Any] | str, role: str) -> str:
        self.transcript(stage)  # it has completed, and had an agent
        name = stage.name if isinstance(stage, StageHandle) else stage
        last = self._run.journal.view.stages[name].served[-1]
        executor = self._run.sessions.get_session(last.session).executor
        wanted = self._agent.provider
        if (executor, last.role) != (wanted, role):
            raise ProviderMismatchError(
                f"stage '{self.name}' ({wanted}, role {role}) can't go on with the session of '{name}' "
                f"({executor}, role {last.role}): only the same provider and role can; hand its transcript over"
            )
        return last.session

    async def ask(self, question: str) -> str:
        """Ask the person. `UnattendedError` where nobody can answer."""
        run = self._run
        if self.headless:
            raise UnattendedError(f"stage '{self.name}' is unattended, and asked: {question}")
        if run.human is None:
            raise UnattendedError(f"stage '{self.name}' asked, and nobody is here to answer: {question}")
        human = run.human
        answer = await self._asked(question, lambda: human(question))
        run.said.append(answer)
        return answer

    async def _asked(self, question: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Wait for the person; the run shows that it does."""
        about = {"run": self._run.journal.run, "stage": self.name, "question": question}
        answer: T | None = None
        await self._run.journal.record(e.StageAsked(**about))
        try:
            answer = await ask()
            return answer
        finally:
            said = None if answer is None else str(answer)
            await self._run.journal.record(e.StageAnswered(**about, answer=said))


async def _run_stage(
    run: RunState,
    handle: StageHandle[T],
    fn: Callable[[StageContext], Awaitable[T]],
    agent: Agent,
    *,
    headless: bool,
    asked_for: bool,
    retry: int,
) -> StageHandle[T]:
    name = handle.name
    backend = f"{agent.provider}:{agent.model}" if agent.model else agent.provider
    node = run.runner.spawn(Stage(key=name, attempts=1 + retry, headless=headless, backend=backend))
    before = [run.journal.view.stages[p] for p in node.parents]
    input_hash = fingerprint.digest(
        name,
        headless,
        backend,
        run.inputs,
        fingerprint.describe(fn),
        # With all that came before them: a change far up the line counts as well.
        sorted((v.name, v.input_hash, v.digest) for v in before),
    )
    stored = run.finished.get(name)
    if stored is not None and stored.input_hash == input_hash:
        await node.reuse(stored.result, stored.digest, input_hash)
        handle.complete(stored.result, stored.digest)
        run.said += _texts(stored.result)
        return handle

    cut_off = run.cut_off.get(name)

    async def attempt(number: int) -> Outcome:
        s = StageContext(run, handle, agent, headless, number)
        if number == 1 and cut_off is not None and cut_off.input_hash == input_hash:
            s.keep(cut_off.heard)
        work = fn(s)
        if not inspect.isawaitable(work):
            raise TypeError(f"stage '{name}': its function has to be async")
        result = as_json(name, await work)
        if asked_for and not s.sent:
            raise NoPromptError(
                f"stage '{name}' has the agent {backend}: its session never received a prompt"
            )
        said = run.transcripts.write(run.journal.view.stages[name]).content if s.sent else ""
        return Outcome(result, result, fingerprint.digest(result, said))

    try:
        result = await node.attempt(attempt, input_hash)
    except PipelineError as error:
        run.transcripts.write_error(name, error)
        _flag(run, name, str(error))
        raise
    handle.complete(result, run.journal.view.stages[name].digest)
    run.said += _texts(result)
    if run.point is not None:
        for session in {s.session for s in run.journal.view.stages[name].served}:
            run.sessions.acknowledge(session, by="workflow")  # it is the run that wants its person
        await run.point(name)
    return handle


def _flag(run: RunState, stage: str, why: str) -> None:
    """The failed stage's session wants its person, also where its last turn went well."""
    for last in run.journal.view.stages[stage].served[-1:]:
        event = e.AttentionRaised(Reason.FAILED.value, first_line(why))
        run.sessions.store.append(e.Record(event, last.session, run.journal.branch, last.turn))


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in _texts(one)]
