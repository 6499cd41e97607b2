"""What a person does with runs, as verbs of the engine: with the questions in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zwarm_tui.tui.render.literal import line_of
from zwarm_tui.tui.runs.book import Run

if TYPE_CHECKING:
    from zwarm_tui.tui.app import ZwarmApp


class RunDeeds:
    """Each method is a task of its own, begun with `Verbs.do`."""

    def __init__(self, app: ZwarmApp) -> None:
        self._app = app

    async def start(self, name: str = "") -> None:
        """Choose a workflow or a command (or the one of that `name`), fill in its form,
        and show its run."""
        from zwarm_tui.tui.screens.start import StartScreen

        wanted = await self._app.push_screen_wait(StartScreen(self._app.project, name))
        if wanted is None:
            return
        client = await self._app.link.client()
        begun = await client.start_run(wanted.kind, wanted.name, wanted.inputs)
        self._app.feed.flush()
        await self._app.show_runs(begun["run_id"])

    async def cancel(self, run: Run) -> None:
        """Stop a run; the person confirms."""
        from zwarm_tui.tui.screens.dialog import confirm_dialog

        sentence = (
            f"“{line_of(run.view.name)}” is stopped, and its agents are interrupted. "
            "What its stages completed is kept: it can be resumed."
        )
        if await self._app.push_screen_wait(confirm_dialog(sentence)):
            await (await self._app.link.client()).cancel_run(run.view.id)

    async def resume(self, run: Run) -> None:
        """Go on after the stages that completed."""
        begun = await (await self._app.link.client()).resume_run(run.view.id)
        await self._app.show_runs(begun["run_id"])

    async def attach(self, name: str) -> None:
        """Step aside for the tmux session of that name."""
        from zwarm_tui.tui.attach import attach  # seldom wanted

        await attach(self._app, name, gone=f"The tmux session {line_of(name)} is not there any more.")

    async def retry(self, run: Run, stage: str) -> None:
        """Run one stage again; those before it stand."""
        begun = await (await self._app.link.client()).retry_stage(run.view.id, stage)
        await self._app.show_runs(begun["run_id"])

    async def retry_from(self, run: Run, stage: str) -> None:
        """Run a stage and all that follow it again, on a new branch of the timeline."""
        from zwarm_tui.tui.screens.dialog import confirm_dialog

        sentence = (
            f"“{line_of(stage)}” and all that follows it run again, on a new branch of the timeline. "
            "The line that you are on keeps everything."
        )
        if await self._app.push_screen_wait(confirm_dialog(sentence)):
            begun = await (await self._app.link.client()).retry_from(run.view.id, stage)
            self._app.say(f"You are on the new branch {line_of(begun['branch'])}.")
            await self._app.show_runs(begun["run_id"])
