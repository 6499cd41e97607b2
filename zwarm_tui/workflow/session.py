"""`Session`: prompts to files to answers, stage by stage, from a plain program."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from zwarm_tui.core import events as e
from zwarm_tui.workflow import artifacts
from zwarm_tui.workflow.acw import Agents, Runner, refuse_in_loop, run_acw
from zwarm_tui.workflow.artifacts import Prompt
from zwarm_tui.workflow.calls import (
    Backend,
    StageCall,
    StageResult,
    check_calls,
    how_it_ended,
    make_call,
)
from zwarm_tui.workflow.errors import OutputError, PipelineError, StageNotCompletedError
from zwarm_tui.workflow.runs import RunGraph
from zwarm_tui.workflow.stages import Journal, Node, Outcome, Stage, StageRunner

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Work:
    """A stage that is about to run."""

    call: StageCall
    input_path: Path
    output_path: Path
    node: Node


class Session:
    """A run whose stages keep their prompts and answers in `output_dir`, as
    `<prefix>-<stage><suffix>`.

    `runner` is called as `runner(provider, model, input_path, output_path, *, tools,
    permission_mode, extra_flags, timeout, cwd)`; the default one runs real agents.
    """

    def __init__(
        self,
        output_dir: str | Path,
        prefix: str,
        *,
        runner: Runner = run_acw,
        input_suffix: str = "-input.md",
        output_suffix: str = "-output.md",
    ) -> None:
        self.output_dir = Path(output_dir)
        self.output_dir.mkdir(parents=True, exist_ok=True)
        artifacts.check_name(prefix)
        self.prefix, self.runner = prefix, runner
        self.input_suffix, self.output_suffix = input_suffix, output_suffix
        self._journal = Journal()
        self._stages = StageRunner(self._journal)
        self._results: dict[str, StageResult] = {}
        self._uses: dict[str, int] = {}

    # -- one stage --------------------------------------------------------------------

    def run_prompt(
        self,
        name: str,
        prompt: Prompt,
        backend: Backend,
        *,
        tools: Any = None,
        permission_mode: str | None = None,
        timeout: float | None = 3600,
        extra_flags: Any = None,
        retry: int = 0,
        retry_delay: float = 0,
        input_path: str | Path | None = None,
        output_path: str | Path | None = None,
    ) -> StageResult:
        """Run one stage: `1 + retry` attempts, `retry_delay` seconds apart; then
        `PipelineError`. Only a failed process or a missing answer is tried again."""
        options = {
            "tools": tools,
            "permission_mode": permission_mode,
            "timeout": timeout,
            "extra_flags": extra_flags,
            "input_path": input_path,
            "output_path": output_path,
        }
        return _block(
            "run_prompt",
            lambda: self.arun_prompt(name, prompt, backend, retry=retry, retry_delay=retry_delay, **options),
        )

    async def arun_prompt(
        self,
        name: str,
        prompt: Prompt,
        backend: Backend,
        *,
        retry: int = 0,
        retry_delay: float = 0,
        **options: Any,
    ) -> StageResult:
        """`run_prompt` for a program with an event loop; takes the same arguments."""
        call = make_call(name, prompt, backend, options)
        check_calls([call], retry, retry_delay, self.runner)
        async with self._agents():
            return await self._run(self._work(call, self._paths(call), retry, retry_delay))

    # -- several ----------------------------------------------------------------------

    def stage(self, name: str, prompt: Prompt, backend: Backend, **opts: Any) -> StageCall:
        """A stage for `run_parallel`, with the options of `run_prompt` except retries."""
        if "retry" in opts or "retry_delay" in opts:
            raise ValueError("retry and retry_delay are configured on run_parallel")
        return make_call(name, prompt, backend, opts)

    def run_parallel(
        self, calls: Iterable[StageCall], *, max_workers: int = 2, retry: int = 0, retry_delay: float = 0
    ) -> dict[str, StageResult]:
        """Run stages side by side, `max_workers` at a time: results by name. Where some
        fail, the others still come to their end; `PipelineError` then has theirs in
        `completed`."""
        given = list(calls)
        return _block(
            "run_parallel",
            lambda: self.arun_parallel(given, max_workers=max_workers, retry=retry, retry_delay=retry_delay),
        )

    async def arun_parallel(
        self, calls: Iterable[StageCall], *, max_workers: int = 2, retry: int = 0, retry_delay: float = 0
    ) -> dict[str, StageResult]:
        """`run_parallel` for a program with an event loop."""
        given = list(calls)
        if max_workers < 1:
            raise ValueError(f"max_workers must be at least 1, not {max_workers}")
        check_calls(given, retry, retry_delay, self.runner)
        slots = asyncio.Semaphore(max_workers)

        async def one(work: _Work) -> StageResult:
            async with slots:
                return await self._run(work, pool)

        pool = ThreadPoolExecutor(max_workers)  # a runner of the caller's own blocks its thread
        try:
            async with self._agents():
                places = [self._paths(call) for call in given]
                works = [
                    self._work(call, place, retry, retry_delay)
                    for call, place in zip(given, places, strict=True)
                ]
                ends = await _all([one(work) for work in works])
        finally:
            pool.shutdown(wait=False)
        completed = {r.stage: r for r in ends if isinstance(r, StageResult)}
        failed = [x for x in ends if isinstance(x, BaseException)]
        if not failed:
            return completed
        for other in failed[1:]:
            failed[0].add_note(f"and: {other}")
        if isinstance(failed[0], PipelineError):
            failed[0].completed = completed
        raise failed[0]

    # -- looking ----------------------------------------------------------------------

    def transcript(self, stage: str | StageResult) -> str:
        """What was said in a stage that completed, as Markdown."""
        name = stage.stage if isinstance(stage, StageResult) else stage
        result = self._results.get(name)
        if result is None:
            known = ", ".join(n for n in self._uses if n in self._results)
            raise StageNotCompletedError(f"No transcript for '{name}'. Available: {known or 'none'}")
        asked = result.input_path.read_text(encoding="utf-8", errors="replace")
        return f"## Prompt\n\n{asked.strip()}\n\n## Answer\n\n{result.text().strip()}\n"

    def graph(self) -> RunGraph:
        """The stages so far, and which follows which."""
        return self._journal.view.graph

    # -- the work ---------------------------------------------------------------------

    def _paths(self, call: StageCall) -> tuple[Path, Path]:
        """A stage's two files: its prompt and its answer."""
        default = f"{self.prefix}-{call.stage}"
        given, answer = (
            artifacts.resolve(self.output_dir, call.options.get(option), default + suffix)
            for option, suffix in (("input_path", self.input_suffix), ("output_path", self.output_suffix))
        )
        if given == answer:
            raise ValueError(f"stage '{call.stage}' would overwrite its prompt with its answer: {given}")
        return given, answer

    def _work(self, call: StageCall, paths: tuple[Path, Path], retry: int, delay: float) -> _Work:
        use = self._uses[call.stage] = self._uses.get(call.stage, 0) + 1
        key = call.stage if use == 1 else f"{call.stage}#{use}"
        backend = ":".join(str(part) for part in call.backend if part)
        node = self._stages.spawn(
            Stage(key=key, attempts=1 + retry, delay=delay, headless=True, backend=backend)
        )
        return _Work(call, *paths, node)

    async def _run(self, work: _Work, pool: ThreadPoolExecutor | None = None) -> StageResult:
        name = work.call.stage

        async def attempt(_: int) -> Outcome:
            answers = list(self._results.values())
            known = await asyncio.to_thread(lambda: [r.text() for r in answers])
            await asyncio.to_thread(artifacts.write_prompt, name, work.call.prompt, work.input_path, known)
            await asyncio.to_thread(artifacts.set_aside, work.output_path)
            process = await self._process(work, pool)
            if process.returncode != 0:
                raise OutputError(how_it_ended(process))
            await asyncio.to_thread(artifacts.check_output, work.output_path)
            result = StageResult(name, work.input_path, work.output_path, process)
            return Outcome(result, {"input": str(work.input_path), "output": str(work.output_path)})

        result = cast("StageResult", await work.node.attempt(attempt))
        self._results[name] = result
        return result

    async def _process(
        self, work: _Work, pool: ThreadPoolExecutor | None
    ) -> subprocess.CompletedProcess[Any]:
        provider, model = work.call.backend
        options = work.call.options
        arguments: dict[str, Any] = {
            "tools": options.get("tools"),
            "permission_mode": options.get("permission_mode"),
            "extra_flags": options.get("extra_flags"),
            "timeout": options.get("timeout", 3600),
            "cwd": None,
        }
        if isinstance(self.runner, Agents):
            loop, run, key = asyncio.get_running_loop(), self._journal.run, work.node.stage.key

            def served(session: str, turn: int, branch: int) -> None:
                event = e.StageServed(
                    run=run, stage=key, session=session, turn=turn, how="fresh", branch=branch
                )
                loop.call_soon_threadsafe(self._journal.note, event)

            process: Any = await self.runner.arun(
                provider, model, work.input_path, work.output_path, on_turn=served, **arguments
            )
        else:
            call = partial(self.runner, provider, model, work.input_path, work.output_path, **arguments)
            process = await asyncio.get_running_loop().run_in_executor(pool, copy_context().run, call)
        if not isinstance(getattr(process, "returncode", None), int):
            raise TypeError(
                f"the runner returned a {type(process).__name__}: it has to be a subprocess.CompletedProcess"
            )
        return cast("subprocess.CompletedProcess[Any]", process)

    @contextlib.asynccontextmanager
    async def _agents(self) -> AsyncIterator[None]:
        """The agents are at hand, and what happens is recorded in their log."""
        if not isinstance(self.runner, Agents):
            yield
            return
        async with self.runner.opened() as (store, branch):
            journal = self._journal
            first = journal.store is None
            journal.store, journal.branch = store, branch
            if first:
                begun = e.RunStarted(run=journal.run, name=self.prefix, pid=os.getpid(), open_ended=True)
                await journal.record(begun)
            yield


def _block(name: str, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a method's async twin to its end, on an event loop of its own."""
    refuse_in_loop(f"Session.{name}", f"Session.a{name}")
    return asyncio.run(make())


async def _all(works: list[Awaitable[T]]) -> list[T | BaseException]:
    return await asyncio.gather(*works, return_exceptions=True)
